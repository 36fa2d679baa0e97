/* world.h - the whole plant of one seed: brokers, agents, programs, what lies between them, and the run from start to rest. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include "program.h"

enum { WORLD_AGENTS = 4, WORLD_PROGRAMS = 12, WORLD_BROKERS = HISTORY_BROKERS };

/* What the command line fixes; the seed draws the rest. */
struct world_options {
    uint64_t seed;
    int n_brokers, n_agents, n_programs; /* 0: as the seed says */
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
    struct machine machines[WORLD_AGENTS + WORLD_BROKERS]; /* the last are the brokers' */
    struct station brokers[WORLD_BROKERS], agents[WORLD_AGENTS];
    int n_brokers;
    struct route_between uplinks[WORLD_AGENTS][WORLD_BROKERS];
    struct route_between mesh[WORLD_BROKERS][WORLD_BROKERS]; /* for the connections that the first dials */
    struct program programs[WORLD_PROGRAMS];
    struct plant plant;
    int64_t end_of_faults_ns, trouble_ns; /* trouble: when something last broke, was dropped or healed */
    bool has_faults, is_resting;          /* resting: no more calms are noted */
    bool is_machine_gone[WORLD_AGENTS], is_program_gone[WORLD_PROGRAMS],
        is_broker_gone[WORLD_BROKERS]; /* for good, when all else has healed */
    unsigned n_faults, n_repairs;      /* repairs: that are still to come */
    int64_t agreed_after_ns;           /* so long after all had healed the brokers held the same last values */
};

void world_init(struct world *w, const struct world_options *options);
void world_run(struct world *w);
void world_fini(struct world *w); /* the history is gone with it */

/* From here on announcements are due. */
void world_trouble(struct world *w, const char *what);

/* The network between machine and broker, between brokers, is as it should be. */
bool world_has_network(const struct world *w);
/* faults.c: begins to break things, until end_of_faults_ns; heals everything afterwards. */
void faults_begin(struct world *w);
void faults_heal(struct world *w);
/* faults_mesh.c: breaks something that only several brokers have. */
void faults_of_mesh(struct world *w);
#endif
