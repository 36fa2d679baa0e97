/* lanes.c - see lanes.h. */
#include "proto/lanes.h"

#include <string.h>

#include "base/mem.h"

enum { QUEUE_FIRST_CAP = 8 };

static const int64_t MS = 1000000;
static const uint64_t NS_PER_S = 1000000000;
static const int64_t RATE_LEAST_NS = 100000;        /* of a measurement: below it clocks and loops decide */
static const uint64_t RATE_MAX = UINT64_C(1) << 37; /* 1 Tbit/s: keeps rate x time within 64 bits */
static const int64_t RTT_MAX_NS = INT64_C(10) * 1000000000;

/* What a window has without asking anybody. */
static uint32_t start_bytes(enum lane lane)
{
    return lane == LANE_CONTROL ? LANES_CONTROL_WINDOW_BYTES : CREDIT_START_BYTES;
}

/* The window would be so large; the pool decides what is above its start. */
static void resize(struct lanes *l, enum lane lane, uint32_t wants, int64_t now_ns)
{
    struct lane_window *w = &l->window[lane];
    uint32_t start = start_bytes(lane);
    uint32_t has = w->bytes > start ? w->bytes - start : 0;

    if (!has && wants <= start)
        w->bytes = wants; /* the usual case asks nobody */
    else
        w->bytes = credit_pool_settle(l->pool, has, wants > start ? wants - start : 0, now_ns) +
                   (wants < start ? wants : start);
}

void lanes_init(struct lanes *l, size_t max_bytes)
{
    *l = (struct lanes){.max_bytes = max_bytes, .below_max = BELOW_LIVE_MIN_BYTES};
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        l->window[lane].bytes = start_bytes((enum lane)lane);
        l->window[lane].max = lane == LANE_CONTROL ? LANES_CONTROL_WINDOW_BYTES : CREDIT_MAX_BYTES;
    }
    l->window[LANE_BULK].max = CREDIT_BULK_MAX_BYTES;
}

void lanes_set_pool(struct lanes *l, struct credit_pool *pool)
{
    l->pool = pool;
}

/* -- the queue of one lane -- */

static enum mr_rc grow(struct lane_queue *q)
{
    if (q->count < q->cap)
        return MR_OK;
    uint32_t cap = q->cap ? q->cap * 2 : QUEUE_FIRST_CAP;
    if (cap > LANES_MAX_FRAMES)
        return MR_NO_MEMORY;
    struct blob **frames = mem_alloc(cap * sizeof *frames);
    if (!frames)
        return MR_NO_MEMORY;
    for (uint32_t i = 0; i < q->count; i++)
        frames[i] = q->frames[(q->first + i) & (q->cap - 1)];
    mem_free(q->frames);
    q->frames = frames;
    q->cap = cap;
    q->first = 0;
    return MR_OK;
}

static struct blob *pop(struct lanes *l, struct lane_queue *q)
{
    struct blob *frame = q->frames[q->first];

    q->first = (q->first + 1) & (q->cap - 1);
    q->count--;
    q->bytes -= lanes_weight(frame);
    l->bytes -= lanes_weight(frame);
    return frame;
}

static void count_in(struct lanes *l, struct lane_queue *q, const struct blob *frame)
{
    q->count++;
    q->bytes += lanes_weight(frame);
    l->bytes += lanes_weight(frame);
}

void lanes_fini(struct lanes *l)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        struct lane_queue *q = &l->queue[lane];
        while (q->count)
            blob_unref(pop(l, q));
        mem_free(q->frames);
        *q = (struct lane_queue){.frames = NULL};
        resize(l, (enum lane)lane, start_bytes((enum lane)lane), 0);
    }
    l->pool = NULL;
}

void lanes_trim(struct lanes *l)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        struct lane_queue *q = &l->queue[lane];
        if (q->count)
            continue;
        mem_free(q->frames);
        q->frames = NULL;
        q->cap = q->first = 0;
    }
}

/* -- sending -- */

size_t lanes_weight(const struct blob *frame)
{
    return blob_size(frame->len) + sizeof frame;
}

/* Most the lane may hold, whatever the others do. */
static size_t share(const struct lanes *l, enum lane lane)
{
    return lane == LANE_CONTROL || lane == LANE_LIVE ? l->max_bytes : l->max_bytes / LANES_SHARE;
}

/* Live frames make room for command and control, never for stream and bulk. */
static bool displaces_live(enum lane lane)
{
    return lane <= LANE_LIVE;
}

