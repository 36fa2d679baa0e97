/* bench_bus.c - one end of a measurement through the real programs: a publisher or a subscriber, an ordinary app on the
 * public SDK. tests/bench/record.py starts brokers, agents and both ends, and puts together what they print.
 *
 * bench_bus pub SOCKET TOPIC raw|tag RATE SECONDS   RATE: messages a second, 0 = as many as are taken
 * bench_bus sub SOCKET TOPIC raw|tag PAUSE_US       PAUSE_US: spent in each callback, to be slower than the publisher
 *
 * One call of the SDK per message. Each message carries its number, its time and a hash of both: of 100 bytes raw, or as a
 * typed sample of 20 (value, source time, status). A publisher ends by saying how many there were, again and again until
 * its standard input is closed; a subscriber says READY when it is in force, ends with that word of the publisher's, and
 * prints what it saw. A report is one line of JSON. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <millrace/millrace.h>

#include "tests/bench/ends/message.h"
#include "tests/bench/ends/tally.h"

enum { RAW_BYTES = 100, END_AGAIN_MS = 50, TAKE_ANYWAY_MS = 60000 };

static const int64_t NS_PER_S = 1000000000, NS_PER_MS = 1000000, NS_PER_US = 1000;
static const char end_mark[] = "the end";

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void fail(const struct mr_bus *bus, const char *what)
{
    fprintf(stderr, "bench_bus: %s: %s\n", what, mr_reason(bus));
    exit(EXIT_FAILURE);
}

static struct mr_bus *open_bus(const char *socket, const char *app)
{
    struct mr_bus *bus;
    const struct mr_options options = {.size = sizeof options, .app = app, .socket = socket};
    if (mr_open(&bus, &options))
        fail(NULL, "mr_open");
    return bus;
}

/* Dispatches until then, or until there has been something to do. */
static void dispatch(struct mr_bus *bus, int64_t until_ns)
{
    int64_t left = until_ns - mono_ns();
    const struct timespec wait = {.tv_sec = left > 0 ? left / NS_PER_S : 0, .tv_nsec = left > 0 ? left % NS_PER_S : 0};
    struct pollfd fd = {.fd = mr_fd(bus), .events = POLLIN};
    if (ppoll(&fd, 1, &wait, NULL) > 0 && mr_dispatch(bus, 0))
        fail(bus, "mr_dispatch");
}

/* -- the publisher -- */
struct publisher {
    struct mr_bus *bus;
    struct mr_tag *tag; /* NULL: raw */
    const char *topic;
    uint64_t number, blocked;
};

static enum mr_rc publish(struct publisher *p)
{
    if (p->tag) {
        int64_t sent_us = wall_us();
        struct mr_value v = mr_f64(sample_value(p->number, sent_us));
        return mr_tag_write(p->tag, &v, MR_STATUS_GOOD, sent_us);
    }
    uint8_t bytes[RAW_BYTES];
    message_write(bytes, sizeof bytes, p->number, mono_ns());
    return mr_publish(p->bus, p->topic, bytes, sizeof bytes);
}

/* One message; waits while there is no room for it. */
static void publish_surely(struct publisher *p)
{
    enum mr_rc rc = publish(p);
    for (int64_t until = 0; rc == MR_WOULD_BLOCK; rc = publish(p)) {
        p->blocked++;
        until = until ? until : mono_ns() + TAKE_ANYWAY_MS * NS_PER_MS;
        if (mono_ns() >= until)
            break;
        dispatch(p->bus, until);
    }
    if (rc)
        fail(p->bus, "publish");
    p->number++;
}

static void publish_for(struct publisher *p, uint64_t rate, double seconds)
{
    int64_t begun = mono_ns(), until = begun + (int64_t)(seconds * (double)NS_PER_S);
    uint64_t i = 0;
    while (mono_ns() < until) {
        int64_t due = rate ? begun + (int64_t)(i * (uint64_t)NS_PER_S / rate) : 0;
        while (mono_ns() < due)
            dispatch(p->bus, due);
        publish_surely(p);
        i++;
    }
}

static void wait_for_cluster(struct mr_bus *bus)
{
    struct mr_state state = {.size = sizeof state};
    while (mr_get_state(bus, &state), !state.cluster_up)
        dispatch(bus, mono_ns() + NS_PER_S);
}

/* Says how many there were until nobody listens any more. */
static void say_the_end(struct publisher *p)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    do {
        char text[64];
        int len = snprintf(text, sizeof text, "%s %" PRIu64, end_mark, p->number);
        if (mr_publish(p->bus, p->topic, text, (size_t)len))
            fail(p->bus, "the end");
        dispatch(p->bus, mono_ns() + END_AGAIN_MS * NS_PER_MS);
    } while (poll(&input, 1, 0) == 0);
}

