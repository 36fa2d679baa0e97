/* process.h - a machine with its clocks, and a process on it that runs turn by turn when something wakes it. */
#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H
#include "base/clock.h"
#include "sim.h"

struct machine {
    struct sim *sim;
    int64_t mono_base_ns, real_base_us; /* what its clocks showed when the run began; a jump changes the second */
    struct clock clock;
};
void machine_init(struct machine *m, struct sim *sim);

struct process {
    struct sim *sim;
    sim_fn *turn; /* one turn of its loop */
    void *user;
    int64_t lag_ns;    /* at most so late is it given the processor */
    int64_t turn_ns;   /* when it runs next, INT64_MAX = nothing to do */
    int64_t frozen_ns; /* stopped until then, as by SIGSTOP */
};
void process_init(struct process *p, struct sim *sim, sim_fn *turn, void *user);
void process_wake(void *process);                  /* there is something to do: soon. A sim_fn */
void process_at(struct process *p, int64_t at_ns); /* INT64_MAX is fine: never */
void process_freeze(struct process *p, int64_t until_ns);
#endif
