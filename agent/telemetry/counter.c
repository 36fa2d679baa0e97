/* counter.c - see counter.h. */
#include "agent/telemetry/counter.h"

static const int64_t LEAST_NS = 1000000;

bool counter_rate(struct counter *counter, uint64_t count, int64_t now_ns, double max_per_s, double *ret)
{
    struct counter last = *counter;
    if (last.known && now_ns >= last.at_ns && now_ns - last.at_ns < LEAST_NS)
        return false;
    *counter = (struct counter){.count = count, .at_ns = now_ns, .known = true};
    if (!last.known || count < last.count || now_ns < last.at_ns)
        return false;
    double rate = (double)(count - last.count) / ((double)(now_ns - last.at_ns) / 1e9);
    if (rate > max_per_s)
        return false;
    *ret = rate;
    return true;
}

void counter_reset(struct counter *counter)
{
    *counter = (struct counter){0};
}