static int run_publisher(char **arg)
{
    struct publisher p = {.bus = open_bus(arg[0], "bench-pub"), .topic = arg[1]};
    const struct mr_tag_def def = {.size = sizeof def, .topic = p.topic, .type = MR_F64};
    if (strcmp(arg[2], "tag") == 0 && mr_tag_open(p.bus, NULL, &def, &p.tag))
        fail(p.bus, "mr_tag_open");
    wait_for_cluster(p.bus);
    double cpu = cpu_us();
    int64_t begun = mono_ns();
    publish_for(&p, strtoull(arg[3], NULL, 10), strtod(arg[4], NULL));
    enum mr_rc flushed = mr_flush(p.bus, MR_ACCEPTED, TAKE_ANYWAY_MS);
    printf("{\"published\": %" PRIu64 ", \"seconds\": %.3f, \"blocked\": %" PRIu64
           ", \"flush\": %d, \"cpu_us\": %.0f}\n",
           p.number, (double)(mono_ns() - begun) / 1e9, p.blocked, (int)flushed, cpu_us() - cpu);
    fflush(stdout);
    say_the_end(&p);
    mr_close(p.bus, 0);
    return flushed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* -- the subscriber -- */
struct subscriber {
    struct mr_bus *bus;
    int64_t pause_ns;
    uint64_t lost, losses;
    int64_t published; /* -1: not said yet */
    double cpu;        /* when the first message came */
    struct tally tally;
};

static void on_value(struct subscriber *s, const struct mr_msg *msg)
{
    int publisher = msg->value.type == MR_F64     ? tally_sample(&s->tally, msg->value.as.f64, msg->source_us)
                    : msg->value.type == MR_BYTES ? tally_bytes(&s->tally, msg->value.as.ptr, msg->value.len)
                                                  : -1;
    if (publisher >= 0 && s->tally.received == 1)
        s->cpu = cpu_us();
    while (s->pause_ns && publisher >= 0 && mono_ns() < s->tally.last_ns + s->pause_ns)
        ;
}

static bool is_end(const struct mr_msg *msg)
{
    return msg->value.type == MR_BYTES && msg->value.len > sizeof end_mark && msg->value.len < RAW_BYTES &&
           memcmp(msg->value.as.ptr, end_mark, sizeof end_mark - 1) == 0;
}

static int64_t number_at_end(const struct mr_msg *msg)
{
    char text[RAW_BYTES] = "";
    memcpy(text, msg->value.as.ptr, msg->value.len);
    return strtoll(text + sizeof end_mark, NULL, 10);
}

static void on_message(void *user, const struct mr_msg *msg)
{
    struct subscriber *s = user;
    if (msg->kind == MR_SNAPSHOT_END) {
        puts("READY");
        fflush(stdout);
    } else if (msg->kind == MR_LOSS) {
        s->losses++;
        s->lost += msg->count;
    } else if (msg->kind == MR_DATA && is_end(msg)) {
        s->published = number_at_end(msg);
        mr_wake(s->bus);
    } else if (msg->kind == MR_DATA && !(msg->flags & MR_FROM_SNAPSHOT)) {
        on_value(s, msg);
    }
}

static void report(struct subscriber *s)
{
    double cpu = cpu_us() - s->cpu;
    printf("{\"published\": %" PRId64 ", \"lost\": %" PRIu64 ", \"losses\": %" PRIu64
           ", \"seconds\": %.6f, \"cpu_us\": %.0f, ",
           s->published, s->lost, s->losses, (double)(s->tally.last_ns - s->tally.first_ns) / 1e9, cpu);
    tally_print(&s->tally);
    puts("}");
}

static int run_subscriber(char **arg)
{
    struct subscriber s = {
        .bus = open_bus(arg[0], "bench-sub"), .pause_ns = strtoll(arg[3], NULL, 10) * NS_PER_US, .published = -1};
    if (!tally_init(&s.tally))
        fail(NULL, "no memory");
    wait_for_cluster(s.bus);
    if (mr_subscribe(s.bus, arg[1], NULL, on_message, &s, NULL))
        fail(s.bus, "mr_subscribe");
    while (s.published < 0)
        if (mr_run(s.bus, -1))
            fail(s.bus, "mr_run");
    report(&s);
    mr_close(s.bus, 0);
    tally_fini(&s.tally);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "pub") == 0)
        return run_publisher(argv + 2);
    if (argc == 6 && strcmp(argv[1], "sub") == 0)
        return run_subscriber(argv + 2);
    fprintf(stderr, "usage: bench_bus pub SOCKET TOPIC raw|tag RATE SECONDS\n"
                    "       bench_bus sub SOCKET TOPIC raw|tag PAUSE_US\n");
    return EXIT_FAILURE;
}
