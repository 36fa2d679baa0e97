/* counter.h - the rate of a kernel counter between two samples, or nothing where no honest rate can be told. */
#ifndef AGENT_TELEMETRY_COUNTER_H
#define AGENT_TELEMETRY_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

/* All zero before its first sample. */
struct counter {
    uint64_t count;
    int64_t at_ns;
    bool known;
};

/* Takes a sample; true, with the rate per second, when there is one. False for a first sample; for a count below the
 * last one (the counter wrapped, or its device was replaced: these cannot be told apart, and guessing would make a
 * peak out of nothing); for a rate above max_per_s, which no device has; and for less than a millisecond since the last
 * sample, which then stays the one to compare with. */
bool counter_rate(struct counter *counter, uint64_t count, int64_t now_ns, double max_per_s, double *ret);

/* Forgets the last sample. */
void counter_reset(struct counter *counter);

#endif
