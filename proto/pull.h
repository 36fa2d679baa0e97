/* pull.h - the consumer's side of a durable cursor: asks for records with credit, holds leases, acknowledges.
 *
 *     OFF ──OPEN──▶ PULLING ──SEEK──▶ SEEKING ──SOUGHT──▶ PULLING         any ──CLOSE, LINK_DOWN──▶ OFF
 *
 * Credits are cumulative in records and bytes, so a repeated FETCH harms nothing. Every delivery comes under a generation
 * (term of the leader, n): a higher one means that the leases of the older are gone and what was delivered may come
 * again. Exclusive: ordered; an ack covers this and all before, but never a requeued record; a nak ends every later lease.
 * Shared: each record by itself. A seek ends every lease at once. Pure; at most max_leases are remembered. */
#ifndef PROTO_PULL_H
#define PROTO_PULL_H
#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"

enum pull_state { PULL_OFF, PULL_PULLING, PULL_SEEKING, PULL_STATES };

/* On the wire; numbers for ever. */
enum pull_ack_kind { PULL_ACK = 1, PULL_NAK = 2, PULL_EXTEND = 3 };

enum pull_event_kind {
    PULL_OPEN,        /* the link is there and the consumer is open; generation */
    PULL_CLOSE,       /* it is not any more */
    PULL_WANT,        /* the owner has room for .records and .bytes more */
    PULL_DELIVERED,   /* a record came: offset, bytes, generation, requeued */
    PULL_ACK_THIS,    /* the owner is done with offset */
    PULL_NAK_THIS,    /* ... or is not: again after delay_ms, reason */
    PULL_EXTEND_THIS, /* ... or needs lease_ms more (in delay_ms) */
    PULL_SEEK,        /* the owner asked for another place */
    PULL_SOUGHT,      /* it is in force: generation */
    PULL_EVENTS
};

struct pull_event {
    enum pull_event_kind kind;
    uint64_t offset, generation;
    uint64_t records, bytes;
    bool requeued;
    uint32_t delay_ms;
    const char *reason; /* borrowed for the step */
};

struct pull_actions {
    bool fetch;   /* send FETCH with credit_records and credit_bytes of the machine */
    bool deliver; /* hand the record to the app; perhaps = it may have been delivered before */
    bool perhaps;
    bool ack;          /* send CONSUMER_ACK: ack_kind, generation, first, last, delay_ms, reason */
    bool leases_ended; /* what is held from `first` on may no longer be acknowledged */
    enum pull_ack_kind ack_kind;
    uint64_t generation, first, last;
    uint32_t delay_ms;
    const char *reason;
};

struct pull_lease {
    uint64_t offset;
    bool requeued;
};

struct pull {
    enum pull_state state;
    bool exclusive;
    uint32_t max_leases, count, cap;
    struct pull_lease *leases;             /* ascending by offset */
    uint64_t generation;                   /* of the leases held */
    uint64_t least_generation;             /* deliveries below it were on their way when a nak ended them: ignored */
    uint64_t credit_records, credit_bytes; /* granted by us, cumulative in this session */
    uint64_t used_records, used_bytes;     /* delivered */
    uint64_t told_records, told_bytes;     /* said in the last FETCH */
    uint64_t delivered_to;                 /* highest offset + 1 ever delivered: below it comes again */
};

/* Allocates nothing; max_leases at least 1. */
void pull_init(struct pull *p, bool exclusive, uint32_t max_leases);
void pull_fini(struct pull *p);

/* MR_OK. MR_INVALID: the peer delivers beyond the credit, out of order (exclusive), or under an older generation: end the
 * session. MR_FENCED: an ack, nak or extend of a lease that is gone: tell the app, send nothing. MR_MISUSE: not in this
 * state. MR_TOO_BIG: more leases than max_leases. MR_NO_MEMORY. */
MUST enum mr_rc pull_step(struct pull *p, const struct pull_event *event, struct pull_actions *ret);
#endif
