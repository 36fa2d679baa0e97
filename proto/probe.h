/* probe.h - is the peer alive, how far away is it, what does its clock say.
 *
 *     OFF ──START──▶ WATCHING ──silent for dead_ms──▶ DEAD
 *
 * A PING goes out when nothing else did for ping_ms, and every PROBE_MEASURE_MS at the latest, so that round trip and
 * clocks stay measured on a busy link. Any frame proves life. Of several pings that wait only the latest is answered.
 * Times on the wire are checked, never trusted: a PONG counts when it repeats what we sent. Pure. */
#ifndef PROTO_PROBE_H
#define PROTO_PROBE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"

enum {
    PROBE_MEASURE_MS = 10000,
    PROBE_OPEN_PINGS = 8,  /* unanswered pings remembered; an answer to an older one is not used */
    PROBE_RTT_BUCKETS = 6, /* of PROBE_RTT_BUCKET_MS each: the least round trip of the last minute */
    PROBE_RTT_BUCKET_MS = 10000
};

enum probe_state { PROBE_OFF, PROBE_WATCHING, PROBE_DEAD, PROBE_STATES };

enum probe_event_kind {
    PROBE_START,
    PROBE_SENT,   /* a frame went out */
    PROBE_HEARD,  /* a frame came in, of any kind */
    PROBE_PINGED, /* PING came */
    PROBE_PONGED, /* PONG came: number, sent_ns, received_us, real_us, clock */
    PROBE_PING,   /* owner wants a ping now, to mark a point in what it sends */
    PROBE_TICK,
    PROBE_EVENTS
};

struct probe_event {
    enum probe_event_kind kind;
    uint64_t number, sent_ns;
    int64_t received_us, real_us; /* PONG: peer's UTC at arrival and at sending, 0 = it has none */
    int64_t our_us;               /* PONGED, PING, TICK, START: our UTC now, 0 = we have none */
};

struct probe_actions {
    bool say_ping; /* send PING with number and sent_ns */
    bool say_pong; /* answer the PING that came */
    bool dead;     /* nothing heard for dead_ms */
    bool reached;  /* the peer has all that was sent before ping `number`; rtt_ns of it */
    bool clock;    /* offset_us and error_us are measured */
    uint64_t number, sent_ns;
    int64_t rtt_ns;
    int64_t offset_us; /* peer's UTC - ours */
    int64_t error_us;  /* half the round trip, without the time the peer held the ping */
};

struct probe_ping {
    uint64_t number;
    int64_t sent_ns, our_us;
};

struct probe {
    enum probe_state state;
    int64_t ping_ns, dead_ns;                 /* durations */
    int64_t sent_ns, heard_ns, pinged_ns;     /* last frame out, last frame in, last PING out */
    uint64_t number;                          /* of the last PING out */
    struct probe_ping open[PROBE_OPEN_PINGS]; /* by number modulo their count; number 0 = free */
    struct {
        int64_t bucket; /* time / PROBE_RTT_BUCKET_MS; meaningless while least_ns is 0 */
        int64_t least_ns;
    } rtt[PROBE_RTT_BUCKETS];
};

/* ping_ms and dead_ms at least 1. */
void probe_init(struct probe *p, uint32_t ping_ms, uint32_t dead_ms);

/* The two intervals agreed in WELCOME; takes effect at once. */
void probe_set_intervals(struct probe *p, uint32_t ping_ms, uint32_t dead_ms);

/* MR_OK. MR_INVALID: a PONG to a PING never sent, or with other times than sent. MR_MISUSE: START twice. */
MUST enum mr_rc probe_step(struct probe *p, const struct probe_event *event, int64_t now_ns, struct probe_actions *ret);

int64_t probe_deadline(const struct probe *p);                  /* INT64_MAX: none */
int64_t probe_least_rtt(const struct probe *p, int64_t now_ns); /* ns, of the last minute; 0: not measured */
#endif
