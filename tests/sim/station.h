/* station.h - an agent or a broker: the real hub, and an edge that moves its frames over the simulated net. */
#ifndef SIM_STATION_H
#define SIM_STATION_H
#include "bus/hub.h"
#include "history.h"
#include "net.h"
#include "process.h"

enum { STATION_WIRES = 24, STATION_QUEUE_BYTES = 256 * 1024 };

struct wire; /* a connection of the station, and its port */

struct station {
    struct sim *sim;
    struct net *net;
    struct history *history;
    struct process process;
    struct machine *machine;
    const struct rights *rights;
    void (*on_trouble)(void *user, const char *what); /* something was dropped: announcements are due */
    void *user;
    enum hub_kind kind;
    int index; /* of the machine, HISTORY_BROKER for the broker */
    char name[16], path[32];
    struct rand_seeded rand;
    uint32_t lives; /* persisted: how often it was born */
    uint64_t birth;
    struct hub *hub; /* NULL: it is not running */
    struct wire *wires[STATION_WIRES];
    uint32_t n_sessions;
    uint64_t dropped;
    int64_t busy_ns; /* when more than a little was last queued */

    struct station *broker; /* agent: whom it dials */
    struct route_between *uplink;
    int64_t dial_ns;
    uint64_t birth_floor; /* asked for by the broker, 0 = no */
    bool is_new;          /* its disk was empty, and no broker has told it yet above which birth it must be */
};

void station_start(struct station *s);
void station_crash(struct station *s); /* connections end as they do when a process is killed */
void station_stop(struct station *s);  /* says goodbye, then ends */
/* A program dials this agent; NULL: it is not running. The caller owns the end. */
struct end *station_dial(struct station *s, struct route_between *route, const char *program);
bool station_has_uplink(const struct station *s);
uint32_t station_session(void *station, int program); /* number of the program's session, 0 = it has none */
#endif
