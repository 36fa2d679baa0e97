/* get.c - mr_get: a subscription on one topic that ends with its snapshot, of which the best slot is given. */
#include <string.h>

#include "sdk/bus_private.h"

/* A live publisher first, then what a broker accepted last, then by name. */
static bool is_better(const struct mr_msg *a, const struct mr_msg *b)
{
    bool a_stale = a->flags & MR_STALE, b_stale = b->flags & MR_STALE;
    if (a_stale != b_stale)
        return b_stale;
    if (a->broker_us != b->broker_us)
        return a->broker_us > b->broker_us;
    return strcmp(a->publisher, b->publisher) < 0;
}

/* Takes what is there. MR_OK: the subscription has ended and *best is final. */
static enum mr_rc collect(struct mr_sub *s, struct message **best, enum mr_cause *ret_cause)
{
    struct mr_bus *b = s->bus;
    const struct message *m;
    enum mr_rc rc;
    while ((rc = sub_take(s, &m)) == MR_OK) {
        if (m->msg.kind == MR_ENDED) {
            *ret_cause = m->msg.cause;
            return *ret_cause ? reason_set(MR_OK, "%s", m->msg.text) : MR_OK;
        }
        if (m->msg.kind != MR_DATA || m->msg.flags & MR_CLEAR || (*best && !is_better(&m->msg, &(*best)->msg)))
            continue;
        if (*best)
            message_unref(*best, &b->budget);
        *best = message_keep(m, &b->budget); /* kept already: one more reference */
    }
    return rc;
}

static enum mr_rc answer(const struct mr_bus *b, const char *topic, enum mr_cause cause, struct message *best,
                         const struct mr_msg **ret)
{
    if (cause)
        return MR_DENIED; /* its reason is set */
    if (best) {
        *ret = &best->msg;
        return MR_OK;
    }
    if (!b->agent.cluster_up)
        return reason_set(MR_ISOLATED, "the agent has no value of '%s' and no broker to ask", topic);
    return reason_set(MR_NOT_FOUND, "'%s' has no last value", topic);
}

static enum mr_rc get(struct mr_bus *b, const char *topic, int wait_ms, const struct mr_msg **ret)
{
    const struct mr_sub_opt opt = {.size = sizeof opt, .snapshot_only = true};
    const struct sub_conf conf = {.filter = topic, .kind = INTEREST_SUBSCRIBE, .opt = &opt};
    int64_t until = bus_until(b, wait_ms);
    enum mr_cause cause = 0;
    struct message *best = NULL;
    struct mr_sub *s;
    enum mr_rc rc = sub_new(b, &conf, &s);
    if (rc)
        return rc;
    bus_turn(b);
    while ((rc = collect(s, &best, &cause)) == MR_WOULD_BLOCK && bus_wait(b, until))
        ;
    sub_close(s);
    bus_turn(b);
    if (!rc)
        return answer(b, topic, cause, best, ret);
    if (best)
        message_unref(best, &b->budget);
    return agent_is_up(b) ? reason_set(MR_TIMEOUT, "no answer for '%s' in time", topic)
                          : reason_set(MR_ISOLATED, "%s", b->agent.why.text);
}

enum mr_rc mr_get(struct mr_bus *b, const char *topic, int wait_ms, const struct mr_msg **ret)
{
    enum mr_rc rc = bus_enter_waiting(b, wait_ms);
    if (!rc)
        rc = topic_check_text(topic, false);
    if (!rc && !ret)
        rc = reason_set(MR_INVALID, "ret must not be NULL");
    if (!rc && wait_ms == 0)
        rc = reason_set(MR_WOULD_BLOCK, "an answer takes time, and wait_ms is 0");
    if (rc)
        return rc;
    rc = get(b, topic, wait_ms, ret);
    bus_arm(b);
    return rc;
}
