/* world.c - start, faults, heal, rest. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "peek.h"

static const int64_t start_s = 2, heal_s = 9, ten_s = 10, round_s = 2, settle_s = 6;
static const int64_t agree_ns = 2 * SIM_S, glance_ns = 10 * SIM_MS;
static const int64_t quick_move_ns = 1700 * SIM_MS; /* who was not heard of for 1.9 s may have lost */
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

static bool are_brokers_well(const struct world *w)
{
    uint32_t n = 0;
    for (int i = 0; i < w->n_brokers; i++)
        n += !w->is_broker_gone[i];
    for (int i = 0; i < w->n_brokers; i++) {
        struct hub_stats stats;
        if (w->is_broker_gone[i])
            continue;
        if (!is_station_well(&w->brokers[i]))
            return false;
        hub_get_stats(w->brokers[i].hub, &stats);
        if (stats.peers_up + 1 < n)
            return false;
    }
    return true;
}

bool world_has_network(const struct world *w)
{
    for (int b = 0; b < w->n_brokers; b++) {
        for (int i = 0; i < w->plant.n_machines; i++)
            if (w->uplinks[i][b].dark || w->uplinks[i][b].is_cut)
                return false;
        for (int i = 0; i < w->n_brokers; i++)
            if (w->mesh[i][b].dark || w->mesh[i][b].is_cut)
                return false;
    }
    return true;
}

