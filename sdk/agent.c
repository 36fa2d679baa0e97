/* agent.c - the session with the agent: looked for, greeted, lost, looked for again; the handle outlives them all. */
#include <string.h>

#include "base/mem.h"
#include "sdk/bus_private.h"

enum {
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MOST_MS = 2000,
    READS_PER_TURN = 16,               /* so that a busy agent does not keep the program from its callbacks */
    SESSION_QUEUED_BYTES = 1024 * 1024 /* a bound; the outbox keeps far below it */
};

/* -- events of the session -- */
static void set_state(struct mr_bus *b, enum agent_state state)
{
    if ((b->agent.state == AGENT_UP) != (state == AGENT_UP))
        b->is_state_due = true;
    __atomic_store_n(&b->agent.state, state, __ATOMIC_RELAXED);
}

static void take_cluster(struct mr_bus *b, const struct session_state *state)
{
    struct agent *a = &b->agent;
    bool was_up = a->cluster_up;
    a->cluster_up = state->cluster_up;
    a->degraded = state->degraded;
    if (state->cluster_up)
        a->isolated_since_us = 0;
    else if (state->isolated_since_us)
        a->isolated_since_us = state->isolated_since_us;
    else if (was_up || a->isolated_since_us == 0)
        a->isolated_since_us = clock_real_us(&b->clock);
    b->is_state_due = true;
}

static void on_state(void *user, const struct session_state *state)
{
    take_cluster(user, state);
}

static bool replace_text(char **text, const char *with)
{
    char *copy = mem_strndup(with, strlen(with));
    if (!copy)
        return false;
    mem_free(*text);
    *text = copy;
    return true;
}

static void on_welcome(void *user, const struct session_welcome *welcome)
{
    struct mr_bus *b = user;
    struct agent *a = &b->agent;
    bool is_new_path = !a->path || strcmp(a->path, welcome->path) != 0;
    if (!replace_text(&a->identity, welcome->identity) || !replace_text(&a->path, welcome->path)) {
        agent_must(b, MR_NO_MEMORY);
        return;
    }
    bool is_another = a->nonce && a->nonce != welcome->nonce;
    a->inbox = welcome->inbox;
    a->nonce = welcome->nonce;
    a->backoff_ms = BACKOFF_FIRST_MS;
    set_state(b, AGENT_UP);
    take_cluster(b, &welcome->state);
    session_set_clock(a->session, clock_real_us(&b->clock) - bus_now_ns(b) / NS_PER_US, CLOCK_UNKNOWN);
    outbox_begin(b);
    devices_begin(b);
    topics_begin(b);
    if (is_another)
        tags_begin_anew(b);
    subs_begin(b, is_new_path);
}

/* Refused before it was welcome: coming again would change nothing. */
static bool is_final(const struct agent *a, enum mr_rc rc)
{
    return a->state == AGENT_GREETING && (rc == MR_INVALID || rc == MR_DENIED);
}

static void on_end(void *user, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct mr_bus *b = user;
    struct agent *a = &b->agent;
    a->is_over = true;
    a->end_rc = rc;
    err_set(&a->why, "the agent at %s ended the session: %s", b->settings.socket, *reason ? reason : rc_text(rc));
    if (is_final(a, rc))
        set_state(b, AGENT_FINISHED);
    else if (retry_ms > a->backoff_ms)
        a->backoff_ms = retry_ms < BACKOFF_MOST_MS ? retry_ms : BACKOFF_MOST_MS;
}

static const struct session_events events = {
    .on_welcome = on_welcome,
    .on_end = on_end,
    .on_state = on_state,
    .on_topic = receive_on_topic,
    .on_publisher = receive_on_publisher,
    .on_opened = topics_on_opened,
    .on_birth = receive_on_birth,
    .on_death = receive_on_death,
    .on_interest_refused = subs_on_refused,
    .on_interest_acked = subs_on_acked,
    .on_snapshot_end = subs_on_snapshot_end,
    .on_loss = receive_on_loss,
    .on_batch = receive_on_batch,
    .on_transfer = incoming_on_transfer,
    .on_chunk = incoming_on_chunk,
    .on_error = topics_on_error,
};

/* -- beginning and end -- */
void agent_init(struct mr_bus *b)
{
    b->agent.backoff_ms = BACKOFF_FIRST_MS;
    b->agent.retry_ns = bus_now_ns(b);
    b->agent.isolated_since_us = clock_real_us(&b->clock);
    b->is_state_due = true;
    err_set(&b->agent.why, "the agent at %s has not been looked for yet", b->settings.socket);
    link_init(&b->agent.link, &b->transport);
}

static void drop_session(struct mr_bus *b)
{
    struct agent *a = &b->agent;
    poller_unwatch(&b->poller);
    link_close(&a->link);
    session_free(a->session);
    a->session = NULL;
    a->is_over = a->is_blocked = false;
}

void agent_fini(struct mr_bus *b)
{
    drop_session(b);
    set_state(b, AGENT_AWAY); /* what is freed after this sends nothing more */
    mem_free(b->agent.identity);
    mem_free(b->agent.path);
}

