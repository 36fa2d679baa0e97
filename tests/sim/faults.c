/* faults.c - what goes wrong, one thing after the other, and that it comes right again. */
#include <stdlib.h>

#include "peek.h"
#include "world.h"

enum { SLOW_FACTOR = 20, SLOW_BELOW_BYTES = 16 * 1024 };

/* What is under repair: heals itself at its time, or when all heals. */
struct repair {
    struct world *world;
    int index;
    sim_fn *fn;
};

static void later(struct world *w, int64_t after_ns, sim_fn *fn, int index)
{
    struct repair *r = sim_alloc(1, sizeof *r);
    *r = (struct repair){w, index, fn};
    sim_at(&w->sim, w->sim.now_ns + after_ns, fn, r);
}

/* Takes the repair's content and frees it. */
static struct repair take(void *user)
{
    struct repair r = *(struct repair *)user;
    free(user);
    world_trouble(r.world, "repaired");
    return r;
}

static int any_machine(struct world *w)
{
    return (int)sim_below(&w->sim, (uint64_t)w->plant.n_machines);
}

static int any_program(struct world *w)
{
    return (int)sim_below(&w->sim, (uint64_t)w->plant.n_programs);
}

static int64_t a_while(struct world *w, int64_t least_ms, int64_t most_ms)
{
    return sim_between(&w->sim, least_ms, most_ms) * SIM_MS;
}

/* -- links -- */
static void mend_link(void *user)
{
    struct repair r = take(user);
    r.world->uplinks[r.index].is_cut = false;
}

static void cut_link(struct world *w)
{
    int i = any_machine(w);
    sim_trace(&w->sim, "fault: uplink of m%d breaks", i + 1);
    net_break(&w->net, &w->uplinks[i]);
    w->uplinks[i].is_cut = true;
    later(w, a_while(w, 0, 6000), mend_link, i);
}

static void light_link(void *user)
{
    struct repair r = take(user);
    net_light(&r.world->net, &r.world->uplinks[r.index]);
}

static void darken_link(struct world *w)
{
    int i = any_machine(w);
    sim_trace(&w->sim, "fault: uplink of m%d is dark", i + 1);
    w->uplinks[i].is_dark = true;
    later(w, a_while(w, 200, 6000), light_link, i);
}

static void quicken_link(void *user)
{
    struct repair r = take(user);
    r.world->uplinks[r.index].delay_ns /= SLOW_FACTOR;
    r.world->uplinks[r.index].capacity *= SLOW_FACTOR;
}

static void slow_link(struct world *w)
{
    int i = any_machine(w);
    if (w->uplinks[i].capacity < SLOW_BELOW_BYTES)
        return; /* it is */
    sim_trace(&w->sim, "fault: uplink of m%d is slow", i + 1);
    w->uplinks[i].delay_ns *= SLOW_FACTOR;
    w->uplinks[i].capacity /= SLOW_FACTOR;
    later(w, a_while(w, 500, 5000), quicken_link, i);
}

/* -- processes that stand still -- */
static void thawed(void *user)
{
    take(user);
}

static void freeze(struct world *w, struct process *p, const char *name)
{
    int64_t how_long = a_while(w, 50, 6000);
    sim_trace(&w->sim, "fault: %s is frozen", name);
    process_freeze(p, w->sim.now_ns + how_long);
    later(w, how_long, thawed, 0);
}

static void freeze_any(struct world *w)
{
    struct program *p = &w->programs[any_program(w)];
    struct station *s = sim_chance(&w->sim, 30) ? &w->broker : &w->agents[any_machine(w)];
    if (sim_chance(&w->sim, 60)) {
        if (p->client)
            freeze(w, &p->process, p->name);
    } else if (s->hub) {
        freeze(w, &s->process, s->name);
    }
}

/* -- processes that end -- */
static void restart_program(void *user)
{
    struct repair r = take(user);
    struct program *p = &r.world->programs[r.index];
    if (!p->client)
        program_start(p);
}

