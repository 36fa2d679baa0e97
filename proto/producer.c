/* producer.c - see producer.h: one handler per event, and a table that says in which state each means something. */
#include "proto/producer.h"

#define IN(state) (1U << PRODUCER_##state)
#define LINKED (IN(SETTLING) | IN(OPENING) | IN(CHECKING) | IN(GRANTED) | IN(RETRYING))
#define ALIVE (LINKED | IN(IDLE) | IN(RENEWING))
#define ANY (ALIVE | IN(FENCED) | IN(GONE))

static const int64_t MS = 1000000;

void producer_init(struct producer *p, const struct producer_conf *conf)
{
    *p = (struct producer){.state = conf->fenced ? PRODUCER_FENCED : PRODUCER_IDLE,
                           .birth = conf->birth,
                           .nonce = conf->nonce,
                           .front = conf->front,
                           .floor_ordinal = conf->floor_ordinal,
                           .floor_seq = conf->floor_seq,
                           .floor_chain = conf->floor_chain,
                           .floor_durable = true,
                           .deadline_ns = INT64_MAX};
}

static void enter(struct producer *p, enum producer_state state, int64_t deadline_ns)
{
    p->state = state;
    p->deadline_ns = deadline_ns;
}

/* -- towards an open -- */

static void open_now(struct producer *p, int64_t now_ns, struct producer_actions *out)
{
    enter(p, PRODUCER_OPENING, now_ns + PRODUCER_ANSWER_MS * MS);
    p->open++;
    out->send_open = true;
}

/* The floor is durable before another incarnation than its own is opened. */
static void settle(struct producer *p, int64_t now_ns, struct producer_actions *out)
{
    if (!p->link_up) {
        enter(p, PRODUCER_IDLE, INT64_MAX);
    } else if (p->floor_durable || p->floor_ordinal == p->front.ordinal) {
        open_now(p, now_ns, out);
    } else {
        enter(p, PRODUCER_SETTLING, INT64_MAX);
        out->persist_floor = true;
        out->seq = p->floor_seq;
        out->chain = p->floor_chain;
    }
}

/* Nothing more is written under this incarnation: its records come back RECOVERED under a new one. */
static void renew(struct producer *p, bool alarm, uint64_t above_birth, struct producer_actions *out)
{
    enter(p, PRODUCER_RENEWING, INT64_MAX);
    out->stop = true;
    out->renew = true;
    out->alarm = alarm;
    out->ordinal = p->front.ordinal;
    out->birth = above_birth;
}

/* -- the answer to an open -- */

static void move_floor(struct producer *p, uint64_t seq, uint64_t chain, struct producer_actions *out)
{
    bool has_moved = p->floor_ordinal != p->front.ordinal || p->floor_seq != seq;

    p->floor_ordinal = p->front.ordinal;
    p->floor_seq = seq;
    p->floor_chain = chain;
    if (has_moved)
        p->floor_durable = false;
    out->free_to = true;
    out->seq = seq;
    out->chain = chain;
}

static void grant(struct producer *p, struct producer_actions *out)
{
    enter(p, PRODUCER_GRANTED, INT64_MAX);
    p->epoch = p->answer.epoch;
    p->sent_seq = p->answer.last_seq;
    move_floor(p, p->answer.last_seq, p->answer.chain, out);
    out->may_send = true;
    out->epoch = p->epoch;
}

static void compare_chain(struct producer *p, uint64_t ours, struct producer_actions *out)
{
    if (ours == p->answer.chain)
        grant(p, out);
    else
        renew(p, true, 0, out);
}

/* Could the stream's last be ours? What was given a number by an older start of this agent may be committed and forgotten
 * here (`outage`), so only the newest incarnation's last must be below its next. */
