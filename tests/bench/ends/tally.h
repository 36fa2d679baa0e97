/* tally.h - what a subscriber of a measurement keeps of what comes: how many, in which order, how old. */
#ifndef TESTS_BENCH_ENDS_TALLY_H
#define TESTS_BENCH_ENDS_TALLY_H

#include "tests/bench/ends/message.h"

struct tally {
    int64_t from_ns, until_ns; /* CLOCK_MONOTONIC: what comes in between is counted, and its age kept */
    uint64_t received, counted;
    uint64_t disorder, damaged;
    uint64_t next[PUBLISHERS_MAX]; /* the number that each publisher's next message must have at least */
    uint64_t of[PUBLISHERS_MAX];   /* received of each */
    int64_t first_ns, last_ns;     /* when the first and the last came */
    uint32_t *latency_ns;          /* of the first TALLY_AGES counted; the tally owns it */
};

enum { TALLY_AGES = 1 << 20 };

/* Counts everything until told otherwise. False: no memory. tally_fini() gives it back. */
bool tally_init(struct tally *tally);
void tally_fini(struct tally *tally);

/* A message that is as it was sent, and was under way so long. */
void tally_count(struct tally *tally, uint64_t number, int64_t at_ns, int64_t latency_ns);

/* A message as bytes, raw or a packed sample: checked and counted. Returns its publisher, or -1: damaged. */
int tally_bytes(struct tally *tally, const void *bytes, size_t len);

/* A typed sample, likewise. */
int tally_sample(struct tally *tally, double value, int64_t sent_us);

/* Prints received, counted, disorder, damaged and percentiles as members of a JSON object; sorts the ages. */
void tally_print(struct tally *tally);

#endif
