/* interest.h - what a client wants, carried to its server in versions, and acknowledged by version.
 *
 *   client:  QUIET ◀──ACKED── WAITING             server:  QUIET ──PART──▶ GATHERING ──last PART──▶ APPLIED
 *              │                 ▲                            ▲ └───────────last PART───────────────────┘ │
 *              └─────PART (last)─┘                            └──────────────────ACK──────────────────────┘
 *
 * Every change made by the client's owner gets the next version. Changes travel in bursts of parts; a burst carries all
 * changes up to its version, the first burst is a snapshot, and one burst at most is unacknowledged. What changes
 * meanwhile is gathered: an entry added and removed before it was sent costs nothing. A server's acknowledgement names a
 * version: all changes up to it are in force (`partial`: but not at every broker), so it can never confirm an entry it
 * does not contain. Within a burst an id stands once; an added id replaces the one that was there. Pure. */
#ifndef PROTO_INTEREST_H
#define PROTO_INTEREST_H
#include "base/list.h"
#include "proto/session.h"

enum {
    INTEREST_BURST_BYTES = 64 * 1024, /* unacknowledged at a time, by interest_weight */
    INTEREST_HEAD_BYTES = 24,         /* at most: version, snapshot, more */
    INTEREST_ENTRY_BYTES = 32         /* at most: an entry without its texts, or a removal */
};

/* -- client -- */
enum interest_client_state { INTEREST_QUIET, INTEREST_WAITING, INTEREST_CLIENT_STATES };

struct interest_item; /* an entry, or the removal of one that was sent */

struct interest_client {
    enum interest_client_state state;
    uint32_t max_entries;
    uint32_t part_bytes;          /* of one part, its head not counted */
    struct interest_item **items; /* ascending by id */
    uint32_t count, cap;
    uint32_t removals;   /* of count: removals not yet sent */
    struct list changed; /* items not yet sent, oldest change first */
    uint32_t burst_left; /* items the open burst still has to give */
    uint32_t part_left;  /* items the open part still has to give */
    uint64_t version;    /* of the last change */
    uint64_t sent;       /* of the last burst begun */
    uint64_t acked;      /* of the last acknowledgement; partial: what it said */
    bool partial;
    bool in_burst; /* a part with `more` went out, the next one belongs to the same burst */
};

struct interest_part {
    uint64_t version;
    bool snapshot, more;
};

/* Allocates nothing. part_bytes at least interest_weight() of the largest entry. */
void interest_client_init(struct interest_client *c, uint32_t max_entries, uint32_t part_bytes);
void interest_client_fini(struct interest_client *c);

/* Adds or replaces an entry; copied. MR_INVALID: id 0, no filter, or one too long for a part. MR_TOO_BIG: max_entries are
 * there. MR_NO_MEMORY. */
MUST enum mr_rc interest_client_add(struct interest_client *c, const struct session_interest *entry);

/* MR_NOT_FOUND: no such entry (any more: it was refused). */
MUST enum mr_rc interest_client_remove(struct interest_client *c, uint32_t id);

/* True when interest_client_part() would begin one. */
bool interest_client_has_part(const struct interest_client *c);

/* Begins the next part: write its head, then all that interest_client_next() gives. Take all parts of a burst before
 * entries are changed again. MR_WOULD_BLOCK: nothing to say, or an acknowledgement is missing. */
MUST enum mr_rc interest_client_part(struct interest_client *c, struct interest_part *ret);

/* The next entry of the open part, borrowed until the next call; ret->filter NULL: the removal of ret->id. False at its end. */
bool interest_client_next(struct interest_client *c, struct session_interest *ret);

/* An acknowledgement came. *ret_news: the owner should hear of it (a repeated one is none).
 * MR_INVALID: of a version never sent, or below one acknowledged before. */
MUST enum mr_rc interest_client_acked(struct interest_client *c, uint64_t version, bool partial, bool *ret_news);

/* An entry was refused: it is forgotten, unless it was changed since. False: no such entry. */
bool interest_client_refused(struct interest_client *c, uint32_t id);

/* Bytes an entry takes at most in a part. */
uint32_t interest_weight(const struct session_interest *entry);

/* -- server -- */
enum interest_server_state { INTEREST_IDLE, INTEREST_GATHERING, INTEREST_APPLIED, INTEREST_SERVER_STATES };

struct interest_server {
    enum interest_server_state state;
    uint32_t max_entries;
    uint32_t *ids; /* in force, ascending */
    uint32_t count, cap;
    uint64_t version; /* of the burst that is being gathered or was applied last */
    uint64_t acked;
    bool partial; /* what the last ack said */
};

/* What to do about one entry or removal of a part. */
enum interest_verdict {
    INTEREST_TAKE,    /* tell the owner */
    INTEREST_REPLACE, /* tell the owner of the id's removal, then of the new entry */
    INTEREST_SKIP,    /* nothing: a removal of what is not there (it crossed a refusal) */
    INTEREST_REFUSE   /* max_entries are there: refuse it with MR_TOO_BIG */
};

void interest_server_init(struct interest_server *s, uint32_t max_entries);
void interest_server_fini(struct interest_server *s);

/* A part came: call this first, then interest_server_drop for everything while *ret_forget (a snapshot) or for each
 * removal, interest_server_add for each entry, interest_server_end at its end. MR_INVALID: out of order. */
MUST enum mr_rc interest_server_part(struct interest_server *s, const struct interest_part *part, bool *ret_forget);
MUST enum mr_rc interest_server_add(struct interest_server *s, uint32_t id,
                                    enum interest_verdict *ret); /* MR_NO_MEMORY */
enum interest_verdict interest_server_drop(struct interest_server *s, uint32_t id);
uint32_t interest_server_first(const struct interest_server *s); /* some id in force, 0: none */
/* True: the version is complete, tell the owner. */
bool interest_server_end(struct interest_server *s, const struct interest_part *part);

/* The owner says that all up to `version` is in force. MR_INVALID: not a complete version, or below one acknowledged. */
MUST enum mr_rc interest_server_ack(struct interest_server *s, uint64_t version, bool partial);
#endif
