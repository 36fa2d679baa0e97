/* dev.c - see dev.h. */
#include "cli/dev.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <millrace/millrace.h>

#include "base/buf.h"
#include "base/io/loop.h"
#include "base/text.h"
#include "cli/child.h"
#include "cli/command.h"
#include "cli/place.h"
#include "cli/report.h"
#include "cli/terminal.h"

enum {
    LINE_MAX_BYTES = 4096, /* of a program's log; longer ones are shown in pieces */
    LOOK_MS = 50,          /* how often the socket is looked for */
    STOP_MS = 5000,        /* the most a program may take to end */
};

/*   STARTING ──socket there──▶ CONNECTED ──values and a broker──▶ RUNNING
 *      └──────────any of them: signal, time, end of a program────────┴──▶ STOPPING ──both have ended──▶ (dev_run returns) */
enum dev_state { DEV_STARTING, DEV_CONNECTED, DEV_RUNNING, DEV_STOPPING };

struct program {
    struct dev *dev;
    const char *name, *prefix;
    struct child *child; /* NULL: not started, or ended */
    struct buf line;
};

struct dev {
    const struct dev_plan *plan;
    enum dev_state state;
    struct loop *loop;
    struct loop_signal *signals[2];
    struct loop_timer *look, *end; /* end: of the time, then of patience */
    struct program broker, agent;
    struct mr_bus *bus;
    struct loop_fd *watch;
    struct terminal terminal;
    bool has_broker, has_value;
    int code;
};

static void in_ms(struct dev *d, struct loop_timer *timer, int64_t ms)
{
    loop_timer_start(timer, loop_now_ns(d->loop) + ms * 1000000);
}

/* -- ending -- */
static void forget_bus(struct dev *d)
{
    loop_fd_free(d->watch);
    d->watch = NULL;
    mr_close(d->bus, 0);
    d->bus = NULL;
}

/* The agent first, so that it says goodbye to a broker that is still there. */
static void stop(struct dev *d)
{
    if (d->state != DEV_STOPPING)
        in_ms(d, d->end, STOP_MS);
    d->state = DEV_STOPPING;
    loop_timer_stop(d->look);
    if (d->agent.child)
        child_signal(d->agent.child, SIGTERM);
    else if (d->broker.child)
        child_signal(d->broker.child, SIGTERM);
    else
        loop_stop(d->loop);
}

static void on_signal(void *user)
{
    stop(user);
}

static void on_end_of_time(void *user)
{
    struct dev *d = user;
    if (d->state != DEV_STOPPING) {
        stop(d);
        return;
    }
    report_note("a program did not end within %d ms and is killed", STOP_MS);
    d->code = EXIT_FAILED;
    loop_stop(d->loop);
}

/* -- the programs -- */
static void print_line(struct program *p, const char *text, size_t len)
{
    const struct terminal *t = &p->dev->terminal;
    char safe[LINE_MAX_BYTES];
    text_escape(safe, sizeof safe, text, len);
    fprintf(t->out, "%s%s%s %s\n", terminal_begin(t, COLOUR_DIM), p->prefix, terminal_end(t, COLOUR_DIM), safe);
}

static void on_output(void *user, bool is_err, const char *data, size_t len)
{
    struct program *p = user;
    (void)is_err;
    for (size_t i = 0; i < len; i++) {
        bool is_full = data[i] != '\n' && buf_append_u8(&p->line, (uint8_t)data[i]) != MR_OK;
        if (data[i] == '\n' || is_full) {
            print_line(p, p->line.data ? (const char *)p->line.data : "", p->line.len);
            buf_clear(&p->line);
        }
    }
    fflush(p->dev->terminal.out);
}

static void on_end(void *user, int status)
{
    struct program *p = user;
    struct dev *d = p->dev;
    char words[128];
    child_free(p->child);
    p->child = NULL;
    if (d->state != DEV_STOPPING) {
        report_note("%s %s; its last lines are above", p->name, child_end_words(status, words, sizeof words));
        d->code = EXIT_FAILED;
    }
    stop(d);
}

static enum mr_rc start_program(struct program *p, const char *file, struct err *err)
{
    static const struct child_events events = {on_output, on_end};
    char path[4096], config[DEV_PATH_SIZE + 16], option[] = "--config";
    child_find_program(p->name, path, sizeof path);
    snprintf(config, sizeof config, "%s/%s", p->dev->plan->dir, file);
    char *const argv[] = {path, option, config, NULL};
    return child_new(p->dev->loop, argv, NULL, 0, &events, p, &p->child, err);
}

