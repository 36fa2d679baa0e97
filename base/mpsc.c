/* mpsc.c - the bounded queue of Vyukov, with records of several slots.
 *
 * Positions count slots for ever; position p lives in slot p mod slots, and that slot's turn says whose move it is:
 *   turn == p          free for the writer of position p
 *   turn == p + 1      a finished record begins here (set last of all, on its first slot only)
 *   turn == p + slots  read, free for the next round
 * The reader frees in order, so a free last slot means that all slots of a record are free. */
#include "base/mpsc.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define MAX_SLOT_SIZE 65536
#define MAX_SLOTS 65536
#define CACHE_LINE 64
#define MAX_ROUNDS 64 /* lost races after which a push gives up: far above what as many CPUs can cause */

struct slot {
    uint64_t turn;
    size_t len; /* of the record that begins here */
};

struct mpsc {
    size_t slot_size;
    uint64_t slots; /* a power of two */
    struct slot *table;
    uint8_t *bytes;                       /* slots * slot_size, a ring of bytes beside the table */
    uint8_t apart_from_fixed[CACHE_LINE]; /* writers and the reader each work on a cache line of their own */
    uint64_t head;                        /* the next position to claim */
    uint8_t apart_from_head[CACHE_LINE];
    uint64_t tail; /* the next position to read */
};

static bool are_valid(size_t slot_size, uint32_t slots)
{
    return slot_size >= 8 && slot_size <= MAX_SLOT_SIZE && slot_size % 8 == 0 && slots >= 2 && slots <= MAX_SLOTS &&
           (slots & (slots - 1)) == 0;
}

enum mr_rc mpsc_new(struct mpsc **ret, size_t slot_size, uint32_t slots)
{
    if (!are_valid(slot_size, slots))
        return MR_INVALID;
    struct mpsc *queue = mem_calloc(1, sizeof *queue);
    if (!queue)
        return MR_NO_MEMORY;
    queue->slot_size = slot_size;
    queue->slots = slots;
    queue->table = mem_calloc(slots, sizeof *queue->table);
    queue->bytes = mem_calloc(slots, slot_size); /* zeroed: no page fault is left for the first real-time writer */
    if (!queue->table || !queue->bytes) {
        mpsc_free(queue);
        return MR_NO_MEMORY;
    }
    for (uint64_t i = 0; i < slots; i++)
        queue->table[i].turn = i;
    *ret = queue;
    return MR_OK;
}

void mpsc_free(struct mpsc *queue)
{
    if (!queue)
        return;
    mem_free(queue->table);
    mem_free(queue->bytes);
    mem_free(queue);
}

size_t mpsc_max_record(const struct mpsc *queue)
{
    return (size_t)(queue->slots / 2) * queue->slot_size;
}

static struct slot *slot_at(const struct mpsc *queue, uint64_t position)
{
    return &queue->table[position & (queue->slots - 1)];
}

/* An empty record takes a slot too. */
static uint64_t slots_for(const struct mpsc *queue, size_t len)
{
    return len ? (len + queue->slot_size - 1) / queue->slot_size : 1;
}

