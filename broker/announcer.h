/* announcer.h - what an operator should see on the bus itself: $sys/events/<kind>, one JSON text each, live and not kept.
 *
 *   {"event": "duplicate", "broker": "mr1", "time": "2026-11-22T20:01:02.123456Z", "what": "10.0.0.7: 'press-07' came twice …"}
 *
 * The same words are in the log under an id of docs/events.md. */
#ifndef BROKER_ANNOUNCER_H
#define BROKER_ANNOUNCER_H
#include "bus/hub.h"

enum {
    ANNOUNCER_WAITING = 16,    /* noted and not yet published; what comes above is counted */
    ANNOUNCER_PER_SECOND = 20, /* published; what comes above waits */
    ANNOUNCER_TEXT_SIZE = 768
};

struct announcement {
    enum hub_notice notice;
    int64_t at_us;
    char text[ANNOUNCER_TEXT_SIZE];
};
struct announcer {
    struct hub *hub;
    const char *broker; /* borrowed */
    const struct clock *clock;
    uint32_t topics[HUB_NOTICE_COUNT]; /* 0: a notice that is only logged */
    struct announcement waiting[ANNOUNCER_WAITING];
    uint32_t n, n_left_out;
    int64_t second_from_ns;
    uint32_t n_in_second;
};

MUST enum mr_rc announcer_open(struct announcer *a, struct hub *hub, const char *broker, const struct clock *clock,
                               struct err *err);
/* From the hub's on_notice: only notes. */
void announcer_note(struct announcer *a, enum hub_notice notice, const char *text);
/* At a turn's end, before hub_turn_end(). */
void announcer_flush(struct announcer *a, int64_t now_ns);
#endif
