/* loads.c - an app on the public SDK that loads the bus in one way and says how it went, in lines on stderr.
 *
 *   loads SOCKET NAME MAX_BYTES send TOPIC BYTES COUNT   values of so many bytes, each accepted before the next: "begins", "sent HASH", "refused CODE WHY"
 *   loads SOCKET NAME MAX_BYTES receive FILTER           "value BYTES HASH", "loss COUNT PUBLISHER TEXT"
 *   loads SOCKET NAME MAX_BYTES tag TOPIC HZ SECONDS     the time as a tag, so often: "written COUNT"
 *   loads SOCKET NAME MAX_BYTES watch TOPIC              how old such a tag is when it comes
 *   loads SOCKET NAME MAX_BYTES serve TOPIC              answers with what is asked
 *   loads SOCKET NAME MAX_BYTES ask TOPIC HZ SECONDS     asks so often, and how long answers take
 * Those that read say "ready" when their subscription is in force. Ages: "ages COUNT P50 P99 MAX LOST", in us; watch says it when
 * its standard input ends, which ends the others. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <millrace/millrace.h>

enum { AGES_MAX = 200000, WAIT_MS = 60000, TURN_MS = 20 };

struct load {
    struct mr_bus *bus;
    const char *topic;
    char **words; /* behind the topic */
    int n_words;
    uint32_t *ages;
    size_t n_ages;
    uint64_t lost;
    int64_t asked_ns;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "failed %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void must(enum mr_rc rc, const struct mr_bus *bus, const char *what)
{
    if (rc)
        fail(what, mr_reason(bus));
}

static long number(const struct load *load, int at)
{
    if (at >= load->n_words)
        fail("arguments", "one is missing");
    return strtol(load->words[at], NULL, 10);
}

