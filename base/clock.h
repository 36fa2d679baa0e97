/* clock.h - the three clocks, brought in as a table so that the simulator can bring its own. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include <stdint.h>

/* No slot blocks or fails; all may be called from any thread. user is handed to each. */
struct clock {
    int64_t (*mono_ns)(void *user); /* CLOCK_MONOTONIC: deadlines. Stands still in suspend */
    int64_t (*boot_ns)(void *user); /* CLOCK_BOOTTIME: ages that must count every pause. Runs on in suspend */
    int64_t (*real_us)(void *user); /* µs since 1970 UTC; may jump, never orders anything */
    void *user;
};

static inline int64_t clock_mono_ns(const struct clock *clock)
{
    return clock->mono_ns(clock->user);
}

static inline int64_t clock_boot_ns(const struct clock *clock)
{
    return clock->boot_ns(clock->user);
}

static inline int64_t clock_real_us(const struct clock *clock)
{
    return clock->real_us(clock->user);
}

/* The kernel's clocks; static, never NULL. */
const struct clock *clock_system(void);

#endif
