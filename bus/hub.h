/* hub.h - the station every record passes, in agents and brokers alike: rights -> route -> last value -> ports.
 *
 * Pure: no I/O, no clock of its own, one thread. The edges (agent/local, agent/uplink, broker/listener, broker/mesh) own the
 * connections; each connection is a port. An edge feeds frames in and pumps frames out:
 *     hub_input(hub, port, frame, len)      for each frame received
 *     hub_take(hub, port)                   while its link can take more, after on_output or when it turns writable
 *     hub_close(hub, port)                  when its connection is gone
 *     hub_turn_end(hub)                     at the end of every loop turn: closes gathered frames, calls on_output
 *     hub_tick(hub)                         at hub_deadline(hub)
 * Callbacks run inside these calls; from inside one an edge may only note the port for later. */
#ifndef BUS_HUB_H
#define BUS_HUB_H
#include "base/clock.h"
#include "base/saved.h"
#include "bus/presence.h"
#include "bus/rights.h"

enum hub_kind { HUB_AGENT, HUB_BROKER };
enum port_kind {
    PORT_APP,    /* agent: an app on this machine (we are the server) */
    PORT_UPLINK, /* agent: its broker (we are the client); at most one */
    PORT_AGENT,  /* broker: an agent (we are the server) */
    /* Between brokers there are two sessions, one per direction (docs/decisions/0012): */
    PORT_MESH_OUT, /* broker: we are a peer's client; what its agents write comes in on it */
    PORT_MESH_IN   /* broker: a peer is our client; what our agents write goes out on it */
};

/* What an operator should see; the program logs it under an id of its own. */
enum hub_notice {
    HUB_NOTICE_PORT_UP,      /* a session is up */
    HUB_NOTICE_PORT_DOWN,    /* a session ended, why */
    HUB_NOTICE_DENIED,       /* rights refused something, once per port and topic */
    HUB_NOTICE_CONFLICT,     /* two live identities write one topic */
    HUB_NOTICE_SLOT_REFUSED, /* no slot for a last value: one identity too many, or the table is full */
    HUB_NOTICE_UNIT_UNKNOWN, /* a unit passed as it is, once per tag */
    HUB_NOTICE_DUPLICATE,    /* the same identity came twice, or a birth was rolled back */
    HUB_NOTICE_FLAPPING,     /* a machine connects again and again, once a minute */
    HUB_NOTICE_COUNT
};

struct hub;
struct hub_events {
    /* the port has frames to take */
    void (*on_output)(void *user, uint32_t port);
    /* the session is over: take what is left (a BYE), then close the connection and hub_close() */
    void (*on_over)(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms);
    /* uplink: Welcome came */
    void (*on_uplink)(void *user, const struct session_welcome *welcome);
    /* broker: a peer's Welcome came on this PORT_MESH_OUT; NULL in agents */
    void (*on_peer)(void *user, uint32_t port);
    /* agent: the broker wants a birth above `floor`; persist it, hub_set_birth(), connect again. Broker: a peer knows a birth of
     * ours that is higher than this one; persist, then hub_set_birth() at the turn's end */
    void (*on_birth_floor)(void *user, uint64_t floor);
    void (*on_notice)(void *user, enum hub_notice notice, const char *text);
};

struct hub_conf {
    enum hub_kind kind;
    const char *name;            /* agent or broker name; copied */
    const char *identity, *path; /* agent: until a Welcome says otherwise; broker: its own name and "$broker/<name>" */
    uint64_t birth;              /* birth epoch, persisted + 1 by the caller */
    const char *const *peers;    /* broker: names of the other brokers of its cluster; copied */
    size_t n_peers;              /* at most BROKERS_MAX - 1 */
    uint32_t max_ports, max_filters, max_filters_per_port, max_topics, max_slots; /* each at least 1 */
    uint32_t max_merged_filters; /* agent: as it asks its broker for them; 0: max_filters */
    size_t max_queued_bytes;     /* outbound per port */
    size_t max_credit_bytes;     /* what the windows of all ports grow by together; 0: CREDIT_POOL_BYTES */
    uint32_t ping_ms, dead_ms;   /* 0: limits.h */
    const struct clock *clock;
    const struct rand_source *rand;
    const struct rights *rights;
    const struct hub_events *events;
    void *user;
};
/* MR_INVALID: room for nothing; MR_TOO_BIG: more peers than may be; MR_NO_MEMORY. */
MUST enum mr_rc hub_new(struct hub **ret, const struct hub_conf *conf, struct err *err);
void hub_free(struct hub *h);

