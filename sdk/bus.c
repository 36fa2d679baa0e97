/* bus.c - a handle from opening to closing, the turn that moves its bytes, dispatch, and how calls wait. */
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "sdk/bus_private.h"

/* What a session and its link may hold beside the queue that is accounted for: frames on their way in and out. */
enum { FIXED_BYTES = 320 * 1024 };

/* -- entering -- */
static bool is_strangers(const struct mr_bus *b)
{
    return __atomic_load_n(&b->has_thread, __ATOMIC_ACQUIRE) && !pthread_equal(pthread_self(), b->thread);
}

enum mr_rc bus_enter(const struct mr_bus *b)
{
    if (is_strangers(b))
        return reason_set(MR_MISUSE, "after mr_thread() this call is for callbacks only; open a handle of your own");
    if (b->agent.state == AGENT_FINISHED)
        return reason_set(MR_CLOSED, "%s", b->agent.why.text);
    return MR_OK;
}

enum mr_rc bus_enter_rt(const struct mr_bus *b)
{
    if (__atomic_load_n(&b->agent.state, __ATOMIC_RELAXED) != AGENT_FINISHED)
        return MR_OK;
    return reason_set(MR_CLOSED, "the handle is finished: no agent will have it");
}

enum mr_rc bus_enter_waiting(const struct mr_bus *b, int wait_ms)
{
    if (__atomic_load_n(&b->has_thread, __ATOMIC_ACQUIRE))
        return reason_set(MR_MISUSE, "this call is not for a handle with mr_thread(); open a handle of your own");
    if (b->in_callback)
        return reason_set(MR_MISUSE, "calls that wait or dispatch are not for callbacks");
    if (wait_ms < -1)
        return reason_set(MR_INVALID, "wait_ms must be -1 or more, not %d", wait_ms);
    return bus_enter(b);
}

void bus_begin_callback(struct mr_bus *b)
{
    b->calls_left--;
    b->in_callback = true;
}

void bus_end_callback(struct mr_bus *b)
{
    b->in_callback = false;
}

