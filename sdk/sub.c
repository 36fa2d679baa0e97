/* sub.c - subscriptions and services: their rings, and how messages reach the program. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sdk/bus_private.h"

enum { RING_FRAMES_MAX = 1 << 20, VIA_TEXT_SIZE = 256 };

/* Keys of what no later message replaces. */
static const uint64_t lone_key = UINT64_C(1) << 63;

static const char *cause_text(enum mr_cause cause)
{
    switch (cause) {
    case MR_SLOW_READER:
        return "a reader was too slow, and a queue on the way was full";
    case MR_LINK:
        return "a connection broke";
    case MR_BROKER:
        return "a broker or agent stopped";
    case MR_EXPIRED:
        return "it waited longer than its expiry";
    case MR_RIGHTS:
        return "the rights forbid it";
    default:
        return "lost on the way";
    }
}

/* -- the ring -- */
static void mark_ready(struct mr_sub *s)
{
    if (s->fn && s->state != SUB_CLOSED && !list_is_linked(&s->in_ready))
        list_push_back(&s->bus->ready_subs, &s->in_ready);
}

static struct sub_loss *loss_of(struct mr_sub *s, const struct blob *publisher)
{
    for (uint32_t i = 0; i < s->n_losses; i++)
        if (s->losses[i].publisher == publisher)
            return &s->losses[i];
    return NULL;
}

/* More publishers than there is room for are told together, as anyone's. */
static void owe_loss(struct mr_sub *s, struct blob *publisher, uint64_t count)
{
    mark_ready(s);
    struct sub_loss *loss = loss_of(s, publisher);
    if (!loss && s->n_losses >= SUB_LOSSES_MAX - 1 && publisher) {
        publisher = NULL;
        loss = loss_of(s, NULL);
    }
    if (!loss) {
        loss = &s->losses[s->n_losses++];
        *loss = (struct sub_loss){.publisher = publisher ? blob_ref(publisher) : NULL, .count = count};
        return;
    }
    loss->count = loss->count && count ? loss->count + count : 0;
}

/* The word of a broken link stays one, though its place is lost: what follows may be incomplete until the next. */
static void owe_span(struct mr_sub *s)
{
    owe_loss(s, NULL, 0);
    struct sub_loss *anyones = loss_of(s, NULL);
    if (anyones)
        anyones->is_span = true;
}

void sub_note_dropped(struct mr_sub *s, struct blob *publisher, uint64_t count)
{
    s->bus->stats.lost += count;
    owe_loss(s, publisher, count);
}

static void drop(void *user, const struct ring_item *item)
{
    struct mr_sub *s = user;
    struct message *m = blob_object(item->frame);
    if (m->msg.kind == MR_SNAPSHOT_END)
        s->owes_end = true;
    else if (m->call)
        serve_dropped(s->bus, m->call);
    else if (s->state != SUB_CLOSED && m->msg.kind == MR_LOSS && !m->publisher && m->msg.cause == MR_LINK)
        owe_span(s);
    else if (s->state != SUB_CLOSED && m->msg.kind == MR_LOSS)
        owe_loss(s, m->publisher, m->msg.cause == MR_SLOW_READER ? m->msg.count : 0); /* no bound passes for exact */
    else if (s->state != SUB_CLOSED)
        sub_note_dropped(s, m->publisher, 1);
    message_unref(m, &s->bus->budget);
}

/* One message out of the ring, its reference the caller's. */
static struct message *take_kept(struct mr_sub *s)
{
    struct ring_item item;
    if (!ring_take(s->ring, &item))
        return NULL;
    blob_unref(item.frame); /* the message holds one of its own */
    return blob_object(item.frame);
}

/* The handle's memory is the other bound: what is oldest here makes room, as if the ring were full. */
static struct message *keep(struct mr_sub *s, const struct message *view)
{
    struct mr_bus *b = s->bus;
    struct message *kept;
    while (!(kept = message_keep(view, &b->budget))) {
        struct ring_item item;
        const struct ring_item *oldest = ring_peek(s->ring);
        if (!oldest || s->policy == MR_CUT_OFF || !ring_take(s->ring, &item))
            return NULL;
        drop(s, &item);
        blob_unref(item.frame);
    }
    return kept;
}

static void refuse(struct mr_sub *s, const struct message *view)
{
    if (s->policy == MR_CUT_OFF && s->kind == INTEREST_SUBSCRIBE)
        sub_finish(s, MR_SLOW_READER, "the subscription was read too slowly, and was to be cut off then");
    else if (view->call)
        serve_dropped(s->bus, view->call);
    else
        sub_note_dropped(s, view->publisher, 1);
}

