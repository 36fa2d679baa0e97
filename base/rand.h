/* rand.h - random bytes: the kernel's for programs, a seeded sequence for simulators and tests. */
#ifndef BASE_RAND_H
#define BASE_RAND_H
#include <stddef.h>
#include <stdint.h>

struct rand_source {
    /* Sets n bytes at buf. Cannot fail. Threads: as the source says. */
    void (*fill)(void *user, void *buf, size_t n);
    void *user;
};

/* The kernel's generator: fit for keys and nonces, any thread, may wait during the first seconds after boot.
 * Static; NULL where the kernel refuses getrandom(2): check once at start. */
const struct rand_source *rand_system(void);

/* A repeatable sequence (xoshiro256**): the same on every machine, never fit for secrets. One thread. */
struct rand_seeded {
    uint64_t state[4];
    struct rand_source source; /* use this; valid while the struct does not move */
};

void rand_seeded_init(struct rand_seeded *seeded, uint64_t seed);

uint64_t rand_u64(const struct rand_source *source);

/* Evenly from 0..below-1; below > 0. */
uint64_t rand_below(const struct rand_source *source, uint64_t below);

#endif
