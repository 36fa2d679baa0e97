/* writer.c - an app that publishes numbered messages at a steady rate and keeps the history of it.
 *
 *   writer --socket PATH --name NAME --history FILE --writer N --life N --base TOPIC
 *          [--topics N] [--rate N] [--bytes N] [--kept] [--seconds N]
 * Message n goes to BASE/tK with K = (n - 1) % topics; base is a full topic. Commands on the standard input, a line each:
 *   rate N      messages a second from now on; 0 = none
 *   report      "report published=N refused=N last=N" on stderr
 * Ends with its standard input, or after --seconds (0: not by itself). */
#include "end.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TICK_MS = 2, BURST_MAX = 4096, TOPIC_SIZE = 520, CLOSE_MS = 2000 };

struct writer {
    struct end end;
    const char *socket, *name, *history, *base;
    uint32_t id, life;
    unsigned topics;
    bool kept;
    size_t bytes;
    uint64_t rate, seconds, number, refused;
    int64_t since_ns; /* messages are due from here on at the rate, `due_from` of them published before */
    uint64_t due_from;
    uint8_t data[PAYLOAD_MOST];
};

static int64_t utc_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static enum mr_rc publish(struct writer *w, uint64_t number)
{
    char topic[TOPIC_SIZE];
    snprintf(topic, sizeof topic, "%s/t%" PRIu64, w->base, (number - 1) % w->topics);
    const struct payload p = {.writer = w->id,
                              .life = w->life,
                              .number = number,
                              .sent_ns = recorder_now_ns(),
                              .source_us = utc_us(),
                              .topic = payload_topic(topic)};
    const struct mr_pub pub = {.size = sizeof pub,
                               .topic = topic,
                               .value = {.type = MR_BYTES, .len = (uint32_t)w->bytes, .as = {.ptr = w->data}},
                               .flags = w->kept ? MR_KEEP : 0,
                               .source_us = p.source_us};
    payload_write(w->data, w->bytes, &p);
    return mr_publish_opt(w->end.bus, &pub);
}

/* What the SDK does not take is not published later: its numbers are left out. */
static void publish_all(struct writer *w, uint64_t n)
{
    uint64_t first = w->number + 1, last = w->number + n;
    recorder_publishing(&w->end.recorder, first, last);
    w->number = last;
    for (uint64_t number = first; number <= last; number++) {
        enum mr_rc rc = publish(w, number);
        if (rc) {
            recorder_refused(&w->end.recorder, number, last, rc);
            w->refused += last - number + 1;
            return;
        }
    }
}

static void on_tick(void *user)
{
    struct writer *w = user;
    int64_t passed_ns = recorder_now_ns() - w->since_ns;
    uint64_t due = w->due_from + (uint64_t)(passed_ns / 1000) * w->rate / 1000000;
    if (due <= w->number)
        return;
    uint64_t n = due - w->number;
    if (n > BURST_MAX) { /* it was stopped, or late: the rest is not made up for */
        n = BURST_MAX;
        w->since_ns += passed_ns;
        w->due_from = w->number + n;
    }
    publish_all(w, n);
}

static void set_rate(struct writer *w, uint64_t rate)
{
    w->rate = rate;
    w->since_ns = recorder_now_ns();
    w->due_from = w->number;
}

static void on_command(void *user, const char *line)
{
    struct writer *w = user;
    if (strncmp(line, "rate ", 5) == 0)
        set_rate(w, end_number(line + 5));
    else if (strcmp(line, "report") == 0)
        fprintf(stderr, "report published=%" PRIu64 " refused=%" PRIu64 " last=%" PRIu64 "\n", w->number - w->refused,
                w->refused, w->number);
}

static const struct option options[] = {
    {"socket", required_argument, NULL, 's'},  {"name", required_argument, NULL, 'n'},
    {"history", required_argument, NULL, 'h'}, {"writer", required_argument, NULL, 'w'},
    {"life", required_argument, NULL, 'l'},    {"base", required_argument, NULL, 'b'},
    {"topics", required_argument, NULL, 't'},  {"rate", required_argument, NULL, 'r'},
    {"bytes", required_argument, NULL, 'B'},   {"kept", no_argument, NULL, 'k'},
    {"seconds", required_argument, NULL, 'S'}, {NULL, 0, NULL, 0},
};

static bool set_option(struct writer *w, int option, const char *value)
{
    switch (option) {
    case 's':
        w->socket = value;
        break;
    case 'n':
        w->name = value;
        break;
    case 'h':
        w->history = value;
        break;
    case 'w':
        w->id = (uint32_t)end_number(value);
        break;
    case 'l':
        w->life = (uint32_t)end_number(value);
        break;
    case 'b':
        w->base = value;
        break;
    case 't':
        w->topics = (unsigned)end_number(value);
        break;
    case 'r':
        w->rate = end_number(value);
        break;
    case 'B':
        w->bytes = end_number(value);
        break;
    case 'k':
        w->kept = true;
        break;
    case 'S':
        w->seconds = end_number(value);
        break;
    default:
        return false;
    }
    return true;
}

static bool is_complete(const struct writer *w)
{
    return w->socket && w->name && w->history && w->base && w->topics && w->bytes >= PAYLOAD_LEAST &&
           w->bytes <= PAYLOAD_MOST;
}

int main(int argc, char **argv)
{
    static struct writer w = {.life = 1, .topics = 1, .bytes = 100};
    bool is_fine = true;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        is_fine = is_fine && set_option(&w, c, optarg);
    if (!is_fine || !is_complete(&w)) {
        fprintf(stderr, "usage: see the head of writer.c\n");
        return EXIT_FAILURE;
    }
    w.end.on_command = on_command;
    w.end.on_tick = on_tick;
    w.end.user = &w;
    end_init(&w.end, "writer", w.socket, w.name, w.history, TICK_MS);
    recorder_writer(&w.end.recorder, w.id, w.life, w.topics, w.kept, w.base);
    set_rate(&w, w.rate);
    end_after(&w.end, w.seconds);
    end_run(&w.end);
    end_fini(&w.end, CLOSE_MS);
    return EXIT_SUCCESS;
}
