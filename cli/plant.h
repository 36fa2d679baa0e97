/* plant.h - makes a plant in one folder, to be run on this machine: brokers, agents, a person, and a script that runs all.
 *
 *   DIR/run                  starts all, or those named, until Ctrl-C
 *   DIR/directory.yaml, admin.key, contexts/admin.yaml
 *   DIR/mr1/                 broker.yaml, broker.key, registry.yaml, directory.yaml
 *   DIR/agent1/              agent.yaml, agent.key, directory.yaml; when it runs, agent.sock
 * No file has an absolute path: the folder may be moved, and one of its folders may become another machine's /etc/millrace. */
#ifndef CLI_PLANT_H
#define CLI_PLANT_H
#include "cli/setup_files.h"

enum {
    PLANT_AGENTS_MAX = 100,
    PLANT_PORT = 7420,       /* of the first broker, for its agents; the next one is its mesh's */
    PLANT_PORT_STEP = 10,    /* from one broker to the next */
    PLANT_PORT_STRIDE = 100, /* from one plant on a machine to the next */
};

struct plant_wish {
    const char *dir;          /* there is none yet, or an empty one */
    const char *name;         /* agents are NAME1, NAME2, … */
    const char *path;         /* of agents is PATH/NAME1, … */
    uint64_t brokers, agents; /* 1 to BROKERS_MAX, 1 to PLANT_AGENTS_MAX */
    uint64_t
        port; /* of the first broker; 0: PLANT_PORT, or the first PLANT_PORT_STRIDEs further on where all are free */
    int interval_ms; /* of telemetry; 0: the agent's default */
};

/* What was made. */
struct plant {
    size_t n_brokers, n_agents;
    struct setup_broker brokers[BROKERS_MAX];
    struct setup_identity people[PLANT_AGENTS_MAX + 1]; /* the agents, then the person */
};

/* Makes all or nothing; the caller frees *ret with plant_free(). MR_INVALID: a number, name, path, or the folder is not empty;
 * MR_TOO_BIG: the folder's name, too long for it or for the sockets in it; MR_WOULD_BLOCK: no ports are free; MR_CLOSED: a held signal (interrupt.h) waits;
 * MR_NO_MEMORY; else as fs_write(). */
MUST enum mr_rc plant_make(const struct plant_wish *wish, struct plant **ret, struct err *err);

/* NULL is fine. */
void plant_free(struct plant *plant);

/* Removes the folder with all that is in it; what cannot be removed stays. */
void plant_remove(const char *dir);
#endif
