/* process.c - clocks that differ between machines, turns that come a little late. */
#include "process.h"

static int64_t mono_ns(void *user)
{
    const struct machine *m = user;
    return m->mono_base_ns + m->sim->now_ns;
}

static int64_t real_us(void *user)
{
    const struct machine *m = user;
    return m->real_base_us + m->sim->now_ns / SIM_US;
}

void machine_init(struct machine *m, struct sim *sim)
{
    *m = (struct machine){.sim = sim,
                          .mono_base_ns = sim_between(sim, SIM_S, 1000 * SIM_S),
                          .real_base_us = INT64_C(1700000000000000) + sim_between(sim, -2000000, 2000000)};
    m->clock = (struct clock){.mono_ns = mono_ns, .boot_ns = mono_ns, .real_us = real_us, .user = m};
}

void process_init(struct process *p, struct sim *sim, sim_fn *turn, void *user)
{
    *p = (struct process){.sim = sim, .turn = turn, .user = user, .lag_ns = 200 * SIM_US, .turn_ns = INT64_MAX};
}

static void run(void *user)
{
    struct process *p = user;
    if (p->turn_ns > p->sim->now_ns)
        return; /* it was put off, or has run */
    p->turn_ns = INT64_MAX;
    p->turn(p->user);
}

void process_at(struct process *p, int64_t at_ns)
{
    int64_t at = at_ns > p->frozen_ns || at_ns == INT64_MAX ? at_ns : p->frozen_ns;
    if (at < p->sim->now_ns)
        at = p->sim->now_ns;
    if (at >= p->turn_ns)
        return;
    p->turn_ns = at;
    sim_at(p->sim, at, run, p);
}

void process_wake(void *process)
{
    struct process *p = process;
    if (p->turn_ns > p->sim->now_ns + p->lag_ns)
        process_at(p, p->sim->now_ns + sim_between(p->sim, 1, p->lag_ns));
}

void process_freeze(struct process *p, int64_t until_ns)
{
    p->frozen_ns = until_ns;
    p->turn_ns = INT64_MAX;
    process_at(p, until_ns);
}