static bool is_all_well(const struct world *w)
{
    if (!are_brokers_well(w) || !world_has_network(w))
        return false;
    for (int i = 0; i < w->plant.n_machines; i++) {
        const struct station *s = &w->agents[i];
        if (!w->is_machine_gone[i] && (!is_station_well(s) || !station_has_uplink(s)))
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
    if (w->is_resting)
        return;
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
    const struct station *broker = station_broker(&w->agents[sub->machine]);
    int64_t now = w->sim.now_ns, known_ns = broker->machine->mono_base_ns + now - on_the_way_ns;
    peek_expected(broker->hub, &w->history, sub, now, known_ns);
    peek_expected(w->agents[sub->machine].hub, &w->history, sub, now, INT64_MAX);
}

/* -- building -- */
static void init_station(struct world *w, struct station *s, enum hub_kind kind, int index)
{
    *s = (struct station){.sim = &w->sim,
                          .net = &w->net,
                          .history = &w->history,
                          .machine = &w->machines[kind == HUB_BROKER ? WORLD_AGENTS + history_broker(index) : index],
                          .rights = w->rights,
                          .on_trouble = on_trouble,
                          .user = w,
                          .kind = kind,
                          .index = index};
    rand_seeded_init(&s->rand, sim_below(&w->sim, UINT32_MAX));
    bool is_broker = kind == HUB_BROKER;
    const char *prefix = is_broker ? "mr" : "m";
    int number = (is_broker ? history_broker(index) : index) + 1;
    snprintf(s->name, sizeof s->name, "%s%d", prefix, number);
    snprintf(s->path, sizeof s->path, "%s/%s%d", is_broker ? "$broker" : "demo", prefix, number);
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

static struct route_between draw_route(struct sim *sim, int64_t most_delay_us)
{
    return (struct route_between){.delay_ns = sim_between(sim, 50, most_delay_us) * SIM_US,
                                  .jitter_ns = sim_between(sim, 0, most_delay_us / 4) * SIM_US,
                                  .capacity = (size_t)sim_between(sim, 16, 1024) * 1024,
                                  .hides_closes = true};
}

static int draw_brokers(struct world *w)
{
    unsigned dice = (unsigned)sim_below(&w->sim, 100);
    if (w->options.n_brokers)
        return w->options.n_brokers;
    return dice < 40 ? 1 : dice < 80 ? 3 : 5;
}

static void draw(struct world *w)
{
    struct sim *sim = &w->sim;
    w->n_brokers = draw_brokers(w);
    int agents = (int)sim_between(sim, 1, 3), programs = (int)sim_between(sim, 2, 6);
    w->plant = (struct plant){.n_machines = w->options.n_agents ? w->options.n_agents : agents,
                              .n_programs = w->options.n_programs ? w->options.n_programs : programs,
                              .pace_ns = sim_between(sim, 20, 120) * SIM_MS,
                              .on_subscribed = on_subscribed,
                              .on_dropped = on_trouble,
                              .user = w};
    w->has_faults = !sim_chance(sim, 15) && !w->options.no_faults;
    w->plant.is_rough = w->has_faults && sim_chance(sim, 50);
    for (int b = 0; b < w->n_brokers; b++) {
        for (int i = 0; i < w->plant.n_machines; i++)
            w->uplinks[i][b] = draw_route(sim, 20000);
        for (int i = 0; i < b; i++)
            w->mesh[i][b] = w->mesh[b][i] = draw_route(sim, 20000);
    }
}

static void link_up(struct station *from, struct station *to, struct route_between *route)
{
    from->links[from->n_links++] = (struct station_link){.to = to, .route = route, .dial_ns = INT64_MAX};
}

static void init_links(struct world *w)
{
    for (int b = 0; b < w->n_brokers; b++) {
        for (int i = 0; i < w->plant.n_machines; i++)
            link_up(&w->agents[i], &w->brokers[b], &w->uplinks[i][b]);
        for (int i = 0; i < w->n_brokers; i++)
            if (i != b)
                link_up(&w->brokers[i], &w->brokers[b], &w->mesh[i][b]);
    }
}

void world_init(struct world *w, const struct world_options *options)
{
    memset(w, 0, sizeof *w);
    w->options = *options;
    sim_init(&w->sim, options->seed, options->trace);
    net_init(&w->net, &w->sim);
    draw(w);
    history_init(&w->history, w->plant.n_machines, w->n_brokers);
    w->history.now_ns = &w->sim.now_ns;
    if (rights_new_open(&w->rights, NULL))
        history_problem(&w->history, "no rights");
    for (int i = 0; i < WORLD_AGENTS + WORLD_BROKERS; i++)
        machine_init(&w->machines[i], &w->sim);
    for (int i = 0; i < w->n_brokers; i++)
        init_station(w, &w->brokers[i], HUB_BROKER, history_broker(i));
    for (int i = 0; i < w->plant.n_machines; i++)
        init_station(w, &w->agents[i], HUB_AGENT, i);
    init_links(w);
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
    for (int i = 0; i < w->n_brokers; i++)
        sim_at(sim, sim_between(sim, 0, 300 * SIM_MS), start_station, &w->brokers[i]);
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

/* The machine's broker goes with it at times: who is left has to find out by itself that the machine is dead. */
static void lose_broker_of(struct world *w, int machine)
{
    struct station *broker = station_broker(&w->agents[machine]);
    if (w->n_brokers == 1 || !broker || !sim_chance(&w->sim, 40))
        return;
    w->is_broker_gone[history_broker(broker->index)] = true;
    station_crash(broker);
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
    lose_broker_of(w, machine);
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

static const char *who_is_unwell(const struct world *w)
{
    for (int i = 0; i < w->n_brokers; i++)
        if (!w->is_broker_gone[i] && !is_station_well(&w->brokers[i]))
            return w->brokers[i].name;
    for (int i = 0; i < w->plant.n_machines; i++)
        if (!w->is_machine_gone[i] && (!is_station_well(&w->agents[i]) || !station_has_uplink(&w->agents[i])))
            return w->agents[i].name;
    return "a program, or what lies between";
}

/* How all stand when nothing moves any more. */
static void look_at_the_end(struct world *w)
{
    struct history *h = &w->history;
    if (!is_all_well(w))
        history_problem(h, "%s is not up again, and settled, long after the last fault", who_is_unwell(w));
    for (int i = 0; i < w->n_brokers; i++) {
        if (!w->brokers[i].hub)
            continue;
        h->is_broker_up[i] = true;
        peek_slots(w->brokers[i].hub, h, history_broker(i));
        peek_presence(w->brokers[i].hub, h, history_broker(i));
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

static void be_busy(struct world *w)
{
    w->plant.is_busy = true;
    for (int i = 0; i < w->plant.n_programs; i++)
        process_wake(&w->programs[i].process);
}

/* -- after the heal -- */
static bool do_brokers_agree(const struct world *w)
{
    for (int i = 1; i < w->n_brokers; i++)
        if (peek_values(w->brokers[i].hub) != peek_values(w->brokers[0].hub))
            return false;
    return true;
}

/* The first slot of h that is not among the others alike, NULL: none. */
static const struct final_slot *slot_missing(const struct history *h, int place)
{
    for (size_t i = 0; i < h->n_slots; i++) {
        const struct final_slot *s = &h->slots[i];
        bool is_there = s->owner == HISTORY_ANY || s->place == place;
        for (size_t k = 0; k < h->n_slots && !is_there; k++) {
            const struct final_slot *t = &h->slots[k];
            is_there = t->place == place && t->owner == s->owner && t->topic == s->topic && t->birth == s->birth &&
                       t->seq == s->seq && t->is_cleared == s->is_cleared && t->accept_us == s->accept_us;
        }
        if (!is_there)
            return s;
    }
    return NULL;
}

static void tell_of_difference(struct world *w, int64_t whole_ns)
{
    struct history h;
    history_init(&h, w->plant.n_machines, w->n_brokers);
    for (int i = 0; i < w->n_brokers; i++)
        peek_slots(w->brokers[i].hub, &h, history_broker(i));
    for (int i = 0; i < w->n_brokers; i++) {
        const struct final_slot *s = slot_missing(&h, history_broker(i));
        if (s)
            history_problem(&w->history,
                            "%.1f s after all was whole mr%d has not what mr%d has: '%s' of m%d %llx/%llu%s, %lld",
                            (double)(w->sim.now_ns - whole_ns) / (double)SIM_S, i + 1, history_broker(s->place) + 1,
                            h.topics[s->topic], s->owner + 1, (unsigned long long)s->birth, (unsigned long long)s->seq,
                            s->is_cleared ? " removed" : "", (long long)s->accept_us);
    }
    history_fini(&h);
}

/* Nobody writes. What counts as the heal: nothing is broken, and nobody holds a broken connection for whole any more. */
static void see_brokers_agree(struct world *w)
{
    struct sim *sim = &w->sim;
    int64_t healed_ns = sim->now_ns, whole_ns = sim->now_ns;
    w->plant.is_busy = false;
    while (!do_brokers_agree(w) && sim->now_ns - whole_ns <= agree_ns) {
        sim_run(sim, sim->now_ns + glance_ns);
        if (!net_is_whole(&w->net))
            whole_ns = sim->now_ns;
    }
    w->agreed_after_ns = sim->now_ns - healed_ns;
    sim_trace(sim, "brokers agree after %lld ms, %lld ms of which were silence",
              (long long)((sim->now_ns - healed_ns) / SIM_MS), (long long)((whole_ns - healed_ns) / SIM_MS));
    if (!do_brokers_agree(w))
        tell_of_difference(w, whole_ns);
    be_busy(w);
}

/* Long after the heal. */
static void look_for_the_living(void *user)
{
    struct world *w = user;
    for (int b = 0; b < w->n_brokers; b++)
        for (int i = 0; i < w->plant.n_machines; i++)
            if (w->brokers[b].hub && w->agents[i].hub && !peek_shows_alive(w->brokers[b].hub, i, w->agents[i].birth))
                history_problem(&w->history, "%s shows %s dead, ten seconds after all was healed", w->brokers[b].name,
                                w->agents[i].name);
}

/* When all is at rest an agent goes to another broker: nobody else is told of a loss. */
static void move_quietly(struct world *w)
{
    int machine = (int)sim_below(&w->sim, (uint64_t)w->plant.n_machines);
    struct station *agent = &w->agents[machine];
    if (w->n_brokers == 1 || !sim_chance(&w->sim, 50) || !station_has_uplink(agent) || !is_all_well(w))
        return;
    sim_trace(&w->sim, "%s moves, nothing being under way", agent->name);
    w->is_resting = true;
    for (int b = 0; b < w->n_brokers; b++)
        w->uplinks[machine][b].hides_closes = false; /* its goodbye arrives */
    for (size_t i = 0; i < w->history.n_subs; i++)
        if (w->history.subs[i]->is_open && w->history.subs[i]->machine == machine)
            history_item(w->history.subs[i], ITEM_FAULT, w->sim.now_ns);
    if (sim_chance(&w->sim, 50))
        station_move(agent, true);
    else
        station_send_away(station_broker(agent), agent);
    sim_run(&w->sim, w->sim.now_ns + quick_move_ns);
    if (!station_has_uplink(agent))
        world_trouble(w, "it takes long");
    sim_run(&w->sim, w->sim.now_ns + settle_s * SIM_S);
}

void world_run(struct world *w)
{
    struct sim *sim = &w->sim;
    bool early = w->has_faults && sim_chance(sim, 50); /* programs write before all have met */
    sim_at(sim, SIM_S, look_for_calm, w);
    start_all(w);
    w->plant.is_busy = early;
    sim_run(sim, start_s * SIM_S);
    be_busy(w);
    w->end_of_faults_ns = sim->now_ns + sim_between(sim, 5, w->n_brokers == 1 ? 25 : 12) * SIM_S;
    if (w->has_faults)
        faults_begin(w);
    sim_run(sim, w->end_of_faults_ns);
    faults_heal(w);
    if (w->n_brokers > 1)
        see_brokers_agree(w);
    if (w->has_faults)
        leave_some(w);
    sim_at(sim, sim->now_ns + ten_s * SIM_S, look_for_the_living, w);
    sim_run(sim, sim->now_ns + heal_s * SIM_S);
    w->plant.is_busy = false;
    final_round(w, true);
    final_round(w, false);
    sim_run(sim, sim->now_ns + settle_s * SIM_S);
    move_quietly(w);
    look_at_the_end(w);
}

void world_fini(struct world *w)
{
    for (int i = 0; i < w->plant.n_programs; i++)
        program_end(&w->programs[i], true);
    for (int i = 0; i < w->plant.n_machines; i++)
        station_crash(&w->agents[i]);
    for (int i = 0; i < w->n_brokers; i++)
        station_crash(&w->brokers[i]);
    rights_free(w->rights);
    net_fini(&w->net);
    sim_fini(&w->sim);
    history_fini(&w->history);
}
