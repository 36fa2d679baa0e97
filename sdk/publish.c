/* publish.c - mr_publish and its kin, and mr_flush. */
#include <string.h>

#include "proto/value.h"
#include "sdk/bus_private.h"

static const uint32_t settable_flags = MR_KEEP | MR_CLEAR | MR_BACKFILL | MR_FORCED;

static enum mr_rc check_value(const struct mr_value *v)
{
    struct err err;
    enum mr_rc rc = v->type == MR_NO_VALUE ? MR_OK : value_check_large(v, &err);
    return rc ? reason_set(rc, "%s", err.text) : MR_OK;
}

/* It goes as a transfer. */
static bool is_large(const struct mr_value *v)
{
    return value_has_bytes(v->type) && v->len > VALUE_MAX_BYTES;
}

enum mr_rc publish_check(const struct mr_pub *pub)
{
    if (!pub || pub->size != sizeof *pub)
        return reason_set(MR_INVALID, "mr_pub.size is not sizeof(struct mr_pub)");
    if (pub->flags & ~settable_flags)
        return reason_set(MR_INVALID, "mr_pub.flags may hold MR_KEEP, MR_CLEAR, MR_BACKFILL and MR_FORCED");
    if (pub->flags & MR_CLEAR && (pub->flags & MR_KEEP || pub->value.type != MR_NO_VALUE))
        return reason_set(MR_INVALID, "MR_CLEAR carries no value and does not go with MR_KEEP");
    if ((unsigned)pub->level > MR_ACCEPTED)
        return reason_set(MR_INVALID, "mr_pub.level: this version reaches MR_ACCEPTED");
    if (pub->number)
        return reason_set(MR_INVALID, "mr_pub.number must be 0 in this version");
    if (is_large(&pub->value) && pub->flags & MR_KEEP)
        return reason_set(MR_INVALID, "a value above %d bytes is never kept: publish it without MR_KEEP",
                          VALUE_MAX_BYTES);
    return check_value(&pub->value);
}

static enum mr_rc open_ack(struct mr_bus *b, const struct mr_pub *pub, struct topic *topic, bool *is_done,
                           enum mr_rc *ret_rc, struct ack **ret)
{
    *ret = NULL;
    if (!pub->on_ack && !is_done)
        return MR_OK;
    struct ack *ack = ack_new(b, topic);
    if (!ack)
        return reason_plain(MR_NO_MEMORY);
    ack->fn = pub->on_ack;
    ack->user = pub->user;
    ack->is_done = is_done;
    ack->ret_rc = ret_rc;
    *ret = ack;
    return MR_OK;
}

static enum mr_rc put(struct mr_bus *b, const struct mr_pub *pub, struct topic *topic, struct ack *ack)
{
    const struct out_record record = {.topic = topic,
                                      .value = pub->value.type == MR_NO_VALUE ? NULL : &pub->value,
                                      .status = pub->status,
                                      .flags = pub->flags,
                                      .expiry_ms = pub->expiry_ms,
                                      .source_us = pub->source_us ? pub->source_us : MR_NO_TIME,
                                      .ack = ack};
    return is_large(&pub->value) ? large_put(b, &record) : outbox_put(b, &record);
}

enum mr_rc publish_now(struct mr_bus *b, const struct mr_pub *pub, bool *is_done, enum mr_rc *ret_rc,
                       struct ack **ret_ack)
{
    struct topic *topic;
    struct ack *ack = NULL;
    enum mr_rc rc = topic_use(b, pub->topic, &topic);
    if (rc)
        return rc;
    rc = topic_verdict(topic);
    if (!rc)
        rc = open_ack(b, pub, topic, is_done, ret_rc, &ack);
    if (!rc && ret_ack)
        *ret_ack = ack;
    if (!rc)
        rc = put(b, pub, topic, ack);
    if (!rc && pub->flags & MR_CLEAR && topic->tag)
        topic->tag->has_last = false; /* an agent started anew must not get back what was removed */
    if (rc) {
        ack_free(b, ack);
        topic_release(topic);
    }
    return rc;
}

enum mr_rc mr_publish_opt(struct mr_bus *b, const struct mr_pub *pub)
{
    enum mr_rc rc = bus_enter_rt(b);
    if (!rc)
        rc = publish_check(pub);
    if (rc)
        return rc;
    if (b->rt && is_large(&pub->value))
        return reason_set(MR_TOO_BIG, "after mr_thread() or with rt_poll_us set, a value may have %d bytes, not %u",
                          VALUE_MAX_BYTES, (unsigned)pub->value.len);
    return b->rt ? realtime_publish(b, pub) : publish_now(b, pub, NULL, NULL, NULL);
}