/* Half of the time is drawn, so that a machine's apps do not come back all at once. */
static void come_again_later(struct mr_bus *b)
{
    struct agent *a = &b->agent;
    uint32_t half = a->backoff_ms / 2;
    a->retry_ns = bus_now_ns(b) + (half + (int64_t)rand_below(b->rand, half + 1)) * NS_PER_MS;
    a->backoff_ms = a->backoff_ms * 2 < BACKOFF_MOST_MS ? a->backoff_ms * 2 : BACKOFF_MOST_MS;
}

static void end_session(struct mr_bus *b)
{
    struct agent *a = &b->agent;
    bool was_up = a->state == AGENT_UP;
    drop_session(b);
    if (a->state != AGENT_FINISHED)
        set_state(b, AGENT_AWAY);
    if (a->cluster_up)
        a->isolated_since_us = clock_real_us(&b->clock);
    a->cluster_up = a->degraded = false;
    if (was_up) {
        outbox_end(b);
        topics_end(b);
        requests_end(b);
        serve_end(b);
        subs_end(b);
        incoming_end(b);
        receive_end(b);
        heard_end(b);
    }
    come_again_later(b);
}

void agent_lose(struct mr_bus *b, enum mr_rc rc, const char *why)
{
    b->agent.is_over = true;
    b->agent.end_rc = rc;
    err_set(&b->agent.why, "%s", why);
}

void agent_must(struct mr_bus *b, enum mr_rc rc)
{
    struct agent *a = &b->agent;
    if (!rc || !a->session)
        return;
    b->is_undone = true;
    if (a->is_over)
        return;
    session_bye(a->session, rc, rc_text(rc), 0);
    agent_lose(b, rc, rc_text(rc));
}

static enum mr_rc begin_session(struct mr_bus *b)
{
    struct agent *a = &b->agent;
    const struct session_conf conf = {
        .role = SESSION_CLIENT,
        .hello = {.kind = PEER_KIND_APP, .name = b->settings.app, .nonce = rand_u64(b->rand)},
        .max_queued_bytes = SESSION_QUEUED_BYTES,
        .rand = b->rand,
        .events = &events,
        .user = b,
    };
    enum mr_rc rc = session_new(&a->session, &conf, bus_now_ns(b), &a->why);
    if (!rc)
        rc = poller_watch(&b->poller, b->transport.fd ? b->transport.fd(a->link.connection) : -1);
    return rc;
}

static void look_for_agent(struct mr_bus *b)
{
    struct agent *a = &b->agent;
    enum mr_rc rc = link_open(&a->link, b->settings.socket, &a->why);
    if (!rc)
        rc = begin_session(b);
    if (rc) {
        drop_session(b);
        come_again_later(b);
        return;
    }
    if (a->generation++ == 0)
        err_set(&a->why, "an agent listens at %s, but does not answer", b->settings.socket);
    set_state(b, AGENT_GREETING);
}

void agent_bye(struct mr_bus *b)
{
    if (b->agent.session)
        session_bye(b->agent.session, MR_OK, "closed", 0);
}

/* -- the turn -- */
static void receive(struct mr_bus *b, int64_t now_ns)
{
    struct agent *a = &b->agent;
    for (int i = 0; i < READS_PER_TURN && !a->is_over; i++) {
        if (b->in_dispatch && b->calls_left == 0) {
            b->is_undone = true;
            return;
        }
        enum mr_rc rc = link_receive(&a->link, a->session, now_ns);
        if (rc == MR_WOULD_BLOCK)
            return;
        if (rc && !a->is_over)
            agent_lose(b, rc, "the connection to the agent broke");
    }
    b->is_undone = true;
}

void agent_step(struct mr_bus *b, int64_t now_ns)
{
    struct agent *a = &b->agent;
    if (a->state == AGENT_AWAY && now_ns >= a->retry_ns)
        look_for_agent(b);
    if (!a->session)
        return;
    if (!a->is_over)
        receive(b, now_ns);
    if (!a->is_over && session_deadline(a->session) <= now_ns)
        session_tick(a->session, now_ns);
    if (!a->is_over)
        return;
    (void)!link_send(&a->link, a->session, now_ns); /* a BYE, if there is room for it */
    end_session(b);
}

void agent_send(struct mr_bus *b, int64_t now_ns)
{
    struct agent *a = &b->agent;
    if (!a->session || a->is_over)
        return;
    enum mr_rc rc = link_send(&a->link, a->session, now_ns);
    a->is_blocked = rc == MR_WOULD_BLOCK;
    if (rc && rc != MR_WOULD_BLOCK) {
        agent_lose(b, rc, "the connection to the agent broke");
        b->is_undone = true;
    }
}

int64_t agent_deadline(const struct mr_bus *b)
{
    const struct agent *a = &b->agent;
    if (a->state == AGENT_FINISHED)
        return INT64_MAX;
    if (!a->session)
        return a->retry_ns;
    return a->is_over ? 0 : session_deadline(a->session);
}
