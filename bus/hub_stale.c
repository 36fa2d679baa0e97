/* hub_stale.c - promises of tags to be written at least so often (stale_ms): who shows last values to apps looks after them.
 *
 * Nothing is done per record: all promises are looked at once a second, in slices. A value of which nothing new came for
 * stale_ms is shown again, STALE; the record that ends the silence shows itself. */
#include "bus/hub_private.h"

enum { SLICE_PROMISES = 4096 };

static const int64_t ns_per_ms = 1000000, ns_per_us = 1000, round_ns = 1000000000;

struct promise {
    uint32_t publisher, topic;
    bool is_broken;
};

bool hub_is_overdue(const struct hub *h, const struct slot *slot)
{
    const struct tag *tag = presence_get_tag(h->presence, slot->publisher, slot->topic);
    return tag && tag->def.stale_ms && hub_now_ns(h) - slot->changed_ns > tag->def.stale_ms * ns_per_ms;
}

int64_t hub_age_ns(const struct port *p, const struct batch_head *head)
{
    int64_t age_us = hub_now_us(p->hub) + p->clock_offset_us - head->broker_us;
    bool is_known = head->broker_us != MR_NO_TIME && age_us > 0 && age_us < INT64_MAX / ns_per_us;
    return is_known ? age_us * ns_per_us : 0;
}

enum mr_rc hub_watch_promise(struct hub *h, uint32_t publisher, uint32_t topic)
{
    uint64_t key = (uint64_t)publisher << 32 | topic;
    if (map64_get(&h->promise_of, key))
        return MR_OK;
    if (h->n_promises == h->promises_cap) {
        uint32_t cap = h->promises_cap ? h->promises_cap * 2 : 64;
        struct promise *more = mem_resize_array(h->promises, cap, sizeof *more);
        if (!more)
            return MR_NO_MEMORY;
        h->promises = more;
        h->promises_cap = cap;
    }
    enum mr_rc rc = map64_put(&h->promise_of, key, h, NULL);
    if (!rc)
        h->promises[h->n_promises++] = (struct promise){publisher, topic, false};
    return rc;
}

static const struct slot *promised_slot(const struct hub *h, const struct promise *promise)
{
    const struct slot *slots[SLOTS_PER_TOPIC];
    size_t n = lastval_get(h->lastval, promise->topic, slots, SLOTS_PER_TOPIC);
    for (size_t i = 0; i < n; i++)
        if (slots[i]->publisher == promise->publisher && !slots[i]->cleared)
            return slots[i];
    return NULL;
}

static void look_at(struct hub *h, struct promise *promise)
{
    const struct slot *slot = promised_slot(h, promise);
    bool was_broken = promise->is_broken;
    promise->is_broken = slot && hub_is_overdue(h, slot);
    if (promise->is_broken && !was_broken)
        hub_show_slot(h, slot);
}

void hub_stale_tick(struct hub *h)
{
    if (hub_stale_deadline(h) > h->now_ns)
        return;
    uint32_t slices = h->n_promises / SLICE_PROMISES + 1;
    for (uint32_t i = 0; i < SLICE_PROMISES && h->promise_cursor < h->n_promises; i++)
        look_at(h, &h->promises[h->promise_cursor++]);
    if (h->promise_cursor == h->n_promises)
        h->promise_cursor = 0;
    h->next_promises_ns = h->now_ns + round_ns / slices;
}

int64_t hub_stale_deadline(const struct hub *h)
{
    return h->n_promises ? h->next_promises_ns : INT64_MAX;
}
