/* app.c - an app on the public SDK that does what its standard input says and tells on stderr what happens, a line each.
 *
 *   app SOCKET NAME MAX_BYTES
 * Commands, a line each; topics and filters as everywhere:
 *   write TOPIC NUMBER      writes a tag, opened when it is first named
 *   pub TOPIC TEXT          publishes, and tells when it is accepted
 *   sub FILTER              "data TOPIC VALUE QUALITY live|snapshot|stale PUBLISHER", "loss PUBLISHER COUNT TEXT", "complete FILTER"
 *   get TOPIC               "value TOPIC …" as data, or "no value: RESULT"
 *   serve TOPIC             answers every request with what it asks
 *   ask TOPIC TEXT          "answer RESULT TEXT"
 *   flush MS                "flushed RESULT"
 *   flood TOPIC BYTES MS    publishes as fast as it is taken, "flooded ok=N would-block=N isolated=N other=N"
 *   probe                   "probe …": its descriptors, threads, and what is counted below
 * Unasked: "state agent=0|1 cluster=0|1 isolated_since=US". The SDK's descriptor is put into a loop once, at the start, and
 * every callback is checked to run inside mr_dispatch() and in the one thread. Ends with its standard input. */
#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <millrace/millrace.h>

enum {
    TAGS_MAX = 16,
    TOPIC_SIZE = 600,
    LINE_SIZE = 2048,
    WAIT_MS = 2000,
    RESULTS = MR_CLOSED + 1,
    FLOOD_BYTES_MAX = 65536
};

struct tag {
    char topic[TOPIC_SIZE];
    struct mr_tag *tag;
};

struct app {
    struct mr_bus *bus;
    int loop, fd; /* fd: the SDK's, as it was at the start */
    pthread_t thread;
    bool in_dispatch;
    unsigned callbacks, misplaced, sessions; /* misplaced: callbacks at the wrong time or in a foreign thread */
    unsigned accepted, answers;
    struct tag tags[TAGS_MAX];
    size_t n_tags, line_len;
    char line[LINE_SIZE];
};

