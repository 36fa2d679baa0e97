/* tally.c - counts, order and ages of what a subscriber received. */
#include "tests/bench/ends/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

bool tally_init(struct tally *tally)
{
    *tally = (struct tally){.until_ns = INT64_MAX, .latency_ns = calloc(TALLY_AGES, sizeof *tally->latency_ns)};
    return tally->latency_ns != NULL;
}

void tally_fini(struct tally *tally)
{
    free(tally->latency_ns);
}

static uint32_t clamp(int64_t ns)
{
    return ns < 0 ? 0 : ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

void tally_count(struct tally *tally, uint64_t number, int64_t at_ns, int64_t latency_ns)
{
    uint64_t publisher = message_publisher(number), count = message_count(number);
    tally->disorder += count < tally->next[publisher];
    tally->next[publisher] = count + 1;
    tally->of[publisher]++;
    tally->first_ns = tally->received++ ? tally->first_ns : at_ns;
    tally->last_ns = at_ns;
    if (at_ns < tally->from_ns || at_ns >= tally->until_ns)
        return;
    if (tally->counted < TALLY_AGES)
        tally->latency_ns[tally->counted] = clamp(latency_ns);
    tally->counted++;
}

int tally_sample(struct tally *tally, double value, int64_t sent_us)
{
    uint64_t number;
    if (!sample_read(value, sent_us, &number)) {
        tally->damaged++;
        return -1;
    }
    tally_count(tally, number, mono_ns(), (wall_us() - sent_us) * 1000);
    return (int)message_publisher(number);
}

int tally_bytes(struct tally *tally, const void *bytes, size_t len)
{
    uint64_t number;
    int64_t sent_ns, sent_us, now = mono_ns();
    if (len == SAMPLE_BYTES) {
        double value = sample_unpack(bytes, &sent_us);
        return tally_sample(tally, value, sent_us);
    }
    if (!message_read(bytes, len, &number, &sent_ns)) {
        tally->damaged++;
        return -1;
    }
    tally_count(tally, number, now, now - sent_ns);
    return (int)message_publisher(number);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void tally_print(struct tally *tally)
{
    size_t n = tally->counted < TALLY_AGES ? tally->counted : TALLY_AGES;
    static const struct {
        const char *name;
        double part;
    } percentiles[] = {{"p50_us", 0.5}, {"p99_us", 0.99}, {"p999_us", 0.999}, {"max_us", 1}};

    qsort(tally->latency_ns, n, sizeof *tally->latency_ns, compare);
    printf("\"received\": %" PRIu64 ", \"counted\": %" PRIu64 ", \"disorder\": %" PRIu64 ", \"damaged\": %" PRIu64,
           tally->received, tally->counted, tally->disorder, tally->damaged);
    for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles; i++)
        printf(", \"%s\": %.1f", percentiles[i].name,
               n ? tally->latency_ns[(size_t)(percentiles[i].part * (double)(n - 1))] / 1e3 : 0);
}
