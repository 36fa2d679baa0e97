/* loop.c - the event loop on libev. libev itself ends the process when it cannot grow its tables. */
#include "base/io/loop.h"
#include "base/clock.h"
#include "base/mem.h"
#include <assert.h>
#include <ev.h>

/* Rounds of turn-end and deferred hooks in one turn; hooks that defer for ever share the loop with everything else. */
#define HOOK_ROUNDS 4

struct loop {
    struct ev_loop *ev;
    ev_prepare before_wait;
    ev_check after_wait;
    ev_idle has_work; /* keeps the loop from waiting; does nothing else */
    ev_async wake;
    ev_timer wait_limit;
    struct list on_wake, turn_end, deferred, sources;
    struct list *next_hook;   /* of the walk going on, so that any hook may leave its list */
    struct list *next_source; /* the same for sources */
    int64_t now_ns;
    bool is_stopping;
};

struct loop_timer {
    ev_timer ev;
    struct loop *loop;
    loop_fn *fn;
    void *user;
    int64_t at_ns;
};

struct loop_fd {
    ev_io ev;
    struct loop *loop;
    loop_fd_fn *fn;
    void *user;
    unsigned interest;
};

struct loop_signal {
    ev_signal ev;
    struct loop *loop;
    loop_fn *fn;
    void *user;
};

struct loop_source {
    ev_io ev; /* only wakes the loop */
    struct list link;
    struct loop *loop;
    const struct loop_source_ops *ops;
    void *user;
    int rank;
};

/* -- hooks ----------------------------------------------------------------------------------------------------------- */
static bool is_hooked(const struct loop_hook *hook)
{
    return hook->link.next && list_is_linked(&hook->link);
}

static void hook_into(struct list *head, struct loop_hook *hook, loop_fn *fn, void *user)
{
    if (is_hooked(hook))
        return;
    hook->fn = fn;
    hook->user = user;
    list_push_back(head, &hook->link);
}

void loop_on_wake(struct loop *loop, struct loop_hook *hook, loop_fn *fn, void *user)
{
    hook_into(&loop->on_wake, hook, fn, user);
}

void loop_on_turn_end(struct loop *loop, struct loop_hook *hook, loop_fn *fn, void *user)
{
    hook_into(&loop->turn_end, hook, fn, user);
}

void loop_defer(struct loop *loop, struct loop_hook *hook, loop_fn *fn, void *user)
{
    hook_into(&loop->deferred, hook, fn, user);
}

void loop_unhook(struct loop *loop, struct loop_hook *hook)
{
    if (!is_hooked(hook))
        return;
    if (loop->next_hook == &hook->link)
        loop->next_hook = hook->link.next;
    list_remove(&hook->link);
}

static void run_hooks(struct loop *loop, struct list *head)
{
    loop->next_hook = head->next;
    while (loop->next_hook != head) {
        struct loop_hook *hook = container_of(loop->next_hook, struct loop_hook, link);
        loop->next_hook = hook->link.next;
        hook->fn(hook->user);
    }
    loop->next_hook = NULL;
}

/* Runs what is deferred by now, not what that defers. True if there was anything. */
static bool run_deferred(struct loop *loop)
{
    struct loop_hook end = {0}; /* a mark: hooks behind it came during this walk */
    struct list *link;
    if (list_is_empty(&loop->deferred))
        return false;
    list_push_back(&loop->deferred, &end.link);
    while ((link = list_take_first(&loop->deferred)) && link != &end.link) {
        struct loop_hook *hook = container_of(link, struct loop_hook, link);
        hook->fn(hook->user);
    }
    return true;
}

/* Everything a turn does before it asks the sources. Ends with nothing deferred, or true: the loop must not wait. */
static bool finish_turn(struct loop *loop)
{
    for (int round = 0; round < HOOK_ROUNDS; round++) {
        run_hooks(loop, &loop->turn_end);
        if (!run_deferred(loop))
            return false;
    }
    return true;
}

/* -- sources --------------------------------------------------------------------------------------------------------- */
static bool has_ready_source(const struct loop *loop)
{
    for (const struct list *link = loop->sources.next; link != &loop->sources; link = link->next) {
        const struct loop_source *source = container_of(link, const struct loop_source, link);
        if (source->ops->is_ready(source->user))
            return true;
    }
    return false;
}

static void drain_sources(struct loop *loop)
{
    loop->next_source = loop->sources.next;
    while (loop->next_source != &loop->sources) {
        struct loop_source *source = container_of(loop->next_source, struct loop_source, link);
        loop->next_source = source->link.next;
        source->ops->drain(source->user);
    }
    loop->next_source = NULL;
}

