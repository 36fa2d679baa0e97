/* reader.c - an app that subscribes, keeps the history of what it is given, and knows the last value of every topic.
 *
 *   reader --socket PATH --name NAME --history FILE [--ring BYTES] [--calls N] [--pause-us N] [--seconds N] FILTER...
 * --ring: of each subscription; --calls: at most in one mr_dispatch(), what else has come waits in the ring; --pause-us:
 * spent in each callback. Commands on the standard input, a line each:
 *   dump N      writes all last values into the history under the number N, then "dumped N" on stderr
 *   report      "report received=N p50_us=N p99_us=N max_us=N losses=N lost=N" of what came live since the report before
 * Says "complete FILTER" on stderr when last values have been given. Ends with its standard input, or
 * after --seconds (0: not by itself). */
#include "end.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUBS_MAX = 8, VALUES_MAX = 1 << 14, SLOWEST_US = 1 << 20, CLOSE_MS = 100 };

/* The last value of a topic by one publisher, at one subscription. */
struct value {
    int sub;
    uint32_t flags;
    struct payload payload;
    char *topic, *publisher; /* owned; NULL: this place is free */
};

struct sub {
    struct reader *reader;
    const char *filter;
};

struct reader {
    struct end end;
    const char *socket, *name, *history;
    size_t ring_bytes;
    uint64_t seconds;
    unsigned pause_us;
    int n_subs;
    struct sub subs[SUBS_MAX];
    struct value values[VALUES_MAX]; /* open addressing by topic */
    uint64_t received, losses, lost, slowest_us;
    uint32_t took[SLOWEST_US + 1]; /* live messages that took so many µs, the last place: or longer */
};

/* -- last values -- */
static bool is_place_of(const struct value *v, int sub, const struct mr_msg *msg)
{
    return v->sub == sub && strcmp(v->topic, msg->topic) == 0 && strcmp(v->publisher, msg->publisher) == 0;
}

/* Where it is, or the free place where it belongs. */
static struct value *place_of(struct reader *r, int sub, uint64_t topic_hash, const struct mr_msg *msg)
{
    for (uint64_t i = topic_hash + (unsigned)sub;; i++) {
        struct value *v = &r->values[i % VALUES_MAX];
        if (!v->topic || is_place_of(v, sub, msg))
            return v;
    }
}

static void keep_value(struct reader *r, int sub, uint64_t topic_hash, const struct mr_msg *msg,
                       const struct payload *p)
{
    struct value *v = place_of(r, sub, topic_hash, msg);
    if (!v->topic) {
        if (!mr_topic_match(r->subs[sub].filter, msg->topic))
            recorder_wrong(&r->end.recorder, sub, msg, "not of this filter");
        *v = (struct value){.sub = sub, .topic = strdup(msg->topic), .publisher = strdup(msg->publisher)};
        if (!v->topic || !v->publisher)
            abort();
    }
    v->payload = *p;
    v->flags = msg->flags;
}

static void dump(struct reader *r, uint64_t number)
{
    for (const struct value *v = r->values; v < r->values + VALUES_MAX; v++)
        if (v->topic)
            recorder_value(&r->end.recorder, number, v->sub, v->topic, v->publisher, v->flags, &v->payload);
    recorder_dumped(&r->end.recorder, number);
    fprintf(stderr, "dumped %" PRIu64 "\n", number);
}

/* -- messages -- */
static void measure(struct reader *r, const struct payload *p)
{
    int64_t us = (recorder_now_ns() - p->sent_ns) / 1000;
    uint64_t took = us > 0 ? (uint64_t)us : 0;
    r->received++;
    r->took[took < SLOWEST_US ? took : SLOWEST_US]++;
    if (took > r->slowest_us)
        r->slowest_us = took;
}

static const char *what_is_wrong(const struct mr_msg *msg, uint64_t topic_hash, struct payload *ret)
{
    if (msg->value.type != MR_BYTES || !payload_read(msg->value.as.ptr, msg->value.len, ret))
        return "not what any writer wrote";
    if (ret->topic != topic_hash)
        return "not the topic it was published to";
    if (ret->source_us != msg->source_us)
        return "not the source time it was given";
    return NULL;
}

static void on_data(struct reader *r, int sub, const struct mr_msg *msg)
{
    struct payload p = {0};
    uint64_t topic_hash = payload_topic(msg->topic);
    const char *wrong = what_is_wrong(msg, topic_hash, &p);
    if (wrong) {
        recorder_wrong(&r->end.recorder, sub, msg, wrong);
        return;
    }
    recorder_data(&r->end.recorder, sub, msg, &p);
    keep_value(r, sub, topic_hash, msg, &p);
    if (!(msg->flags & (MR_FROM_SNAPSHOT | MR_STALE)))
        measure(r, &p);
    if (r->pause_us)
        usleep(r->pause_us);
}