static void judge(struct producer *p, struct producer_actions *out)
{
    bool has_floor = p->floor_ordinal == p->front.ordinal;
    uint64_t floor = has_floor ? p->floor_seq : 0;
    uint64_t last = p->answer.last_seq;
    bool is_beyond = last >= p->front.next_seq;

    if (last < floor || (is_beyond && p->front.newest)) {
        renew(p, true, 0, out);
    } else if (last == floor) {
        compare_chain(p, has_floor ? p->floor_chain : 0, out);
    } else if (is_beyond) {
        grant(p, out);
    } else {
        enter(p, PRODUCER_CHECKING, INT64_MAX);
        out->ask_chain = true;
        out->seq = last;
    }
}

static void taken(struct producer *p, uint64_t holder, int64_t now_ns, struct producer_actions *out)
{
    out->stop = true;
    if (holder == p->nonce) {
        open_now(p, now_ns, out); /* overtaken by an open of our own */
        return;
    }
    enter(p, PRODUCER_FENCED, INT64_MAX);
    out->stay_down = true;
    out->nonce = holder;
}

static void retry(struct producer *p, uint32_t retry_ms, int64_t now_ns, struct producer_actions *out)
{
    enter(p, PRODUCER_RETRYING, now_ns + (retry_ms ? retry_ms : PRODUCER_RETRY_MS) * MS);
    out->stop = true;
}

static void deleted(struct producer *p, struct producer_actions *out)
{
    enter(p, PRODUCER_GONE, INT64_MAX);
    out->stop = true;
    out->quarantine = true;
}

/* While granted, a refusal answers a batch; a second OK answers an open that was thought lost, and means nothing. */
static enum mr_rc on_opened(struct producer *p, const struct producer_event *e, int64_t now_ns,
                            struct producer_actions *out)
{
    switch (e->answer.verdict) {
    case PRODUCER_OK:
        if (p->state != PRODUCER_OPENING)
            return MR_OK;
        p->answer = e->answer;
        judge(p, out);
        return MR_OK;
    case PRODUCER_SEALED:
        renew(p, p->front.left || p->front.newest, 0, out);
        return MR_OK;
    case PRODUCER_REFUSED:
        renew(p, true, e->answer.birth, out);
        return MR_OK;
    case PRODUCER_TAKEN:
        taken(p, e->answer.holder_nonce, now_ns, out);
        return MR_OK;
    case PRODUCER_RETRY:
        retry(p, e->answer.retry_ms, now_ns, out);
        return MR_OK;
    case PRODUCER_DELETED:
        deleted(p, out);
        return MR_OK;
    }
    return MR_INVALID;
}

/* -- the other events -- */

static enum mr_rc on_link_up(struct producer *p, const struct producer_event *e, int64_t now_ns,
                             struct producer_actions *out)
{
    (void)e;
    if (p->link_up)
        return MR_MISUSE;
    p->link_up = true;
    if (p->state == PRODUCER_IDLE)
        settle(p, now_ns, out);
    return MR_OK;
}

static enum mr_rc on_link_down(struct producer *p, const struct producer_event *e, int64_t now_ns,
                               struct producer_actions *out)
{
    (void)e;
    (void)now_ns;
    p->link_up = false;
    if (LINKED & (1U << p->state)) {
        out->stop = p->state == PRODUCER_GRANTED;
        enter(p, PRODUCER_IDLE, INT64_MAX);
    }
    return MR_OK;
}

static enum mr_rc on_floor_durable(struct producer *p, const struct producer_event *e, int64_t now_ns,
                                   struct producer_actions *out)
{
    if (e->seq < p->floor_seq)
        return MR_OK;
    p->floor_durable = true;
    if (p->state == PRODUCER_SETTLING)
        open_now(p, now_ns, out);
    return MR_OK;
}

static enum mr_rc on_chain(struct producer *p, const struct producer_event *e, int64_t now_ns,
                           struct producer_actions *out)
{
    (void)now_ns;
    if (e->known)
        compare_chain(p, e->chain, out);
    else
        grant(p, out); /* a hole: what stood there was in memory only */
    return MR_OK;
}

static enum mr_rc on_sent(struct producer *p, const struct producer_event *e, int64_t now_ns,
                          struct producer_actions *out)
{
    (void)now_ns;
    (void)out;
    if (e->seq <= p->sent_seq || e->seq >= p->front.next_seq)
        return MR_MISUSE;
    p->sent_seq = e->seq;
    return MR_OK;
}