enum mr_rc mr_publish(struct mr_bus *b, const char *topic, const void *data, size_t len)
{
    if (len > TRANSFER_MAX_BYTES)
        return reason_set(MR_TOO_BIG, "a value may have %d bytes, not %zu", TRANSFER_MAX_BYTES, len);
    if (!data && len)
        return reason_set(MR_INVALID, "data must not be NULL unless len is 0");
    const struct mr_pub pub = {.size = sizeof pub,
                               .topic = topic,
                               .value = {.type = MR_BYTES, .len = (uint32_t)len, .as.ptr = data ? data : ""},
                               .source_us = MR_NO_TIME};
    return mr_publish_opt(b, &pub);
}

/* The time is over: what has not been handed over never will be. */
static enum mr_rc give_up(struct mr_bus *b, struct ack *ack)
{
    if (!outbox_withdraw(b, ack)) {
        ack_free(b, ack);
        return reason_set(MR_UNKNOWN, "the agent has it, or had, and did not answer in time");
    }
    return agent_is_up(b) ? reason_set(MR_TIMEOUT, "the agent did not take it in time; it will not be published")
                          : reason_set(MR_ISOLATED, "%s; it will not be published", b->agent.why.text);
}

static enum mr_rc why_refused(const struct mr_bus *b, const char *topic, enum mr_rc rc)
{
    const struct topic *t = topic_find(b, topic);
    if (t && topic_verdict(t) == rc)
        return rc;
    return rc == MR_TIMEOUT ? reason_set(rc, "it waited longer than its expiry_ms") : reason_plain(rc);
}

enum mr_rc mr_publish_wait(struct mr_bus *b, const struct mr_pub *pub, int wait_ms, uint64_t *ret_offset)
{
    bool is_done = false;
    enum mr_rc outcome = MR_OK;
    struct ack *ack = NULL;
    enum mr_rc rc = bus_enter_waiting(b, wait_ms);
    if (!rc)
        rc = publish_check(pub);
    if (!rc && pub->on_ack)
        rc = reason_set(MR_INVALID, "mr_publish_wait() answers itself: on_ack must be NULL");
    if (!rc && wait_ms == 0)
        rc = reason_set(MR_WOULD_BLOCK, "an answer takes time, and wait_ms is 0");
    if (!rc)
        rc = publish_now(b, pub, &is_done, &outcome, &ack);
    if (rc)
        return rc;
    int64_t until = bus_until(b, wait_ms);
    bus_turn(b);
    while (!is_done)
        if (!bus_wait(b, until))
            return give_up(b, ack);
    bus_arm(b);
    if (outcome)
        return why_refused(b, pub->topic, outcome);
    if (ret_offset)
        *ret_offset = 0;
    return MR_OK;
}

static enum mr_rc not_flushed(const struct mr_bus *b, int wait_ms)
{
    if (wait_ms == 0)
        return reason_set(MR_WOULD_BLOCK, "not all has been accepted yet");
    return agent_is_up(b) ? reason_set(MR_TIMEOUT, "the agent has not accepted all in time")
                          : reason_set(MR_ISOLATED, "%s", b->agent.why.text);
}

static enum mr_rc flush(struct mr_bus *b, int wait_ms)
{
    struct outbox *o = &b->outbox;
    int64_t until = bus_until(b, wait_ms);
    do {
        outbox_want_mark(b);
        bus_turn(b);
        if (o->is_unsure) {
            o->is_unsure = false;
            return reason_set(MR_UNKNOWN, "the connection ended before the agent said that it has all");
        }
        if (outbox_is_accepted(b))
            return MR_OK;
    } while (bus_wait(b, until));
    return not_flushed(b, wait_ms);
}

enum mr_rc mr_flush(struct mr_bus *b, enum mr_level level, int wait_ms)
{
    enum mr_rc rc = bus_enter_waiting(b, wait_ms);
    if (rc)
        return rc;
    if ((unsigned)level > MR_ACCEPTED)
        return reason_set(MR_INVALID, "level: this version reaches MR_ACCEPTED");
    rc = flush(b, wait_ms);
    bus_arm(b);
    return rc;
}
