/* handshake.c - see handshake.h: one handler per event, and a table that says in which state each may come. */
#include "proto/handshake.h"

#define IN(state) (1U << HANDSHAKE_##state)
#define NOT_OVER (IN(NEW) | IN(GREETING) | IN(ASKED) | IN(UP))

static const int64_t WAIT_NS = (int64_t)HANDSHAKE_WAIT_MS * 1000000;

static void finish(struct handshake *h)
{
    h->state = HANDSHAKE_OVER;
    h->deadline_ns = INT64_MAX;
}

/* The session ends here: the peer gets a BYE, the owner is told. */
static void fail(struct handshake *h, enum mr_rc rc, const char *reason, struct handshake_actions *out)
{
    finish(h);
    out->say_bye = true;
    out->tell_end = true;
    out->rc = rc;
    out->reason = reason;
}

static void start(struct handshake *h, const struct handshake_event *event, struct handshake_actions *out)
{
    (void)event;
    h->state = HANDSHAKE_GREETING;
    out->say_hello = true;
}

static void hello(struct handshake *h, const struct handshake_event *event, struct handshake_actions *out)
{
    if (event->session != 0 || event->oldest > event->version) {
        fail(h, MR_INVALID, "HELLO is not valid", out);
        return;
    }
    h->version = event->version < h->conf.newest ? event->version : h->conf.newest;
    if (h->version < event->oldest || h->version < h->conf.oldest) {
        fail(h, MR_INVALID, "no protocol version is spoken by both sides: update the older one", out);
        return;
    }
    h->state = HANDSHAKE_ASKED;
    out->ask_owner = true;
}

static void go_up(struct handshake *h, const struct handshake_event *event)
{
    h->session = event->session;
    h->state = HANDSHAKE_UP;
    h->deadline_ns = INT64_MAX;
}

static void accept(struct handshake *h, const struct handshake_event *event, struct handshake_actions *out)
{
    go_up(h, event);
    out->say_welcome = true;
    if (event->floor != 0)
        finish(h);
}

static void welcome(struct handshake *h, const struct handshake_event *event, struct handshake_actions *out)
{
    if (event->session == 0 || event->version > h->conf.newest || event->version < h->conf.oldest) {
        fail(h, MR_INVALID, "WELCOME is not valid", out);
        return;
    }
    h->version = event->version;
    go_up(h, event);
    out->tell_up = true;
    if (event->floor == 0)
        return;
    finish(h);
    out->tell_end = true;
    out->rc = MR_FENCED;
    out->reason = "the broker knows a later birth of this agent: it must be born again above that";
}

/* A BYE under session 0 refuses a HELLO; later it must carry the session as every frame. */
static void bye(struct handshake *h, const struct handshake_event *event, struct handshake_actions *out)
{
    if (event->session != h->session && !(h->state == HANDSHAKE_UP && event->session == 0 && h->conf.server)) {
        fail(h, MR_INVALID, "BYE carries another session's id", out);
        return;
    }
    finish(h);
    out->tell_end = true;
    out->rc = event->rc;
    out->reason = event->reason;
    out->retry_ms = event->retry_ms;
}

static void frame(struct handshake *h, const struct handshake_event *event, struct handshake_actions *out)
{
    if (h->state != HANDSHAKE_UP)
        fail(h, MR_INVALID, "a frame came before the session was up", out);
    else if (event->session != h->session)
        fail(h, MR_INVALID, "a frame carries another session's id", out);
}

static void quit(struct handshake *h, const struct handshake_event *event, struct handshake_actions *out)
{
    out->say_bye = h->state != HANDSHAKE_NEW;
    out->rc = event->rc;
    out->reason = event->reason;
    out->retry_ms = event->retry_ms;
    finish(h);
}

static void fault(struct handshake *h, const struct handshake_event *event, struct handshake_actions *out)
{
    fail(h, event->rc, event->reason, out);
}

/* Only called when the deadline has passed, so it is the wait for HELLO, for the owner or for WELCOME that is over. */
static void late(struct handshake *h, const struct handshake_event *event, struct handshake_actions *out)
{
    (void)event;
    fail(h, MR_TIMEOUT, h->conf.server ? "no session was agreed in time" : "no answer to HELLO in time", out);
}

typedef void handler(struct handshake *h, const struct handshake_event *event, struct handshake_actions *out);

/* An event where its state is not in `states` breaks a rule: the owner's own (MR_MISUSE), or the peer's. */
static const struct move {
    unsigned states;
    bool client, server; /* who gets it */
    bool owners;
    handler *handle;
} moves[HANDSHAKE_EVENTS] = {
    [HANDSHAKE_START] = {IN(NEW), true, false, true, start},
    [HANDSHAKE_HELLO] = {IN(NEW), false, true, false, hello},
    [HANDSHAKE_ACCEPT] = {IN(ASKED), false, true, true, accept},
    [HANDSHAKE_WELCOME] = {IN(GREETING), true, false, false, welcome},
    [HANDSHAKE_BYE] = {NOT_OVER, true, true, false, bye},
    [HANDSHAKE_FRAME] = {NOT_OVER, true, true, false, frame},
    [HANDSHAKE_QUIT] = {NOT_OVER, true, true, true, quit},
    [HANDSHAKE_FAULT] = {NOT_OVER, true, true, false, fault},
    [HANDSHAKE_TICK] = {NOT_OVER, true, true, false, late},
};

void handshake_init(struct handshake *h, const struct handshake_conf *conf, int64_t now_ns)
{
    *h = (struct handshake){.conf = *conf, .deadline_ns = now_ns + WAIT_NS};
}

enum mr_rc handshake_step(struct handshake *h, const struct handshake_event *event, int64_t now_ns,
                          struct handshake_actions *ret)
{
    const struct move *move = &moves[event->kind];
    bool is_allowed = (move->states & (1U << h->state)) && (h->conf.server ? move->server : move->client);

    *ret = (struct handshake_actions){.rc = MR_OK};
    if (!is_allowed && move->owners)
        return MR_MISUSE;
    if (h->state == HANDSHAKE_OVER || (event->kind == HANDSHAKE_TICK && now_ns < h->deadline_ns))
        return MR_OK;
    if (event->kind == HANDSHAKE_ACCEPT && event->session == 0)
        return MR_MISUSE;
    if (is_allowed)
        move->handle(h, event, ret);
    else
        fail(h, MR_INVALID, "HELLO or WELCOME came where none is due", ret);
    return MR_OK;
}
