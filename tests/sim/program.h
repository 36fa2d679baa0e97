/* program.h - an app of the simulated plant: publishes, subscribes, asks and serves as its dice say, and writes its history. */
#ifndef SIM_PROGRAM_H
#define SIM_PROGRAM_H
#include "client.h"

enum { PROGRAM_KEPT = 3, PROGRAM_RAW = 2, PROGRAM_SHARED = 1, PROGRAM_PENDING = 8 };

/* What all programs know of each other. */
struct plant {
    int n_programs, n_machines;
    int64_t pace_ns; /* between two acts of one program, on the average */
    bool is_busy;    /* programs act on their own */
    bool is_rough;   /* bursts and large values too */
    /* A subscription was made on this machine: notes what its snapshot must show, if that can be said. */
    void (*on_subscribed)(void *user, struct subscription *sub);
    void (*on_dropped)(void *user, const char *program); /* a program dropped what it was too slow to read */
    void *user;
};

static inline int plant_machine_of(const struct plant *plant, int program)
{
    return program % plant->n_machines;
}

struct program {
    struct sim *sim;
    struct history *history;
    const struct plant *plant;
    int index, machine_index;
    char name[16], path[32];
    const struct client_kind *kind;
    struct machine *machine;
    struct process process;
    struct route_between local; /* to its agent */
    struct pipe_user pipe;
    struct transport transport;
    struct rand_seeded rand;
    struct client *client; /* NULL: it is not running */
    unsigned life, nth;
    bool is_serving, is_acting;
    struct subscription *subs[CLIENT_SUBS];
    struct {
        uint64_t call, id; /* 0: free */
        int64_t at_ns;
    } pending[PROGRAM_PENDING]; /* answers that are not given at once */
};

void program_start(struct program *p);
void program_end(struct program *p, bool is_clean);
/* All was well for long: writes each of its topics but one, which stays quiet, once, and asks every program's service, whether served or not. Rehearsed
 * once, so that names are known. */
void program_final_round(struct program *p, const struct program *all, bool is_rehearsal);
#endif
