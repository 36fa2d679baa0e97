/* calls.h - requests handed to a responder and not yet answered, so that its end answers them all with NO_RESPONDER at once. */
#ifndef BUS_CALLS_H
#define BUS_CALLS_H
#include "bus/names.h"

struct calls;
struct call {
    uint64_t id;          /* ours, as the responder knows it: never used before in this process */
    uint64_t asked_id;    /* the requester's */
    uint32_t reply_topic; /* in our names */
    uint32_t topic;
    uint32_t from, to; /* ports */
    int64_t until_ns;  /* monotonic: the requester no longer waits */
};
/* max_per_port: open calls of one requester, and as many handed to one responder. seed: secret to the process. */
MUST enum mr_rc calls_new(struct calls **ret, uint32_t max_calls, uint32_t max_per_port, uint64_t seed);
void calls_free(struct calls *c);
/* MR_WOULD_BLOCK: too many open; MR_INVALID: (id, reply_topic) is open already. */
MUST enum mr_rc calls_add(struct calls *c, const struct call *call);
/* The answer came from port `to`: removes and returns it. MR_NOT_FOUND: unknown, answered or expired. */
MUST enum mr_rc calls_take(struct calls *c, uint32_t to, uint64_t id, uint32_t reply_topic, struct call *ret);
/* The oldest open call of a responder that ended, removed; MR_NOT_FOUND when none is left. */
MUST enum mr_rc calls_take_any_to(struct calls *c, uint32_t to, struct call *ret);
void calls_drop_from(struct calls *c, uint32_t from); /* the requester left: nobody waits */
void calls_expire(struct calls *c, int64_t now_ns);   /* forgets those whose requester no longer waits; O(open calls) */
size_t calls_count(const struct calls *c);
#endif
