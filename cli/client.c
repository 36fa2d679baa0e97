/* client.c - see client.h. */
#include "cli/client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/io/loop.h"
#include "base/mem.h"
#include "base/text_time.h"
#include "cli/embedded.h"
#include "cli/place.h"
#include "cli/report.h"
#include "cli/terminal.h"

enum {
    AGENT_WAIT_MS = 3000,   /* for an agent that listens to answer */
    BROKER_WAIT_MS = 10000, /* for an embedded agent to reach a broker */
};

static const size_t max_bytes = (size_t)256 * 1024 * 1024; /* a table of 100,000 values and more */

struct client {
    struct place place;
    struct loop *loop;
    struct loop_signal *signals[2];
    struct loop_timer *timer;
    struct loop_fd *watch;
    struct loop_hook wake;
    struct embedded *embedded;
    struct mr_bus *bus;
    bool is_done, is_late, is_interrupted, is_closed;
    bool agent_up, cluster_up, degraded;
    int64_t isolated_since_us; /* 0: it is not */
    bool is_state_noted;
};

/* -- the loop -- */
static void on_signal(void *user)
{
    struct client *c = user;
    c->is_interrupted = true;
}

static void on_time(void *user)
{
    struct client *c = user;
    c->is_late = true;
}

static void on_readable(void *user, unsigned ready)
{
    struct client *c = user;
    (void)ready;
    if (mr_dispatch(c->bus, 0) == MR_CLOSED) {
        loop_fd_want(c->watch, 0);
        c->is_closed = true;
    }
}

static void note_state(const struct client *c, bool was_degraded)
{
    char since[TEXT_TIME_SIZE];
    text_format_time(since, c->isolated_since_us);
    if (!c->agent_up)
        report_note("the agent is gone; waiting for it (%s)", client_where(c));
    else if (!c->cluster_up)
        report_note("isolated since %s: the agent has no broker; values of other machines may be old (%s)", since,
                    client_where(c));
    else if (c->degraded)
        report_note("degraded: the agent's broker cannot reach another one; values of machines there may be old (%s)",
                    client_where(c));
    else
        report_note(was_degraded ? "the agent's broker reaches all others again (%s)"
                                 : "the agent has a broker again (%s)",
                    client_where(c));
}

static void on_state(void *user, const struct mr_state *state)
{
    struct client *c = user;
    bool changed =
        c->agent_up != state->agent_up || c->cluster_up != state->cluster_up || c->degraded != state->degraded;
    bool was_degraded = c->degraded;
    c->agent_up = state->agent_up;
    c->cluster_up = state->cluster_up;
    c->degraded = state->degraded;
    c->isolated_since_us = state->isolated_since_us;
    if (changed && c->is_state_noted)
        note_state(c, was_degraded);
}

static void on_embedded(void *user)
{
    (void)user; /* the turn that this begins looks at its state */
}

static enum mr_rc make_loop(struct client *c)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    enum mr_rc rc = loop_new(&c->loop);
    for (size_t i = 0; i < 2 && !rc; i++)
        rc = loop_signal_new(c->loop, numbers[i], on_signal, c, &c->signals[i]);
    if (!rc)
        rc = loop_timer_new(c->loop, on_time, c, &c->timer);
    return rc;
}

/* Turns the loop while is_waiting says so, within wait_ms. */
static bool wait_while(struct client *c, bool (*is_waiting)(const struct client *c), int wait_ms)
{
    c->is_late = false;
    loop_timer_start(c->timer, loop_now_ns(c->loop) + (int64_t)wait_ms * 1000000);
    while (is_waiting(c) && !c->is_late && !c->is_interrupted && !c->is_closed)
        loop_turn(c->loop, -1);
    loop_timer_stop(c->timer);
    return !is_waiting(c);
}

/* -- opening -- */
static bool is_broker_awaited(const struct client *c)
{
    return embedded_get_state(c->embedded, NULL) == EMBEDDED_CONNECTING;
}

static bool is_agent_awaited(const struct client *c)
{
    return !c->agent_up;
}

static enum mr_rc embed(struct client *c, struct err *err)
{
    struct agent_conf *conf = mem_alloc(sizeof *conf);
    if (!conf)
        return MR_NO_MEMORY;
    enum mr_rc rc = place_load_context(c->place.context, conf, err);
    loop_on_wake(c->loop, &c->wake, on_embedded, c);
    if (!rc)
        rc = embedded_new(conf, c->loop, &c->embedded, err);
    mem_free(conf);
    if (rc)
        return rc;
    struct err why = {{0}};
    terminal_progress("connecting to a broker ...");
    wait_while(c, is_broker_awaited, BROKER_WAIT_MS);
    terminal_progress(NULL);
    enum embedded_state state = embedded_get_state(c->embedded, &why);
    if (state == EMBEDDED_UP || c->is_interrupted)
        return MR_OK;
    err_set(err, "%s", *why.text ? why.text : "no broker answered");
    return state == EMBEDDED_REFUSED ? MR_DENIED : state == EMBEDDED_FAILED ? MR_INVALID : MR_ISOLATED;
}

/* There was no session in time: a call that needs one says why. */
static void say_why_not(struct client *c, struct err *err)
{
    enum { LEAST_MS = 1 };
    const struct mr_msg *msg = NULL;
    if (c->is_closed || mr_get(c->bus, "none", LEAST_MS, &msg) == MR_ISOLATED)
        err_set(err, "%s", mr_reason(c->bus));
    else
        err_set(err, "the agent answered too late");
    mr_unref(msg);
}

