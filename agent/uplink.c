/* uplink.c - one connection to one broker at a time, with patience. */
#include "agent/uplink.h"
#include "base/err.h"
#include "base/io/zdial.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/lanes.h"
#include <stdio.h>
#include <string.h>

enum { AGENTS_RANK = 3 };

static const int64_t ns_per_ms = 1000000;

struct candidate {
    const struct directory_broker *broker;
    int64_t not_before_ns;
    uint32_t hang_ups; /* in a row */
};

struct uplink {
    struct uplink_options options;
    struct candidate candidates[BROKERS_MAX]; /* in random order */
    size_t at;                                /* tried last */
    struct zdial *dial;
    uint32_t port; /* 0: none */
    bool is_up;    /* a Welcome came on it */
    bool is_dirty, is_over, is_reborn, is_changed, is_stopping, is_refused;
    bool was_refused;  /* at the end that was told last */
    bool is_sent_away; /* this broker stops: another one is asked at once */
    uint32_t wait_ms;  /* until this broker is tried again, as it or its refusal asked */
    struct err why;
};

static int64_t now_ns(const struct uplink *u)
{
    return loop_now_ns(u->options.loop);
}

/* -- ends and waiting ------------------------------------------------------------------------------------------------ */
/* The first of the list that may be tried now, beginning behind the last one; else the one that may be soonest. */
static size_t next_candidate(const struct uplink *u)
{
    size_t best = (u->at + 1) % u->options.n_brokers;
    for (size_t i = 0; i < u->options.n_brokers; i++) {
        size_t k = (u->at + 1 + i) % u->options.n_brokers;
        if (u->candidates[k].not_before_ns <= now_ns(u))
            return k;
        if (u->candidates[k].not_before_ns < u->candidates[best].not_before_ns)
            best = k;
    }
    return best;
}

static void wait_for_next(struct uplink *u)
{
    bool is_sent_away = u->is_sent_away;
    u->candidates[u->at].not_before_ns = now_ns(u) + u->wait_ms * ns_per_ms;
    u->wait_ms = 0;
    u->is_sent_away = false;
    u->at = next_candidate(u);
    if (is_sent_away && u->candidates[u->at].not_before_ns <= now_ns(u))
        zdial_now(u->dial);
    else
        zdial_again(u->dial, u->candidates[u->at].not_before_ns);
}

static void leave_hub(struct uplink *u)
{
    if (u->port)
        hub_close(u->options.hub, u->port);
    u->port = 0;
    u->is_over = false;
}

/* The attempt or session is over for good; `why` says how. */
static void finish(struct uplink *u)
{
    if (u->is_stopping)
        return;
    if (u->is_reborn) { /* the same broker again, at once */
        u->is_reborn = false;
        u->options.on_reborn(u->options.user);
        zdial_now(u->dial);
        return;
    }
    wait_for_next(u);
}

/* Remembers why, and logs it unless it is what was logged last. */
static void note_end(struct uplink *u, const char *words)
{
    bool is_news = u->is_up || u->is_refused != u->was_refused || strcmp(u->why.text, words) != 0;
    u->was_refused = u->is_refused;
    u->is_changed = true;
    err_set(&u->why, "%s", words);
    if (!is_news || u->is_stopping)
        return;
    if (u->is_up)
        log_event(WARN, "AGENT-UPLINK-LOST", "broker=%s reason=%s", uplink_broker(u), words);
    else if (u->is_refused)
        log_event(ERROR, "AGENT-UPLINK-REFUSED", "broker=%s reason=%s retry_ms=%u", uplink_broker(u), words,
                  u->wait_ms);
    else
        log_event(WARN, "AGENT-UPLINK-FAILED", "broker=%s reason=%s", uplink_broker(u), words);
}

static void note_session_was_up(struct uplink *u)
{
    if (u->is_up)
        zdial_succeeded(u->dial);
    u->is_up = false;
}

/* -- the connection's events ----------------------------------------------------------------------------------------- */
static void on_connected(void *user)
{
    struct uplink *u = user;
    struct err err = {{0}};
    u->is_refused = false;
    enum mr_rc rc = hub_connect(u->options.hub, uplink_broker(u), &u->port, &err);
    if (rc) {
        note_end(u, *err.text ? err.text : rc_text(rc));
        zdial_leave(u->dial, 0);
        return;
    }
    u->is_dirty = true;
}

static void on_message(void *user, const uint8_t *data, size_t len)
{
    struct uplink *u = user;
    if (u->port && !u->is_over && hub_input(u->options.hub, u->port, data, len) != MR_OK)
        u->is_over = true; /* why was told by on_over */
}

static void on_writable(void *user)
{
    struct uplink *u = user;
    u->is_dirty = true;
}

static struct blob *take(void *user)
{
    struct uplink *u = user;
    return u->port ? hub_take(u->options.hub, u->port) : NULL;
}

/* Whether people have to mend something. A broker that has more newcomers than it can serve in time hangs up just as one
 * does that has another key. */
static bool is_refusal(struct uplink *u, enum zclient_end why)
{
    struct candidate *candidate = &u->candidates[u->at];
    candidate->hang_ups = why == ZCLIENT_NOT_TRUSTED ? candidate->hang_ups + 1 : 0;
    return why == ZCLIENT_REFUSED || candidate->hang_ups >= UPLINK_HANG_UPS;
}

