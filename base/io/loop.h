/* loop.h - the event loop: timers, descriptors, signals, wake-ups from other threads, work after a turn.
 *
 * One loop per thread and one thread per loop: every call but loop_wake() belongs to the loop's thread. A callback never
 * blocks. Objects made on a loop are freed before it. Any object may be freed inside its own callback.
 *
 * A turn is: run turn-end hooks - run deferred hooks (both again while something was deferred) - ask every source whether
 * it still has input - wait, unless one has - read the clock - drain sources - run due timers and ready descriptors. */
#ifndef BASE_IO_LOOP_H
#define BASE_IO_LOOP_H
#include "base/list.h"
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_READ 1U  /* interest and readiness: input, or the end of it */
#define LOOP_WRITE 2U /* interest and readiness: room for output */

/* The most a source drains in one turn, so that timers and other sockets get theirs. */
#define LOOP_DRAIN_MESSAGES 256U
#define LOOP_DRAIN_BYTES (1024U * 1024U)

struct loop;
struct loop_timer;
struct loop_fd;
struct loop_signal;
struct loop_source;

typedef void loop_fn(void *user);

/* A place in one of the loop's lists, embedded in its owner so that arming it cannot fail. Zero it before first use;
 * the fields are private. */
struct loop_hook {
    struct list link; /* next is NULL before the first use */
    loop_fn *fn;
    void *user;
};

/* Makes a loop. MR_NO_MEMORY: no memory or no descriptors. */
MUST enum mr_rc loop_new(struct loop **ret);

/* Frees the loop; NULL is fine. What is still deferred is run first, so that reaped objects do not leak. */
void loop_free(struct loop *loop);

/* Runs turns until loop_stop(), then the hooks of a turn once more, so that what was gathered is flushed. */
void loop_run(struct loop *loop);

/* Runs one turn; waits for something to do at most wait_ms milliseconds (0 does not wait, -1 waits without limit). */
void loop_turn(struct loop *loop, int wait_ms);

/* Makes loop_run() return after this turn; before loop_run(): that returns without a turn. */
void loop_stop(struct loop *loop);

/* CLOCK_MONOTONIC in nanoseconds, read once a turn. */
int64_t loop_now_ns(const struct loop *loop);

/* Wakes the loop from any thread or signal handler; the hooks of loop_on_wake() then run in the loop's thread. Wake-ups
 * close together may be answered by one round of hooks. */
void loop_wake(struct loop *loop);

/* Calls fn(user) in the loop's thread after loop_wake(), until loop_unhook(). The hook must outlive that. */
void loop_on_wake(struct loop *loop, struct loop_hook *hook, loop_fn *fn, void *user);

/* Calls fn(user) before every wait, after all other callbacks of the turn: here edges flush what they gathered. More than
 * once a turn when deferred hooks ran in between. Until loop_unhook(). */
void loop_on_turn_end(struct loop *loop, struct loop_hook *hook, loop_fn *fn, void *user);

/* Calls fn(user) once, when the callbacks of this turn are done and before the loop waits. fn may free the object that holds
 * the hook. A hook already in a list: nothing changes. */
void loop_defer(struct loop *loop, struct loop_hook *hook, loop_fn *fn, void *user);

/* Takes a hook out of whatever list holds it, also from within a hook. In no list: nothing happens. */
void loop_unhook(struct loop *loop, struct loop_hook *hook);

/* Makes a timer, not started. The caller owns it. MR_NO_MEMORY. */
MUST enum mr_rc loop_timer_new(struct loop *loop, loop_fn *fn, void *user, struct loop_timer **ret);

/* Fires once, not before at_ns (monotonic, as loop_now_ns); at_ns in the past: in the next turn. Started: moved. */
void loop_timer_start(struct loop_timer *timer, int64_t at_ns);

/* Does not fire any more; started or not. */
void loop_timer_stop(struct loop_timer *timer);

/* Stops and frees; NULL is fine. */
void loop_timer_free(struct loop_timer *timer);

typedef void loop_fd_fn(void *user, unsigned ready);

/* Watches fd (borrowed until loop_fd_free) for interest, LOOP_READ | LOOP_WRITE or 0. The caller owns *ret. MR_NO_MEMORY. */
MUST enum mr_rc loop_fd_new(struct loop *loop, int fd, unsigned interest, loop_fd_fn *fn, void *user,
                            struct loop_fd **ret);

/* Changes what is watched for; 0 watches nothing. */
void loop_fd_want(struct loop_fd *watch, unsigned interest);

/* Stops watching and frees; does not close the descriptor; NULL is fine. Call it before closing the descriptor. */
void loop_fd_free(struct loop_fd *watch);

/* Calls fn(user) in the loop's thread when the process receives signal_number. One loop per signal. The caller owns
 * *ret. MR_NO_MEMORY. */
MUST enum mr_rc loop_signal_new(struct loop *loop, int signal_number, loop_fn *fn, void *user,
                                struct loop_signal **ret);

/* Gives the signal back its default action and frees; NULL is fine. */
void loop_signal_free(struct loop_signal *watch);

/* Input whose descriptor only tells that something may have changed, as a ZeroMQ socket's does: its edge is eaten by
 * any call on the socket, so the loop asks before it waits and drains after it waited. */
struct loop_source_ops {
    bool (*is_ready)(void *user); /* must not run callbacks of its owner; called last before waiting */
    void (*drain)(
        void *user); /* takes at most LOOP_DRAIN_MESSAGES and about LOOP_DRAIN_BYTES; what stays comes next turn */
};

/* Adds a source with its wake-up descriptor; sources of lower rank are drained first (ZAP 0, monitors 1, mesh 2, agents
 * 3). ops and user are borrowed until loop_source_free(). The caller owns *ret. MR_NO_MEMORY. */
MUST enum mr_rc loop_source_new(struct loop *loop, int fd, int rank, const struct loop_source_ops *ops, void *user,
                                struct loop_source **ret);

/* Removes and frees, also from within a drain; NULL is fine. Call it before closing the socket. */
void loop_source_free(struct loop_source *source);
#endif
