/* device.c - devices: what an app speaks for, born and lost beside it. */
#include <string.h>

#include "sdk/bus_private.h"

enum { WHY_MAX = 256 };

/* How publishers of it are called: its topic, without what stands for our own path. */
static const char *name_of(const char *topic)
{
    return strncmp(topic, "./", 2) == 0 ? topic + 2 : topic;
}

static bool is_open(const struct mr_bus *b, const char *name)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->devices)
    if (strcmp(container_of(at, const struct mr_device, in_bus)->name, name) == 0)
        return true;
    return false;
}

static void tell_device(const struct mr_device *d)
{
    struct mr_bus *b = d->bus;
    if (!agent_is_up(b))
        return;
    const struct session_publisher name = {.id = d->id, .identity = "", .part = d->name};
    agent_must(b, session_name_publisher(b->agent.session, &name));
    if (!d->is_lost)
        agent_must(b, session_birth(b->agent.session, &(struct session_birth){.publisher = d->id}));
    outbox_flush_soon(b);
}

enum mr_rc mr_device_open(struct mr_bus *b, const char *topic, struct mr_device **ret)
{
    enum mr_rc rc = bus_enter(b);
    if (!rc)
        rc = topic_check_text(topic, false);
    if (!rc && !ret)
        rc = reason_set(MR_INVALID, "ret must not be NULL");
    if (!rc && is_open(b, name_of(topic)))
        rc = reason_set(MR_INVALID, "this handle has opened the device '%s' already", topic);
    const struct topic *known = rc ? NULL : topic_find(b, topic);
    if (known)
        rc = topic_verdict(known);
    if (rc)
        return rc;
    size_t size = sizeof(struct mr_device) + strlen(name_of(topic)) + 1;
    struct mr_device *d = budget_alloc(&b->budget, size);
    if (!d)
        return reason_plain(MR_NO_MEMORY);
    d->bus = b;
    d->size = size;
    d->id = ++b->next_device;
    strcpy(d->name, name_of(topic));
    list_push_back(&b->devices, &d->in_bus);
    tell_device(d);
    *ret = d;
    return MR_OK;
}

void devices_begin(struct mr_bus *b)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->devices)
    tell_device(container_of(at, const struct mr_device, in_bus));
}

enum mr_rc device_revive(struct mr_device *d)
{
    enum mr_rc rc = outbox_put_life(d->bus, OUT_BIRTH, d, 0, "");
    if (!rc)
        d->is_lost = false;
    return rc;
}

enum mr_rc mr_device_lost(struct mr_device *d, uint32_t status, const char *why)
{
    if (!d)
        return reason_set(MR_INVALID, "dev must not be NULL");
    struct mr_bus *b = d->bus;
    enum mr_rc rc = bus_enter(b);
    if (rc)
        return rc;
    if ((status & MR_STATUS_SEVERITY) == MR_STATUS_GOOD)
        return reason_set(MR_INVALID, "the status of what is lost is not Good");
    if (why && strlen(why) > WHY_MAX)
        return reason_set(MR_INVALID, "why is longer than %d bytes", WHY_MAX);
    int64_t now = bus_now_ns(b);
    realtime_drain(b, now); /* what was written before it was lost stays before */
    rc = outbox_put_life(b, OUT_DEATH, d, status, why ? why : "");
    if (rc)
        return rc;
    d->is_lost = true;
    if (!b->in_dispatch && !b->in_callback) {
        outbox_pump(b, now);
        bus_arm(b);
    }
    return MR_OK;
}

void devices_free(struct mr_bus *b)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->devices)
    {
        struct mr_device *d = container_of(at, struct mr_device, in_bus);
        list_remove(&d->in_bus);
        budget_free(&b->budget, d, d->size);
    }
}