static void push(struct mr_sub *s, const struct message *view, uint64_t key)
{
    struct message *kept = keep(s, view);
    mark_ready(s);
    if (!kept) {
        refuse(s, view);
        return;
    }
    const struct ring_item item = {.frame = kept->home, .key = key ? key : lone_key | ++s->bus->next_key};
    enum ring_push pushed = ring_push(s->ring, &item);
    if (pushed == RING_QUEUED || pushed == RING_DROPPED)
        return;
    refuse(s, view);
    message_unref(kept, &s->bus->budget);
}

/* -- to the program -- */
static void call(struct mr_sub *s, const struct message *m)
{
    bus_begin_callback(s->bus);
    s->fn(s->user, &m->msg);
    bus_end_callback(s->bus);
}

static bool is_direct(const struct mr_sub *s)
{
    const struct mr_bus *b = s->bus;
    return s->fn && b->in_dispatch && b->calls_left && !b->in_callback && !s->n_losses && !s->owes_end &&
           ring_frames(s->ring) == 0;
}

/* The filter stands in for a topic where there is none. */
static struct message with_filter(const struct mr_sub *s, const struct message *view)
{
    struct message m = *view;
    if (!m.topic) {
        m.topic = s->filter;
        m.msg.topic = text_of(s->filter);
    }
    return m;
}

void sub_deliver(struct mr_sub *s, const struct message *view, uint64_t key)
{
    if (!sub_is_live(s))
        return;
    const bool is_notice = view->msg.kind == MR_LOSS || view->msg.kind == MR_SNAPSHOT_END;
    const struct message m = is_notice ? with_filter(s, view) : *view;
    if (!is_notice)
        s->bus->stats.received++;
    if (is_direct(s))
        call(s, &m);
    else
        push(s, &m, key);
}

static struct message loss_view(struct mr_sub *s, struct blob *publisher, uint64_t count, enum mr_cause cause)
{
    return (struct message){.msg = {.kind = MR_LOSS,
                                    .topic = text_of(s->filter),
                                    .publisher = text_of(publisher),
                                    .source_us = MR_NO_TIME,
                                    .agent_us = MR_NO_TIME,
                                    .broker_us = MR_NO_TIME,
                                    .count = count,
                                    .cause = cause,
                                    .text = cause_text(cause)},
                            .bus = s->bus,
                            .topic = s->filter,
                            .publisher = publisher};
}

void sub_tell_loss(struct mr_sub *s, const struct peer *publisher, const char *via, uint64_t count, enum mr_cause cause)
{
    char text[VIA_TEXT_SIZE];
    if (s->kind != INTEREST_SUBSCRIBE || s->snapshot_only)
        return;
    s->bus->stats.lost += count;
    struct message view = loss_view(s, publisher ? publisher->text : NULL, count, cause);
    if (*via) {
        snprintf(text, sizeof text, "%s: all that comes by way of '%s'", view.msg.text, via);
        view.msg.text = text;
    }
    sub_deliver(s, &view, 0);
}

static struct message end_view(const struct mr_sub *s, enum mr_kind kind)
{
    struct message view = {.msg = {.kind = kind,
                                   .topic = text_of(s->filter),
                                   .source_us = MR_NO_TIME,
                                   .agent_us = MR_NO_TIME,
                                   .broker_us = MR_NO_TIME},
                           .bus = s->bus,
                           .topic = s->filter};
    if (kind == MR_ENDED) {
        view.msg.cause = s->end_cause;
        view.msg.text = s->end_text ? text_of(s->end_text) : cause_text(s->end_cause);
    }
    return view;
}

void sub_tell_end(struct mr_sub *s)
{
    const struct message view = end_view(s, MR_SNAPSHOT_END);
    sub_deliver(s, &view, 0);
}

void sub_finish(struct mr_sub *s, enum mr_cause cause, const char *text)
{
    if (!sub_is_live(s))
        return;
    sub_take_back(s);
    s->state = SUB_ENDING;
    s->end_cause = cause;
    s->end_text = text_new(text, strlen(text)); /* without memory the cause speaks for itself */
    s->bus->sub_epoch++;
    mark_ready(s);
}

/* What was never in the ring is written where the subscription keeps it until the next call. */
static const struct message *take_notice(struct mr_sub *s)
{
    if (s->n_losses) {
        const struct sub_loss loss = s->losses[0];
        memmove(s->losses, s->losses + 1, --s->n_losses * sizeof loss);
        s->notice = loss_view(s, loss.publisher, loss.count, loss.is_span ? MR_LINK : MR_SLOW_READER);
        if (loss.is_span)
            s->notice.msg.text = "a connection broke: all that comes by way of a broker, and this was read too slowly";
        s->told_publisher = loss.publisher;
        return &s->notice;
    }
    if (s->owes_end) {
        s->owes_end = false;
        s->notice = end_view(s, MR_SNAPSHOT_END);
        return &s->notice;
    }
    return NULL;
}