static void fail(const struct mr_bus *bus, const char *what)
{
    fprintf(stderr, "failed %s: %s\n", what, mr_reason(bus));
    exit(EXIT_FAILURE);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* -- callbacks -- */
static void note_callback(struct app *app)
{
    app->callbacks++;
    app->misplaced += !app->in_dispatch || !pthread_equal(pthread_self(), app->thread);
}

static void print_data(const char *word, const struct mr_msg *msg)
{
    char value[LINE_SIZE];
    const char *when = msg->flags & MR_STALE ? "stale" : msg->flags & MR_FROM_SNAPSHOT ? "snapshot" : "live";
    mr_value_text(&msg->value, value, sizeof value);
    fprintf(stderr, "%s %s %s %s %s %s\n", word, msg->topic, value, mr_status_text(msg->status), when, msg->publisher);
}

static void on_message(void *user, const struct mr_msg *msg)
{
    note_callback(user);
    if (msg->kind == MR_DATA)
        print_data("data", msg);
    else if (msg->kind == MR_LOSS)
        fprintf(stderr, "loss %s %" PRIu64 " %s\n", msg->publisher ? msg->publisher : "*", msg->count, msg->text);
    else if (msg->kind == MR_SNAPSHOT_END)
        fprintf(stderr, "complete %s\n", msg->topic);
    else if (msg->kind == MR_ENDED)
        fprintf(stderr, "ended %s %s\n", msg->topic, msg->text);
}

static void on_request(void *user, const struct mr_msg *msg)
{
    struct app *app = user;
    note_callback(app);
    if (msg->kind == MR_DATA && mr_reply(msg, msg->value.as.ptr, msg->value.len))
        fprintf(stderr, "reply failed: %s\n", mr_reason(app->bus));
}

static void on_answer(void *user, enum mr_rc rc, const struct mr_msg *reply)
{
    struct app *app = user;
    note_callback(app);
    app->answers++;
    fprintf(stderr, "answer %s %.*s\n", mr_strerror(rc), reply ? (int)reply->value.len : 0,
            reply ? (const char *)reply->value.as.ptr : "");
}

static void on_ack(void *user, enum mr_rc rc, enum mr_level reached, uint64_t offset)
{
    struct app *app = user;
    (void)reached, (void)offset;
    note_callback(app);
    app->accepted += rc == MR_OK;
    if (rc)
        fprintf(stderr, "not accepted: %s\n", mr_strerror(rc));
}

static void on_state(void *user, const struct mr_state *state)
{
    struct app *app = user;
    note_callback(app);
    app->sessions += state->agent_up;
    fprintf(stderr, "state agent=%d cluster=%d isolated_since=%" PRId64 "\n", state->agent_up, state->cluster_up,
            state->isolated_since_us);
}

/* -- commands: the rest of the line is theirs -- */
static struct mr_tag *tag_of(struct app *app, const char *topic)
{
    for (size_t i = 0; i < app->n_tags; i++)
        if (strcmp(app->tags[i].topic, topic) == 0)
            return app->tags[i].tag;
    const struct mr_tag_def def = {.size = sizeof def, .topic = topic, .type = MR_F64};
    struct tag *tag = &app->tags[app->n_tags];
    if (app->n_tags == TAGS_MAX || mr_tag_open(app->bus, NULL, &def, &tag->tag))
        fail(app->bus, topic);
    snprintf(tag->topic, sizeof tag->topic, "%s", topic);
    app->n_tags++;
    return tag->tag;
}

static void do_write(struct app *app, const char *topic, const char *number)
{
    struct mr_value v = mr_f64(strtod(number, NULL));
    if (mr_tag_write(tag_of(app, topic), &v, MR_STATUS_GOOD, MR_NO_TIME))
        fail(app->bus, "write");
}

static void do_pub(struct app *app, const char *topic, const char *text)
{
    struct mr_pub pub = {.size = sizeof pub,
                         .topic = topic,
                         .value = {.type = MR_STRING, .len = (uint32_t)strlen(text), .as = {.ptr = text}},
                         .source_us = MR_NO_TIME,
                         .on_ack = on_ack,
                         .user = app};
    if (mr_publish_opt(app->bus, &pub))
        fail(app->bus, "pub");
}

static void do_sub(struct app *app, const char *filter, const char *rest)
{
    (void)rest;
    if (mr_subscribe(app->bus, filter, NULL, on_message, app, NULL))
        fail(app->bus, "sub");
}

static void do_get(struct app *app, const char *topic, const char *rest)
{
    const struct mr_msg *msg = NULL;
    (void)rest;
    enum mr_rc rc = mr_get(app->bus, topic, WAIT_MS, &msg);
    if (rc)
        fprintf(stderr, "no value: %s\n", mr_strerror(rc));
    else
        print_data("value", msg);
    mr_unref(msg);
}

static void do_serve(struct app *app, const char *topic, const char *rest)
{
    (void)rest;
    if (mr_serve(app->bus, topic, NULL, on_request, app, NULL))
        fail(app->bus, "serve");
}

static void do_ask(struct app *app, const char *topic, const char *text)
{
    if (mr_request(app->bus, topic, text, strlen(text), WAIT_MS, on_answer, app))
        fail(app->bus, "ask");
}

static void do_flush(struct app *app, const char *wait_ms, const char *rest)
{
    (void)rest;
    fprintf(stderr, "flushed %s\n", mr_strerror(mr_flush(app->bus, MR_ACCEPTED, atoi(wait_ms))));
}

static void dispatch(struct app *app)
{
    app->in_dispatch = true;
    if (mr_dispatch(app->bus, 0))
        fail(app->bus, "mr_dispatch");
    app->in_dispatch = false;
}

static void do_flood(struct app *app, const char *topic, const char *rest)
{
    static const char data[FLOOD_BYTES_MAX];
    unsigned long long results[RESULTS] = {0};
    char *end = NULL;
    size_t len = strtoul(rest, &end, 10);
    int64_t until = now_ms() + strtol(end, NULL, 10);
    struct epoll_event event;
    while (now_ms() < until) {
        enum mr_rc rc = mr_publish(app->bus, topic, data, len < sizeof data ? len : sizeof data);
        results[rc]++;
        if (rc == MR_OK || epoll_wait(app->loop, &event, 1, 1) > 0)
            dispatch(app);
    }
    unsigned long long ok = results[MR_OK], would_block = results[MR_WOULD_BLOCK], isolated = results[MR_ISOLATED];
    unsigned long long other = 0;
    for (size_t i = 0; i < RESULTS; i++)
        other += results[i];
    fprintf(stderr, "flooded ok=%llu would-block=%llu isolated=%llu other=%llu\n", ok, would_block, isolated,
            other - ok - would_block - isolated);
}

static unsigned entries_of(const char *folder)
{
    unsigned n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

static void do_probe(struct app *app, const char *a, const char *b)
{
    struct mr_stats stats = {.size = sizeof stats};
    (void)a, (void)b;
    mr_get_stats(app->bus, &stats);
    fprintf(stderr,
            "probe same_fd=%d descriptors=%u threads=%u callbacks=%u misplaced=%u sessions=%u accepted=%u answers=%u "
            "sent=%" PRIu64 " queued=%" PRIu64 " queued_max=%" PRIu64 " refused=%" PRIu64 "\n",
            mr_fd(app->bus) == app->fd, entries_of("/proc/self/fd"), entries_of("/proc/self/task"), app->callbacks,
            app->misplaced, app->sessions, app->accepted, app->answers, stats.sent, stats.queued_bytes,
            stats.queued_max, stats.refused);
}

static const struct {
    const char *name;
    void (*run)(struct app *app, const char *first, const char *rest);
} commands[] = {
    {"write", do_write}, {"pub", do_pub},     {"sub", do_sub},     {"get", do_get},     {"serve", do_serve},
    {"ask", do_ask},     {"flush", do_flush}, {"flood", do_flood}, {"probe", do_probe},
};

static void obey(struct app *app, char *line)
{
    char *rest = line;
    const char *name = strsep(&rest, " "), *first = rest ? strsep(&rest, " ") : "";
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            commands[i].run(app, first, rest ? rest : "");
            return;
        }
    }
    fprintf(stderr, "failed: unknown command '%s'\n", name);
    exit(EXIT_FAILURE);
}

