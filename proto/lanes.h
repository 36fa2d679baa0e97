/* lanes.h - five queues of frames with credit in bytes: what may go next, what must wait, what is dropped.
 *
 * One lane, as its sender sees it:
 *
 *     EMPTY ──push──▶ READY ◀──grant── WAITING            READY: the first frame may go
 *       ▲              │  └──credit or share used up──▶─┘  WAITING: it may not
 *       └──last taken──┘
 *
 * Sending. The peer grants credit, cumulative since the session began; a frame may begin while any is left and costs
 * frame_cost(), so a lane is overdrawn by one frame at most. Lanes go in strict priority, and nothing overtakes a control
 * frame that waits: ids are announced there. Stream and bulk share what may be in flight below live, max(8 KiB, rate x
 * (least round trip + 20 ms)), so that a command waits milliseconds even on a slow link; what is in flight is known from
 * marks, pings sent in between. Nothing is in flight any more that was sent before an answered mark. The rate is what arrived
 * from a mark's going out to its answer, over the longer of how long that took to send and to arrive: answers that bunch up
 * make it no higher. A better rate counts at once, a worse one by an eighth, and only when the bound held something up.
 * That bound is a maximum over time, not of an instant: a frame may begin while less is in flight.
 *
 * Queueing. max_bytes bounds all lanes together, memory counted, not payload. When it is reached the live lane gives way:
 * to itself, to command and to control; the other lanes refuse, each above its share. A control frame without room ends
 * the session.
 *
 * Receiving. What comes is counted against what was granted; what is consumed is granted again, in steps of half a window, on
 * bulk of at most LANES_BULK_STEP_BYTES: who waits there for a slow receiver must see that it moves.
 * A window that is used up faster than LANES_GROW_MS doubles, from 32 KiB to 1 MiB, while the pool it shares with other
 * sessions has room (proto/credit_pool.h); one that had no grant for LANES_REST_MS is small again; control stays at 256 KiB.
 * Pure. */
#ifndef PROTO_LANES_H
#define PROTO_LANES_H
#include "base/blob.h"
#include "proto/credit_pool.h"
#include "proto/frame.h"
#include "proto/limits.h"

enum {
    LANES_CONTROL_WINDOW_BYTES = 256 * 1024,
    LANES_GROW_MS = 100, /* half a window consumed within this: the window doubles */
    LANES_BULK_STEP_BYTES = CREDIT_START_BYTES / 2,
    LANES_REST_MS = 10000, /* no grant for so long: what the window has grown by goes back */
    LANES_SHARE = 8,       /* command, stream and bulk: at most max_bytes / LANES_SHARE each */
    LANES_MARKS = 8,       /* pings in flight below live */
    LANES_MAX_FRAMES = 1 << 20,

    /* The most frames on their way in one direction: all windows full of the cheapest, each overdrawn by one. */
    LANES_IN_FLIGHT_FRAMES =
        (LANES_CONTROL_WINDOW_BYTES + (LANE_COUNT - 1) * CREDIT_MAX_BYTES) / CREDIT_FRAME_MIN_BYTES + LANE_COUNT +
        CREDIT_FREE_FRAMES,
    /* ZeroMQ's high-water marks, so that credit acts and they never do: it gives room back in steps of half a mark. */
    LANES_HIGH_WATER_FRAMES = 2 * LANES_IN_FLIGHT_FRAMES
};

enum lane_state { LANE_EMPTY, LANE_READY, LANE_WAITING, LANE_STATES };

struct lane_queue {
    struct blob **frames; /* ring of cap, a power of two; NULL while never used or given back */
    uint32_t cap, first, count;
    size_t bytes;           /* memory of the queued frames */
    uint64_t sent, granted; /* cost, cumulative */
};

struct lane_window {
    uint64_t received, consumed, granted; /* cost, cumulative */
    uint32_t bytes, max;
    int64_t granted_ns; /* when the last grant was made */
    bool is_held;       /* no more is granted */
};

struct lane_mark {
    uint64_t number;     /* of the ping, 0 = free */
    uint64_t below, all; /* bytes sent before it, below live and altogether */
    int64_t sent_ns;     /* when it went */
    uint64_t
        reached_all; /* as it was then: what arrives between two such points is a rate, however the answers bunch */
    int64_t reached_ns, reached_sent_ns;
};