/* -- until values flow -- */
static void say_what_to_try(struct dev *d)
{
    char user_socket[AGENT_FILE_SIZE];
    const char *socket = d->plan->socket;
    bool is_found = strcmp(socket, PLACE_MACHINE_SOCKET) == 0 ||
                    (place_user_socket(user_socket) == MR_OK && strcmp(socket, user_socket) == 0);
    d->state = DEV_RUNNING;
    fprintf(d->terminal.out, "\nThe bus is up, files in %s. In another terminal:\n", d->plan->dir);
    if (!is_found)
        fprintf(d->terminal.out, "  export MILLRACE_SOCKET=%s\n", socket);
    fputs("  millrace get\n"
          "  millrace sub 'demo/#'\n"
          "  millrace pub ./oil/temp 48.2 --unit °C\n"
          "  millrace serve ./echo --exec cat &\n"
          "  millrace req ./echo hello\n"
          "  millrace who\n",
          d->terminal.out);
    fprintf(d->terminal.out, d->plan->seconds ? "Ends after %" PRIu64 " s, or at Ctrl-C.\n\n" : "Ends at Ctrl-C.\n\n",
            d->plan->seconds);
    fflush(d->terminal.out);
}

static void look_whether_it_flows(struct dev *d)
{
    if (d->state == DEV_CONNECTED && d->has_broker && d->has_value)
        say_what_to_try(d);
}

static void on_value(void *user, const struct mr_msg *msg)
{
    struct dev *d = user;
    d->has_value = d->has_value || msg->kind == MR_DATA;
    look_whether_it_flows(d);
}

static void on_state(void *user, const struct mr_state *state)
{
    struct dev *d = user;
    d->has_broker = state->cluster_up;
    look_whether_it_flows(d);
}

static void on_readable(void *user, unsigned ready)
{
    struct dev *d = user;
    (void)ready;
    if (mr_dispatch(d->bus, 0) == MR_CLOSED)
        loop_fd_want(d->watch, 0);
}

static enum mr_rc connect_bus(struct dev *d)
{
    const struct mr_options options = {.size = sizeof options, .app = "millrace-dev", .socket = d->plan->socket};
    enum mr_rc rc = mr_open(&d->bus, &options);
    if (!rc)
        rc = mr_subscribe(d->bus, "#", NULL, on_value, d, NULL);
    if (!rc)
        rc = loop_fd_new(d->loop, mr_fd(d->bus), LOOP_READ, on_readable, d, &d->watch);
    if (rc)
        return rc;
    mr_on_state(d->bus, on_state, d);
    d->state = DEV_CONNECTED;
    on_readable(d, LOOP_READ);
    return MR_OK;
}

static void on_look(void *user)
{
    struct dev *d = user;
    if (!place_is_listening(d->plan->socket)) {
        in_ms(d, d->look, LOOK_MS);
        return;
    }
    enum mr_rc rc = connect_bus(d);
    if (rc) {
        d->code = report_failure(d->plan->socket, rc, "%s", mr_reason(NULL));
        stop(d);
    }
}

static enum mr_rc start(struct dev *d, struct err *err)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    enum mr_rc rc = loop_new(&d->loop);
    for (size_t i = 0; i < 2 && !rc; i++)
        rc = loop_signal_new(d->loop, numbers[i], on_signal, d, &d->signals[i]);
    if (!rc)
        rc = loop_timer_new(d->loop, on_look, d, &d->look);
    if (!rc)
        rc = loop_timer_new(d->loop, on_end_of_time, d, &d->end);
    if (!rc)
        rc = start_program(&d->broker, "broker.yaml", err);
    return rc ? rc : start_program(&d->agent, "agent.yaml", err);
}

static void finish(struct dev *d)
{
    forget_bus(d);
    child_free(d->agent.child);
    child_free(d->broker.child);
    loop_timer_free(d->look);
    loop_timer_free(d->end);
    for (size_t i = 0; i < 2; i++)
        loop_signal_free(d->signals[i]);
    loop_free(d->loop);
    buf_fini(&d->agent.line);
    buf_fini(&d->broker.line);
}

int dev_run(const struct dev_plan *plan)
{
    struct err err = {{0}};
    struct dev d = {.plan = plan, .terminal = terminal_of(stdout)};
    d.broker = (struct program){.dev = &d, .name = "millrace-broker", .prefix = "broker |"};
    d.agent = (struct program){.dev = &d, .name = "millrace-agent", .prefix = "agent  |"};
    buf_init(&d.broker.line, LINE_MAX_BYTES / 4); /* escaping may make it longer */
    buf_init(&d.agent.line, LINE_MAX_BYTES / 4);
    enum mr_rc rc = start(&d, &err);
    if (rc) {
        d.code = report_failure("", rc, "%s", *err.text ? err.text : rc_text(rc));
    } else {
        in_ms(&d, d.look, LOOK_MS);
        if (plan->seconds)
            in_ms(&d, d.end, (int64_t)plan->seconds * 1000);
        loop_run(d.loop);
    }
    finish(&d);
    return d.code;
}
