/* mpsc.h - a bounded record queue from any number of threads to one, for real-time writers.
 *
 * A push makes no system call, takes no lock, allocates nothing and ends after a bounded number of steps. The memory is
 * one block of equal slots; a record takes as many neighbouring slots as it needs. Records come out in the order in
 * which they were begun, whole, exactly once.
 *
 * A writer that is stopped half way through a push holds back what was begun after it, for as long as it is stopped; it
 * never holds back another writer, until the queue is full. */
#ifndef BASE_MPSC_H
#define BASE_MPSC_H
#include <stdint.h>

#include "base/rc.h"

struct mpsc;

/* slot_size: payload bytes per slot, a multiple of 8, 8..65,536. slots: a power of two, 2..65,536.
 * MR_INVALID: out of range. MR_NO_MEMORY. The caller owns *ret. */
MUST enum mr_rc mpsc_new(struct mpsc **ret, size_t slot_size, uint32_t slots);

/* No thread may be inside the queue any more. queue may be NULL. */
void mpsc_free(struct mpsc *queue);

/* The largest record it takes: half of its slots, so that one record never waits for all others to be gone. */
size_t mpsc_max_record(const struct mpsc *queue);

/* Any thread, real-time safe. Copies head and body, in this order, as one record; either may be empty (NULL, 0).
 * MR_TOO_BIG: larger than mpsc_max_record(). MR_WOULD_BLOCK: full, or other writers won every round. */
MUST enum mr_rc mpsc_push(struct mpsc *queue, const void *head, size_t head_len, const void *body, size_t body_len);

/* A record in the making: claimed in one piece, filled in order by any number of pieces, then finished. What is claimed
 * must be filled to its end and finished by the same thread without delay: it holds back all that was begun after it. */
struct mpsc_claim {
    uint64_t position;
    size_t len, filled;
};
MUST enum mr_rc mpsc_claim(struct mpsc *queue, size_t len, struct mpsc_claim *ret); /* results of mpsc_push() */
void mpsc_fill(struct mpsc *queue, struct mpsc_claim *claim, const void *data, size_t len);
void mpsc_finish(struct mpsc *queue, const struct mpsc_claim *claim);

/* The one reader: copies the next record to buf (size bytes) and sets *ret_len. mpsc_max_record() bytes always do.
 * MR_WOULD_BLOCK: none is ready. MR_TOO_BIG: the record needs *ret_len bytes, more than size; it stays in the queue. */
MUST enum mr_rc mpsc_take(struct mpsc *queue, void *buf, size_t size, size_t *ret_len);

/* Any thread: true while no finished record waits. The answer may be old when it arrives. */
bool mpsc_is_empty(const struct mpsc *queue);

#endif
