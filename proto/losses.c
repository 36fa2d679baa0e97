/* losses.c - see losses.h. */
#include "proto/losses.h"

#include <string.h>

#include "base/mem.h"

enum { FIRST_ENDS = 8 };

void losses_fini(struct losses *l)
{
    mem_free(l->table);
    mem_free(l->ends);
    *l = (struct losses){.table = NULL};
}

bool losses_is_told(const struct losses *l)
{
    return l->count == 0 && !l->is_overfull;
}

bool losses_is_empty(const struct losses *l)
{
    return losses_is_told(l) && l->n_ends == 0;
}

static bool same_source(const struct session_loss *a, const struct session_loss *b)
{
    return a->publisher == b->publisher && a->birth == b->birth && a->link == b->link && a->cause == b->cause;
}

/* Two losses of one source become one: unknown counts stay unknown. */
static void join(struct session_loss *into, const struct session_loss *loss)
{
    if (loss->first < into->first)
        into->first = loss->first;
    if (loss->last > into->last)
        into->last = loss->last;
    into->count = into->count && loss->count ? into->count + loss->count : 0;
}

void losses_note(struct losses *l, const struct session_loss *loss)
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (same_source(&l->table[i], loss)) {
            join(&l->table[i], loss);
            return;
        }
    }
    if (!l->table)
        l->table = mem_calloc(LOSSES_MAX, sizeof *l->table);
    if (!l->table || l->count == LOSSES_MAX || loss->publisher == 0) {
        l->is_overfull = true;
        return;
    }
    l->table[l->count] = *loss;
    l->table[l->count++].via = NULL;
}

/* Answers, requests and snapshots have no live number: what is lost of them is not a gap in anybody's numbers. */
static uint64_t note_batch(struct losses *l, struct batch_reader *batch)
{
    struct session_loss loss = {.publisher = batch->head.publisher,
                                .link = batch->head.link,
                                .birth = batch->head.birth,
                                .first = UINT64_MAX,
                                .cause = MR_SLOW_READER};
    struct record record;
    uint64_t records = 0;

    while (batch_next(batch, &record) == MR_OK) {
        records++;
        if (record.call.id || batch->head.interest)
            continue;
        loss.count++;
        loss.last = record.seq;
        if (loss.first == UINT64_MAX)
            loss.first = record.seq;
    }
    if (loss.count)
        losses_note(l, &loss);
    return records;
}

static uint64_t note_batches(struct losses *l, const uint8_t *payload, size_t len)
{
    struct batches_reader batches;
    struct batch_reader batch;
    uint64_t records = 0;

    batches_read_init(&batches, payload, len);
    while (batches_next(&batches, &batch) == MR_OK)
        records += note_batch(l, &batch);
    return records;
}

static void note_losses(struct losses *l, struct arena *a, const uint8_t *payload, size_t len)
{
    struct control_losses said;

    if (control_read_losses(a, payload, len, &said, NULL) != MR_OK) {
        l->is_overfull = true;
        return;
    }
    for (size_t i = 0; i < said.n_losses; i++)
        losses_note(l, &said.losses[i]);
}

static enum mr_rc keep_end(struct losses *l, uint32_t interest)
{
    for (uint32_t i = 0; i < l->n_ends; i++)
        if (l->ends[i] == interest)
            return MR_OK;
    if (l->n_ends == LOSSES_ENDS_MAX)
        return MR_NO_MEMORY;
    if (l->n_ends == l->cap_ends) {
        uint32_t cap = l->cap_ends ? l->cap_ends * 2 : FIRST_ENDS;
        uint32_t *ends = mem_resize(l->ends, cap * sizeof *ends);
        if (!ends)
            return MR_NO_MEMORY;
        l->ends = ends;
        l->cap_ends = cap;
    }
    l->ends[l->n_ends++] = interest;
    return MR_OK;
}

static enum mr_rc note_end(struct losses *l, struct arena *a, const uint8_t *payload, size_t len)
{
    uint32_t interest;
    enum mr_rc rc = control_read_snapshot_end(a, payload, len, &interest, NULL);

    return rc == MR_OK ? keep_end(l, interest) : rc;
}

enum mr_rc losses_note_frame(struct losses *l, const struct blob *frame, uint64_t *ret_records)
{
    const uint8_t *payload = frame->data + FRAME_HEAD_BYTES;
    size_t len = frame->len - FRAME_HEAD_BYTES;
    struct arena arena; /* not the session's: that one may hold what a callback is looking at */
    uint64_t records = 0;
    enum mr_rc rc = MR_OK;

    arena_init(&arena, 0);
    if (frame->data[0] == FRAME_BATCHES)
        records = note_batches(l, payload, len);
    else if (frame->data[0] == FRAME_LOSSES)
        note_losses(l, &arena, payload, len);
    else if (frame->data[0] == FRAME_SNAPSHOT_END)
        rc = note_end(l, &arena, payload, len);
    arena_fini(&arena);
    if (rc == MR_OK)
        *ret_records = records;
    return rc;
}

enum mr_rc losses_write(struct losses *l, struct buf *out)
{
    static const struct session_loss anybodys = {.via = "this session", .cause = MR_SLOW_READER};
    size_t before = out->len;
    enum mr_rc rc = MR_OK;

    for (uint32_t i = 0; i < l->count && rc == MR_OK; i++)
        rc = control_write_loss(out, &l->table[i]);
    if (rc == MR_OK && l->is_overfull)
        rc = control_write_loss(out, &anybodys);
    if (rc != MR_OK) {
        out->len = before;
        return rc;
    }
    l->count = 0;
    l->is_overfull = false;
    return MR_OK;
}

uint32_t losses_take_end(struct losses *l)
{
    if (l->n_ends == 0)
        return 0;
    uint32_t interest = l->ends[0];
    l->n_ends--;
    memmove(l->ends, l->ends + 1, l->n_ends * sizeof *l->ends);
    return interest;
}

void losses_trim(struct losses *l)
{
    if (losses_is_empty(l))
        losses_fini(l);
}
