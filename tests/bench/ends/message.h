/* message.h - what the ends of a measurement send each other: numbered, dated, and with a hash of both, so that the receiver
 * can tell that nothing is missing, twice, out of order or damaged. The same for every bus. */
#ifndef TESTS_BENCH_ENDS_MESSAGE_H
#define TESTS_BENCH_ENDS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MESSAGE_MIN = 24,   /* bytes of a raw message */
    MESSAGE_MAX = 4096, /* likewise */
    SAMPLE_BYTES = 20,  /* of a typed sample where the bus knows no types: value, source time, status */
    PUBLISHERS_MAX = 8,
    COUNT_BITS = 38 /* of a message's number; its publisher stands above them */
};

/* The number of a publisher's message. publisher: below PUBLISHERS_MAX; count: below 2^COUNT_BITS. */
static inline uint64_t message_number(uint64_t publisher, uint64_t count)
{
    return publisher << COUNT_BITS | count;
}

static inline uint64_t message_publisher(uint64_t number)
{
    return number >> COUNT_BITS & (PUBLISHERS_MAX - 1);
}

static inline uint64_t message_count(uint64_t number)
{
    return number & ((UINT64_C(1) << COUNT_BITS) - 1);
}

/* Now, in ns of CLOCK_MONOTONIC: the same in all processes of the machine. */
int64_t mono_ns(void);

/* Now, in µs since 1970 UTC. */
int64_t wall_us(void);

/* Writes a raw message of len bytes, MESSAGE_MIN to MESSAGE_MAX. */
void message_write(uint8_t *bytes, size_t len, uint64_t number, int64_t sent_ns);

/* Reads one. False: it is not as it was sent. */
bool message_read(const uint8_t *bytes, size_t len, uint64_t *ret_number, int64_t *ret_sent_ns);

/* The value of a typed sample: its number, and below it some bits of a hash. */
double sample_value(uint64_t number, int64_t sent_us);

/* The number of a sample. False: it is not as it was sent. */
bool sample_read(double value, int64_t sent_us, uint64_t *ret_number);

/* A sample as SAMPLE_BYTES bytes, and back. */
void sample_pack(uint8_t *bytes, double value, int64_t sent_us);
double sample_unpack(const uint8_t *bytes, int64_t *ret_sent_us);

#endif
