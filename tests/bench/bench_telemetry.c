/* bench_telemetry.c - CPU time of one collection of the host's own values, steady and with a search for new disks,
 * interfaces and sensors, by getrusage() over 1,000 collections. Goal: 300 us. System calls: run it under strace -c. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "agent/telemetry/telemetry.h"

enum { COLLECTIONS = 1000, ROUNDS = 5 };

static const int64_t SECOND_NS = 1000000000;

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void count(void *user, const struct telemetry_value *value)
{
    (void)value;
    ++*(unsigned *)user;
}

static void run(struct telemetry *telemetry, int64_t step_ns, const char *what, int64_t *now_ns)
{
    for (int round = 0; round < ROUNDS; round++) {
        unsigned values = 0;
        double before = cpu_us();
        for (int i = 0; i < COLLECTIONS; i++)
            telemetry_collect(telemetry, *now_ns += step_ns, count, &values);
        printf("%-40s %7.1f us, %u values\n", what, (cpu_us() - before) / COLLECTIONS, values / COLLECTIONS);
    }
}

int main(void)
{
    struct telemetry *telemetry;
    struct err err = {{0}};
    int64_t now_ns = 0;
    unsigned values = 0;
    const struct telemetry_conf conf = {.per_core = true};
    if (telemetry_new(&telemetry, &conf, &err) != MR_OK) {
        fprintf(stderr, "bench_telemetry: %s\n", err.text);
        return EXIT_FAILURE;
    }
    telemetry_collect(telemetry, now_ns, count, &values);
    run(telemetry, 10 * SECOND_NS, "every 10 s, searching every 30 s", &now_ns);
    run(telemetry, 30 * SECOND_NS, "every 30 s, searching each time", &now_ns);
    telemetry_free(telemetry);
    return EXIT_SUCCESS;
}
