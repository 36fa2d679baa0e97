/* quota.c - one step of a bucket. */
#include "broker/quota.h"

enum { MOST_MS = 2000 }; /* longer than this a bucket is full anyway, unless it was overdrawn by far */

bool quota_step(struct quota *q, uint64_t per_s, uint64_t total, int64_t elapsed_ns)
{
    const int64_t ns_per_ms = 1000000, ms_per_s = 1000;
    if (per_s == 0)
        return false;
    int64_t elapsed_ms = elapsed_ns / ns_per_ms;
    int64_t filled = (int64_t)per_s * (elapsed_ms < MOST_MS ? elapsed_ms : MOST_MS) / ms_per_s;
    q->used = q->used > filled ? q->used - filled : 0;
    q->used += (int64_t)(total - q->seen);
    q->seen = total;
    return q->used > (int64_t)per_s;
}