/* What has come on the standard input, line by line. False: it has ended. */
static bool read_commands(struct app *app)
{
    ssize_t got = read(STDIN_FILENO, app->line + app->line_len, sizeof app->line - app->line_len);
    if (got <= 0)
        return false;
    app->line_len += (size_t)got;
    for (char *end; (end = memchr(app->line, '\n', app->line_len));) {
        size_t used = (size_t)(end - app->line) + 1;
        *end = '\0';
        obey(app, app->line);
        app->line_len -= used;
        memmove(app->line, app->line + used, app->line_len);
    }
    return app->line_len < sizeof app->line;
}

/* -- the loop -- */
static void watch(int loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event)) {
        perror("epoll_ctl");
        exit(EXIT_FAILURE);
    }
}

static void run(struct app *app)
{
    struct epoll_event event;
    bool is_told = true;
    while (is_told) {
        if (epoll_wait(app->loop, &event, 1, -1) != 1)
            continue;
        if (event.data.fd == STDIN_FILENO)
            is_told = read_commands(app);
        dispatch(app); /* also after a command, for what it asked */
    }
}

int main(int argc, char **argv)
{
    struct app app = {.loop = epoll_create1(EPOLL_CLOEXEC), .thread = pthread_self()};
    if (argc != 4) {
        fprintf(stderr, "usage: app SOCKET NAME MAX_BYTES\n");
        return EXIT_FAILURE;
    }
    const struct mr_options options = {
        .size = sizeof options, .socket = argv[1], .app = argv[2], .max_bytes = strtoul(argv[3], NULL, 10)};
    setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
    if (mr_open(&app.bus, &options))
        fail(NULL, "mr_open");
    app.fd = mr_fd(app.bus);
    watch(app.loop, app.fd);
    watch(app.loop, STDIN_FILENO);
    mr_on_state(app.bus, on_state, &app);
    run(&app);
    mr_close(app.bus, 0);
    close(app.loop);
    fprintf(stderr, "closed descriptors=%u\n", entries_of("/proc/self/fd"));
    return EXIT_SUCCESS;
}
