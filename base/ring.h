/* ring.h - a bounded queue of counted frames that loses only what its policy says, and tells of every loss.
 *
 * Bounded by frames and by bytes. When a push does not fit, the policy (enum mr_policy) decides:
 *   MR_DROP_OLDEST       the oldest items go until the new one fits;
 *   MR_NEWEST_PER_TOPIC  first goes what a newer item of the same key has superseded (the longest superseded first,
 *                        the older item of the pushed key included), and only then the oldest: while the keys fit, the
 *                        newest item of every key gets through;
 *   MR_CUT_OFF           nothing goes: the push is refused and the ring takes nothing more until ring_clear().
 * Every dropped item is shown to on_drop before its frame is let go, so that its owner can announce the loss exactly.
 *
 * After ring_init() the storage grows in steps (doubling, to max_frames) and never shrinks; a push that needs no step
 * allocates nothing. When a step fails for want of memory the ring works on at the size it has, as if that were
 * max_frames. One thread. */
#ifndef BASE_RING_H
#define BASE_RING_H
#include "base/blob.h"

#define RING_MAX_FRAMES 0x7fffffffU

struct ring_item {
    struct blob *frame; /* never NULL */
    uint64_t key;       /* the topic, for MR_NEWEST_PER_TOPIC; otherwise the owner's */
    uint32_t tag;       /* the owner's */
};

struct ring_options {
    enum mr_policy policy;
    uint32_t max_frames; /* 1..RING_MAX_FRAMES */
    size_t max_bytes;    /* of payload, at least 1; shared payloads count in full */
    /* Called from inside ring_push() and ring_clear(), once per dropped item, in the order of dropping. item is
     * borrowed until it returns; the callback must not touch the ring. May be NULL. */
    void (*on_drop)(void *user, const struct ring_item *item);
    void *user; /* handed to on_drop */
};

enum ring_push {
    RING_QUEUED,  /* in the ring, nothing was lost */
    RING_DROPPED, /* in the ring; others were dropped for it (each shown to on_drop) */
    RING_REFUSED, /* not in the ring: the frame alone exceeds max_bytes (MR_CUT_OFF: is a cut); nothing else was lost */
    RING_IS_CUT   /* not in the ring: MR_CUT_OFF and it did not fit, now or earlier */
};

struct ring;

/* MR_INVALID: a limit is out of range or the policy unknown. MR_NO_MEMORY. The caller owns *ret. */
MUST enum mr_rc ring_new(struct ring **ret, const struct ring_options *options);

/* Frees the ring and drops its frames without calling on_drop. ring may be NULL. */
void ring_free(struct ring *ring);

/* Puts an item at the end; the ring takes its own reference to item->frame if it takes the item. */
MUST enum ring_push ring_push(struct ring *ring, const struct ring_item *item);

/* Takes the first item: the caller owns the reference in *ret. False when the ring is empty. */
MUST bool ring_take(struct ring *ring, struct ring_item *ret);

/* The first item, borrowed until the next call on the ring; NULL when it is empty. */
const struct ring_item *ring_peek(const struct ring *ring);

/* Drops everything (each shown to on_drop) and lifts a cut. */
void ring_clear(struct ring *ring);

uint32_t ring_frames(const struct ring *ring);
size_t ring_bytes(const struct ring *ring);

#endif