/* Claims n neighbouring slots. MR_WOULD_BLOCK: full, or beaten MAX_ROUNDS times. */
static enum mr_rc claim(struct mpsc *queue, uint64_t n, uint64_t *ret)
{
    uint64_t head = __atomic_load_n(&queue->head, __ATOMIC_RELAXED);
    for (int round = 0; round < MAX_ROUNDS; round++) {
        uint64_t last = head + n - 1;
        uint64_t turn = __atomic_load_n(&slot_at(queue, last)->turn, __ATOMIC_ACQUIRE);
        if (turn == last) {
            if (__atomic_compare_exchange_n(&queue->head, &head, head + n, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
                *ret = head;
                return MR_OK;
            }
            continue; /* the exchange has read the new head */
        }
        uint64_t now = __atomic_load_n(&queue->head, __ATOMIC_RELAXED);
        if (now == head)
            return MR_WOULD_BLOCK; /* the last round of this slot is not read yet */
        head = now;
    }
    return MR_WOULD_BLOCK;
}

/* Where byte number offset of the record at position lies; *ret_n: how many follow it before the ring of bytes ends. */
static uint8_t *bytes_at(const struct mpsc *queue, uint64_t position, size_t offset, size_t *ret_n)
{
    size_t size = (size_t)queue->slots * queue->slot_size;
    size_t start = (size_t)(position & (queue->slots - 1)) * queue->slot_size + offset;
    if (start >= size)
        start -= size;
    *ret_n = size - start;
    return queue->bytes + start;
}

static void copy_in(struct mpsc *queue, uint64_t position, size_t offset, const void *data, size_t len)
{
    if (len == 0)
        return;
    size_t n;
    uint8_t *at = bytes_at(queue, position, offset, &n);
    if (n > len)
        n = len;
    memcpy(at, data, n);
    memcpy(queue->bytes, (const uint8_t *)data + n, len - n);
}

static void copy_out(const struct mpsc *queue, uint64_t position, void *out, size_t len)
{
    if (len == 0)
        return;
    size_t n;
    const uint8_t *at = bytes_at(queue, position, 0, &n);
    if (n > len)
        n = len;
    memcpy(out, at, n);
    memcpy((uint8_t *)out + n, queue->bytes, len - n);
}

enum mr_rc mpsc_claim(struct mpsc *queue, size_t len, struct mpsc_claim *ret)
{
    if (len > mpsc_max_record(queue))
        return MR_TOO_BIG;
    uint64_t position;
    enum mr_rc rc = claim(queue, slots_for(queue, len), &position);
    if (rc)
        return rc;
    *ret = (struct mpsc_claim){.position = position, .len = len};
    return MR_OK;
}

void mpsc_fill(struct mpsc *queue, struct mpsc_claim *claimed, const void *data, size_t len)
{
    assert(len <= claimed->len - claimed->filled);
    copy_in(queue, claimed->position, claimed->filled, data, len);
    claimed->filled += len;
}

void mpsc_finish(struct mpsc *queue, const struct mpsc_claim *claimed)
{
    assert(claimed->filled == claimed->len);
    struct slot *slot = slot_at(queue, claimed->position);
    slot->len = claimed->len;
    __atomic_store_n(&slot->turn, claimed->position + 1, __ATOMIC_RELEASE);
}

enum mr_rc mpsc_push(struct mpsc *queue, const void *head, size_t head_len, const void *body, size_t body_len)
{
    if (body_len > SIZE_MAX - head_len)
        return MR_TOO_BIG;
    struct mpsc_claim claimed;
    enum mr_rc rc = mpsc_claim(queue, head_len + body_len, &claimed);
    if (rc)
        return rc;
    mpsc_fill(queue, &claimed, head, head_len);
    mpsc_fill(queue, &claimed, body, body_len);
    mpsc_finish(queue, &claimed);
    return MR_OK;
}

enum mr_rc mpsc_take(struct mpsc *queue, void *buf, size_t size, size_t *ret_len)
{
    uint64_t tail = queue->tail;
    const struct slot *slot = slot_at(queue, tail);
    if (__atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE) != tail + 1)
        return MR_WOULD_BLOCK;
    size_t len = slot->len;
    *ret_len = len;
    if (len > size)
        return MR_TOO_BIG;
    copy_out(queue, tail, buf, len);
    uint64_t n = slots_for(queue, len);
    __atomic_store_n(&queue->tail, tail + n, __ATOMIC_RELAXED);
    for (uint64_t p = tail; p < tail + n; p++)
        __atomic_store_n(&slot_at(queue, p)->turn, p + queue->slots, __ATOMIC_RELEASE);
    return MR_OK;
}

bool mpsc_is_empty(const struct mpsc *queue)
{
    uint64_t tail = __atomic_load_n(&queue->tail, __ATOMIC_RELAXED);
    return __atomic_load_n(&slot_at(queue, tail)->turn, __ATOMIC_ACQUIRE) != tail + 1;
}
