/* fuzz_input.h - takes numbers from a fuzzer's bytes; when they are used up, zeros. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

static inline uint64_t fuzz_u64(struct fuzz_input *in)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value = value << 8 | fuzz_u8(in);
    return value;
}

/* Mostly small, now and then anything: where limits are. */
static inline uint64_t fuzz_number(struct fuzz_input *in)
{
    uint8_t how = fuzz_u8(in);

    return how < 240 ? how : fuzz_u64(in);
}

/* A broken invariant ends the process, as a sanitizer would. */
static inline void fuzz_hold(bool holds)
{
    if (!holds)
        abort();
}
#endif
