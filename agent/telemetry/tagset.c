/* tagset.c - see tagset.h. */
#include "agent/telemetry/tagset.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "proto/status.h"

void tagset_fini(struct tagset *set)
{
    mem_free(set->tags);
    *set = (struct tagset){0};
}

enum mr_rc tagset_reserve(struct tagset *set, size_t n, uint32_t stale_ms, size_t *ret_first, struct err *err)
{
    struct tag *tags = mem_resize(set->tags, (set->n + n) * sizeof *tags);
    if (!tags) {
        err_set(err, "out of memory for %zu tags", set->n + n);
        return MR_NO_MEMORY;
    }
    for (size_t i = set->n; i < set->n + n; i++)
        tags[i] = (struct tag){.stale_ms = stale_ms};
    *ret_first = set->n;
    set->tags = tags;
    set->n += n;
    return MR_OK;
}

void tagset_define(struct tagset *set, size_t index, const char *where, const struct tag_def *def)
{
    struct tag *tag = &set->tags[index];
    *tag = (struct tag){.def = def, .stale_ms = tag->stale_ms, .first = true};
    /* Fits: a where is at most two short levels and a label, and the name is ours. */
    int len = snprintf(tag->name, sizeof tag->name, "%s%s%s", where, def->name[0] == '\0' ? "" : "/", def->name);
    (void)len;
}

static void put(struct tag *tag, struct mr_value value, int64_t now_ns)
{
    tag->value = value;
    tag->read_ns = now_ns;
    tag->status = STATUS_GOOD;
    tag->state = TAG_LIVE;
    tag->untold = true;
}

void tagset_put(struct tagset *set, size_t index, double value, int64_t now_ns)
{
    if (isfinite(value))
        put(&set->tags[index], mr_f64(value), now_ns);
    else
        tagset_lose(set, index, STATUS_BAD_SENSOR_FAILURE);
}

void tagset_put_flag(struct tagset *set, size_t index, bool value, int64_t now_ns)
{
    struct mr_value flag = {.type = MR_BOOL};
    flag.as.b = value;
    put(&set->tags[index], flag, now_ns);
}

void tagset_put_word(struct tagset *set, size_t index, const char *word, size_t len, int64_t now_ns)
{
    struct tag *tag = &set->tags[index];
    if (len >= sizeof tag->word)
        len = sizeof tag->word - 1;
    memcpy(tag->word, word, len);
    tag->word[len] = '\0';
    put(tag, (struct mr_value){.type = MR_STRING, .len = (uint32_t)len}, now_ns);
}

void tagset_lose(struct tagset *set, size_t index, uint32_t status)
{
    struct tag *tag = &set->tags[index];
    if (tag->state == TAG_ABSENT || tag->status == status)
        return;
    tag->state = TAG_LOST;
    tag->status = status;
    tag->untold = true;
}

void tagset_lose_all(struct tagset *set, size_t first, size_t n, uint32_t status)
{
    for (size_t i = first; i < first + n; i++)
        tagset_lose(set, i, status);
}

static void tell(struct tagset *set, size_t index, telemetry_emit_fn *emit, void *user)
{
    struct tag *tag = &set->tags[index];
    struct telemetry_value told = {
        .index = (uint32_t)index,
        .first = tag->first,
        .name = tag->name,
        .unit = tag->def->unit,
        .description = tag->def->description,
        .value = tag->value,
        .status = tag->status,
        .low = tag->def->low,
        .high = tag->def->high,
        .stale_ms = tag->stale_ms,
        .read_ns = tag->read_ns,
    };
    if (told.value.type == MR_STRING)
        told.value.as.ptr = tag->word;
    tag->first = false;
    tag->untold = false;
    emit(user, &told);
}

void tagset_tell(struct tagset *set, size_t first, size_t n, telemetry_emit_fn *emit, void *user)
{
    for (size_t i = first; i < first + n; i++)
        if (set->tags[i].untold)
            tell(set, i, emit, user);
}

void tagset_tell_all(struct tagset *set, telemetry_emit_fn *emit, void *user)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->tags[i].state == TAG_ABSENT)
            continue;
        set->tags[i].first = true;
        tell(set, i, emit, user);
    }
}
