/* fuzz_lanes.c - any pushes, grants, marks and arrivals: sums are kept, bounds hold, nothing goes without credit. */
#include "proto/lanes.h"
#include "tests/support/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void push(struct lanes *l, enum lane lane, size_t len, bool in_front)
{
    struct blob *frame = blob_new(FRAME_HEAD_BYTES + len);
    size_t before = l->bytes, room = lanes_room(l, lane);
    enum mr_rc rc;

    if (!frame)
        return;
    frame->data[0] = FRAME_BATCHES;
    rc = in_front ? lanes_push_front(l, lane, frame) : lanes_push(l, lane, frame);
    if (rc == MR_OK) {
        fuzz_hold(l->bytes == before + lanes_weight(frame));
        fuzz_hold(in_front || lanes_weight(frame) <= room);
        return;
    }
    fuzz_hold(l->bytes == before && (rc != MR_WOULD_BLOCK || l->queue[LANE_LIVE].count));
    blob_unref(frame);
}

static void take(struct lanes *l)
{
    uint64_t sent[LANE_COUNT];
    enum lane lane;
    bool could = lanes_can_take(l);

    for (int i = 0; i < LANE_COUNT; i++)
        sent[i] = l->queue[i].sent;
    struct blob *frame = lanes_take(l, &lane);
    fuzz_hold(could == (frame != NULL));
    if (frame)
        fuzz_hold(sent[lane] < l->queue[lane].granted && l->queue[lane].sent > sent[lane]);
    blob_unref(frame);
}

static void check(const struct lanes *l)
{
    size_t sum = 0, grown = 0;

    for (int i = 0; i < LANE_COUNT; i++) {
        sum += l->queue[i].bytes;
        fuzz_hold(l->queue[i].count <= l->queue[i].cap);
        fuzz_hold((l->queue[i].count == 0) == (l->queue[i].bytes == 0));
        fuzz_hold(l->window[i].bytes <= l->window[i].max);
        if (i != LANE_CONTROL && l->window[i].bytes > CREDIT_START_BYTES)
            grown += l->window[i].bytes - CREDIT_START_BYTES;
    }
    fuzz_hold(grown == l->pool->used_bytes && grown <= l->pool->max_bytes);
    fuzz_hold(sum == l->bytes);
    fuzz_hold(l->below_max >= BELOW_LIVE_MIN_BYTES);
}

static void act(struct lanes *l, struct fuzz_input *in, int64_t now)
{
    enum lane lane = (enum lane)(fuzz_u8(in) % LANE_COUNT);
    uint64_t number = fuzz_number(in);

    switch (fuzz_u8(in) % 12) {
    case 0:
        push(l, lane, number % 4096, true);
        break;
    case 1:
        lanes_granted(l, lane, number);
        break;
    case 2:
        lanes_marked(l, number, now);
        break;
    case 3:
        lanes_reached(l, number, (int64_t)(fuzz_u64(in) >> 1), now);
        break;
    case 4:
        if (lanes_received(l, lane, number % 200000) == MR_OK)
            (void)lanes_consumed(l, lane, number % 200000, now);
        break;
    case 5:
        blob_unref(lanes_drop(l));
        break;
    case 6:
        lanes_trim(l);
        break;
    case 7:
        take(l);
        break;
    case 8:
        lanes_rest(l, now);
        break;
    case 9:
        lanes_limit(l, lane, (uint32_t)(number % (CREDIT_MAX_BYTES + 1)));
        break;
    default:
        push(l, lane, number % 4096, false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input in = {data, len};
    struct credit_pool pool;
    struct lanes l;
    int64_t now = 1;

    lanes_init(&l, fuzz_number(&in) % 100000);
    credit_pool_init(&pool, (size_t)(fuzz_number(&in) % (2 * CREDIT_MAX_BYTES)));
    lanes_set_pool(&l, &pool);
    lanes_open_windows(&l, now);
    while (in.left) {
        now += (int64_t)fuzz_u8(&in) * 1000000;
        act(&l, &in, now);
        check(&l);
    }
    lanes_fini(&l);
    fuzz_hold(l.bytes == 0 && pool.used_bytes == 0 && pool.n_grown == 0);
    return 0;
}
