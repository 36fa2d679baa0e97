/* end.c - what the writer and the reader share: an SDK handle, commands on the standard input and a clock in one loop */
#include "end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

_Noreturn void end_fail(const struct end *end, const char *what)
{
    fprintf(stderr, "failed %s: %s\n", what, mr_reason(end ? end->bus : NULL));
    exit(EXIT_FAILURE);
}

uint64_t end_number(const char *text)
{
    char *rest = NULL;
    uint64_t n = strtoull(text, &rest, 10);
    if (*text < '0' || *text > '9' || *rest) {
        fprintf(stderr, "'%s' is no number\n", text);
        exit(EXIT_FAILURE);
    }
    return n;
}

static void on_state(void *user, const struct mr_state *state)
{
    struct end *end = user;
    recorder_state(&end->recorder, state);
    fprintf(stderr, "state agent=%d cluster=%d degraded=%d\n", state->agent_up, state->cluster_up, state->degraded);
}

static void watch(const struct end *end, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    if (epoll_ctl(end->loop, EPOLL_CTL_ADD, fd, &event)) {
        perror("epoll_ctl");
        exit(EXIT_FAILURE);
    }
}

void end_init(struct end *end, const char *role, const char *socket, const char *name, const char *history,
              unsigned tick_ms)
{
    const struct mr_options options = {.size = sizeof options, .socket = socket, .app = name};
    const struct timespec tick = {.tv_sec = tick_ms / 1000, .tv_nsec = tick_ms % 1000 * 1000000L};
    const struct itimerspec ticks = {.it_interval = tick, .it_value = tick};
    setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
    recorder_init(&end->recorder, history, role, name);
    if (mr_open(&end->bus, &options))
        end_fail(NULL, "mr_open");
    end->loop = epoll_create1(EPOLL_CLOEXEC);
    end->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    timerfd_settime(end->timer, 0, &ticks, NULL);
    watch(end, mr_fd(end->bus));
    watch(end, end->timer);
    watch(end, STDIN_FILENO);
    mr_on_state(end->bus, on_state, end);
}

/* What has come on the standard input, line by line. False: it has ended. */
static bool read_commands(struct end *end)
{
    ssize_t got = read(STDIN_FILENO, end->line + end->line_len, sizeof end->line - end->line_len);
    if (got <= 0)
        return false;
    end->line_len += (size_t)got;
    for (char *stop; (stop = memchr(end->line, '\n', end->line_len));) {
        size_t used = (size_t)(stop - end->line) + 1;
        *stop = '\0';
        end->on_command(end->user, end->line);
        end->line_len -= used;
        memmove(end->line, end->line + used, end->line_len);
    }
    return end->line_len < sizeof end->line;
}

static void tick(struct end *end)
{
    uint64_t times;
    if (read(end->timer, &times, sizeof times) == sizeof times && end->on_tick)
        end->on_tick(end->user);
}

void end_after(struct end *end, uint64_t seconds)
{
    end->until_ns = seconds ? recorder_now_ns() + (int64_t)seconds * INT64_C(1000000000) : 0;
}

/* So that a kill -9 takes little with it. */
static void flush_now_and_then(struct end *end, int64_t now_ns)
{
    if (now_ns - end->flushed_ns < RECORDER_FLUSH_MS * INT64_C(1000000))
        return;
    recorder_flush(&end->recorder);
    end->flushed_ns = now_ns;
}

void end_run(struct end *end)
{
    struct epoll_event event;
    for (bool is_told = true; is_told && (!end->until_ns || recorder_now_ns() < end->until_ns);) {
        if (epoll_wait(end->loop, &event, 1, RECORDER_FLUSH_MS) == 1) {
            if (event.data.fd == STDIN_FILENO)
                is_told = read_commands(end);
            else if (event.data.fd == end->timer)
                tick(end);
        }
        if (mr_dispatch(end->bus, end->max_calls))
            end_fail(end, "mr_dispatch");
        flush_now_and_then(end, recorder_now_ns());
    }
}

void end_fini(struct end *end, int wait_ms)
{
    mr_close(end->bus, wait_ms);
    recorder_fini(&end->recorder);
    close(end->timer);
    close(end->loop);
}
