/* credit_pool.h - what the windows of all sessions of a process may grow by together, and who gives way when that is used up.
 *
 * The first CREDIT_START_BYTES of a window are its own, so that every session lives whatever the others do. What it grows by
 * comes from here and goes back when it shrinks, rests, or its session ends.
 *
 *     PLENTY ──one below the fair share finds no room──▶ SHORT ──for CREDIT_SHORT_MS nobody missed any──▶ PLENTY
 * While it is short, windows above the fair share (an equal part for each that has grown, and one more) do not grow, and lose
 * up to a half of what they have grown each time credit is granted on them. So who comes late gets as much as who was there
 * first. What is granted already cannot be taken back: a window that shrinks was as large as before once more.
 *
 * Asked when credit is granted, once per half a window, never per frame. Pure. */
#ifndef PROTO_CREDIT_POOL_H
#define PROTO_CREDIT_POOL_H
#include <stddef.h>
#include <stdint.h>

enum { CREDIT_SHORT_MS = 1000 };

struct credit_pool {
    size_t max_bytes, used_bytes;
    uint32_t n_grown; /* windows that have something from it */
    int64_t short_until_ns;
};

/* max_bytes 0: no window ever grows. */
void credit_pool_init(struct credit_pool *p, size_t max_bytes);

/* A window that has grown by `has` bytes would have `wants`: fewer, as many, or more. Returns what it has from now on: less
 * than it has at the least by a half of that, unless it wants less. p NULL: what it wants. */
uint32_t credit_pool_settle(struct credit_pool *p, uint32_t has, uint32_t wants, int64_t now_ns);
#endif