static void end_program(struct world *w)
{
    int i = any_program(w);
    sim_trace(&w->sim, "fault: a%d ends", i + 1);
    program_end(&w->programs[i], sim_chance(&w->sim, 50));
    later(w, a_while(w, 0, 4000), restart_program, i);
}

static void end_station(struct world *w, struct station *s)
{
    sim_trace(&w->sim, "fault: %s ends", s->name);
    if (sim_chance(&w->sim, 40))
        station_stop(s);
    else
        station_crash(s);
}

static void restart_agent(void *user)
{
    struct repair r = take(user);
    if (!r.world->agents[r.index].hub)
        station_start(&r.world->agents[r.index]);
}

static void end_agent(struct world *w)
{
    int i = any_machine(w);
    end_station(w, &w->agents[i]);
    later(w, a_while(w, 10, 5000), restart_agent, i);
}

/* Another computer takes its place, with the same key and an empty disk. The broker knows above which birth it has to be: were
 * the broker's memory lost too before they meet, nobody would. */
static void replace_machine(struct world *w)
{
    int i = any_machine(w);
    int64_t down_ns = a_while(w, 10, 5000);
    if (!w->agents[i].hub || !w->broker.hub || !peek_knows(w->broker.hub, i, w->agents[i].birth))
        return;
    sim_trace(&w->sim, "fault: m%d is replaced", i + 1);
    station_crash(&w->agents[i]);
    w->agents[i].lives = 0;
    w->agents[i].is_new = true;
    later(w, down_ns, restart_agent, i);
    for (int j = 0; j < w->plant.n_programs; j++) {
        if (plant_machine_of(&w->plant, j) != i)
            continue;
        program_end(&w->programs[j], false);
        later(w, down_ns + a_while(w, 0, 500), restart_program, j);
    }
}

static void restart_broker(void *user)
{
    struct repair r = take(user);
    if (!r.world->broker.hub)
        station_start(&r.world->broker);
}

static void end_broker(struct world *w)
{
    for (int i = 0; i < w->plant.n_machines; i++)
        if (w->agents[i].is_new)
            return;
    end_station(w, &w->broker);
    later(w, a_while(w, 10, 5000), restart_broker, 0);
}

/* -- clocks -- */
static void jump_clock(struct world *w)
{
    int i = (int)sim_below(&w->sim, WORLD_AGENTS + 1);
    int64_t by_us = sim_between(&w->sim, -100 * 1000000, 100 * 1000000);
    sim_trace(&w->sim, "fault: clock %d jumps by %lld us", i, (long long)by_us);
    w->machines[i].real_base_us += by_us;
}

/* -- one after the other -- */
static void break_something(struct world *w)
{
    static void (*const faults[])(struct world *) = {
        cut_link,   cut_link,    cut_link,    darken_link, darken_link, slow_link,  freeze_any, freeze_any,
        freeze_any, end_program, end_program, end_agent,   end_agent,   end_broker, jump_clock, replace_machine};
    faults[sim_below(&w->sim, sizeof faults / sizeof *faults)](w);
    w->n_faults++;
    world_trouble(w, "fault");
}

static void next_fault(void *user)
{
    struct world *w = user;
    if (w->sim.now_ns + SIM_S >= w->end_of_faults_ns)
        return;
    break_something(w);
    /* Mostly close together, so that one meets the other half healed. */
    int64_t pause = sim_chance(&w->sim, 10) ? a_while(w, 9000, 12000) : a_while(w, 10, 2500);
    sim_at(&w->sim, w->sim.now_ns + pause, next_fault, w);
}

void faults_begin(struct world *w)
{
    sim_at(&w->sim, w->sim.now_ns + a_while(w, 0, 3000), next_fault, w);
}

void faults_heal(struct world *w)
{
    /* Repairs under way run to their end, within six seconds; then everything is up. */
    if (w->has_faults)
        sim_run(&w->sim, w->sim.now_ns + 6 * SIM_S + SIM_MS);
    world_trouble(w, "all is healed");
}