static bool is_input_over(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;
    return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

static void run_until_input_ends(const struct load *load)
{
    while (!is_input_over())
        must(mr_run(load->bus, TURN_MS), load->bus, "run");
}

/* FNV-1a, 64 bit. */
static uint64_t hash(const uint8_t *data, size_t len)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        h = (h ^ data[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* -- large values -- */
static void fill(uint8_t *data, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        data[i] = (uint8_t)(seed >> 56);
    }
}

static void send_values(struct load *load)
{
    size_t len = (size_t)number(load, 0);
    long count = number(load, 1);
    uint8_t *data = malloc(len + 1);
    if (!data)
        fail("send", "no memory");
    for (long i = 0; i < count && !is_input_over(); i++) {
        fill(data, len, (uint64_t)now_ns());
        const struct mr_pub pub = {.size = sizeof pub,
                                   .topic = load->topic,
                                   .value = {.type = MR_BYTES, .len = (uint32_t)len, .as.ptr = data},
                                   .source_us = MR_NO_TIME};
        fprintf(stderr, "begins\n");
        enum mr_rc rc = mr_publish_wait(load->bus, &pub, WAIT_MS, NULL);
        if (rc)
            fprintf(stderr, "refused %d %s\n", rc, mr_reason(load->bus));
        else
            fprintf(stderr, "sent %016" PRIx64 "\n", hash(data, len));
    }
    free(data);
    fprintf(stderr, "done\n");
    run_until_input_ends(load);
}

static void on_value(void *user, const struct mr_msg *msg)
{
    (void)user;
    if (msg->kind == MR_SNAPSHOT_END)
        fprintf(stderr, "ready\n");
    else if (msg->kind == MR_LOSS)
        fprintf(stderr, "loss %" PRIu64 " %s %s\n", msg->count, msg->publisher ? msg->publisher : "*", msg->text);
    else if (msg->kind == MR_DATA)
        fprintf(stderr, "value %u %016" PRIx64 "\n", msg->value.len, hash(msg->value.as.ptr, msg->value.len));
}

static void receive_values(struct load *load)
{
    must(mr_subscribe(load->bus, load->topic, NULL, on_value, load, NULL), load->bus, "subscribe");
    run_until_input_ends(load);
}

/* -- ages -- */
static void note_age(struct load *load, int64_t since_ns)
{
    if (load->n_ages < AGES_MAX)
        load->ages[load->n_ages++] = (uint32_t)((now_ns() - since_ns) / 1000);
}

static int by_size(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void tell_ages(const struct load *load)
{
    size_t n = load->n_ages;
    qsort(load->ages, n, sizeof *load->ages, by_size);
    fprintf(stderr, "ages %zu %u %u %u %" PRIu64 "\n", n, n ? load->ages[n / 2] : 0, n ? load->ages[n * 99 / 100] : 0,
            n ? load->ages[n - 1] : 0, load->lost);
}

static void on_tag(void *user, const struct mr_msg *msg)
{
    struct load *load = user;
    if (msg->kind == MR_SNAPSHOT_END)
        fprintf(stderr, "ready\n");
    else if (msg->kind == MR_LOSS)
        load->lost += msg->count ? msg->count : 1;
    else if (msg->kind == MR_DATA && !(msg->flags & MR_FROM_SNAPSHOT))
        note_age(load, msg->value.as.i64);
}

static void watch(struct load *load)
{
    must(mr_subscribe(load->bus, load->topic, NULL, on_tag, load, NULL), load->bus, "subscribe");
    run_until_input_ends(load);
    tell_ages(load);
}

/* Calls do() at a rate, and lets the handle work between. */
static long at_rate(struct load *load, void (*act)(struct load *load, void *what), void *what)
{
    const int64_t step_ns = INT64_C(1000000000) / number(load, 0);
    int64_t next_ns = now_ns(), end_ns = next_ns + number(load, 1) * INT64_C(1000000000);
    long n = 0;
    while (next_ns < end_ns) {
        int64_t left_ns = next_ns - now_ns();
        if (left_ns > 0) {
            struct pollfd bus = {.fd = mr_fd(load->bus), .events = POLLIN};
            const struct timespec wait = {left_ns / 1000000000, left_ns % 1000000000};
            (void)ppoll(&bus, 1, &wait, NULL);
        } else {
            act(load, what);
            next_ns += step_ns;
            n++;
        }
        must(mr_dispatch(load->bus, 0), load->bus, "dispatch");
    }
    return n;
}

static void write_time(struct load *load, void *what)
{
    const struct mr_value v = mr_i64(now_ns());
    must(mr_tag_write(what, &v, MR_STATUS_GOOD, MR_NO_TIME), load->bus, "write");
}

static void write_tag(struct load *load)
{
    const struct mr_tag_def def = {.size = sizeof def, .topic = load->topic, .type = MR_I64};
    struct mr_tag *tag;
    must(mr_tag_open(load->bus, NULL, &def, &tag), load->bus, "open");
    fprintf(stderr, "written %ld\n", at_rate(load, write_time, tag));
    run_until_input_ends(load);
}

static void on_request(void *user, const struct mr_msg *msg)
{
    (void)user;
    if (msg->kind == MR_DATA && mr_reply(msg, msg->value.as.ptr, msg->value.len))
        fprintf(stderr, "not answered\n");
}

static void serve(struct load *load)
{
    must(mr_serve(load->bus, load->topic, NULL, on_request, load, NULL), load->bus, "serve");
    run_until_input_ends(load);
}

static void on_answer(void *user, enum mr_rc rc, const struct mr_msg *reply)
{
    struct load *load = user;
    int64_t asked_ns;
    if (rc || reply->value.len != sizeof asked_ns) {
        load->lost++;
        return;
    }
    memcpy(&asked_ns, reply->value.as.ptr, sizeof asked_ns);
    note_age(load, asked_ns);
}

static void ask_once(struct load *load, void *what)
{
    (void)what;
    const int64_t asked_ns = now_ns();
    must(mr_request(load->bus, load->topic, &asked_ns, sizeof asked_ns, WAIT_MS, on_answer, load), load->bus, "ask");
}

static void ask(struct load *load)
{
    must(mr_run(load->bus, 500), load->bus, "run"); /* until the way there is known */
    (void)at_rate(load, ask_once, NULL);
    must(mr_run(load->bus, 1000), load->bus, "run");
    tell_ages(load);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct load *load);
    } kinds[] = {{"send", send_values}, {"receive", receive_values},
                 {"tag", write_tag},    {"watch", watch},
                 {"serve", serve},      {"ask", ask}};
    if (argc < 6)
        fail("arguments", "SOCKET NAME MAX_BYTES KIND TOPIC …");
    const struct mr_options opt = {
        .size = sizeof opt, .socket = argv[1], .app = argv[2], .max_bytes = (size_t)strtol(argv[3], NULL, 10)};
    struct load load = {.topic = argv[5], .words = argv + 6, .n_words = argc - 6};
    load.ages = calloc(AGES_MAX, sizeof *load.ages);
    if (!load.ages)
        fail("open", "no memory");
    must(mr_open(&load.bus, &opt), NULL, "open");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, argv[4]) == 0)
            kinds[i].run(&load);
    mr_close(load.bus, 1000);
    free(load.ages);
    return EXIT_SUCCESS;
}