static void on_source_wake(struct ev_loop *ev, ev_io *watcher, int events)
{
    (void)ev, (void)watcher, (void)events;
}

enum mr_rc loop_source_new(struct loop *loop, int fd, int rank, const struct loop_source_ops *ops, void *user,
                           struct loop_source **ret)
{
    struct loop_source *source = mem_alloc(sizeof *source);
    if (!source)
        return MR_NO_MEMORY;
    *source = (struct loop_source){.loop = loop, .ops = ops, .user = user, .rank = rank};
    struct list *before = loop->sources.prev; /* from the end: where there are thousands they are of one rank */
    while (before != &loop->sources && container_of(before, struct loop_source, link)->rank > rank)
        before = before->prev;
    list_insert_before(before->next, &source->link);
    ev_io_init(&source->ev, on_source_wake, fd, EV_READ);
    ev_io_start(loop->ev, &source->ev);
    *ret = source;
    return MR_OK;
}

void loop_source_free(struct loop_source *source)
{
    if (!source)
        return;
    struct loop *loop = source->loop;
    if (loop->next_source == &source->link)
        loop->next_source = source->link.next;
    list_remove(&source->link);
    ev_io_stop(loop->ev, &source->ev);
    mem_free(source);
}

/* -- the turn -------------------------------------------------------------------------------------------------------- */
static void on_before_wait(struct ev_loop *ev, ev_prepare *watcher, int events)
{
    struct loop *loop = watcher->data;
    (void)events;
    if (finish_turn(loop) || loop->is_stopping || has_ready_source(loop))
        ev_idle_start(ev, &loop->has_work);
}

static void on_after_wait(struct ev_loop *ev, ev_check *watcher, int events)
{
    struct loop *loop = watcher->data;
    (void)events;
    ev_idle_stop(ev, &loop->has_work);
    loop->now_ns = clock_mono_ns(clock_system());
    drain_sources(loop);
}

static void on_idle(struct ev_loop *ev, ev_idle *watcher, int events)
{
    (void)ev, (void)watcher, (void)events;
}

static void on_wait_limit(struct ev_loop *ev, ev_timer *watcher, int events)
{
    (void)ev, (void)watcher, (void)events;
}

static void on_wake(struct ev_loop *ev, ev_async *watcher, int events)
{
    struct loop *loop = watcher->data;
    (void)ev, (void)events;
    run_hooks(loop, &loop->on_wake);
}

static void start_own_watchers(struct loop *loop)
{
    ev_prepare_init(&loop->before_wait, on_before_wait);
    ev_check_init(&loop->after_wait, on_after_wait);
    ev_idle_init(&loop->has_work, on_idle);
    ev_async_init(&loop->wake, on_wake);
    ev_timer_init(&loop->wait_limit, on_wait_limit, 0., 0.);
    loop->before_wait.data = loop;
    loop->after_wait.data = loop;
    loop->wake.data = loop;
    ev_set_priority(&loop->after_wait, EV_MAXPRI); /* the clock is read before any callback asks for it */
    ev_prepare_start(loop->ev, &loop->before_wait);
    ev_check_start(loop->ev, &loop->after_wait);
    ev_async_start(loop->ev, &loop->wake);
}

enum mr_rc loop_new(struct loop **ret)
{
    struct loop *loop = mem_calloc(1, sizeof *loop);
    if (!loop)
        return MR_NO_MEMORY;
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (!loop->ev) {
        mem_free(loop);
        return MR_NO_MEMORY;
    }
    list_init(&loop->on_wake);
    list_init(&loop->turn_end);
    list_init(&loop->deferred);
    list_init(&loop->sources);
    loop->now_ns = clock_mono_ns(clock_system());
    start_own_watchers(loop);
    *ret = loop;
    return MR_OK;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    while (run_deferred(loop))
        ;
    ev_loop_destroy(loop->ev);
    mem_free(loop);
}

void loop_turn(struct loop *loop, int wait_ms)
{
    if (wait_ms > 0) {
        ev_timer_set(&loop->wait_limit, wait_ms * 1e-3, 0.);
        ev_timer_start(loop->ev, &loop->wait_limit);
    }
    ev_run(loop->ev, wait_ms == 0 ? EVRUN_NOWAIT : EVRUN_ONCE);
    ev_timer_stop(loop->ev, &loop->wait_limit);
}

void loop_run(struct loop *loop)
{
    while (!loop->is_stopping)
        loop_turn(loop, -1);
    loop->is_stopping = false;
    (void)finish_turn(loop);
}

