/* payload.h - what programs write into records: unique, and telling by itself whose it is. */
#ifndef SIM_PAYLOAD_H
#define SIM_PAYLOAD_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PAYLOAD_LEAST = 16, PAYLOAD_MOST = 8 * 1024 };

/* The how manyth of which program in which of its lives; never 0. */
static inline uint64_t payload_number(int program, unsigned life, unsigned nth)
{
    return (uint64_t)(program + 1) << 48 | (uint64_t)(life & 0xffff) << 32 | nth;
}

static inline int payload_program(uint64_t number)
{
    return (int)(number >> 48) - 1;
}

/* len bytes, at least PAYLOAD_LEAST: the number, the length, and bytes that follow from both. */
static inline void payload_write(uint8_t *out, uint64_t number, size_t len)
{
    uint64_t size = len, x = number ^ len << 40;
    memcpy(out, &number, 8);
    memcpy(out + 8, &size, 8);
    for (size_t i = PAYLOAD_LEAST; i < len; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(x >> 56);
    }
}

/* 0: not of this kind. */
static inline uint64_t payload_read(const void *data, size_t len)
{
    uint64_t number = 0, size = 0;
    if (len < PAYLOAD_LEAST)
        return 0;
    memcpy(&number, data, 8);
    memcpy(&size, (const uint8_t *)data + 8, 8);
    return size == len ? number : 0;
}
#endif
