/* quota.h - how much one session may send: a bucket of a second's worth that fills again at its rate.
 *
 * Nothing is refused or dropped for it: who has overdrawn its bucket gets no credit until it is paid back (bus/hub.h,
 * hub_hold()), so its agent and apps wait, or say themselves what they drop. It can overdraw it by what was in flight. Pure. */
#ifndef BROKER_QUOTA_H
#define BROKER_QUOTA_H
#include <stdbool.h>
#include <stdint.h>

/* Zero it. */
struct quota {
    int64_t used;  /* of the bucket; above per_s: overdrawn */
    uint64_t seen; /* the total at the last step */
};

/* total: sent since the session began; per_s 0: no limit. elapsed_ns: since the last step. True: overdrawn. */
bool quota_step(struct quota *q, uint64_t per_s, uint64_t total, int64_t elapsed_ns);
#endif