static void let_go(struct mr_sub *s)
{
    if (s->current)
        message_unref(s->current, &s->bus->budget);
    s->current = NULL;
    blob_unref(s->told_publisher);
    s->told_publisher = NULL;
}

enum mr_rc sub_take(struct mr_sub *s, const struct message **ret)
{
    let_go(s);
    *ret = take_notice(s);
    if (*ret)
        return MR_OK;
    s->current = take_kept(s);
    if (s->current) {
        *ret = s->current;
        return MR_OK;
    }
    if (s->state == SUB_ENDED)
        return MR_CLOSED;
    if (s->state != SUB_ENDING)
        return MR_WOULD_BLOCK;
    s->state = SUB_ENDED;
    s->notice = end_view(s, MR_ENDED);
    *ret = &s->notice;
    return MR_OK;
}

bool sub_run_next(struct mr_sub *s)
{
    const struct message *m;
    if (sub_take(s, &m))
        return false;
    call(s, m);
    if (s->state != SUB_CLOSED)
        let_go(s);
    return true;
}

/* -- life -- */
static void free_sub(struct mr_sub *s)
{
    struct mr_bus *b = s->bus;
    let_go(s);
    if (s->ring) {
        ring_clear(s->ring); /* drop() gives the messages back */
        ring_free(s->ring);
    }
    for (uint32_t i = 0; i < s->n_losses; i++)
        blob_unref(s->losses[i].publisher);
    list_remove(&s->in_bus);
    list_remove(&s->in_ready);
    blob_unref(s->filter);
    blob_unref(s->end_text);
    mem_free(s->full);
    mem_free(s->group);
    budget_free(&b->budget, s, sizeof *s);
}

static enum mr_rc fill(struct mr_sub *s, const struct sub_conf *conf)
{
    const struct mr_sub_opt *opt = conf->opt;
    const struct ring_options ring = {.policy = opt->policy,
                                      .max_frames = RING_FRAMES_MAX,
                                      .max_bytes = opt->max_bytes ? opt->max_bytes : SUBSCRIPTION_RING_BYTES,
                                      .on_drop = drop,
                                      .user = s};
    s->filter = text_new(conf->filter, strlen(conf->filter));
    if (!s->filter)
        return MR_NO_MEMORY;
    if (opt->group && !(s->group = mem_strndup(opt->group, strlen(opt->group))))
        return MR_NO_MEMORY;
    return ring_new(&s->ring, &ring);
}

enum mr_rc sub_new(struct mr_bus *b, const struct sub_conf *conf, struct mr_sub **ret)
{
    static const struct mr_sub_opt defaults = {.size = sizeof defaults};
    struct sub_conf filled = *conf;
    filled.opt = conf->opt ? conf->opt : &defaults;
    struct mr_sub *s = budget_alloc(&b->budget, sizeof *s);
    if (!s)
        return reason_plain(MR_NO_MEMORY);
    s->bus = b;
    s->kind = conf->kind;
    s->policy = filled.opt->policy;
    s->no_snapshot = filled.opt->no_snapshot;
    s->snapshot_only = filled.opt->snapshot_only;
    s->with_backfill = filled.opt->with_backfill;
    s->fn = conf->fn;
    s->user = conf->user;
    list_init(&s->in_bus);
    list_init(&s->in_ready);
    enum mr_rc rc = fill(s, &filled);
    if (rc) {
        free_sub(s);
        return reason_plain(rc);
    }
    s->entry = ++b->next_entry;
    list_push_back(&b->subs, &s->in_bus);
    b->n_subs++;
    b->sub_epoch++;
    sub_ask(s);
    *ret = s;
    return MR_OK;
}

void sub_close(struct mr_sub *s)
{
    struct mr_bus *b = s->bus;
    sub_take_back(s);
    s->state = SUB_CLOSED;
    list_remove(&s->in_ready);
    b->n_subs--;
    b->sub_epoch++;
    b->has_closed_subs = true;
    if (!b->in_dispatch)
        subs_reap(b);
}

void subs_reap(struct mr_bus *b)
{
    struct list *at, *after;
    if (!b->has_closed_subs)
        return;
    b->has_closed_subs = false;
    LIST_EACH(at, after, &b->subs)
    {
        struct mr_sub *s = container_of(at, struct mr_sub, in_bus);
        if (s->state != SUB_CLOSED)
            continue;
        heard_forget_sub(b, s);
        free_sub(s);
    }
}

void subs_free(struct mr_bus *b)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->subs)
    {
        struct mr_sub *s = container_of(at, struct mr_sub, in_bus);
        s->state = SUB_CLOSED;
        free_sub(s);
    }
}