size_t lanes_room(const struct lanes *l, enum lane lane)
{
    const struct lane_queue *q = &l->queue[lane];
    size_t others = l->bytes - q->bytes;
    if (displaces_live(lane) && lane != LANE_LIVE)
        others -= l->queue[LANE_LIVE].bytes;

    size_t left = l->max_bytes > others ? l->max_bytes - others : 0;
    size_t most = left < share(l, lane) ? left : share(l, lane);
    return most > q->bytes ? most - q->bytes : 0;
}

static enum mr_rc check_room(const struct lanes *l, enum lane lane, size_t weight)
{
    if (lane != LANE_LIVE && weight > lanes_room(l, lane))
        return MR_TOO_BIG;
    if (l->bytes + weight <= l->max_bytes)
        return MR_OK;
    if (displaces_live(lane) && l->queue[LANE_LIVE].count)
        return MR_WOULD_BLOCK;
    return MR_TOO_BIG;
}

enum mr_rc lanes_push(struct lanes *l, enum lane lane, struct blob *frame)
{
    struct lane_queue *q = &l->queue[lane];
    enum mr_rc rc = check_room(l, lane, lanes_weight(frame));

    if (rc == MR_OK)
        rc = grow(q);
    if (rc != MR_OK)
        return rc;
    q->frames[(q->first + q->count) & (q->cap - 1)] = frame;
    count_in(l, q, frame);
    return MR_OK;
}

enum mr_rc lanes_push_front(struct lanes *l, enum lane lane, struct blob *frame)
{
    struct lane_queue *q = &l->queue[lane];
    enum mr_rc rc = grow(q);

    if (rc != MR_OK)
        return rc;
    q->first = (q->first + q->cap - 1) & (q->cap - 1);
    q->frames[q->first] = frame;
    count_in(l, q, frame);
    return MR_OK;
}

struct blob *lanes_drop(struct lanes *l)
{
    struct lane_queue *q = &l->queue[LANE_LIVE];

    return q->count ? pop(l, q) : NULL;
}

static bool is_below_live(enum lane lane)
{
    return lane > LANE_LIVE;
}

static bool may_send(const struct lanes *l, enum lane lane)
{
    const struct lane_queue *q = &l->queue[lane];

    if (q->sent >= q->granted)
        return false;
    return !is_below_live(lane) || l->sent_below - l->reached_below < l->below_max;
}

enum lane_state lanes_state(const struct lanes *l, enum lane lane)
{
    if (!l->queue[lane].count)
        return LANE_EMPTY;
    return may_send(l, lane) ? LANE_READY : LANE_WAITING;
}

/* The lane whose turn it is, or LANE_COUNT. */
static enum lane next_lane(const struct lanes *l)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        enum lane_state state = lanes_state(l, (enum lane)lane);
        if (state == LANE_READY)
            return (enum lane)lane;
        if (state == LANE_WAITING && lane == LANE_CONTROL)
            break;
    }
    return LANE_COUNT;
}

bool lanes_live_is_next(const struct lanes *l)
{
    return lanes_state(l, LANE_CONTROL) == LANE_EMPTY && lanes_state(l, LANE_COMMAND) != LANE_READY &&
           may_send(l, LANE_LIVE);
}

bool lanes_can_take(const struct lanes *l)
{
    return next_lane(l) != LANE_COUNT;
}

struct blob *lanes_take(struct lanes *l, enum lane *ret_lane)
{
    enum lane lane = next_lane(l);
    if (lane == LANE_COUNT)
        return NULL;

    struct blob *frame = pop(l, &l->queue[lane]);
    uint64_t cost = frame_cost((enum frame_kind)frame->data[0], frame->len);
    l->queue[lane].sent += cost;
    l->sent_all += frame->len; /* what the link carries: a small frame costs more credit than that */
    if (is_below_live(lane))
        l->sent_below += frame->len;
    *ret_lane = lane;
    return frame;
}

void lanes_granted(struct lanes *l, enum lane lane, uint64_t granted)
{
    if (granted > l->queue[lane].granted)
        l->queue[lane].granted = granted;
}

/* -- what is in flight below live -- */

bool lanes_wants_mark(const struct lanes *l)
{
    const struct lane_mark *slot = &l->marks[l->next_mark];

    return l->sent_below - l->marked_below >= l->below_max / 4 && slot->number == 0;
}

void lanes_marked(struct lanes *l, uint64_t number, int64_t now_ns)
{
    struct lane_mark *slot = &l->marks[l->next_mark];

    if (slot->number != 0)
        return; /* all in use: this ping marks nothing */
    *slot = (struct lane_mark){.number = number,
                               .below = l->sent_below,
                               .all = l->sent_all,
                               .sent_ns = now_ns,
                               .reached_all = l->reached_all,
                               .reached_ns = l->reached_ns,
                               .reached_sent_ns = l->reached_sent_ns};
    l->next_mark = (l->next_mark + 1) % LANES_MARKS;
    l->marked_below = l->sent_below;
}

