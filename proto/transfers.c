/* transfers.c - see transfers.h. */
#include "proto/transfers.h"

#include <string.h>

#include "base/mem.h"

struct transfer_open {
    uint32_t id, publisher, next, total; /* next: offset of the part to come */
};

enum { FIRST_CAP = 4 };

void transfers_fini(struct transfers *t)
{
    mem_free(t->open);
    *t = (struct transfers){.open = NULL};
}

static struct transfer_open *find(const struct transfers *t, uint32_t id)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (t->open[i].id == id)
            return &t->open[i];
    return NULL;
}

static uint32_t count_of(const struct transfers *t, uint32_t publisher)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->n; i++)
        n += t->open[i].publisher == publisher;
    return n;
}

static enum mr_rc grow(struct transfers *t)
{
    if (t->n < t->cap)
        return MR_OK;
    uint32_t cap = t->cap ? t->cap * 2 : FIRST_CAP;
    struct transfer_open *open = mem_alloc(cap * sizeof *open);
    if (!open)
        return MR_NO_MEMORY;
    if (t->n)
        memcpy(open, t->open, t->n * sizeof *open);
    mem_free(t->open);
    t->open = open;
    t->cap = cap;
    return MR_OK;
}

static void forget(struct transfers *t, struct transfer_open *open)
{
    *open = t->open[--t->n];
}

enum mr_rc transfers_begin(struct transfers *t, const struct transfer *begun)
{
    if (begun->id <= t->last_id || t->n >= TRANSFERS_PER_SESSION ||
        count_of(t, begun->head.publisher) >= TRANSFERS_PER_PUBLISHER)
        return MR_INVALID;
    enum mr_rc rc = grow(t);
    if (rc)
        return rc;
    t->open[t->n++] =
        (struct transfer_open){.id = begun->id, .publisher = begun->head.publisher, .total = begun->total};
    t->last_id = begun->id;
    return MR_OK;
}

enum mr_rc transfers_take(struct transfers *t, const struct chunk *chunk, bool *ret_is_open)
{
    struct transfer_open *open = find(t, chunk->transfer);

    if (!open && chunk->transfer > t->last_id)
        return MR_INVALID;
    if (open && (chunk->offset != open->next || chunk->len != chunk_len(open->total, open->next)))
        return MR_INVALID;
    *ret_is_open = open != NULL;
    if (!open)
        return MR_OK;
    open->next += chunk->len;
    if (open->next == open->total)
        forget(t, open);
    return MR_OK;
}

enum mr_rc transfers_end(struct transfers *t, uint32_t id, bool *ret_was_open)
{
    struct transfer_open *open = find(t, id);

    if (!open && id > t->last_id)
        return MR_INVALID;
    *ret_was_open = open != NULL;
    if (open)
        forget(t, open);
    return MR_OK;
}
