/* poller.h - the one descriptor of a handle: an epoll set for life, with a timer, a wake-up and the connection inside. */
#ifndef SDK_POLLER_H
#define SDK_POLLER_H
#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"

struct poller {
    int epoll, timer, event;
    int watched; /* the connection's descriptor, -1: none */
    bool is_writable_watched;
    int64_t armed_ns; /* INT64_MAX: the timer is off */
};

/* MR_NO_MEMORY: no descriptor is left; then nothing has to be undone. */
MUST enum mr_rc poller_init(struct poller *p);
void poller_fini(struct poller *p);

/* The connection's descriptor, -1: it has none. MR_NO_MEMORY: the kernel cannot watch it. */
MUST enum mr_rc poller_watch(struct poller *p, int fd);
void poller_unwatch(struct poller *p); /* before the descriptor is closed; none watched is fine */
void poller_watch_writable(struct poller *p, bool is_wanted);

/* The descriptor becomes readable at at_ns of CLOCK_MONOTONIC, or a little earlier; INT64_MAX: not by time. */
void poller_arm(struct poller *p, int64_t at_ns);

/* The descriptor becomes readable now. Any thread, and signal handlers. */
void poller_wake(const struct poller *p);

/* Waits at most so long (-1: no limit) and takes back wake-ups and timers that came; true when something came. */
bool poller_wait(struct poller *p, int64_t wait_ns);
#endif
