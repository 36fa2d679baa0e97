/* rand.c - getrandom(2), and xoshiro256** seeded through splitmix64 (Blackman and Vigna, 2018). */
#include "base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By number: the function came with glibc 2.25, and machine builders have older ones. */
static long ask_kernel(void *buf, size_t n)
{
    long got;
    do {
        got = syscall(SYS_getrandom, buf, n, 0);
    } while (got < 0 && errno == EINTR);
    return got;
}

static void kernel_fill(void *user, void *buf, size_t n)
{
    (void)user;
    uint8_t *at = buf;
    while (n) {
        long got = ask_kernel(at, n);
        /* rand_system() has seen it work; predictable bytes where a nonce is asked for would be worse than stopping. */
        if (got <= 0)
            abort();
        at += got;
        n -= (size_t)got;
    }
}

const struct rand_source *rand_system(void)
{
    static const struct rand_source kernel = {.fill = kernel_fill};
    uint8_t probe;
    return ask_kernel(&probe, 1) == 1 ? &kernel : NULL;
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t next_number(uint64_t state[4])
{
    uint64_t result = rotate(state[1] * 5, 7) * 9;
    uint64_t mixed = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= mixed;
    state[3] = rotate(state[3], 45);
    return result;
}

static void seeded_fill(void *user, void *buf, size_t n)
{
    struct rand_seeded *seeded = user;
    uint8_t *out = buf;
    while (n) {
        uint64_t number = next_number(seeded->state);
        size_t part = n < sizeof number ? n : sizeof number;
        for (size_t i = 0; i < part; i++)
            out[i] = (uint8_t)(number >> (8 * i));
        out += part;
        n -= part;
    }
}

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void rand_seeded_init(struct rand_seeded *seeded, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
        seeded->state[i] = splitmix(&seed);
    seeded->source = (struct rand_source){.fill = seeded_fill, .user = seeded};
}

uint64_t rand_u64(const struct rand_source *source)
{
    uint8_t bytes[8];
    source->fill(source->user, bytes, sizeof bytes);
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

uint64_t rand_below(const struct rand_source *source, uint64_t below)
{
    assert(below > 0);
    /* What is left when 2^64 is cut into pieces of below would favour the small numbers: draw again. */
    uint64_t unfair = (0 - below) % below;
    uint64_t number;
    do {
        number = rand_u64(source);
    } while (number < unfair);
    return number % below;
}
