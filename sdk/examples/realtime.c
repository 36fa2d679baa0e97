/* realtime.c - a control loop of 1 ms that writes one row per cycle without a system call, a lock or an allocation.
 *
 * The SDK has a thread of its own and looks every 500 µs for what was written. The loop never waits for it: when there is
 * no room, the row is counted and left out. */
#include <millrace/millrace.h>
#include <stdio.h>
#include <time.h>

enum { CYCLES = 10000, CYCLE_NS = 1000000, TAGS = 2 };

static void read_axis(struct mr_value v[TAGS], int cycle)
{
    v[0] = mr_f64(0.001 * cycle);
    v[1] = mr_i64(cycle % 4096);
}

static void wait_until(struct timespec *next)
{
    next->tv_nsec += CYCLE_NS;
    if (next->tv_nsec >= 1000000000) {
        next->tv_nsec -= 1000000000;
        next->tv_sec++;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL))
        ;
}

static unsigned control(struct mr_tag *const tags[TAGS])
{
    struct mr_value row[TAGS];
    struct timespec next;
    unsigned left_out = 0;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (int cycle = 0; cycle < CYCLES; cycle++) {
        wait_until(&next);
        read_axis(row, cycle);
        left_out += mr_row_write(tags, row, TAGS, MR_NO_TIME) != MR_OK;
    }
    return left_out;
}

int main(void)
{
    struct mr_options opt = {.size = sizeof opt, .rt_poll_us = 500};
    struct mr_tag_def position = {.size = sizeof position, .topic = "./x/position", .unit = "mm"};
    struct mr_tag_def encoder = {.size = sizeof encoder, .topic = "./x/encoder", .type = MR_I64};
    struct mr_bus *bus;
    struct mr_tag *tags[TAGS];
    if (mr_open(&bus, &opt)) {
        fprintf(stderr, "%s\n", mr_reason(NULL));
        return 1;
    }
    if (mr_tag_open(bus, NULL, &position, &tags[0]) || mr_tag_open(bus, NULL, &encoder, &tags[1]) || mr_thread(bus)) {
        fprintf(stderr, "%s\n", mr_reason(bus));
        mr_close(bus, 0);
        return 1;
    }
    printf("%u of %d rows left out\n", control(tags), CYCLES);
    mr_close(bus, 1000);
    return 0;
}
