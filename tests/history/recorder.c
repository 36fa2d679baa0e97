/* recorder.c - the history of one test app, line by line */
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BUF_BYTES = 1 << 20, LINE_MAX = 2048, FORMAT_VERSION = 1 };

int64_t recorder_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t now_us(void)
{
    return recorder_now_ns() / 1000;
}

static void die(const char *what)
{
    fprintf(stderr, "history: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void write_out(struct recorder *r)
{
    for (size_t done = 0; done < r->len;) {
        ssize_t n = write(r->fd, r->buf + done, r->len - done);
        if (n < 0 && errno != EINTR)
            die("write");
        done += n > 0 ? (size_t)n : 0;
    }
    r->len = 0;
}

__attribute__((format(printf, 2, 3))) static void line(struct recorder *r, const char *format, ...)
{
    va_list args;
    if (r->len + LINE_MAX > BUF_BYTES)
        write_out(r);
    va_start(args, format);
    int n = vsnprintf(r->buf + r->len, LINE_MAX - 1, format, args);
    va_end(args);
    if (n < 0 || n >= LINE_MAX - 1)
        abort(); /* topics and texts have bounds far below */
    r->len += (size_t)n;
    r->buf[r->len++] = '\n';
}

/* -- runs -- */
static void end_run(struct recorder *r, struct recorder_run *run)
{
    line(r,
         "d %" PRId64 " %" PRId64 " %d %" PRIu32 " %" PRIu32 " %s %" PRIu64 " %" PRIu32 " %" PRIu64 " %" PRIu64
         " %" PRIu64 " %" PRIu64 " %" PRIu64,
         run->first_us, run->last_us, run->sub, run->writer, run->life, run->publisher, run->birth, run->flags,
         run->first_seq, run->last_seq, run->first, run->last, run->step ? run->step : 1);
    *run = r->runs[--r->n_runs];
}

/* Before whatever else is noted, so that the order of lines is the order of what happened. */
static void end_runs(struct recorder *r)
{
    while (r->n_runs)
        end_run(r, r->runs);
}

static struct recorder_run *find_run(struct recorder *r, int sub, const struct payload *p)
{
    for (unsigned i = 0; i < r->n_runs; i++)
        if (r->runs[i].sub == sub && r->runs[i].writer == p->writer)
            return &r->runs[i];
    return NULL;
}

static bool continues(const struct recorder_run *run, const struct mr_msg *msg, const struct payload *p)
{
    return p->life == run->life && msg->flags == run->flags && msg->birth == run->birth && msg->seq > run->last_seq &&
           p->number > run->last && (!run->step || p->number - run->last == run->step) &&
           strcmp(msg->publisher, run->publisher) == 0;
}

static void begin_run(struct recorder *r, int sub, const struct mr_msg *msg, const struct payload *p, int64_t at_us)
{
    if (r->n_runs == RECORDER_RUNS)
        end_run(r, r->runs);
    struct recorder_run *run = &r->runs[r->n_runs++];
    *run = (struct recorder_run){.sub = sub,
                                 .writer = p->writer,
                                 .life = p->life,
                                 .flags = msg->flags,
                                 .birth = msg->birth,
                                 .first_seq = msg->seq,
                                 .last_seq = msg->seq,
                                 .first = p->number,
                                 .last = p->number,
                                 .first_us = at_us,
                                 .last_us = at_us};
    snprintf(run->publisher, sizeof run->publisher, "%s", msg->publisher);
}

/* -- the file -- */
void recorder_init(struct recorder *r, const char *path, const char *role, const char *name)
{
    *r = (struct recorder){.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), .buf = malloc(BUF_BYTES)};
    if (r->fd < 0 || !r->buf)
        die(path);
    line(r, "millrace-history %d %s %s %ld %" PRId64, FORMAT_VERSION, role, name, (long)getpid(), now_us());
    recorder_flush(r);
}

void recorder_fini(struct recorder *r)
{
    end_runs(r);
    line(r, "z %" PRId64, now_us());
    write_out(r);
    close(r->fd);
    free(r->buf);
}

void recorder_flush(struct recorder *r)
{
    end_runs(r);
    line(r, "k %" PRId64, now_us());
    write_out(r);
}

/* -- a writer -- */
void recorder_writer(struct recorder *r, uint32_t writer, uint32_t life, unsigned topics, bool kept, const char *base)
{
    line(r, "w %" PRId64 " %" PRIu32 " %" PRIu32 " %u %s %s", now_us(), writer, life, topics, kept ? "kept" : "raw",
         base);
}

void recorder_publishing(struct recorder *r, uint64_t first, uint64_t last)
{
    line(r, "p %" PRId64 " %" PRIu64 " %" PRIu64, now_us(), first, last);
    write_out(r);
}

void recorder_refused(struct recorder *r, uint64_t first, uint64_t last, enum mr_rc rc)
{
    line(r, "x %" PRId64 " %" PRIu64 " %" PRIu64 " %d", now_us(), first, last, (int)rc);
}

/* -- a reader -- */
void recorder_subscribed(struct recorder *r, int sub, const char *filter)
{
    line(r, "s %" PRId64 " %d %s", now_us(), sub, filter);
}

void recorder_data(struct recorder *r, int sub, const struct mr_msg *msg, const struct payload *p)
{
    int64_t at_us = now_us();
    struct recorder_run *run = find_run(r, sub, p);
    if (run && continues(run, msg, p)) {
        run->step = p->number - run->last;
        run->last = p->number;
        run->last_seq = msg->seq;
        run->last_us = at_us;
        return;
    }
    if (run)
        end_run(r, run);
    begin_run(r, sub, msg, p, at_us);
}

void recorder_wrong(struct recorder *r, int sub, const struct mr_msg *msg, const char *why)
{
    end_runs(r);
    line(r, "? %" PRId64 " %d %s %s %" PRIu64 " %" PRIu64 " %s", now_us(), sub, msg->topic, msg->publisher, msg->birth,
         msg->seq, why);
}

static const char *or_anyone(const char *publisher)
{
    return publisher ? publisher : "*";
}

void recorder_notice(struct recorder *r, int sub, const struct mr_msg *msg)
{
    int64_t at_us = now_us();
    const char *text = msg->text ? msg->text : "";
    end_runs(r);
    switch (msg->kind) {
    case MR_LOSS:
        line(r, "l %" PRId64 " %d %s %" PRIu64 " %d %s", at_us, sub, or_anyone(msg->publisher), msg->count,
             (int)msg->cause, text);
        break;
    case MR_SNAPSHOT_END:
        line(r, "c %" PRId64 " %d", at_us, sub);
        break;
    case MR_BIRTH:
        line(r, "b %" PRId64 " %d %s %" PRIu64, at_us, sub, or_anyone(msg->publisher), msg->birth);
        break;
    case MR_DEATH:
        line(r, "m %" PRId64 " %d %s %" PRIu64 " %s", at_us, sub, or_anyone(msg->publisher), msg->birth, text);
        break;
    default: /* ended, or of a later version */
        line(r, "e %" PRId64 " %d %d %d %s", at_us, sub, (int)msg->kind, (int)msg->cause, text);
        break;
    }
}

void recorder_value(struct recorder *r, uint64_t dump, int sub, const char *topic, const char *publisher,
                    uint32_t flags, const struct payload *p)
{
    end_runs(r);
    line(r, "v %" PRId64 " %" PRIu64 " %d %s %s %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu64, now_us(), dump, sub,
         topic, publisher, flags, p->writer, p->life, p->number);
}

void recorder_dumped(struct recorder *r, uint64_t dump)
{
    end_runs(r);
    line(r, "V %" PRId64 " %" PRIu64, now_us(), dump);
    write_out(r);
}

void recorder_state(struct recorder *r, const struct mr_state *state)
{
    end_runs(r);
    line(r, "g %" PRId64 " %d %d %d", now_us(), state->agent_up, state->cluster_up, state->degraded);
}
