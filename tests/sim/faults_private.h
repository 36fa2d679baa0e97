/* faults_private.h - what the files of the faults share. */
#ifndef SIM_FAULTS_PRIVATE_H
#define SIM_FAULTS_PRIVATE_H
#include "world.h"

enum { SLOW_FACTOR = 20, SLOW_BELOW_BYTES = 16 * 1024 };

/* What is under repair. */
struct repair {
    struct world *world;
    int index, other; /* of what; between what and what */
};
void repair_later(struct world *w, int64_t after_ns, sim_fn *fn, int index, int other);
struct repair repair_take(void *user); /* frees it; the world is told */

int any_machine(struct world *w);
int any_broker(struct world *w);
int64_t a_while(struct world *w, int64_t least_ms, int64_t most_ms);
#endif