static enum mr_rc on_acked(struct producer *p, const struct producer_event *e, int64_t now_ns,
                           struct producer_actions *out)
{
    (void)now_ns;
    if (e->epoch != p->epoch || e->seq <= p->floor_seq)
        return MR_OK;
    if (e->seq > p->sent_seq)
        return MR_INVALID;
    move_floor(p, e->seq, e->chain, out);
    return MR_OK;
}

static enum mr_rc on_numbered(struct producer *p, const struct producer_event *e, int64_t now_ns,
                              struct producer_actions *out)
{
    (void)now_ns;
    (void)out;
    if (!p->front.newest || e->front.next_seq < p->front.next_seq)
        return MR_MISUSE;
    p->front.left |= e->front.next_seq > p->front.next_seq;
    p->front.next_seq = e->front.next_seq;
    return MR_OK;
}

static enum mr_rc on_drained(struct producer *p, const struct producer_event *e, int64_t now_ns,
                             struct producer_actions *out)
{
    if (p->front.newest || e->front.ordinal <= p->front.ordinal)
        return MR_MISUSE;
    p->front = e->front;
    out->stop = p->state == PRODUCER_GRANTED;
    if (p->state != PRODUCER_IDLE)
        settle(p, now_ns, out);
    return MR_OK;
}

static enum mr_rc on_renewed(struct producer *p, const struct producer_event *e, int64_t now_ns,
                             struct producer_actions *out)
{
    if (e->front.ordinal <= p->front.ordinal || (e->birth && e->birth < p->birth))
        return MR_MISUSE;
    p->front = e->front;
    if (e->birth)
        p->birth = e->birth;
    p->floor_ordinal = p->front.ordinal;
    p->floor_seq = p->floor_chain = 0;
    p->floor_durable = true;
    settle(p, now_ns, out);
    return MR_OK;
}

static enum mr_rc on_tick(struct producer *p, const struct producer_event *e, int64_t now_ns,
                          struct producer_actions *out)
{
    (void)e;
    if (now_ns < p->deadline_ns)
        return MR_OK;
    if (p->state == PRODUCER_OPENING)
        open_now(p, now_ns, out);
    else
        settle(p, now_ns, out);
    return MR_OK;
}

typedef enum mr_rc handler(struct producer *p, const struct producer_event *e, int64_t now_ns,
                           struct producer_actions *out);

/* In another state the event is the owner's mistake, or came too late and means nothing. */
static const struct move {
    unsigned states;
    bool may_be_late;
    handler *handle;
} moves[PRODUCER_EVENTS] = {
    [PRODUCER_LINK_UP] = {ANY, false, on_link_up},
    [PRODUCER_LINK_DOWN] = {ANY, false, on_link_down},
    [PRODUCER_FLOOR_DURABLE] = {ANY, true, on_floor_durable},
    [PRODUCER_OPENED] = {IN(OPENING) | IN(GRANTED), true, on_opened},
    [PRODUCER_CHAIN] = {IN(CHECKING), true, on_chain},
    [PRODUCER_SENT] = {IN(GRANTED), false, on_sent},
    [PRODUCER_ACKED] = {IN(GRANTED), true, on_acked},
    [PRODUCER_NUMBERED] = {ANY, false, on_numbered},
    [PRODUCER_DRAINED] = {LINKED | IN(IDLE), false, on_drained},
    [PRODUCER_RENEWED] = {IN(RENEWING), false, on_renewed},
    [PRODUCER_TICK] = {ANY, true, on_tick},
};

enum mr_rc producer_step(struct producer *p, const struct producer_event *event, int64_t now_ns,
                         struct producer_actions *ret)
{
    const struct move *move = &moves[event->kind];

    *ret = (struct producer_actions){.stop = false};
    if (!(move->states & (1U << p->state)))
        return move->may_be_late ? MR_OK : MR_MISUSE;
    return move->handle(p, event, now_ns, ret);
}

int64_t producer_deadline(const struct producer *p)
{
    return p->deadline_ns;
}