void loop_stop(struct loop *loop)
{
    loop->is_stopping = true;
}

int64_t loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

void loop_wake(struct loop *loop)
{
    ev_async_send(loop->ev, &loop->wake);
}

/* -- timers ---------------------------------------------------------------------------------------------------------- */
static void on_timer(struct ev_loop *ev, ev_timer *watcher, int events)
{
    struct loop_timer *timer = watcher->data;
    (void)ev, (void)events;
    if (timer->at_ns > timer->loop->now_ns)
        loop_timer_start(timer, timer->at_ns); /* libev's clock is a double: it may ring a little early */
    else
        timer->fn(timer->user);
}

enum mr_rc loop_timer_new(struct loop *loop, loop_fn *fn, void *user, struct loop_timer **ret)
{
    struct loop_timer *timer = mem_alloc(sizeof *timer);
    if (!timer)
        return MR_NO_MEMORY;
    *timer = (struct loop_timer){.loop = loop, .fn = fn, .user = user};
    ev_timer_init(&timer->ev, on_timer, 0., 0.);
    timer->ev.data = timer;
    *ret = timer;
    return MR_OK;
}

void loop_timer_start(struct loop_timer *timer, int64_t at_ns)
{
    struct loop *loop = timer->loop;
    double after_s = at_ns > loop->now_ns ? (double)(at_ns - loop->now_ns) * 1e-9 : 0.;
    ev_timer_stop(loop->ev, &timer->ev);
    timer->at_ns = at_ns;
    ev_timer_set(&timer->ev, after_s, 0.);
    ev_timer_start(loop->ev, &timer->ev);
}

void loop_timer_stop(struct loop_timer *timer)
{
    ev_timer_stop(timer->loop->ev, &timer->ev);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    loop_timer_stop(timer);
    mem_free(timer);
}

/* -- descriptors ----------------------------------------------------------------------------------------------------- */
static int ev_events_of(unsigned interest)
{
    return (interest & LOOP_READ ? EV_READ : 0) | (interest & LOOP_WRITE ? EV_WRITE : 0);
}

static void on_fd(struct ev_loop *ev, ev_io *watcher, int events)
{
    struct loop_fd *watch = watcher->data;
    (void)ev;
    watch->fn(watch->user, (events & EV_READ ? LOOP_READ : 0U) | (events & EV_WRITE ? LOOP_WRITE : 0U));
}

enum mr_rc loop_fd_new(struct loop *loop, int fd, unsigned interest, loop_fd_fn *fn, void *user, struct loop_fd **ret)
{
    struct loop_fd *watch = mem_alloc(sizeof *watch);
    if (!watch)
        return MR_NO_MEMORY;
    *watch = (struct loop_fd){.loop = loop, .fn = fn, .user = user};
    ev_io_init(&watch->ev, on_fd, fd, 0);
    watch->ev.data = watch;
    loop_fd_want(watch, interest);
    *ret = watch;
    return MR_OK;
}

void loop_fd_want(struct loop_fd *watch, unsigned interest)
{
    if (watch->interest == interest)
        return;
    struct ev_loop *ev = watch->loop->ev;
    watch->interest = interest;
    ev_io_stop(ev, &watch->ev);
    ev_io_set(&watch->ev, watch->ev.fd, ev_events_of(interest));
    if (interest)
        ev_io_start(ev, &watch->ev);
}

void loop_fd_free(struct loop_fd *watch)
{
    if (!watch)
        return;
    ev_io_stop(watch->loop->ev, &watch->ev);
    mem_free(watch);
}

/* -- signals --------------------------------------------------------------------------------------------------------- */
static void on_signal(struct ev_loop *ev, ev_signal *watcher, int events)
{
    struct loop_signal *watch = watcher->data;
    (void)ev, (void)events;
    watch->fn(watch->user);
}

enum mr_rc loop_signal_new(struct loop *loop, int signal_number, loop_fn *fn, void *user, struct loop_signal **ret)
{
    struct loop_signal *watch = mem_alloc(sizeof *watch);
    if (!watch)
        return MR_NO_MEMORY;
    *watch = (struct loop_signal){.loop = loop, .fn = fn, .user = user};
    ev_signal_init(&watch->ev, on_signal, signal_number);
    watch->ev.data = watch;
    ev_signal_start(loop->ev, &watch->ev);
    *ret = watch;
    return MR_OK;
}

void loop_signal_free(struct loop_signal *watch)
{
    if (!watch)
        return;
    ev_signal_stop(watch->loop->ev, &watch->ev);
    mem_free(watch);
}
