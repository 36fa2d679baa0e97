/* source_clock.c - how well the system clock is kept, by adjtimex() without changing anything. */
#include <math.h>
#include <string.h>

#include "agent/telemetry/source.h"
#include "proto/status.h"

enum { TAG_SYNCED, TAG_STATE, TAG_OFFSET, TAG_MAX_ERROR, TAG_EST_ERROR, TAGS };

static const struct tag_def defs[TAGS] = {
    [TAG_SYNCED] = {"synced", "", "A time service keeps the clock", NAN, NAN},
    [TAG_STATE] = {"state", "", "The kernel's clock state, leap seconds included", NAN, NAN},
    [TAG_OFFSET] = {"offset", "us", "What the kernel still has to correct", NAN, NAN},
    [TAG_MAX_ERROR] = {"max_error", "us", "The clock is off by no more than this", 0, NAN},
    [TAG_EST_ERROR] = {"est_error", "us", "The time service's estimate of the error", 0, NAN},
};

struct clock_source {
    size_t first;
};

static enum mr_rc clock_open(void *self, const struct source_env *env, struct err *err)
{
    struct clock_source *source = self;
    enum mr_rc rc = tagset_reserve(env->tags, TAGS, env->stale_ms, &source->first, err);
    if (rc != MR_OK)
        return rc;
    for (size_t i = 0; i < TAGS; i++)
        tagset_define(env->tags, source->first + i, "clock", &defs[i]);
    return MR_OK;
}

static const char *state_word(int state, bool synced)
{
    switch (state) {
    case TIME_INS:
        return "leap second to be inserted";
    case TIME_DEL:
        return "leap second to be deleted";
    case TIME_OOP:
        return "leap second in progress";
    case TIME_WAIT:
        return "leap second has occurred";
    default:
        return synced ? "synchronised" : "unsynchronised";
    }
}

static void put_or_lose(struct tagset *tags, size_t tag, bool known, double value, int64_t now_ns)
{
    if (known)
        tagset_put(tags, tag, value, now_ns);
    else
        tagset_lose(tags, tag, STATUS_BAD_NO_COMMUNICATION);
}

static void clock_collect(void *self, const struct source_env *env, const struct source_tick *tick)
{
    const struct clock_source *source = self;
    struct timex clock = {.modes = 0};
    int state = env->conf->read_clock(&clock);
    if (state < 0) {
        tagset_lose_all(env->tags, source->first, TAGS, STATUS_BAD_NO_COMMUNICATION);
        return;
    }
    bool synced = (clock.status & (STA_UNSYNC | STA_CLOCKERR)) == 0;
    const char *word = state_word(state, synced);
    tagset_put_flag(env->tags, source->first + TAG_SYNCED, synced, tick->now_ns);
    tagset_put_word(env->tags, source->first + TAG_STATE, word, strlen(word), tick->now_ns);
    /* The kernel knows an offset only while its own loop steers the clock, not when a daemon does (chrony). */
    double offset = (double)clock.offset / ((clock.status & STA_NANO) != 0 ? 1000 : 1);
    bool steers = synced && (clock.status & STA_PLL) != 0;
    put_or_lose(env->tags, source->first + TAG_OFFSET, steers, offset, tick->now_ns);
    /* Unsynchronised, both errors stand at a cap of 16 s that says nothing. */
    put_or_lose(env->tags, source->first + TAG_MAX_ERROR, synced, (double)clock.maxerror, tick->now_ns);
    put_or_lose(env->tags, source->first + TAG_EST_ERROR, synced, (double)clock.esterror, tick->now_ns);
}

static void clock_close(void *self)
{
    (void)self;
}

const struct source source_clock = {
    .name = "clock",
    .size = sizeof(struct clock_source),
    .open = clock_open,
    .collect = clock_collect,
    .close = clock_close,
};
