/* edges.h - everything between a broker's hub and its network: who is admitted, the listener for agents, the one for peers, and
 * our own connections to them.
 *
 * Without peers there is no mesh: neither its listener nor a connection out. */
#ifndef BROKER_EDGES_H
#define BROKER_EDGES_H
#include "base/err.h"
#include "base/io/loop.h"
#include "base/io/zap.h"
#include "base/io/zsock.h"
#include "broker/conf.h"
#include "broker/governor.h"
#include "bus/hub.h"

/* Ports the hub needs for one peer: one out, and as many in as it may have. */
enum { EDGES_PORTS_PER_PEER = 3 };

struct edges;
struct key_pair;

struct edges_options {
    struct loop *loop;
    struct zctx *zctx;
    struct hub *hub; /* its events are handed on to edges_on_…() */
    const struct rand_source *rand;
    const struct key_pair *keys;
    const struct broker_conf *conf;
};

/* Reads the registry. Everything of options is borrowed until edges_free(). MR_NOT_FOUND, MR_DENIED, MR_INVALID: the
 * registry, with what to do about it; MR_NO_MEMORY. */
MUST enum mr_rc edges_new(struct edges **ret, const struct edges_options *options, struct err *err);

/* Proves for each listener that strangers are refused (it turns the loop meanwhile, at most SELFCHECK_MS each), then listens
 * and dials the peers. As broker_start(). */
MUST enum mr_rc edges_start(struct edges *e, struct err *err);

/* NULL is fine. */
void edges_free(struct edges *e);

/* Reads registry and directory again; on failure both stay as they were. Whom they do not name any more is cut off. Who the
 * peers are stays as it was: a new one needs a restart. */
MUST enum mr_rc edges_reload(struct edges *e, struct err *err);

/* From the hub's callbacks: only notes. */
void edges_on_output(struct edges *e, uint32_t port);
void edges_on_over(struct edges *e, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms);
void edges_on_peer(struct edges *e, uint32_t port);

/* After hub_turn_end(). True: a port was closed, others may have something to say now. */
bool edges_flush(struct edges *e);

/* Tells the agents, and when they are gone the peers, to come again in retry_ms. To be called again and again until it is
 * true: everybody is gone. */
bool edges_stop(struct edges *e, const char *reason, uint32_t retry_ms);

size_t edges_identities(const struct edges *e);    /* in the registry */
size_t edges_peers(const struct edges *e);         /* in the directory still */
uint16_t edges_agents_port(const struct edges *e); /* 0: does not listen */
const char *edges_agents_address(const struct edges *e);
const char *edges_mesh_address(const struct edges *e);                         /* "" without peers */
void edges_get_connections(const struct edges *e, struct governor_stats *ret); /* to the port for agents */
void edges_get_keys(const struct edges *e, struct zap_stats *ret);
#endif
