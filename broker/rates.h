/* rates.h - holds each session of a machine or person to limits.rate and limits.bytes_rate, by its credit (broker/quota.h).
 *
 * Looks at all of them every RATES_MS, and only where a rate is configured: no record is counted for it. */
#ifndef BROKER_RATES_H
#define BROKER_RATES_H
#include "base/err.h"
#include "base/io/loop.h"
#include "bus/hub.h"

enum { RATES_MS = 50 };

struct rates;

struct rates_options {
    struct loop *loop;
    struct hub *hub;                     /* both borrowed until rates_free() */
    uint64_t records_per_s, bytes_per_s; /* 0: no limit */
};

/* Begins. MR_NO_MEMORY. */
MUST enum mr_rc rates_new(struct rates **ret, const struct rates_options *options, struct err *err);

/* Before the hub is freed; NULL is fine. */
void rates_free(struct rates *r);
#endif
