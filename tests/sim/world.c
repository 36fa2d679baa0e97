/* world.c - start, faults, heal, rest. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "peek.h"

static const int64_t start_s = 2, heal_s = 9, round_s = 2, settle_s = 6;
/* Nothing for so long after trouble is a calm; what was accepted so long before it has arrived. */
static const int64_t calm_after_ns = 8 * SIM_S, on_the_way_ns = 2 * SIM_S, quiet_ns = 3 * SIM_S;

void world_trouble(struct world *w, const char *what)
{
    sim_trace(&w->sim, "trouble: %s", what);
    w->trouble_ns = w->sim.now_ns;
    history_all(&w->history, ITEM_FAULT, w->sim.now_ns, 0);
}

static void on_trouble(void *user, const char *what)
{
    world_trouble(user, what);
}

/* -- calm -- */
static bool is_station_well(const struct station *s)
{
    int64_t now = s->sim->now_ns;
    return s->hub && peek_is_settled(s->hub) && s->process.frozen_ns <= now && now - s->busy_ns >= quiet_ns;
}

static bool is_all_well(const struct world *w)
{
    if (!is_station_well(&w->broker))
        return false;
    for (int i = 0; i < w->plant.n_machines; i++) {
        const struct station *s = &w->agents[i];
        if (!w->is_machine_gone[i] && (!is_station_well(s) || !station_has_uplink(s) || w->uplinks[i].is_dark))
            return false;
    }
    for (int i = 0; i < w->plant.n_programs; i++) {
        const struct program *p = &w->programs[i];
        if (w->is_program_gone[i])
            continue;
        if (!p->client || !p->client->kind->is_up(p->client) || p->process.frozen_ns > w->sim.now_ns)
            return false;
    }
    return true;
}

static void look_for_calm(void *user)
{
    struct world *w = user;
    int64_t now = w->sim.now_ns;
    if (now - w->trouble_ns >= calm_after_ns && is_all_well(w)) {
        sim_trace(&w->sim, "calm");
        history_all(&w->history, ITEM_CALM, now, now - on_the_way_ns);
    }
    sim_at(&w->sim, now + SIM_S, look_for_calm, w);
}

static void on_subscribed(void *user, struct subscription *sub)
{
    struct world *w = user;
    if (w->sim.now_ns - w->trouble_ns < calm_after_ns / 2 || !is_all_well(w))
        return;
    int64_t now = w->sim.now_ns, known_ns = w->broker.machine->mono_base_ns + now - on_the_way_ns;
    peek_expected(w->broker.hub, &w->history, sub, now, known_ns);
    peek_expected(w->agents[sub->machine].hub, &w->history, sub, now, INT64_MAX);
}

/* -- building -- */
static void init_station(struct world *w, struct station *s, enum hub_kind kind, int index)
{
    *s = (struct station){.sim = &w->sim,
                          .net = &w->net,
                          .history = &w->history,
                          .machine = &w->machines[index == HISTORY_BROKER ? WORLD_AGENTS : index],
                          .rights = w->rights,
                          .on_trouble = on_trouble,
                          .user = w,
                          .kind = kind,
                          .index = index};
    rand_seeded_init(&s->rand, sim_below(&w->sim, UINT32_MAX));
    if (index == HISTORY_BROKER)
        snprintf(s->name, sizeof s->name, "mr1");
    else
        snprintf(s->name, sizeof s->name, "m%d", index + 1);
    snprintf(s->path, sizeof s->path, "%s/%s", kind == HUB_AGENT ? "demo" : "$broker", s->name);
}

static void init_program(struct world *w, int i)
{
    struct program *p = &w->programs[i];
    int machine = plant_machine_of(&w->plant, i);
    *p = (struct program){.sim = &w->sim,
                          .history = &w->history,
                          .plant = &w->plant,
                          .index = i,
                          .machine_index = machine,
                          .kind = w->options.kind           ? w->options.kind
                                  : sim_chance(&w->sim, 70) ? &client_sdk
                                                            : &client_bare,
                          .machine = &w->machines[machine],
                          .local = {.delay_ns = 20 * SIM_US, .jitter_ns = 100 * SIM_US, .capacity = 208 * 1024},
                          .is_serving = sim_chance(&w->sim, 60)};
    snprintf(p->name, sizeof p->name, "a%d", i + 1);
    memcpy(p->path, w->agents[machine].path, sizeof p->path);
    p->pipe = (struct pipe_user){.agent = &w->agents[machine], .route = &p->local};
    rand_seeded_init(&p->rand, sim_below(&w->sim, UINT32_MAX));
}

static void draw(struct world *w)
{
    struct sim *sim = &w->sim;
    int agents = (int)sim_between(sim, 1, 3), programs = (int)sim_between(sim, 2, 6);
    w->plant = (struct plant){.n_machines = w->options.n_agents ? w->options.n_agents : agents,
                              .n_programs = w->options.n_programs ? w->options.n_programs : programs,
                              .pace_ns = sim_between(sim, 20, 120) * SIM_MS,
                              .on_subscribed = on_subscribed,
                              .on_dropped = on_trouble,
                              .user = w};
    w->has_faults = !sim_chance(sim, 15) && !w->options.no_faults;
    w->plant.is_rough = w->has_faults && sim_chance(sim, 50);
    for (int i = 0; i < w->plant.n_machines; i++)
        w->uplinks[i] = (struct route_between){.delay_ns = sim_between(sim, 50, 20000) * SIM_US,
                                               .jitter_ns = sim_between(sim, 0, 5000) * SIM_US,
                                               .capacity = (size_t)sim_between(sim, 16, 1024) * 1024,
                                               .hides_closes = true};
}

