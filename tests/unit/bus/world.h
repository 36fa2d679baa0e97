/* world.h - hubs of agents and brokers, and some apps, joined by pipes in memory under a clock that tests turn by hand. */
#ifndef TESTS_UNIT_BUS_WORLD_H
#define TESTS_UNIT_BUS_WORLD_H
#include "base/buf.h"
#include "base/clock.h"
#include "base/rand.h"
#include "bus/hub.h"
#include "proto/session.h"

enum { WORLD_APPS = 4, WORLD_AGENTS = 3, WORLD_BROKERS = 3, WORLD_QUEUE_BYTES = 256 * 1024 };

/* A station with its notices, as lines of text. */
struct station {
    struct world *world;
    struct hub *hub;
    uint32_t over[64]; /* ports that ended, to be closed after the pump */
    unsigned n_over;
    uint64_t birth_floor;
    char notices[8192];
};

/* An app: a real client session, and all it was told as lines of text. */
struct app {
    struct world *world;
    struct station *agent;   /* of a peer: the broker */
    struct session *session; /* NULL: not connected */
    uint32_t port;           /* on its agent */
    uint32_t inbox;
    bool is_deaf; /* takes no frames: a stopped process */
    struct buf log;
    char topics[512][64], publishers[64][64]; /* names it was told, by id */
    uint32_t opened[16];                      /* cookie -> topic id */
    enum mr_rc open_rc[16];
    uint64_t request_id; /* of the last request it was handed */
    uint32_t request_reply;
    struct sending { /* a value that it sends as a transfer */
        uint32_t id, total, at;
    } sending;
    struct coming { /* those that come */
        uint32_t id, total, at;
        char what[192];
    } coming[300];
    bool keeps_chunks; /* gives no credit back for them, but counts it: */
    uint32_t kept;
};

/* A connection: of an agent to a broker, or of a broker to a peer whose client it is. */
struct uplink {
    bool is_up;
    struct station *client, *server;
    uint32_t at_client, at_server; /* ports */
};

struct world {
    int64_t now_ns, utc_us;
    struct clock clock;
    bool may_fail; /* allocations fail: what cannot be had is done without */
    struct rand_seeded rand;
    struct rights *rights;
    uint32_t max_topics, max_slots, max_filters; /* of hubs opened from now on */
    size_t max_credit_bytes;                     /* as well */
    unsigned n_brokers;
    struct station brokers[WORLD_BROKERS], agents[WORLD_AGENTS];
    struct uplink uplinks[WORLD_AGENTS], mesh[WORLD_BROKERS][WORLD_BROKERS]; /* [client][server] */
    struct app apps[WORLD_APPS];
};

void world_open(struct world *w, unsigned n_agents); /* agents m1, m2, … at demo/m1 …, not connected */
void world_open_with(struct world *w, unsigned n_agents, const struct rights_rule *rules, size_t n_rules);
void world_open_brokers(struct world *w, unsigned n_agents, unsigned n_brokers); /* mr1, mr2, … not connected */
void world_close(struct world *w);
int world_setup_pair(void **state); /* for cmocka: two agents at a broker, app a on the first, app b on the second */
int world_teardown(void **state);   /* closes *state */
bool world_expect(const struct world *w, enum mr_rc rc); /* did it go well? It must, unless allocations may fail */
int64_t world_utc_us(const struct world *w);
void world_pump(struct world *w);             /* moves frames until nothing moves any more */
void world_pass(struct world *w, int64_t ms); /* lets time pass in steps of 10 ms, pumping */

void world_connect(struct world *w, unsigned agent); /* to the first broker, and pumps */
void world_connect_to(struct world *w, unsigned agent, unsigned broker);
void world_join(struct world *w, unsigned client, unsigned server);   /* one direction of a mesh link, and pumps */
void world_unjoin(struct world *w, unsigned client, unsigned server); /* both ends see it gone */
void world_join_all(struct world *w);
void world_cut(struct world *w, unsigned agent); /* both ends see their connection gone, frames in flight are lost */
void world_restart_broker(struct world *w);      /* the first */
void world_restart(struct world *w, unsigned broker);
void world_new_agent(struct world *w, unsigned agent, uint64_t birth); /* in place of what was there */

void app_open(struct world *w, struct app *app, unsigned agent, const char *name); /* and pumps */
void app_open_without_path(struct world *w, struct app *app, unsigned agent, const char *name);
/* An agent of whom tests say each word themselves: a bare session at the broker, kept in one of the apps' places. */
void peer_open(struct world *w, struct app *peer, const char *identity, uint64_t birth, uint32_t link);
void peer_open_as(struct world *w, struct app *peer, const char *identity, const char *name, uint64_t birth,
                  uint32_t link);
void app_close(struct app *app, bool clean);
void app_subscribe(struct app *app, uint32_t id, const char *filter);
void app_serve(struct app *app, uint32_t id, const char *filter);
void app_open_topic(struct app *app, uint32_t cookie, const char *topic, const char *unit); /* unit NULL: raw */
void app_open_promise(struct app *app, uint32_t cookie, const char *topic, uint32_t stale_ms);
void app_write(struct app *app, uint32_t cookie, double value, uint32_t flags);
void app_request(struct app *app, uint32_t cookie, uint64_t id, const char *text);
/* A value of so many bytes as a transfer: says it, and goes on with it as far as it is taken; app_go_on() with the rest. */
void app_send(struct app *app, uint32_t cookie, uint32_t total);
void app_go_on(struct app *app);
void app_break_off(struct app *app);                /* says that the rest does not come */
void app_answer(struct app *app, const char *text); /* the last request it was handed */

/* What the app was told since it was last asked: lines such as
 *   "demo/m1/x=5 by m1/a"   "demo/m1/x=5 by m1/a snapshot stale"   "snapshot end 1"   "acked 1"   "loss m1 3..7 = 5"
 *   "loss via agent = ?"   "m1/a born"   "m1 dead: its connection broke"   "refused 1: …"   "request for demo/m1/echo 'hi'"
 *   "whole demo/m1/x of 80000 bytes by m1/a"   "lost demo/m1/x of 80000 bytes by m1/a: 1" (a cause)
 *   "answer 9 rc 0 'hi'"   "over: …"   "isolated"   "with broker" */
const char *app_told(struct app *app);
bool tells(const char *told, const char *what); /* is it in there? If not, both are printed */
#endif
