/* clock.c - the kernel's clocks. */
#include "base/clock.h"

#include <time.h>

/* clock_gettime() cannot fail for the clocks read here. */
static int64_t read_ns(clockid_t id)
{
    struct timespec ts = {0, 0};
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t system_mono_ns(void *user)
{
    (void)user;
    return read_ns(CLOCK_MONOTONIC);
}

static int64_t system_boot_ns(void *user)
{
    (void)user;
    return read_ns(CLOCK_BOOTTIME);
}

static int64_t system_real_us(void *user)
{
    (void)user;
    return read_ns(CLOCK_REALTIME) / 1000;
}

const struct clock *clock_system(void)
{
    static const struct clock kernel = {
        .mono_ns = system_mono_ns, .boot_ns = system_boot_ns, .real_us = system_real_us};
    return &kernel;
}
