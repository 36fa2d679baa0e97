/* ack.c - who asked how a record fared, and is told once. */
#include "base/mem.h"
#include "sdk/bus_private.h"

static void tell(struct mr_bus *b, struct ready *ready, bool is_told)
{
    struct ack *ack = container_of(ready, struct ack, ready);
    struct ack told = *ack;
    budget_free(&b->budget, ack, sizeof *ack);
    if (!is_told)
        return;
    bus_begin_callback(b);
    told.fn(told.user, told.rc, told.rc ? MR_NO_ACK : MR_ACCEPTED, 0);
    bus_end_callback(b);
}

struct ack *ack_new(struct mr_bus *b, struct topic *topic)
{
    struct ack *ack = budget_alloc(&b->budget, sizeof *ack);
    if (!ack)
        return NULL;
    list_init(&ack->ready.node);
    ack->ready.run = tell;
    ack->topic = topic;
    if (topic)
        topic->uses++;
    return ack;
}

void ack_free(struct mr_bus *b, struct ack *ack)
{
    if (!ack)
        return;
    list_remove(&ack->ready.node);
    if (ack->topic)
        topic_release(ack->topic);
    budget_free(&b->budget, ack, sizeof *ack);
}

void ack_resolve(struct mr_bus *b, struct ack *ack, enum mr_rc rc)
{
    if (!ack)
        return;
    list_remove(&ack->ready.node);
    if (ack->is_done) {
        *ack->is_done = true;
        *ack->ret_rc = rc;
        ack_free(b, ack);
        return;
    }
    if (ack->topic)
        topic_release(ack->topic);
    ack->rc = rc;
    list_push_back(&b->ready, &ack->ready.node);
}
