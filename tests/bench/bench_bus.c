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

enum {
    RAW_BYTES = 100,
    WORDS = RAW_BYTES / sizeof(uint64_t),
    CHECK_BITS = 12, /* of the hash, below the number in a double's 53 bits */
    SAMPLES_MAX = 1 << 20,
    END_AGAIN_MS = 50,
    TAKE_ANYWAY_MS = 60000
};

static const int64_t NS_PER_S = 1000000000, NS_PER_MS = 1000000, NS_PER_US = 1000;
static const char end_mark[] = "the end";

static int64_t now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t mono_ns(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

static double cpu_us(void)
{
    return (double)now_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e3;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

/* -- messages -- */
struct raw {
    uint64_t number;
    int64_t sent_ns;
    uint64_t filling[WORDS - 3], hash;
    uint32_t rest;
};

static uint64_t raw_hash(const struct raw *raw)
{
    uint64_t hash = mix(raw->number) ^ (uint64_t)raw->sent_ns;
    for (size_t i = 0; i < sizeof raw->filling / sizeof *raw->filling; i++)
        hash = mix(hash ^ raw->filling[i]);
    return hash;
}

static double sample_of(uint64_t number, int64_t sent_us)
{
    uint64_t check = mix(number ^ mix((uint64_t)sent_us)) & ((1U << CHECK_BITS) - 1);
    return (double)(number << CHECK_BITS | check);
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
        int64_t sent_us = now_ns(CLOCK_REALTIME) / NS_PER_US;
        struct mr_value v = mr_f64(sample_of(p->number, sent_us));
        return mr_tag_write(p->tag, &v, MR_STATUS_GOOD, sent_us);
    }
    uint8_t bytes[RAW_BYTES];
    struct raw raw = {.number = p->number, .sent_ns = mono_ns()};
    for (size_t i = 0; i < sizeof raw.filling / sizeof *raw.filling; i++)
        raw.filling[i] = p->number * (i + 1);
    raw.hash = raw_hash(&raw);
    memcpy(bytes, &raw, sizeof bytes);
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
    uint64_t received, next, lost, losses, disorder, damaged;
    int64_t published; /* -1: not said yet */
    int64_t first_ns, last_ns;
    double cpu;
    uint32_t *latency_ns; /* of the first SAMPLES_MAX */
};

/* What was announced as missing covers the numbers that are skipped; none comes twice or goes back. */
static void on_value(struct subscriber *s, uint64_t number, int64_t at_ns, int64_t latency_ns)
{
    if (s->received == 0) {
        s->first_ns = at_ns;
        s->cpu = cpu_us();
    }
    s->disorder += number < s->next;
    s->next = number + 1;
    if (s->received < SAMPLES_MAX)
        s->latency_ns[s->received] = latency_ns < 0 ? 0 : latency_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)latency_ns;
    s->received++;
    s->last_ns = at_ns;
    while (s->pause_ns && mono_ns() < s->last_ns + s->pause_ns)
        ;
}

static void on_raw(struct subscriber *s, const struct mr_msg *msg)
{
    struct raw raw = {0};
    int64_t now = mono_ns();
    if (msg->value.type == MR_BYTES && msg->value.len == RAW_BYTES)
        memcpy(&raw, msg->value.as.ptr, RAW_BYTES);
    if (raw.sent_ns == 0 || raw.hash != raw_hash(&raw))
        s->damaged++;
    else
        on_value(s, raw.number, now, now - raw.sent_ns);
}

static void on_sample(struct subscriber *s, const struct mr_msg *msg)
{
    uint64_t number = (uint64_t)msg->value.as.f64 >> CHECK_BITS;
    if (msg->flags & MR_FROM_SNAPSHOT)
        return;
    if (sample_of(number, msg->source_us) != msg->value.as.f64 || msg->status)
        s->damaged++;
    else
        on_value(s, number, mono_ns(), now_ns(CLOCK_REALTIME) - msg->source_us * NS_PER_US);
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
    } else if (msg->kind == MR_DATA && msg->value.type == MR_F64) {
        on_sample(s, msg);
    } else if (msg->kind == MR_DATA) {
        on_raw(s, msg);
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile_us(const struct subscriber *s, double part)
{
    uint64_t n = s->received < SAMPLES_MAX ? s->received : SAMPLES_MAX;
    return n ? s->latency_ns[(uint64_t)(part * (double)(n - 1))] / 1e3 : 0;
}

static void report(struct subscriber *s)
{
    double cpu = cpu_us() - s->cpu;
    qsort(s->latency_ns, s->received < SAMPLES_MAX ? s->received : SAMPLES_MAX, sizeof *s->latency_ns, compare);
    printf("{\"published\": %" PRId64 ", \"received\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"losses\": %" PRIu64
           ", \"disorder\": %" PRIu64 ", \"damaged\": %" PRIu64 ", \"seconds\": %.6f, \"cpu_us\": %.0f, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
           s->published, s->received, s->lost, s->losses, s->disorder, s->damaged,
           (double)(s->last_ns - s->first_ns) / 1e9, cpu, percentile_us(s, 0.5), percentile_us(s, 0.99),
           percentile_us(s, 0.999), percentile_us(s, 1));
}

static int run_subscriber(char **arg)
{
    struct subscriber s = {.bus = open_bus(arg[0], "bench-sub"),
                           .pause_ns = strtoll(arg[3], NULL, 10) * NS_PER_US,
                           .published = -1,
                           .latency_ns = calloc(SAMPLES_MAX, sizeof *s.latency_ns)};
    if (!s.latency_ns)
        fail(NULL, "no memory");
    wait_for_cluster(s.bus);
    if (mr_subscribe(s.bus, arg[1], NULL, on_message, &s, NULL))
        fail(s.bus, "mr_subscribe");
    while (s.published < 0)
        if (mr_run(s.bus, -1))
            fail(s.bus, "mr_run");
    report(&s);
    mr_close(s.bus, 0);
    free(s.latency_ns);
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
