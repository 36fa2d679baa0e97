/* producer.h - the agent's side of the promise 'exactly once and in order in the stream': one (agent identity, stream uuid).
 *
 *   IDLE ──LINK_UP──▶ SETTLING ──FLOOR_DURABLE──▶ OPENING ──GRANTED──▶ GRANTED
 *    ▲                   ▲  ▲                     │ │ ▲ │               │ │ │
 *    │                   │  └─────DRAINED─────────┼─┼─┼─┼───────────────┘ │ │
 *    │                   │ RENEWED       RETRY ◀─┘ │ └─TICK── RETRYING    │ │
 *    │                   └──── RENEWING ◀──SEALED, rollback──────────────┘ │
 *    └─LINK_DOWN── each of these    FENCED ◀──another holder──────────────┘        GONE ◀──stream deleted
 *
 * Before the first batch of a link, and before another incarnation's, the machine opens: OPEN_PRODUCER with an open number
 * one higher each time. The floor (highest seq known committed, and the chain there) is made durable before another
 * incarnation is opened, so that the cluster keeps one incarnation per producer. The answer is compared with what the
 * spool holds: when it cannot be this producer's own history, nothing more is written under the incarnation; the owner
 * makes a new one, re-sends what is unacknowledged flagged RECOVERED, and raises an alarm. Only another holder's nonce
 * in FENCED makes it stay down for good. Each rule is necessary (model checked: docs/decisions). Pure: the spool answers by events. */
#ifndef PROTO_PRODUCER_H
#define PROTO_PRODUCER_H
#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"

enum {
    PRODUCER_INCARNATION_BYTES = 16,
    PRODUCER_RETRY_MS = 1000,  /* when the answer names no time */
    PRODUCER_ANSWER_MS = 10000 /* an OPEN_PRODUCER unanswered for this long is sent again */
};

enum producer_state {
    PRODUCER_IDLE,     /* no link */
    PRODUCER_SETTLING, /* the floor is being made durable before an open */
    PRODUCER_OPENING,  /* OPEN_PRODUCER is out */
    PRODUCER_CHECKING, /* answered; the spool is asked for its own chain at the answer's last */
    PRODUCER_GRANTED,  /* batches may go */
    PRODUCER_RETRYING, /* the broker cannot now */
    PRODUCER_RENEWING, /* the owner makes a new incarnation */
    PRODUCER_FENCED,   /* for good: another holder lives */
    PRODUCER_GONE,     /* for good: the stream was deleted */
    PRODUCER_STATES
};

/* Verdicts on the wire; numbers for ever. */
enum producer_verdict {
    PRODUCER_OK = 1,
    PRODUCER_SEALED = 2,  /* older than the newest incarnation opened */
    PRODUCER_REFUSED = 3, /* birth epoch not above the one in force, .birth */
    PRODUCER_TAKEN = 4,   /* fenced: .holder_nonce holds it */
    PRODUCER_RETRY = 5,   /* no leader, no disk, older catalogue: again after .retry_ms */
    PRODUCER_DELETED = 6
};

enum producer_event_kind {
    PRODUCER_LINK_UP,
    PRODUCER_LINK_DOWN,
    PRODUCER_FLOOR_DURABLE, /* the floor is durable up to seq; answers persist_floor, in memory mode at once */
    PRODUCER_OPENED,        /* PRODUCER_OPENED came: answer */
    PRODUCER_CHAIN,         /* answers ask_chain: known, chain */
    PRODUCER_SENT,          /* a batch or SKIP up to seq went out under the grant */
    PRODUCER_ACKED,         /* STREAM_ACK came: epoch, seq, chain */
    PRODUCER_NUMBERED,      /* the spool gave numbers: next (of .front) */
    PRODUCER_DRAINED,       /* nothing is left under .front: front, next, left, newest of the one that follows */
    PRODUCER_RENEWED,       /* answers renew: as DRAINED, and birth if it changed */
    PRODUCER_TICK,
    PRODUCER_EVENTS
};

/* An incarnation as the spool knows it. */
struct producer_incarnation {
    uint64_t ordinal;
    uint8_t random[PRODUCER_INCARNATION_BYTES];
    uint64_t next_seq; /* the next number it would give */
    bool newest;       /* records are still numbered under it */
    bool left;         /* unacknowledged records are there */
};

struct producer_answer {
    enum producer_verdict verdict;
    uint64_t epoch, last_seq, chain, holder_nonce, birth;
    uint32_t retry_ms;
};

struct producer_event {
    enum producer_event_kind kind;
    struct producer_answer answer;
    struct producer_incarnation front;
    uint64_t epoch, seq, chain, birth;
    bool known; /* CHAIN: the spool has it */
};

/* What to do, in this order. */
struct producer_actions {
    bool free_to;       /* records up to .seq are COMMITTED; the floor is (.seq, .chain) */
    bool persist_floor; /* make the floor durable, then FLOOR_DURABLE */
    bool send_open;     /* OPEN_PRODUCER from the machine's fields */
    bool ask_chain;     /* which chain has the spool at .seq? then CHAIN */
    bool may_send;      /* under .epoch, from .seq + 1 */
    bool stop;          /* nothing more under the present incarnation */
    bool renew;      /* new incarnation, ordinal above .ordinal, unacknowledged records RECOVERED; birth above .birth if
                           not 0; then RENEWED */
    bool alarm;      /* IDENTITY_ROLLBACK or a duplicated disk */
    bool stay_down;  /* durably: another holder, .nonce */
    bool quarantine; /* the stream is deleted: what is left goes to quarantine */
    uint64_t seq, chain, epoch, ordinal, birth, nonce;
};

struct producer {
    enum producer_state state;
    uint64_t birth, nonce;
    uint64_t open; /* number of the last OPEN_PRODUCER */
    struct producer_incarnation front;
    uint64_t floor_ordinal, floor_seq, floor_chain; /* highest known committed, and of which incarnation */
    bool floor_durable;
    bool link_up;
    uint64_t epoch, sent_seq;
    struct producer_answer answer; /* while CHECKING */
    int64_t deadline_ns;
};

struct producer_conf {
    uint64_t birth, nonce;
    struct producer_incarnation front;
    uint64_t floor_ordinal, floor_seq, floor_chain; /* as durable */
    bool fenced;                                    /* the durable mark of stay_down */
};

void producer_init(struct producer *p, const struct producer_conf *conf);

/* MR_OK; what comes too late (an answer after LINK_DOWN, an ack of an older epoch) is ignored.
 * MR_INVALID: the peer says what cannot be (an ack of what was never sent, an unknown verdict): end the session.
 * MR_MISUSE: an event of the owner that the state does not allow. Nothing changed in both cases. */
MUST enum mr_rc producer_step(struct producer *p, const struct producer_event *event, int64_t now_ns,
                              struct producer_actions *ret);
int64_t producer_deadline(const struct producer *p); /* INT64_MAX: none */
#endif
