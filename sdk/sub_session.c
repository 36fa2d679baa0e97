/* sub_session.c - subscriptions across sessions: asked for at each, acknowledged, refused, their snapshots ended. */
#include <string.h>

#include "base/mem.h"
#include "proto/topic.h"
#include "sdk/bus_private.h"

static void hand_on(struct mr_sub *s)
{
    struct mr_bus *b = s->bus;
    if (!agent_is_up(b) || b->agent.is_over)
        return;
    const struct session_interest entry = {.id = s->entry,
                                           .filter = text_of(s->filter),
                                           .kind = s->kind,
                                           .no_snapshot = s->no_snapshot,
                                           .snapshot_only = s->snapshot_only,
                                           .with_backfill = s->with_backfill,
                                           .group = s->group ? s->group : ""};
    agent_must(b, session_interest_add(b->agent.session, &entry));
    s->version = session_interest_version(b->agent.session);
    outbox_flush_soon(b);
}

void sub_take_back(struct mr_sub *s)
{
    struct mr_bus *b = s->bus;
    if (!s->version || !agent_is_up(b) || b->agent.is_over)
        return;
    enum mr_rc rc = session_interest_remove(b->agent.session, s->entry);
    if (rc != MR_NOT_FOUND) /* it was refused */
        agent_must(b, rc);
    s->version = 0;
    outbox_flush_soon(b);
}

/* Our path may be another than at the last session. Without memory the filter matches nothing, and the session ends. */
static void expand(struct mr_sub *s)
{
    struct mr_bus *b = s->bus;
    char full[TOPIC_MAX_BYTES + 1];
    size_t len = 0;
    const char *path = b->agent.path ? b->agent.path : "";
    enum mr_rc rc = topic_expand(text_of(s->filter), s->filter->len - 1, path, strlen(path), full, &len);
    mem_free(s->full);
    s->full = rc ? NULL : mem_strndup(full, len);
    s->full_len = len;
    if (!rc && !s->full)
        agent_must(b, MR_NO_MEMORY);
}

void sub_ask(struct mr_sub *s)
{
    expand(s);
    hand_on(s);
}

void subs_begin(struct mr_bus *b, bool is_new_path)
{
    struct list *at, *after;
    if (is_new_path)
        b->sub_epoch++;
    LIST_EACH(at, after, &b->subs)
    {
        struct mr_sub *s = container_of(at, struct mr_sub, in_bus);
        if (!sub_is_live(s))
            continue;
        if (is_new_path || !s->full)
            expand(s);
        hand_on(s);
    }
}

void subs_end(struct mr_bus *b)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->subs)
    {
        struct mr_sub *s = container_of(at, struct mr_sub, in_bus);
        s->version = 0;
        if (s->state != SUB_IN_FORCE)
            continue;
        s->state = SUB_ASKED;
        if (!s->is_gap_open)
            sub_tell_loss(s, NULL, "", 0, MR_LINK);
        s->is_gap_open = true;
    }
}

static void come_into_force(struct mr_sub *s)
{
    s->state = SUB_IN_FORCE;
    s->was_in_force = true;
}

static void close_gap(struct mr_sub *s)
{
    if (s->is_gap_open)
        sub_tell_loss(s, NULL, "", 0, MR_LINK);
    s->is_gap_open = false;
}

/* An acknowledgement overtakes what is queued from before; where a snapshot is due, its end tells in place. */
void subs_on_acked(void *user, uint64_t version, bool partial)
{
    struct mr_bus *b = user;
    struct list *at, *after;
    (void)partial; /* the agent tells of its own gaps */
    LIST_EACH(at, after, &b->subs)
    {
        struct mr_sub *s = container_of(at, struct mr_sub, in_bus);
        if (s->state != SUB_ASKED || !s->version || s->version > version)
            continue;
        come_into_force(s);
        if (s->no_snapshot)
            close_gap(s);
    }
}

static struct mr_sub *find(struct mr_bus *b, uint32_t entry)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->subs)
    {
        struct mr_sub *s = container_of(at, struct mr_sub, in_bus);
        if (s->entry == entry && sub_is_live(s))
            return s;
    }
    return NULL;
}

void subs_on_refused(void *user, const struct session_refusal *refusal)
{
    struct mr_sub *s = find(user, refusal->id);
    if (!s)
        return;
    bool is_relative = topic_is_relative(text_of(s->filter), s->filter->len - 1);
    s->version = 0;
    if (is_relative && refusal->rc != MR_DENIED) /* the agent does not know its path yet: it ends the session then */
        return;
    sub_finish(s, MR_RIGHTS, *refusal->reason ? refusal->reason : rc_text(refusal->rc));
}

void subs_on_snapshot_end(void *user, uint32_t interest)
{
    struct mr_sub *s = find(user, interest);
    if (!s)
        return;
    if (s->state == SUB_ASKED) /* the acknowledgement waits for other entries too */
        come_into_force(s);
    close_gap(s);
    sub_tell_end(s);
    if (s->snapshot_only)
        sub_finish(s, 0, "all last values have been given");
}