static void on_closed(void *user, enum zclient_end why, const char *words)
{
    struct uplink *u = user;
    bool is_about_keys = is_refusal(u, why);
    if (!u->is_over) {
        u->is_refused = is_about_keys;
        if (is_about_keys)
            u->wait_ms = zdial_refused_ms(u->dial);
        note_end(u, words);
    }
    note_session_was_up(u);
    leave_hub(u);
    finish(u);
}

static void on_left(void *user)
{
    finish(user);
}

static struct zdial_target target(void *user)
{
    const struct uplink *u = user;
    const struct directory_broker *broker = u->candidates[u->at].broker;
    return (struct zdial_target){.address = &broker->address, .server_key = broker->public_key};
}

static const struct zdial_callbacks callbacks = {.target = target,
                                                 .on_connected = on_connected,
                                                 .on_message = on_message,
                                                 .on_writable = on_writable,
                                                 .take = take,
                                                 .on_closed = on_closed,
                                                 .on_left = on_left};

/* -- the hub's events ------------------------------------------------------------------------------------------------ */
bool uplink_has(const struct uplink *u, uint32_t port)
{
    return u->port == port;
}

void uplink_on_output(struct uplink *u)
{
    u->is_dirty = true;
}

void uplink_on_over(struct uplink *u, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    bool is_for_people = rc == MR_DENIED || rc == MR_FENCED || rc == MR_INVALID;
    u->is_over = true;
    u->wait_ms = retry_ms;
    u->is_sent_away = rc == MR_CLOSED && retry_ms > 0;
    if (is_for_people && !u->is_reborn) {
        u->is_refused = rc == MR_DENIED;
        u->wait_ms = zdial_refused_ms(u->dial);
    }
    note_end(u, reason && *reason ? reason : rc_text(rc));
}

void uplink_on_up(struct uplink *u)
{
    u->is_up = true;
    u->is_changed = true;
    u->is_refused = false;
    zdial_succeeded(u->dial);
    u->why.text[0] = '\0';
    log_event(INFO, "AGENT-UPLINK-UP", "broker=%s", uplink_broker(u));
}

void uplink_on_reborn(struct uplink *u)
{
    u->is_reborn = true;
}

/* For what we have to say last to be written; a broker that ended the session itself hears nothing any more. */
static uint32_t leave_ms(const struct uplink *u)
{
    return u->is_reborn || u->is_sent_away ? 0 : UPLINK_LEAVE_MS;
}

bool uplink_flush(struct uplink *u)
{
    bool is_closed = false;
    if (u->port && (u->is_dirty || u->is_over))
        zdial_send(u->dial);
    u->is_dirty = false;
    if (u->port && u->is_over) {
        leave_hub(u);
        note_session_was_up(u);
        zdial_leave(u->dial, leave_ms(u));
        is_closed = true;
    }
    if (u->is_changed) {
        u->is_changed = false;
        u->options.on_change(u->options.user);
    }
    return is_closed;
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
static void shuffle(struct uplink *u)
{
    size_t n = u->options.n_brokers;
    for (size_t i = 0; i < n; i++)
        u->candidates[i] = (struct candidate){.broker = &u->options.brokers[i]};
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)rand_below(u->options.rand, i);
        struct candidate swapped = u->candidates[i - 1];
        u->candidates[i - 1] = u->candidates[k];
        u->candidates[k] = swapped;
    }
}

enum mr_rc uplink_new(struct uplink **ret, const struct uplink_options *options, struct err *err)
{
    const struct zdial_options dial = {.loop = options->loop,
                                       .zctx = options->zctx,
                                       .rand = options->rand,
                                       .public_key = keys_public(options->keys),
                                       .secret_key = keys_secret(options->keys),
                                       .max_message_bytes = AGENT_MAXMSGSIZE_BYTES,
                                       .high_water_frames = LANES_HIGH_WATER_FRAMES,
                                       .rank = AGENTS_RANK,
                                       .patience = {.start_ms = UPLINK_RETRY_MS,
                                                    .most_ms = UPLINK_RETRY_MAX_MS,
                                                    .quick_ms = UPLINK_QUICK_MS,
                                                    .quick_most_ms = UPLINK_QUICK_RETRY_MS,
                                                    .refused_least_ms = UPLINK_REFUSED_MS,
                                                    .refused_most_ms = UPLINK_REFUSED_MAX_MS}};
    struct uplink *u = mem_calloc(1, sizeof *u);
    enum mr_rc rc = u ? zdial_new(&u->dial, &dial, &callbacks, u) : MR_NO_MEMORY;
    if (rc) {
        err_set(err, "%s", rc_text(rc));
        mem_free(u);
        return rc;
    }
    u->options = *options;
    shuffle(u);
    *ret = u;
    return MR_OK;
}

void uplink_free(struct uplink *u)
{
    if (!u)
        return;
    zdial_free(u->dial);
    mem_free(u);
}

void uplink_start(struct uplink *u)
{
    zdial_now(u->dial);
}

void uplink_stop(struct uplink *u)
{
    u->is_stopping = true;
    if (u->port) {
        hub_bye(u->options.hub, u->port, MR_OK, "the agent stops", 0);
        u->is_over = true;
        return;
    }
    zdial_close(u->dial);
}

bool uplink_is_up(const struct uplink *u)
{
    return u->is_up;
}

bool uplink_is_idle(const struct uplink *u)
{
    return zdial_state(u->dial) == ZDIAL_IDLE;
}

bool uplink_is_refused(const struct uplink *u)
{
    return u->is_refused;
}

const char *uplink_broker(const struct uplink *u)
{
    return u->candidates[u->at].broker->name;
}

const char *uplink_why(const struct uplink *u)
{
    return u->why.text;
}