/* A peer connected to us. identity and path: who its key (or machine) is, from the registry; copied. uid is logged only. */
struct port_peer {
    enum port_kind kind;
    const char *identity, *path;
    const char *address; /* for messages: "10.0.0.7" or "pid 812" */
};
MUST enum mr_rc hub_accept(struct hub *h, const struct port_peer *peer, uint32_t *ret_port, struct err *err);
/* Our connection to a broker is made: says Hello. An agent's has link number + 1; a broker's `broker` is one of its peers, else
 * MR_NOT_FOUND. */
MUST enum mr_rc hub_connect(struct hub *h, const char *broker, uint32_t *ret_port, struct err *err);
MUST enum mr_rc hub_input(struct hub *h, uint32_t port, const uint8_t *frame, size_t len);
struct blob *hub_take(struct hub *h, uint32_t port);
void hub_close(struct hub *h, uint32_t port); /* the connection is gone: frees the port, whose number may be reused */
/* Ends it from here. An agent that says MR_OK to its broker writes nothing more in this birth, unless retry_ms is not 0. */
void hub_bye(struct hub *h, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms);
/* While held, the port's peer gets no new credit on the live lane: what it may still send comes, then it waits. For who sends
 * faster than it may. No such port: nothing happens. */
void hub_hold(struct hub *h, uint32_t port, bool is_held);
void hub_bye_all(struct hub *h, enum mr_rc rc, const char *reason, uint32_t retry_ms);
void hub_turn_end(struct hub *h);
void hub_tick(struct hub *h);
int64_t hub_deadline(const struct hub *h);
/* While there is no uplink session. Live numbers go on: what was numbered in the birth that was refused is lost to all but this
 * machine, and the next Hello says so. Apps that are here live in the new birth, and their last values are theirs in it. */
void hub_set_birth(struct hub *h, uint64_t birth);
void hub_set_clock_state(struct hub *h, uint8_t state); /* enum clock_state of this machine, as the kernel says */

/* -- what the process itself publishes and serves (telemetry, $sys) -- */
MUST enum mr_rc hub_tag_open(struct hub *h, const struct session_tag *def, const char *topic, uint32_t *ret_topic,
                             struct err *err);
MUST enum mr_rc hub_tag_write(struct hub *h, uint32_t topic, const struct mr_value *v, uint32_t status, uint32_t flags,
                              int64_t source_us);
/* Answers a request itself: fn fills `answer` (JSON text). */
struct buf;
typedef enum mr_rc hub_serve_fn(void *user, const char *topic, const void *data, size_t len, struct buf *answer);
MUST enum mr_rc hub_serve(struct hub *h, const char *topic, hub_serve_fn *fn, void *user);

/* -- saved tables -- */
/* The last values that are worth saving, user: the hub (base/saved.h; bus/table.h is the format). Restore before the first port:
 * what is restored is stale until its publisher is heard of, and merged by its version. */
extern const struct saved_source hub_table_source;
/* Agent: somebody saves them: from now on the CLEAR of an app is acknowledged when it is on disk, or cannot get there. */
void hub_await_saves(struct hub *h);

/* -- figures and views -- */
struct names *hub_names(struct hub *h);
struct presence *hub_presence(struct hub *h);
struct hub_stats {
    uint64_t records_in, records_out, dropped, refused;
    uint32_t ports, topics, slots, filters;
    int64_t isolated_since_us; /* agent: 0 = has a broker */
    const char *broker;        /* agent: whom it is with, "" = nobody */
    uint64_t credit_bytes;     /* what the windows of all ports have grown by */
    uint32_t peers, peers_up;  /* broker: of its cluster, and those whose records reach us */
};
void hub_get_stats(const struct hub *h, struct hub_stats *ret);
struct port_stats {
    enum port_kind kind;
    const char *identity, *part, *address;
    int64_t since_us;
    struct session_stats session;
    int64_t clock_offset_us, clock_error_us;
    uint8_t clock;
};
/* Broker: the name of the broker a publisher is or was last at home with; "" = never heard. Borrowed from the hub. */
const char *hub_home_of(const struct hub *h, uint32_t publisher);
bool hub_get_port(const struct hub *h, uint32_t port, struct port_stats *ret); /* false: no such port */
uint32_t hub_max_port(const struct hub *h);
#endif
