/* world.h - the whole plant of one seed: a broker, agents, programs, what lies between them, and the run from start to rest. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include "program.h"

enum { WORLD_AGENTS = 4, WORLD_PROGRAMS = 12 };

/* What the command line fixes; the seed draws the rest. */
struct world_options {
    uint64_t seed;
    int n_agents, n_programs; /* 0: as the seed says */
    bool no_faults;
    const struct client_kind *kind; /* of all programs, NULL: some this, some that */
    FILE *trace;
};

struct world {
    struct world_options options;
    struct sim sim;
    struct net net;
    struct history history;
    struct rights *rights;
    struct machine machines[WORLD_AGENTS + 1]; /* the last is the broker's */
    struct station broker, agents[WORLD_AGENTS];
    struct route_between uplinks[WORLD_AGENTS];
    struct program programs[WORLD_PROGRAMS];
    struct plant plant;
    int64_t end_of_faults_ns, trouble_ns; /* trouble: when something last broke, was dropped or healed */
    bool has_faults;
    bool is_machine_gone[WORLD_AGENTS], is_program_gone[WORLD_PROGRAMS]; /* for good, when all else has healed */
    unsigned n_faults;
};

void world_init(struct world *w, const struct world_options *options);
void world_run(struct world *w);
void world_fini(struct world *w); /* the history is gone with it */

/* From here on announcements are due. */
void world_trouble(struct world *w, const char *what);

/* faults.c: begins to break things, until end_of_faults_ns; heals everything afterwards. */
void faults_begin(struct world *w);
void faults_heal(struct world *w);
#endif
