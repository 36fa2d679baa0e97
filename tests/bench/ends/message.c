/* message.c - numbered, dated messages with a hash. */
#include "tests/bench/ends/message.h"

#include <string.h>
#include <time.h>

enum {
    NUMBER_AT = 0,
    SENT_AT = 8,
    FILLING_AT = 16,
    HASH_BYTES = 8,
    CHECK_BITS = 12 /* of the hash, below the number in a double's 53 bits */
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t wall_us(void)
{
    return clock_ns(CLOCK_REALTIME) / 1000;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

static uint64_t word_at(const uint8_t *bytes, size_t at)
{
    uint64_t word;
    memcpy(&word, bytes + at, sizeof word);
    return word;
}

/* Of everything before the hash. The last word may overlap the one before it, so that no byte is left out. */
static uint64_t hash_of(const uint8_t *bytes, size_t len)
{
    uint64_t hash = mix(mix(word_at(bytes, NUMBER_AT)) ^ word_at(bytes, SENT_AT));
    size_t end = len - HASH_BYTES;
    for (size_t at = FILLING_AT; at + sizeof hash <= end; at += sizeof hash)
        hash = mix(hash ^ word_at(bytes, at));
    return mix(hash ^ word_at(bytes, end - sizeof hash));
}

void message_write(uint8_t *bytes, size_t len, uint64_t number, int64_t sent_ns)
{
    memcpy(bytes + NUMBER_AT, &number, sizeof number);
    memcpy(bytes + SENT_AT, &sent_ns, sizeof sent_ns);
    size_t at = FILLING_AT, end = len - HASH_BYTES;
    for (uint64_t word = number; at + sizeof word <= end; at += sizeof word) {
        word += number | 1;
        memcpy(bytes + at, &word, sizeof word);
    }
    memset(bytes + at, (int)(number & UINT8_MAX), end - at);
    uint64_t hash = hash_of(bytes, len);
    memcpy(bytes + end, &hash, sizeof hash);
}

bool message_read(const uint8_t *bytes, size_t len, uint64_t *ret_number, int64_t *ret_sent_ns)
{
    if (len < MESSAGE_MIN || len > MESSAGE_MAX || word_at(bytes, len - HASH_BYTES) != hash_of(bytes, len))
        return false;
    *ret_number = word_at(bytes, NUMBER_AT);
    *ret_sent_ns = (int64_t)word_at(bytes, SENT_AT);
    return true;
}

double sample_value(uint64_t number, int64_t sent_us)
{
    uint64_t check = mix(number ^ mix((uint64_t)sent_us)) & ((1U << CHECK_BITS) - 1);
    return (double)(number << CHECK_BITS | check);
}

bool sample_read(double value, int64_t sent_us, uint64_t *ret_number)
{
    if (!(value >= 0 && value < (double)(UINT64_C(1) << 53)))
        return false;
    uint64_t number = (uint64_t)value >> CHECK_BITS;
    if (sample_value(number, sent_us) != value)
        return false;
    *ret_number = number;
    return true;
}

void sample_pack(uint8_t *bytes, double value, int64_t sent_us)
{
    const uint32_t status = 0;
    memcpy(bytes, &value, sizeof value);
    memcpy(bytes + sizeof value, &sent_us, sizeof sent_us);
    memcpy(bytes + sizeof value + sizeof sent_us, &status, sizeof status);
}

double sample_unpack(const uint8_t *bytes, int64_t *ret_sent_us)
{
    double value;
    memcpy(&value, bytes, sizeof value);
    memcpy(ret_sent_us, bytes + sizeof value, sizeof *ret_sent_us);
    return value;
}
