/* info.c - what a handle can tell of itself. */
#include <string.h>

#include "sdk/bus_private.h"

/* Programs built against an earlier header have a smaller struct: only so many bytes are theirs. */
static void copy_out(void *to, size_t to_size, const void *from, size_t from_size)
{
    size_t n = to_size < from_size ? to_size : from_size;
    memcpy(to, from, n);
    if (n >= sizeof to_size)
        memcpy(to, &to_size, sizeof to_size); /* .size is first, and stays theirs */
}

void mr_get_state(const struct mr_bus *b, struct mr_state *ret)
{
    const struct agent *a = &b->agent;
    const struct mr_state state = {.size = sizeof state,
                                   .agent_up = a->state == AGENT_UP,
                                   .cluster_up = a->state == AGENT_UP && a->cluster_up,
                                   .isolated_since_us = a->isolated_since_us,
                                   .path = a->path,
                                   .degraded = a->state == AGENT_UP && a->cluster_up && a->degraded};
    copy_out(ret, ret->size, &state, sizeof state);
}

void mr_on_state(struct mr_bus *b, void (*fn)(void *user, const struct mr_state *state), void *user)
{
    b->on_state = fn;
    b->on_state_user = user;
    b->is_state_due = true;
    if (!b->transport.wait)
        poller_wake(&b->poller);
}

void mr_get_stats(const struct mr_bus *b, struct mr_stats *ret)
{
    struct mr_stats stats = b->stats;
    stats.size = sizeof stats;
    stats.queued_bytes = outbox_queued(b);
    stats.queued_max = b->outbox.max_bytes;
    copy_out(ret, ret->size, &stats, sizeof stats);
}

const char *mr_reason(const struct mr_bus *b)
{
    (void)b; /* each thread remembers its own last failure, whatever the handle */
    return reason_get();
}
