/* subscribe.c - the calls on subscriptions and services, and on the messages they give. */
#include <string.h>

#include "sdk/bus_private.h"

enum { RING_LEAST_BYTES = 64 * 1024, GROUP_MAX_BYTES = 64 };

static enum mr_rc check_opt(const struct mr_sub_opt *opt, bool is_service)
{
    if (opt->size != sizeof *opt)
        return reason_set(MR_INVALID, "mr_sub_opt.size is not sizeof(struct mr_sub_opt)");
    if ((unsigned)opt->policy > MR_CUT_OFF)
        return reason_set(MR_INVALID, "mr_sub_opt.policy is none of the three");
    if (opt->max_bytes && opt->max_bytes < RING_LEAST_BYTES)
        return reason_set(MR_INVALID, "mr_sub_opt.max_bytes must be at least %d", RING_LEAST_BYTES);
    if (opt->no_snapshot && opt->snapshot_only)
        return reason_set(MR_INVALID, "mr_sub_opt.no_snapshot does not go with snapshot_only");
    if (is_service && (opt->no_snapshot || opt->snapshot_only || opt->with_backfill))
        return reason_set(MR_INVALID, "a service has no snapshot and no backfill");
    if (!is_service && opt->group && *opt->group)
        return reason_set(MR_INVALID, "mr_sub_opt.group is for mr_serve() in this version");
    if (opt->group && strlen(opt->group) > GROUP_MAX_BYTES)
        return reason_set(MR_INVALID, "mr_sub_opt.group is longer than %d bytes", GROUP_MAX_BYTES);
    return MR_OK;
}

static enum mr_rc open_sub(struct mr_bus *b, const struct sub_conf *conf, struct mr_sub **ret)
{
    enum mr_rc rc = bus_enter(b);
    if (!rc)
        rc = topic_check_text(conf->filter, true);
    if (!rc && conf->opt)
        rc = check_opt(conf->opt, conf->kind == INTEREST_SERVE);
    if (!rc && !ret && !conf->fn)
        rc = reason_set(MR_INVALID, "ret must not be NULL without fn: nobody could read it");
    if (!rc && b->n_subs >= FILTERS_PER_APP)
        rc = reason_set(MR_TOO_BIG, "a handle may have %d filters", FILTERS_PER_APP);
    if (rc)
        return rc;
    struct mr_sub *s;
    rc = sub_new(b, conf, &s);
    if (rc)
        return rc;
    if (ret)
        *ret = s;
    if (!b->in_dispatch) {
        outbox_pump(b, bus_now_ns(b));
        bus_arm(b);
    }
    return MR_OK;
}

enum mr_rc mr_subscribe(struct mr_bus *b, const char *filter, const struct mr_sub_opt *opt, mr_msg_fn *fn, void *user,
                        struct mr_sub **ret)
{
    const struct sub_conf conf = {.filter = filter, .kind = INTEREST_SUBSCRIBE, .opt = opt, .fn = fn, .user = user};
    return open_sub(b, &conf, ret);
}

enum mr_rc mr_serve(struct mr_bus *b, const char *filter, const struct mr_sub_opt *opt, mr_msg_fn *fn, void *user,
                    struct mr_sub **ret)
{
    const struct sub_conf conf = {.filter = filter, .kind = INTEREST_SERVE, .opt = opt, .fn = fn, .user = user};
    return open_sub(b, &conf, ret);
}

void mr_unsubscribe(struct mr_sub *s)
{
    if (!s || bus_enter(s->bus) == MR_MISUSE)
        return;
    struct mr_bus *b = s->bus;
    sub_close(s);
    if (!b->in_dispatch) {
        outbox_pump(b, bus_now_ns(b));
        bus_arm(b);
    }
}

static enum mr_rc next(struct mr_sub *s, int64_t until_ns, int wait_ms, const struct message **ret)
{
    enum mr_rc rc = sub_take(s, ret);
    if (rc != MR_WOULD_BLOCK)
        return rc;
    bus_turn(s->bus);
    while ((rc = sub_take(s, ret)) == MR_WOULD_BLOCK && bus_wait(s->bus, until_ns))
        ;
    if (rc == MR_WOULD_BLOCK)
        return wait_ms ? reason_set(MR_TIMEOUT, "no message came") : reason_set(MR_WOULD_BLOCK, "no message is there");
    return rc;
}

enum mr_rc mr_next(struct mr_sub *s, int wait_ms, const struct mr_msg **ret)
{
    const struct message *m;
    if (!s || !ret)
        return reason_set(MR_INVALID, "sub and ret must not be NULL");
    enum mr_rc rc = bus_enter_waiting(s->bus, wait_ms);
    if (rc)
        return rc;
    if (s->fn)
        return reason_set(MR_MISUSE, "this subscription has a function of its own");
    rc = next(s, bus_until(s->bus, wait_ms), wait_ms, &m);
    bus_arm(s->bus);
    if (rc == MR_CLOSED)
        return reason_set(MR_CLOSED, "the subscription has ended");
    if (!rc)
        *ret = &m->msg;
    return rc;
}

const struct mr_msg *mr_ref(const struct mr_msg *msg)
{
    const struct message *m = message_of(msg);
    const struct message *kept = msg ? message_keep(m, &m->bus->budget) : NULL;
    if (kept)
        return &kept->msg;
    (void)reason_plain(msg ? MR_NO_MEMORY : MR_INVALID);
    return NULL;
}

void mr_unref(const struct mr_msg *msg)
{
    if (!msg)
        return;
    struct message *m = blob_object(message_of(msg)->home);
    message_unref(m, &m->bus->budget);
}

const struct mr_tag_def *mr_msg_def(const struct mr_msg *msg)
{
    const struct message *m = msg ? message_of(msg) : NULL;
    return m && m->def ? blob_object(m->def) : NULL;
}
