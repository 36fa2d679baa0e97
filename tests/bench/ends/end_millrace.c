/* end_millrace.c - an end on Millrace: an ordinary app on the public SDK, in one thread, with default options. */
#include <millrace/millrace.h>

#include "tests/bench/ends/end.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

struct millrace_end {
    struct end *end;
    struct mr_bus *bus;
    struct mr_tag *tags[ROW_MAX];
    bool is_ready; /* the subscription is in force */
};

static const int64_t ns_per_s = 1000000000, ns_per_ms = 1000000;

static void must(const struct millrace_end *m, enum mr_rc rc, const char *what)
{
    if (rc)
        end_fail(what, mr_reason(m->bus));
}

/* Room or no room; anything else is a failure. */
static bool took(const struct millrace_end *m, enum mr_rc rc)
{
    if (rc != MR_WOULD_BLOCK)
        must(m, rc, "publish");
    return rc == MR_OK;
}

static bool publish(void *user, const void *bytes, size_t len)
{
    struct millrace_end *m = user;
    return took(m, mr_publish(m->bus, m->end->topic, bytes, len));
}

static bool publish_samples(void *user, const double *values, size_t n, int64_t sent_us)
{
    struct millrace_end *m = user;
    struct mr_value row[ROW_MAX];
    for (size_t i = 0; i < n; i++)
        row[i] = mr_f64(values[i]);
    if (n == 1)
        return took(m, mr_tag_write(*m->tags, row, MR_STATUS_GOOD, sent_us));
    return took(m, mr_row_write(m->tags, row, n, sent_us));
}

static void on_message(void *user, const struct mr_msg *msg)
{
    struct millrace_end *m = user;
    if (msg->kind == MR_SNAPSHOT_END) {
        m->is_ready = true;
        mr_wake(m->bus);
    } else if (msg->kind == MR_LOSS || msg->kind == MR_ENDED) {
        fprintf(stderr, "end_millrace: %s, %llu messages\n", msg->text, (unsigned long long)msg->count);
    } else if (msg->flags & MR_FROM_SNAPSHOT) {
        return; /* a tag's last value, once more */
    } else if (msg->kind == MR_DATA && msg->value.type == MR_F64) {
        end_take_sample(m->end, msg->value.as.f64, msg->source_us);
    } else if (msg->kind == MR_DATA) {
        end_take_bytes(m->end, msg->value.as.ptr, msg->value.len);
    }
}

/* Dispatches once, when there is something to do or fd is readable. */
static void wait_for_either(struct millrace_end *m, int fd, int64_t left_ns)
{
    struct pollfd fds[] = {{.fd = mr_fd(m->bus), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    const struct timespec wait = {.tv_sec = left_ns / ns_per_s, .tv_nsec = left_ns % ns_per_s};
    if (ppoll(fds, 2, &wait, NULL) > 0 && fds[0].revents)
        must(m, mr_dispatch(m->bus, 0), "dispatch");
}

static void millrace_wait(void *user, int fd, int64_t until_ns)
{
    struct millrace_end *m = user;
    int64_t left = until_ns - mono_ns();
    left = left > 0 ? left : 0;
    if (m->end->is_publisher)
        wait_for_either(m, fd, left);
    else
        must(m, mr_run(m->bus, (int)(left / ns_per_ms) + 1), "run");
}

static void open_tags(struct millrace_end *m)
{
    char topic[256];
    for (size_t i = 0; i < m->end->row; i++) {
        struct mr_tag_def def = {.size = sizeof def, .topic = m->end->topic, .type = MR_F64};
        if (m->end->row > 1) {
            snprintf(topic, sizeof topic, "%s/%zu", m->end->topic, i);
            def.topic = topic;
        }
        must(m, mr_tag_open(m->bus, NULL, &def, &m->tags[i]), "tag");
    }
}

static void wait_for_cluster(struct millrace_end *m)
{
    struct mr_state state = {.size = sizeof state};
    while (mr_get_state(m->bus, &state), !state.cluster_up)
        wait_for_either(m, -1, ns_per_s);
}

static void *millrace_open(struct end *end)
{
    struct millrace_end *m = calloc(1, sizeof *m);
    char app[32];
    if (!m)
        end_fail("open", "no memory");
    m->end = end;
    snprintf(app, sizeof app, "bench-%s-%u", end->is_publisher ? "pub" : "sub", end->index);
    const struct mr_options options = {.size = sizeof options, .app = app, .socket = end->address};
    must(m, mr_open(&m->bus, &options), "open");
    wait_for_cluster(m);
    if (end->is_publisher && end->is_typed)
        open_tags(m);
    if (end->is_publisher)
        return m;

    must(m, mr_subscribe(m->bus, end->topic, NULL, on_message, m, NULL), "subscribe");
    while (!m->is_ready)
        must(m, mr_run(m->bus, -1), "run");
    return m;
}

static void millrace_close(void *user)
{
    struct millrace_end *m = user;
    mr_close(m->bus, 0);
    free(m);
}

int main(int argc, char **argv)
{
    static const struct driver driver = {
        .name = "libmillrace",
        .version = mr_version,
        .open = millrace_open,
        .publish = publish,
        .publish_samples = publish_samples,
        .wait = millrace_wait,
        .close = millrace_close,
    };
    return end_main(argc, argv, &driver);
}
