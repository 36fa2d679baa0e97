/* thread.c - the library's own thread: dispatches until the handle closes, with all signals blocked. */
#include <signal.h>

#include "sdk/bus_private.h"

static void *run(void *user)
{
    struct mr_bus *b = user;
    while (!__atomic_load_n(&b->is_stopping, __ATOMIC_ACQUIRE))
        bus_thread_turn(b);
    return NULL;
}

static enum mr_rc start(struct mr_bus *b)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before))
        return MR_NO_MEMORY;
    __atomic_store_n(&b->has_thread, true, __ATOMIC_RELEASE);
    int failed = pthread_create(&b->thread, NULL, run, b);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        __atomic_store_n(&b->has_thread, false, __ATOMIC_RELEASE);
    return failed ? MR_NO_MEMORY : MR_OK;
}

enum mr_rc mr_thread(struct mr_bus *b)
{
    enum mr_rc rc = bus_enter_waiting(b, 0);
    if (rc)
        return rc;
    if (!b->rt)
        rc = realtime_new(b);
    if (!rc)
        rc = start(b);
    return rc ? reason_set(rc, "the system gives no thread, or no memory for one") : MR_OK;
}

void thread_stop(struct mr_bus *b)
{
    if (!__atomic_load_n(&b->has_thread, __ATOMIC_ACQUIRE))
        return;
    __atomic_store_n(&b->is_stopping, 1, __ATOMIC_RELEASE);
    poller_wake(&b->poller);
    pthread_join(b->thread, NULL);
    __atomic_store_n(&b->has_thread, false, __ATOMIC_RELEASE);
}
