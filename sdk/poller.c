/* poller.c - see poller.h. */
#include "sdk/poller.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

static const int64_t NS_PER_S = 1000000000;
static const int64_t NS_PER_MS = 1000000;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int add(const struct poller *p, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event);
}

enum mr_rc poller_init(struct poller *p)
{
    *p = (struct poller){.epoll = epoll_create1(EPOLL_CLOEXEC),
                         .timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                         .event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
                         .watched = -1,
                         .armed_ns = INT64_MAX};
    if (p->epoll >= 0 && p->timer >= 0 && p->event >= 0 && add(p, p->timer) == 0 && add(p, p->event) == 0)
        return MR_OK;
    poller_fini(p);
    return MR_NO_MEMORY;
}

void poller_fini(struct poller *p)
{
    close_fd(&p->timer);
    close_fd(&p->event);
    close_fd(&p->epoll);
}

void poller_unwatch(struct poller *p)
{
    if (p->watched >= 0)
        (void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, p->watched, NULL);
    p->watched = -1;
    p->is_writable_watched = false;
}

enum mr_rc poller_watch(struct poller *p, int fd)
{
    poller_unwatch(p);
    if (fd >= 0 && add(p, fd))
        return MR_NO_MEMORY;
    p->watched = fd;
    return MR_OK;
}

void poller_watch_writable(struct poller *p, bool is_wanted)
{
    if (p->watched < 0 || p->is_writable_watched == is_wanted)
        return;
    struct epoll_event event = {.events = EPOLLIN | (is_wanted ? (uint32_t)EPOLLOUT : 0), .data.fd = p->watched};
    if (epoll_ctl(p->epoll, EPOLL_CTL_MOD, p->watched, &event) == 0)
        p->is_writable_watched = is_wanted;
}

/* A timer that stands earlier is left alone: it costs one look too many, a system call per change would cost more. */
void poller_arm(struct poller *p, int64_t at_ns)
{
    if (at_ns >= p->armed_ns)
        return;
    if (at_ns < 1)
        at_ns = 1; /* 0 would switch it off */
    const struct itimerspec when = {.it_value = {.tv_sec = at_ns / NS_PER_S, .tv_nsec = at_ns % NS_PER_S}};
    if (timerfd_settime(p->timer, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        p->armed_ns = at_ns;
}

void poller_wake(const struct poller *p)
{
    const uint64_t one = 1;
    int before = errno; /* a signal handler must leave it alone */
    while (write(p->event, &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = before;
}

/* Both are read as 8 bytes; nothing to read is fine. */
static void take_back(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

bool poller_wait(struct poller *p, int64_t wait_ns)
{
    struct epoll_event events[3];
    int64_t wait_ms = wait_ns < 0 ? -1 : (wait_ns + NS_PER_MS - 1) / NS_PER_MS;
    int n = epoll_wait(p->epoll, events, 3, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms);
    for (int i = 0; i < n; i++) {
        int fd = events[i].data.fd;
        if (fd == p->watched)
            continue;
        take_back(fd);
        if (fd == p->timer)
            p->armed_ns = INT64_MAX;
    }
    return n > 0;
}