static enum mr_rc open_handle(struct client *c, const char *command, struct err *err)
{
    char app[64];
    const char *socket = c->embedded ? embedded_socket(c->embedded) : c->place.socket;
    snprintf(app, sizeof app, "millrace-%s", command);
    const struct mr_options options = {.size = sizeof options, .app = app, .socket = socket, .max_bytes = max_bytes};
    enum mr_rc rc = mr_open(&c->bus, &options);
    if (rc) {
        err_set(err, "%s", mr_reason(NULL));
        return rc;
    }
    mr_on_state(c->bus, on_state, c);
    rc = loop_fd_new(c->loop, mr_fd(c->bus), LOOP_READ, on_readable, c, &c->watch);
    if (rc)
        return rc;
    on_readable(c, LOOP_READ);
    if (wait_while(c, is_agent_awaited, AGENT_WAIT_MS) || c->is_interrupted)
        return MR_OK;
    say_why_not(c, err);
    return c->is_closed ? MR_CLOSED : MR_TIMEOUT;
}

/* All steps of opening, each only if the ones before it went well. */
static enum mr_rc open_steps(struct client *c, const struct args *args, struct err *err)
{
    enum mr_rc rc = place_find(args, &c->place, err);
    if (!rc)
        rc = make_loop(c);
    if (!rc && c->place.kind == PLACE_CONTEXT)
        rc = embed(c, err);
    if (!rc && !c->is_interrupted)
        rc = open_handle(c, args->command->name, err);
    return rc;
}

enum mr_rc client_try_open(const struct args *args, struct client **ret, struct client_failure *failure)
{
    struct client_failure why = {.rc = MR_NO_MEMORY};
    struct client *c = mem_calloc(1, sizeof *c);
    if (!c) {
        *failure = why;
        return MR_NO_MEMORY;
    }
    why.rc = open_steps(c, args, &why.reason);
    if (!why.rc && !c->is_interrupted) {
        *ret = c;
        return MR_OK;
    }
    why.is_interrupted = c->is_interrupted;
    why.rc = why.rc ? why.rc : MR_CLOSED;
    snprintf(why.where, sizeof why.where, "%s", c->place.words);
    client_close(c, 0);
    *failure = why;
    return why.rc;
}

enum mr_rc client_open(const struct args *args, struct client **ret, int *ret_exit)
{
    struct client_failure failure;
    enum mr_rc rc = client_try_open(args, ret, &failure);
    if (!rc)
        return MR_OK;
    *ret_exit = EXIT_INTERRUPTED;
    if (!failure.is_interrupted) {
        report_failure(failure.where, rc, "%s", failure.reason.text);
        *ret_exit = EXIT_FAILED; /* 3 and 4 are for values and answers */
    }
    return rc;
}

void client_close(struct client *client, int wait_ms)
{
    struct client *c = client;
    if (!c)
        return;
    loop_fd_free(c->watch);
    mr_close(c->bus, wait_ms);
    embedded_free(c->embedded);
    if (c->loop)
        loop_unhook(c->loop, &c->wake);
    loop_timer_free(c->timer);
    for (size_t i = 0; i < 2; i++)
        loop_signal_free(c->signals[i]);
    loop_free(c->loop);
    mem_free(c);
}

struct mr_bus *client_bus(const struct client *client)
{
    return client->bus;
}

struct loop *client_loop(const struct client *client)
{
    return client->loop;
}

const char *client_where(const struct client *client)
{
    return client->place.words;
}

static bool is_not_done(const struct client *c)
{
    return !c->is_done;
}

enum client_end client_run(struct client *client, int wait_ms)
{
    struct client *c = client;
    enum { DAY_MS = 86400000 };
    bool done;
    do {
        done = wait_while(c, is_not_done, wait_ms < 0 ? DAY_MS : wait_ms);
    } while (wait_ms < 0 && c->is_late && !done);
    c->is_done = false;
    if (done)
        return CLIENT_DONE;
    if (c->is_interrupted)
        return CLIENT_INTERRUPTED;
    if (c->is_closed) {
        report_failure(client_where(c), MR_CLOSED, "%s", mr_reason(c->bus));
        return CLIENT_CLOSED;
    }
    return CLIENT_LATE;
}

void client_done(struct client *client)
{
    client->is_done = true;
}

int64_t client_isolated_since_us(const struct client *client)
{
    return client->cluster_up ? 0 : client->isolated_since_us;
}

void client_note_isolation(const struct client *client)
{
    if (!client->cluster_up || client->degraded)
        note_state(client, false);
}

void client_watch_state(struct client *client)
{
    client->is_state_noted = true;
    client_note_isolation(client);
}

int client_fail(const struct client *client, enum mr_rc rc)
{
    return report_failure(client_where(client), rc, "%s", mr_reason(client->bus));
}

enum mr_rc client_check_topic(const struct args *args, const char *text, bool is_filter, int *ret_exit)
{
    const char *rule = NULL;
    enum mr_rc rc = mr_topic_check(text, is_filter, &rule);
    if (rc)
        *ret_exit = report_usage(args->command->name, "'%s' %s", text, rule ? rule : "is not a topic");
    return rc;
}