/* -- time -- */
int64_t bus_until(const struct mr_bus *b, int wait_ms)
{
    return wait_ms < 0 ? INT64_MAX : bus_now_ns(b) + wait_ms * NS_PER_MS;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t bus_deadline(const struct mr_bus *b)
{
    if (b->is_undone)
        return 0;
    int64_t at = earlier(agent_deadline(b), outbox_deadline(b));
    return earlier(earlier(at, requests_deadline(b)), b->rt_next_ns);
}

void bus_arm(struct mr_bus *b)
{
    if (b->transport.wait)
        return;
    poller_watch_writable(&b->poller, b->agent.is_blocked);
    if (b->is_undone)
        poller_wake(&b->poller);
    else
        poller_arm(&b->poller, bus_deadline(b));
}

static void block(struct mr_bus *b, int64_t until_ns)
{
    int64_t at = earlier(bus_deadline(b), until_ns);
    if (b->transport.wait) {
        b->transport.wait(b->transport.user, at);
        return;
    }
    poller_watch_writable(&b->poller, b->agent.is_blocked);
    poller_arm(&b->poller, at);
    (void)poller_wait(&b->poller, -1);
}

/* -- the turn -- */
void bus_turn(struct mr_bus *b)
{
    int64_t now = bus_now_ns(b);
    b->is_undone = false;
    realtime_drain(b, now);
    agent_step(b, now);
    requests_expire(b, now);
    serve_expire(b, now);
    outbox_expire(b, now);
    requests_pump(b, now);
    outbox_pump(b, now);
    agent_send(b, now);
    if (realtime_can_drain(b))
        b->is_undone = true;
}

bool bus_wait(struct mr_bus *b, int64_t until_ns)
{
    if (bus_now_ns(b) >= until_ns)
        return false;
    block(b, until_ns);
    bus_turn(b);
    return true;
}

/* -- callbacks -- */
static void tell_state(struct mr_bus *b)
{
    struct mr_state state = {.size = sizeof state};
    if (!b->is_state_due || !b->on_state || b->calls_left == 0)
        return;
    b->is_state_due = false;
    mr_get_state(b, &state);
    bus_begin_callback(b);
    b->on_state(b->on_state_user, &state);
    bus_end_callback(b);
}

static void run_ready(struct mr_bus *b)
{
    while (b->calls_left && !list_is_empty(&b->ready)) {
        struct ready *ready = container_of(list_first(&b->ready), struct ready, node);
        list_remove(&ready->node);
        ready->run(b, ready, true);
    }
}

/* One message of each in turn, so that a busy subscription does not starve the others. */
static void run_subs(struct mr_bus *b)
{
    while (b->calls_left && !list_is_empty(&b->ready_subs)) {
        struct mr_sub *s = container_of(list_first(&b->ready_subs), struct mr_sub, in_ready);
        list_remove(&s->in_ready);
        if (sub_run_next(s) && s->state != SUB_CLOSED && !list_is_linked(&s->in_ready))
            list_push_back(&b->ready_subs, &s->in_ready);
    }
}

static void dispatch(struct mr_bus *b, unsigned max)
{
    b->calls_left = max ? max : UINT_MAX;
    b->in_dispatch = true;
    bus_turn(b);
    tell_state(b);
    run_ready(b);
    run_subs(b);
    b->in_dispatch = false;
    b->calls_left = 0;
    int64_t now = bus_now_ns(b);
    requests_pump(b, now);
    outbox_pump(b, now);
    agent_send(b, now);
    subs_reap(b);
    tags_reap(b);
    b->is_undone =
        b->is_undone || !list_is_empty(&b->ready) || !list_is_empty(&b->ready_subs) || (b->is_state_due && b->on_state);
}

static enum mr_rc finished_or_ok(const struct mr_bus *b)
{
    return b->agent.state == AGENT_FINISHED ? reason_set(MR_CLOSED, "%s", b->agent.why.text) : MR_OK;
}

enum mr_rc mr_dispatch(struct mr_bus *b, unsigned max)
{
    enum mr_rc rc = bus_enter_waiting(b, 0);
    if (rc)
        return rc;
    if (!b->transport.wait)
        (void)poller_wait(&b->poller, 0);
    dispatch(b, max);
    bus_arm(b);
    return finished_or_ok(b);
}

void bus_thread_turn(struct mr_bus *b)
{
    dispatch(b, 0);
    block(b, INT64_MAX);
}

static bool take_wake(struct mr_bus *b)
{
    return __atomic_exchange_n(&b->wake, 0, __ATOMIC_ACQUIRE);
}

enum mr_rc mr_run(struct mr_bus *b, int wait_ms)
{
    enum mr_rc rc = bus_enter_waiting(b, wait_ms);
    if (rc)
        return rc;
    int64_t until = bus_until(b, wait_ms);
    for (;;) {
        dispatch(b, 0);
        rc = finished_or_ok(b);
        if (rc || take_wake(b) || bus_now_ns(b) >= until)
            break;
        block(b, until);
    }
    bus_arm(b);
    return rc;
}

void mr_wake(struct mr_bus *b)
{
    __atomic_store_n(&b->wake, 1, __ATOMIC_RELEASE);
    poller_wake(&b->poller);
}

int mr_fd(const struct mr_bus *b)
{
    return b->poller.epoll;
}

/* -- opening and closing -- */
static enum mr_rc init(struct mr_bus *b)
{
    struct hash_key seed;
    b->rand->fill(b->rand->user, &seed, sizeof seed);
    list_init(&b->ready);
    pthread_mutex_init(&b->denied_lock, NULL);
    topics_init(b, &seed);
    outbox_init(b);
    heard_init(b, &seed);
    list_init(&b->tags);
    list_init(&b->closed_tags);
    list_init(&b->devices);
    list_init(&b->incoming);
    list_init(&b->subs);
    list_init(&b->ready_subs);
    list_init(&b->requests);
    list_init(&b->unsent_requests);
    map64_init(&b->request_by_id, MAP_MAX_ENTRIES, &seed);
    map64_init(&b->calls, MAP_MAX_ENTRIES, &seed);
    agent_init(b);
    b->rt_next_ns = INT64_MAX;
    b->next_call_expiry_ns = INT64_MAX;
    b->sub_epoch = 1;
    if (!budget_take(&b->budget, sizeof *b + FIXED_BYTES))
        return MR_NO_MEMORY;
    enum mr_rc rc = poller_init(&b->poller);
    if (!rc && b->settings.rt_poll_us)
        rc = realtime_new(b);
    return rc;
}

enum mr_rc bus_open_with(struct mr_bus **ret, const struct mr_options *opt, const struct transport *transport,
                         const struct clock *clock, const struct rand_source *rand)
{
    struct err err = {{0}};
    struct settings settings;
    if (!ret)
        return reason_set(MR_INVALID, "ret must not be NULL");
    enum mr_rc rc = settings_read(&settings, opt, &err);
    if (rc)
        return reason_set(rc, "%s", err.text);
    struct mr_bus *b = mem_calloc(1, sizeof *b);
    if (!b)
        return reason_plain(MR_NO_MEMORY);
    b->settings = settings;
    b->transport = *(transport ? transport : transport_unix());
    b->clock = *(clock ? clock : clock_system());
    b->rand = rand ? rand : rand_system();
    b->budget.max = settings.max_bytes;
    b->poller = (struct poller){.epoll = -1, .timer = -1, .event = -1, .watched = -1};
    rc = b->rand ? init(b) : MR_NO_MEMORY;
    if (rc) {
        if (b->rand)
            bus_free(b);
        else
            mem_free(b);
        return reason_set(rc, "no memory or no descriptor is left for a handle");
    }
    poller_wake(&b->poller); /* the first look for the agent is due */
    *ret = b;
    return MR_OK;
}

enum mr_rc mr_open(struct mr_bus **ret, const struct mr_options *opt)
{
    return bus_open_with(ret, opt, NULL, NULL, NULL);
}

void bus_free(struct mr_bus *b)
{
    agent_fini(b);
    subs_free(b);
    requests_free(b);
    serve_free(b);
    outbox_fini(b);
    realtime_free(b);
    tags_free(b);
    devices_free(b);
    topics_fini(b);
    incoming_end(b);
    heard_fini(b);
    map64_fini(&b->request_by_id);
    map64_fini(&b->calls);
    pthread_mutex_destroy(&b->denied_lock);
    poller_fini(&b->poller);
    mem_free(b);
}

/* What a goodbye and the last records may take to leave, when the program gave no time of its own. */
static const int64_t goodbye_ns = 100 * NS_PER_MS;

static void hand_over(struct mr_bus *b, int wait_ms)
{
    int64_t until = bus_until(b, wait_ms);
    outbox_flush_soon(b);
    bus_turn(b);
    while (wait_ms && !outbox_is_accepted(b) && b->agent.state != AGENT_FINISHED) {
        outbox_want_mark(b);
        bus_turn(b);
        if (outbox_is_accepted(b) || !bus_wait(b, until))
            break;
    }
}

static void say_goodbye(struct mr_bus *b)
{
    int64_t until = bus_now_ns(b) + goodbye_ns;
    if (!agent_is_up(b))
        return;
    agent_bye(b);
    agent_send(b, bus_now_ns(b));
    while (b->agent.is_blocked && !b->agent.is_over && bus_now_ns(b) < until) {
        block(b, until);
        agent_send(b, bus_now_ns(b));
    }
}

void mr_close(struct mr_bus *b, int wait_ms)
{
    if (!b)
        return;
    if (b->in_callback && !is_strangers(b)) {
        (void)reason_set(MR_MISUSE, "mr_close() is not for callbacks: the handle stays open");
        return;
    }
    thread_stop(b);
    b->in_callback = false;
    if (wait_ms < -1)
        wait_ms = 0;
    hand_over(b, wait_ms);
    say_goodbye(b);
    bus_free(b);
}
