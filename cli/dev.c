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
#include "cli/interrupt.h"
#include "cli/place.h"
#include "cli/report.h"
#include "cli/terminal.h"

enum {
    LINE_MAX_BYTES = 4096, /* of a program's log; longer ones are shown in pieces */
    LOOK_MS = 50,          /* how often the socket is looked for */
    STOP_MS = 5000,        /* the most a program may take to end */
    NAME_SIZE = 32,
    SIGNALS = 3
};

/*   STARTING ──socket there──▶ CONNECTED ──values and a broker──▶ RUNNING
 *      └──────────any of them: signal, time, end of a program────────┴──▶ STOPPING ──both have ended──▶ (dev_run returns) */
enum dev_state { DEV_STARTING, DEV_CONNECTED, DEV_RUNNING, DEV_STOPPING };

struct program {
    struct dev *dev;
    const char *kind;     /* "broker", "agent" */
    char name[NAME_SIZE]; /* of it in a plant, or of its kind */
    struct child *child;  /* NULL: not started, or ended */
    struct buf line;
};

struct dev {
    const struct dev_plan *plan;
    enum dev_state state;
    struct loop *loop;
    struct loop_signal *signals[SIGNALS];
    struct loop_timer *look, *end; /* end: of the time, then of patience */
    struct program agent, brokers[BROKERS_MAX];
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

static size_t live_brokers(const struct dev *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->plan->n_brokers; i++)
        n += d->brokers[i].child != NULL;
    return n;
}

static void signal_brokers(const struct dev *d)
{
    for (size_t i = 0; i < d->plan->n_brokers; i++)
        if (d->brokers[i].child)
            child_signal(d->brokers[i].child, SIGTERM);
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
    else if (live_brokers(d) > 0)
        signal_brokers(d);
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
    fprintf(t->out, "%s%-6s |%s %s\n", terminal_begin(t, COLOUR_DIM), p->name, terminal_end(t, COLOUR_DIM), safe);
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

/* All stop when nothing is left to be shown: without the agent, without a broker. */
static void on_end(void *user, int status)
{
    struct program *p = user;
    struct dev *d = p->dev;
    char words[128];
    child_free(p->child);
    p->child = NULL;
    bool goes_on = d->state != DEV_STOPPING && p != &d->agent && live_brokers(d) > 0;
    if (d->state != DEV_STOPPING) {
        report_note("millrace-%s %s%s%s; %s", p->kind, d->plan->n_brokers > 1 ? p->name : "",
                    d->plan->n_brokers > 1 ? " " : "", child_end_words(status, words, sizeof words),
                    goes_on ? "the others go on" : "its last lines are above");
        d->code = EXIT_FAILED;
    }
    if (!goes_on)
        stop(d);
}

static enum mr_rc start_program(struct program *p, struct err *err)
{
    static const struct child_events events = {on_output, on_end};
    const struct dev_plan *plan = p->dev->plan;
    bool is_plant = plan->n_brokers > 1;
    char program[NAME_SIZE], path[4096], config[DEV_PATH_SIZE + 2 * NAME_SIZE], option[] = "--config";
    snprintf(program, sizeof program, "millrace-%s", p->kind);
    child_find_program(program, path, sizeof path);
    snprintf(config, sizeof config, "%s/%s%s%s.yaml", plan->dir, is_plant ? p->name : "", is_plant ? "/" : "", p->kind);
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
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    enum mr_rc rc = loop_new(&d->loop);
    for (size_t i = 0; i < SIGNALS && !rc; i++)
        if (!interrupt_is_ignored(numbers[i]))
            rc = loop_signal_new(d->loop, numbers[i], on_signal, d, &d->signals[i]);
    if (!rc)
        rc = loop_timer_new(d->loop, on_look, d, &d->look);
    if (!rc)
        rc = loop_timer_new(d->loop, on_end_of_time, d, &d->end);
    for (size_t i = 0; i < d->plan->n_brokers && !rc; i++)
        rc = start_program(&d->brokers[i], err);
    return rc ? rc : start_program(&d->agent, err);
}

static void init_program(struct dev *d, struct program *p, const char *kind, const char *name)
{
    *p = (struct program){.dev = d, .kind = kind};
    snprintf(p->name, sizeof p->name, "%s", name);
    buf_init(&p->line, LINE_MAX_BYTES / 4); /* escaping may make it longer */
}

static void init_programs(struct dev *d)
{
    bool is_plant = d->plan->n_brokers > 1;
    init_program(d, &d->agent, "agent", is_plant ? "agent1" : "agent");
    for (size_t i = 0; i < d->plan->n_brokers; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "mr%zu", i + 1);
        init_program(d, &d->brokers[i], "broker", is_plant ? name : "broker");
    }
}

static void free_program(struct program *p)
{
    child_free(p->child);
    buf_fini(&p->line);
}

static void finish(struct dev *d)
{
    forget_bus(d);
    free_program(&d->agent);
    for (size_t i = 0; i < d->plan->n_brokers; i++)
        free_program(&d->brokers[i]);
    loop_timer_free(d->look);
    loop_timer_free(d->end);
    for (size_t i = 0; i < SIGNALS; i++)
        loop_signal_free(d->signals[i]);
    loop_free(d->loop);
}

int dev_run(const struct dev_plan *plan)
{
    struct err err = {{0}};
    struct dev d = {.plan = plan, .terminal = terminal_of(stdout)};
    init_programs(&d);
    enum mr_rc rc = start(&d, &err);
    if (rc) {
        d.code = report_local(rc, &err);
    } else {
        in_ms(&d, d.look, LOOK_MS);
        if (plan->seconds)
            in_ms(&d, d.end, (int64_t)plan->seconds * 1000);
        interrupt_release();
        loop_run(d.loop);
        interrupt_hold();
    }
    finish(&d);
    return d.code;
}
