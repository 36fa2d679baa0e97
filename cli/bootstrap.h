/* bootstrap.h - makes the keys and files with which a bus begins: one broker, one agent, one person. A whole
 * plant to be run from one folder is made by plant.h. */
#ifndef CLI_BOOTSTRAP_H
#define CLI_BOOTSTRAP_H
#include "base/err.h"
#include <stdio.h>

struct bootstrap {
    const char *dir;     /* made when missing */
    const char *name;    /* of the machine */
    const char *path;    /* its place in the plant */
    const char *broker;  /* name of the broker */
    const char *address; /* where it listens: "127.0.0.1:7420", "*:7420" */
    const char *reach;   /* where agents find it, name or IP address; NULL: as address, "*" being this machine */
    const char *data;    /* what they write; relative: below dir */
    const char *socket;  /* of the agent; NULL: the agent's default */
    int interval_ms;     /* of telemetry; 0: the agent's default */
};

/* Makes broker.yaml, broker.key, registry.yaml, directory.yaml, agent.yaml, agent.key, admin.key and contexts/admin.yaml in
 * dir; keys are readable by the owner only.
 * MR_INVALID: a name, path or address, or a file is there already: nothing was made; MR_TOO_BIG: the folder, or a
 * socket; MR_CLOSED: a held signal
 * (interrupt.h) waits; else as fs_write(): what had been made is removed again. */
MUST enum mr_rc bootstrap_make(const struct bootstrap *wish, struct err *err);

/* What was made, a line for each file. */
void bootstrap_list(const struct bootstrap *wish, FILE *out);
void bootstrap_list_json(const struct bootstrap *wish, FILE *out);

/* Whether dir has the files of an earlier bootstrap_make(). */
bool bootstrap_is_there(const char *dir);
#endif
