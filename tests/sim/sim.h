/* sim.h - virtual time: events in the order of their instants, seeded dice, and a trace that is the same for the same seed. */
#ifndef SIM_SIM_H
#define SIM_SIM_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/rand.h"
#include "base/rc.h"

#define SIM_US INT64_C(1000)
#define SIM_MS INT64_C(1000000)
#define SIM_S INT64_C(1000000000)

typedef void sim_fn(void *user);

struct sim_event {
    int64_t at_ns;
    uint64_t order; /* events of one instant run in the order they were asked for */
    sim_fn *fn;
    void *user;
};

/* Read now_ns and steps freely. */
struct sim {
    int64_t now_ns;
    struct sim_event *heap; /* smallest first */
    size_t n, cap;
    uint64_t next_order, steps;
    struct rand_seeded dice; /* the world's; each process draws from a source of its own */
    uint64_t trace_hash;
    FILE *trace; /* NULL: only hashed */
};

void sim_init(struct sim *sim, uint64_t seed, FILE *trace);
void sim_fini(struct sim *sim);

/* Runs fn(user) at at_ns, or as soon as possible where that is past. There is no way back: fn looks whether it is still due. */
void sim_at(struct sim *sim, int64_t at_ns, sim_fn *fn, void *user);
/* Runs what is due up to until_ns, which is the time afterwards. */
void sim_run(struct sim *sim, int64_t until_ns);

uint64_t sim_below(struct sim *sim, uint64_t n);                 /* 0..n-1; n > 0 */
int64_t sim_between(struct sim *sim, int64_t low, int64_t high); /* low..high */
bool sim_chance(struct sim *sim, unsigned percent);

/* One line: who, what. Hashed; printed with its time where a trace is wanted. */
void sim_trace(struct sim *sim, const char *format, ...) FORMAT_CHECKED(2, 3);

/* Memory of the simulator itself, zeroed: it ends where there is none. */
void *sim_alloc(size_t count, size_t size);
/* An array with room for one more element at n. */
void *sim_grow(void *array, size_t n, size_t *cap, size_t size);
#endif