void world_init(struct world *w, const struct world_options *options)
{
    memset(w, 0, sizeof *w);
    w->options = *options;
    sim_init(&w->sim, options->seed, options->trace);
    net_init(&w->net, &w->sim);
    draw(w);
    history_init(&w->history, w->plant.n_machines);
    if (rights_new_open(&w->rights, NULL))
        history_problem(&w->history, "no rights");
    for (int i = 0; i <= WORLD_AGENTS; i++)
        machine_init(&w->machines[i], &w->sim);
    init_station(w, &w->broker, HUB_BROKER, HISTORY_BROKER);
    for (int i = 0; i < w->plant.n_machines; i++) {
        init_station(w, &w->agents[i], HUB_AGENT, i);
        w->agents[i].broker = &w->broker;
        w->agents[i].uplink = &w->uplinks[i];
    }
    for (int i = 0; i < w->plant.n_programs; i++)
        init_program(w, i);
}

/* -- running -- */
static void start_station(void *user)
{
    station_start(user);
}

static void start_program(void *user)
{
    program_start(user);
}

static void start_all(struct world *w)
{
    struct sim *sim = &w->sim;
    sim_at(sim, sim_between(sim, 0, 300 * SIM_MS), start_station, &w->broker);
    for (int i = 0; i < w->plant.n_machines; i++)
        sim_at(sim, sim_between(sim, 0, 300 * SIM_MS), start_station, &w->agents[i]);
    for (int i = 0; i < w->plant.n_programs; i++)
        sim_at(sim, sim_between(sim, 0, 600 * SIM_MS), start_program, &w->programs[i]);
}

static void leave(struct world *w, int program)
{
    w->is_program_gone[program] = true;
    program_end(&w->programs[program], sim_chance(&w->sim, 50));
}

/* Some never come back, so that something is stale at the end. */
static void leave_some(struct world *w)
{
    struct sim *sim = &w->sim;
    int machine = (int)sim_below(sim, (uint64_t)w->plant.n_machines);
    if (sim_chance(sim, 40))
        leave(w, (int)sim_below(sim, (uint64_t)w->plant.n_programs));
    if (w->plant.n_machines == 1 || !sim_chance(sim, 25))
        return;
    w->is_machine_gone[machine] = true;
    for (int i = 0; i < w->plant.n_programs; i++)
        if (plant_machine_of(&w->plant, i) == machine)
            leave(w, i);
    if (sim_chance(sim, 50))
        station_stop(&w->agents[machine]);
    else
        station_crash(&w->agents[machine]);
}

static void final_round(struct world *w, bool is_rehearsal)
{
    for (int i = 0; i < w->plant.n_programs; i++)
        if (w->programs[i].client)
            program_final_round(&w->programs[i], w->programs, is_rehearsal);
    sim_run(&w->sim, w->sim.now_ns + round_s * SIM_S);
}

/* How all stand when nothing moves any more. */
static void look_at_the_end(struct world *w)
{
    struct history *h = &w->history;
    if (!is_all_well(w))
        history_problem(h, "not everything is up again, and settled, long after the last fault");
    if (w->broker.hub) {
        peek_slots(w->broker.hub, h, HISTORY_BROKER);
        peek_presence(w->broker.hub, h);
    }
    for (int i = 0; i < w->plant.n_machines; i++) {
        if (!w->agents[i].hub)
            continue;
        peek_slots(w->agents[i].hub, h, i);
        *history_life(h) = (struct final_life){.machine = i, .program = HISTORY_ANY, .birth = w->agents[i].birth};
    }
    for (int i = 0; i < w->plant.n_programs; i++) {
        int machine = plant_machine_of(&w->plant, i);
        if (!w->is_program_gone[i])
            *history_life(h) = (struct final_life){.machine = machine,
                                                   .program = i,
                                                   .birth = w->agents[machine].birth,
                                                   .session = station_session(&w->agents[machine], i)};
    }
}

void world_run(struct world *w)
{
    struct sim *sim = &w->sim;
    bool early = w->has_faults && sim_chance(sim, 50); /* programs write before all have met */
    sim_at(sim, SIM_S, look_for_calm, w);
    start_all(w);
    w->plant.is_busy = early;
    sim_run(sim, start_s * SIM_S);
    w->plant.is_busy = true;
    for (int i = 0; i < w->plant.n_programs; i++)
        process_wake(&w->programs[i].process);
    w->end_of_faults_ns = sim->now_ns + sim_between(sim, 5, 25) * SIM_S;
    if (w->has_faults)
        faults_begin(w);
    sim_run(sim, w->end_of_faults_ns);
    faults_heal(w);
    if (w->has_faults)
        leave_some(w);
    sim_run(sim, sim->now_ns + heal_s * SIM_S);
    w->plant.is_busy = false;
    final_round(w, true);
    final_round(w, false);
    sim_run(sim, sim->now_ns + settle_s * SIM_S);
    look_at_the_end(w);
}

void world_fini(struct world *w)
{
    for (int i = 0; i < w->plant.n_programs; i++)
        program_end(&w->programs[i], true);
    for (int i = 0; i < w->plant.n_machines; i++)
        station_crash(&w->agents[i]);
    station_crash(&w->broker);
    rights_free(w->rights);
    net_fini(&w->net);
    sim_fini(&w->sim);
    history_fini(&w->history);
}