struct lanes {
    struct lane_queue queue[LANE_COUNT];
    struct lane_window window[LANE_COUNT];
    struct credit_pool *pool; /* borrowed; NULL: windows grow as they like */
    size_t max_bytes, bytes;
    uint64_t sent_all, sent_below; /* bytes of frames */
    struct lane_mark marks[LANES_MARKS];
    uint32_t next_mark;
    uint64_t reached_all, reached_below; /* bytes known to have arrived */
    int64_t reached_ns, reached_sent_ns; /* of the mark answered last: when, and when it went */
    uint64_t rate;                       /* bytes per second, the best of late */
    uint64_t below_max;                  /* bytes allowed in flight below live */
    uint64_t marked_below;               /* sent_below at the last mark */
};

/* Allocates nothing. */
void lanes_init(struct lanes *l, size_t max_bytes);
void lanes_fini(struct lanes *l); /* drops what is queued, gives the pool back what it has of it */

/* -- sending -- */

/* Memory a queued frame counts for. */
size_t lanes_weight(const struct blob *frame);

/* Queues a frame and takes over the caller's reference. MR_WOULD_BLOCK: no room; drop what lanes_drop() gives and try again.
 * MR_TOO_BIG: no room even so: live and control, larger than max_bytes; the others, above their share or the rest is
 * not live. MR_NO_MEMORY. On failure the reference stays with the caller. */
MUST enum mr_rc lanes_push(struct lanes *l, enum lane lane, struct blob *frame);

/* In front of what waits, above every bound: for what announces a loss. MR_NO_MEMORY. */
MUST enum mr_rc lanes_push_front(struct lanes *l, enum lane lane, struct blob *frame);

/* The oldest live frame, to be told as lost; the caller owns the reference. NULL: there is none. */
struct blob *lanes_drop(struct lanes *l);

/* The next frame that may go, counted as sent; the caller owns the reference. NULL: none may. */
struct blob *lanes_take(struct lanes *l, enum lane *ret_lane);
bool lanes_can_take(const struct lanes *l);
bool lanes_live_is_next(const struct lanes *l); /* a frame put in front of the live lane now would be taken next */
enum lane_state lanes_state(const struct lanes *l, enum lane lane);

/* Bytes the lane takes before it drops or refuses. */
size_t lanes_room(const struct lanes *l, enum lane lane);

/* CREDIT came, or a window of WELCOME. A lower one than before changes nothing. */
void lanes_granted(struct lanes *l, enum lane lane, uint64_t granted);

/* True when a ping should go now to mark what was sent below live; lanes_marked() tells its number. */
bool lanes_wants_mark(const struct lanes *l);
void lanes_marked(struct lanes *l, uint64_t number, int64_t now_ns);
/* The ping was answered; least_rtt_ns of late, 0 = not known. */
void lanes_reached(struct lanes *l, uint64_t number, int64_t least_rtt_ns, int64_t now_ns);

/* Gives the memory of empty queues back. */
void lanes_trim(struct lanes *l);

/* -- receiving -- */

/* The first grants, to be sent with WELCOME or right after it. */
void lanes_open_windows(struct lanes *l, int64_t now_ns);

/* From now on windows grow from this pool, borrowed until lanes_fini(). Before any has grown. */
void lanes_set_pool(struct lanes *l, struct credit_pool *pool);

/* A frame came. MR_INVALID: the lane had no credit left: the peer broke the rule. */
MUST enum mr_rc lanes_received(struct lanes *l, enum lane lane, size_t cost);

/* It was dealt with. True: tell the peer lanes_grant(). */
bool lanes_consumed(struct lanes *l, enum lane lane, size_t cost, int64_t now_ns);
uint64_t lanes_grant(const struct lanes *l, enum lane lane); /* cumulative */
/* How far the window may grow; one that is larger shrinks as it is used. */
void lanes_limit(struct lanes *l, enum lane lane, uint32_t max_bytes);
/* Windows that had no grant for LANES_REST_MS have only their start again. Called now and then. */
void lanes_rest(struct lanes *l, int64_t now_ns);
/* While held, what is consumed is counted and not granted. True, when let go: tell the peer lanes_grant(). */
bool lanes_hold(struct lanes *l, enum lane lane, bool is_held, int64_t now_ns);
#endif
