/* lastval.h - last values: a slot per (topic, publishing identity), single writer, merged by the highest version (DESIGN §4).
 *
 * STALE is never stored here: whoever shows a slot asks presence whether its publisher lives in the slot's own birth. */
#ifndef BUS_LASTVAL_H
#define BUS_LASTVAL_H
#include "bus/names.h"
#include "proto/batch.h"

struct lastval;
struct lastval_limits {
    uint32_t max_slots;                    /* whole table */
    uint32_t max_slots_per_topic;          /* 4 */
    uint32_t max_slots_per_owner;          /* 0: no limit but the table's */
    size_t max_bytes, max_bytes_per_owner; /* of bodies; 0: no limit */
    int64_t tombstone_ns;                  /* how long a cleared slot is remembered: 7 days */
};

struct slot {
    uint32_t topic, owner;  /* owner: publisher id of the identity (part "") */
    uint32_t publisher;     /* who on it wrote last */
    struct batch_head head; /* version = (head.birth, seq); times as they came */
    uint64_t seq;
    uint32_t flags; /* enum mr_flag, without SNAPSHOT and STALE */
    int64_t source_us;
    int64_t changed_ns;  /* monotonic, of the last change here */
    bool cleared;        /* a tombstone: no body */
    const uint8_t *body; /* encoded Body, borrowed until the slot's next change */
    uint32_t body_len;
};

enum lastval_result {
    LASTVAL_TAKEN,   /* the slot is newer now */
    LASTVAL_OLD,     /* not above what the slot holds: nothing changed, but perhaps its accept time */
    LASTVAL_ANOTHER, /* taken, and it is the first of this identity beside another's: a CONFLICT if both live */
    LASTVAL_REFUSED  /* one identity too many for the topic, its owner's share is used up, or the table is full */
};

/* names is borrowed for the life of the table. */
MUST enum mr_rc lastval_new(struct lastval **ret, const struct lastval_limits *limits, const struct names *names);
void lastval_free(struct lastval *l);

/* Merges one record (KEEP or CLEAR, never BACKFILL), its ids and head->publisher being of this table's names. Above is a higher
 * (birth, seq), or a CLEAR of the very version held. The body is copied.
 * The first write of a slot allocates, a longer one and the first after a CLEAR too, any other does not. MR_NO_MEMORY leaves the slot as it was. A tombstone makes
 * room for an identity that is one too many. */
MUST enum mr_rc lastval_put(struct lastval *l, const struct batch_head *head, uint32_t owner,
                            const struct record *record, int64_t now_ns, enum lastval_result *ret);

/* All slots of a topic, tombstones included; at most max_slots_per_topic. Borrowed until the next put or purge. */
size_t lastval_get(const struct lastval *l, uint32_t topic, const struct slot **ret, size_t max);

/* Walks all slots in a fixed order that survives puts in between; *cursor starts at 0; NULL at the end. */
const struct slot *lastval_walk(const struct lastval *l, uint64_t *cursor);

/* The slots of one owner, one after the other: `after` is the one before, NULL for the first. None may be removed meanwhile. */
const struct slot *lastval_next_of(const struct lastval *l, uint32_t owner, const struct slot *after);

void lastval_purge_owner(struct lastval *l, uint32_t owner); /* an identity is gone for good */
void lastval_purge_topic(struct lastval *l, uint32_t topic,
                         uint32_t but_owner); /* nobody here follows it any more; the slot of but_owner stays */
void lastval_expire(struct lastval *l, int64_t now_ns); /* forgets old tombstones */
size_t lastval_count(const struct lastval *l);
/* Orders two slots of one topic for showing, < 0 when a comes first: a live one, then the later broker accept time, then identity. */
int lastval_compare(const struct lastval *l, const struct slot *a, bool a_lives, const struct slot *b, bool b_lives);
#endif