/* Does something below live wait for no other reason than this bound? */
static bool is_bound(const struct lanes *l)
{
    for (int lane = LANE_LIVE + 1; lane < LANE_COUNT; lane++)
        if (l->queue[lane].count && l->queue[lane].sent < l->queue[lane].granted)
            return l->sent_below - l->reached_below >= l->below_max;
    return false;
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void measure_rate(struct lanes *l, const struct lane_mark *mark, int64_t now_ns)
{
    int64_t took_ns = longer(now_ns - mark->reached_ns, mark->sent_ns - mark->reached_sent_ns);
    uint64_t arrived = mark->all - mark->reached_all;

    if (mark->reached_ns == 0 || arrived > UINT64_MAX / NS_PER_S)
        return;
    uint64_t rate = arrived * NS_PER_S / (uint64_t)longer(took_ns, RATE_LEAST_NS);
    if (rate > RATE_MAX)
        rate = RATE_MAX;
    if (rate >= l->rate)
        l->rate += (rate - l->rate) / 2;
    else if (is_bound(l))
        l->rate -= (l->rate - rate) / 4;
}

static void set_below_max(struct lanes *l, int64_t least_rtt_ns)
{
    int64_t time_ns = (least_rtt_ns < RTT_MAX_NS ? least_rtt_ns : RTT_MAX_NS) + BELOW_LIVE_SLACK_MS * MS;
    uint64_t share_bytes = l->rate / 1000 * ((uint64_t)time_ns / 1000) / 1000;

    l->below_max = share_bytes > BELOW_LIVE_MIN_BYTES ? share_bytes : BELOW_LIVE_MIN_BYTES;
}

void lanes_reached(struct lanes *l, uint64_t number, int64_t least_rtt_ns, int64_t now_ns)
{
    const struct lane_mark *found = NULL;

    for (unsigned i = 0; i < LANES_MARKS; i++)
        if (l->marks[i].number == number && number != 0)
            found = &l->marks[i];
    if (!found || found->all < l->reached_all)
        return;
    measure_rate(l, found, now_ns);
    l->reached_all = found->all;
    l->reached_below = found->below;
    l->reached_ns = now_ns;
    l->reached_sent_ns = found->sent_ns;
    for (unsigned i = 0; i < LANES_MARKS; i++)
        if (l->marks[i].number <= number)
            l->marks[i].number = 0;
    set_below_max(l, least_rtt_ns);
}

/* -- receiving -- */

void lanes_open_windows(struct lanes *l, int64_t now_ns)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        l->window[lane].granted = l->window[lane].bytes;
        l->window[lane].granted_ns = now_ns;
    }
}

enum mr_rc lanes_received(struct lanes *l, enum lane lane, size_t cost)
{
    struct lane_window *w = &l->window[lane];

    if (w->received >= w->granted)
        return MR_INVALID;
    w->received += cost;
    return MR_OK;
}

bool lanes_consumed(struct lanes *l, enum lane lane, size_t cost, int64_t now_ns)
{
    struct lane_window *w = &l->window[lane];

    w->consumed += cost;
    uint32_t half = w->bytes / 2;
    uint32_t step = lane == LANE_BULK && half > LANES_BULK_STEP_BYTES ? LANES_BULK_STEP_BYTES : half;
    if (w->is_held || w->consumed + w->bytes < w->granted + step)
        return false;
    bool is_fast = (now_ns - w->granted_ns) * half < LANES_GROW_MS * MS * step;
    uint32_t doubled = w->bytes < w->max / 2 ? w->bytes * 2 : w->max;
    resize(l, lane, is_fast ? doubled : w->bytes, now_ns);
    w->granted = w->consumed + w->bytes;
    w->granted_ns = now_ns;
    return true;
}

void lanes_limit(struct lanes *l, enum lane lane, uint32_t max_bytes)
{
    struct lane_window *w = &l->window[lane];

    w->max = max_bytes;
    if (w->bytes > max_bytes)
        resize(l, lane, max_bytes, 0);
}

void lanes_rest(struct lanes *l, int64_t now_ns)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        struct lane_window *w = &l->window[lane];
        if (w->bytes > start_bytes((enum lane)lane) && now_ns - w->granted_ns >= LANES_REST_MS * MS)
            resize(l, (enum lane)lane, start_bytes((enum lane)lane), now_ns);
    }
}

bool lanes_hold(struct lanes *l, enum lane lane, bool is_held, int64_t now_ns)
{
    l->window[lane].is_held = is_held;
    return lanes_consumed(l, lane, 0, now_ns);
}

uint64_t lanes_grant(const struct lanes *l, enum lane lane)
{
    return l->window[lane].granted;
}