static void on_message(void *user, const struct mr_msg *msg)
{
    const struct sub *sub = user;
    struct reader *r = sub->reader;
    int number = (int)(sub - r->subs);
    if (msg->kind == MR_DATA) {
        on_data(r, number, msg);
        return;
    }
    recorder_notice(&r->end.recorder, number, msg);
    if (msg->kind == MR_LOSS) {
        r->losses++;
        r->lost += msg->count;
    } else if (msg->kind == MR_SNAPSHOT_END) {
        fprintf(stderr, "complete %s\n", sub->filter);
    } else if (msg->kind == MR_ENDED) {
        fprintf(stderr, "ended %s: %s\n", sub->filter, msg->text);
    }
}

/* -- commands -- */
static uint64_t percentile(const struct reader *r, double share)
{
    uint64_t below = 0, wanted = (uint64_t)((double)r->received * share);
    for (uint64_t us = 0; us < SLOWEST_US; us++) {
        below += r->took[us];
        if (below > wanted)
            return us;
    }
    return r->slowest_us;
}

static void report(struct reader *r)
{
    fprintf(stderr,
            "report received=%" PRIu64 " p50_us=%" PRIu64 " p99_us=%" PRIu64 " max_us=%" PRIu64 " losses=%" PRIu64
            " lost=%" PRIu64 "\n",
            r->received, percentile(r, 0.5), percentile(r, 0.99), r->slowest_us, r->losses, r->lost);
    r->received = r->losses = r->lost = r->slowest_us = 0;
    memset(r->took, 0, sizeof r->took);
}

static void on_command(void *user, const char *line)
{
    struct reader *r = user;
    if (strncmp(line, "dump ", 5) == 0)
        dump(r, end_number(line + 5));
    else if (strcmp(line, "report") == 0)
        report(r);
}

/* -- set-up -- */
static void subscribe(struct reader *r, const char *filter)
{
    const struct mr_sub_opt opt = {.size = sizeof opt, .max_bytes = r->ring_bytes};
    struct sub *sub = &r->subs[r->n_subs];
    *sub = (struct sub){.reader = r, .filter = filter};
    recorder_subscribed(&r->end.recorder, r->n_subs, filter);
    if (mr_subscribe(r->end.bus, filter, &opt, on_message, sub, NULL))
        end_fail(&r->end, filter);
    r->n_subs++;
}

static const struct option options[] = {
    {"socket", required_argument, NULL, 's'},   {"name", required_argument, NULL, 'n'},
    {"history", required_argument, NULL, 'h'},  {"ring", required_argument, NULL, 'r'},
    {"pause-us", required_argument, NULL, 'p'}, {"calls", required_argument, NULL, 'c'},
    {"seconds", required_argument, NULL, 'S'},  {NULL, 0, NULL, 0},
};

static bool set_option(struct reader *r, int option, const char *value)
{
    switch (option) {
    case 's':
        r->socket = value;
        break;
    case 'n':
        r->name = value;
        break;
    case 'h':
        r->history = value;
        break;
    case 'r':
        r->ring_bytes = end_number(value);
        break;
    case 'c':
        r->end.max_calls = (unsigned)end_number(value);
        break;
    case 'p':
        r->pause_us = (unsigned)end_number(value);
        break;
    case 'S':
        r->seconds = end_number(value);
        break;
    default:
        return false;
    }
    return true;
}

static void forget_values(struct reader *r)
{
    for (struct value *v = r->values; v < r->values + VALUES_MAX; v++) {
        free(v->topic);
        free(v->publisher);
    }
}

int main(int argc, char **argv)
{
    static struct reader r;
    bool is_fine = true;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        is_fine = is_fine && set_option(&r, c, optarg);
    if (!is_fine || !r.socket || !r.name || !r.history || optind == argc || argc - optind > SUBS_MAX) {
        fprintf(stderr, "usage: see the head of reader.c\n");
        return EXIT_FAILURE;
    }
    r.end.on_command = on_command;
    r.end.user = &r;
    end_init(&r.end, "reader", r.socket, r.name, r.history, RECORDER_FLUSH_MS);
    for (int i = optind; i < argc; i++)
        subscribe(&r, argv[i]);
    end_after(&r.end, r.seconds);
    end_run(&r.end);
    end_fini(&r.end, CLOSE_MS);
    forget_values(&r);
    return EXIT_SUCCESS;
}
