/* station.h - an agent or a broker: the real hub, and an edge that moves its frames over the simulated net. */
#ifndef SIM_STATION_H
#define SIM_STATION_H
#include "bus/hub.h"
#include "history.h"
#include "net.h"
#include "process.h"

enum { STATION_WIRES = 24, STATION_LINKS = 5, STATION_MACHINES = 8, STATION_QUEUE_BYTES = 256 * 1024 };

struct wire; /* a connection of the station, and its port */

/* A broker it dials: an agent one of them, a broker each of its peers. */
struct station_link {
    struct station *to;
    struct route_between *route;
    int64_t dial_ns; /* INT64_MAX: not */
};

/* What crossed the mesh to this broker. */
struct mesh_count {
    uint64_t bytes, batch_bytes; /* all frames; those with records */
    uint64_t kept, others;       /* records, snapshots among them */
};

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
    int index; /* of the machine; a broker: history_broker() */
    char name[16], path[32];
    struct rand_seeded rand;
    uint32_t lives; /* persisted: how often it was born */
    uint64_t birth;
    struct hub *hub; /* NULL: it is not running */
    struct wire *wires[STATION_WIRES];
    uint32_t n_sessions;
    uint64_t dropped;
    int64_t busy_ns; /* when more than a little was last queued */

    struct station_link links[STATION_LINKS];
    int n_links, tried;                  /* tried: how many of them, agent: in the order they stand in now */
    uint64_t birth_floor, highest_birth; /* floor: asked for by a broker, 0 = no. highest: of all its lives */
    struct mesh_count mesh;
    int64_t served_ns[STATION_MACHINES]; /* broker: when it last had a connection of that machine's agent */
    uint64_t interest;
    int64_t interest_ns; /* broker: when the interest of its agents last changed */
};

void station_start(struct station *s);
void station_crash(struct station *s); /* connections end as they do when a process is killed */
void station_stop(struct station *s);  /* says goodbye, then ends */
/* A program dials this agent; NULL: it is not running. The caller owns the end. */
struct end *station_dial(struct station *s, struct route_between *route, const char *program);
bool station_has_uplink(const struct station *s);
struct station *station_broker(const struct station *s);         /* agent: whom it is connected to, NULL = nobody */
bool station_serves(const struct station *s, const char *agent); /* broker: has a connection of that agent */
/* Agent: leaves its broker, politely or not, for another; broker: sends that agent to another. */
void station_move(struct station *s, bool is_polite);
void station_send_away(struct station *s, const struct station *agent);
/* Its disk is empty from now on, or is another's: births are counted from the start. */
void station_forget(struct station *s);
/* It lives in a birth below one that it has had before, and nobody has told it yet. */
bool station_is_below(const struct station *s);
uint32_t station_session(void *station, int program); /* number of the program's session, 0 = it has none */
#endif
