/* agents.h - the broker's edge to its agents: encrypted connections on one side, ports of the hub on the other.
 *
 *   OPEN -> (the session is over) -> LEAVING -> (what was left is sent, AGENTS_LEAVE_MS) -> CUT -> (the same again) -> gone
 *
 * A CUT connection is remembered a moment longer, so that what libzmq still had of it is not taken for a new one. libzmq
 * does not tell when a peer's TCP connection ends: it is noticed by the next frame that cannot be sent, at the latest by
 * the session's own silence limit. */
#ifndef BROKER_AGENTS_H
#define BROKER_AGENTS_H
#include "base/io/keys.h"
#include "base/io/loop.h"
#include "base/io/zsock.h"
#include "broker/registry.h"
#include "bus/hub.h"

enum { AGENTS_LEAVE_MS = 300 };

struct agents;

struct agents_options {
    struct loop *loop;
    struct zctx *zctx;
    struct hub *hub; /* its events are handed on to agents_on_output() and agents_on_over() */
    const struct rand_source *rand;
    const struct registry *registry; /* until agents_set_registry() */
    uint32_t max_sessions;
};

/* Tables only. Everything of options is borrowed until agents_free(). MR_NO_MEMORY. */
MUST enum mr_rc agents_new(struct agents **ret, const struct agents_options *options, struct err *err);

/* Listens and admits. As zserver_new(). */
MUST enum mr_rc agents_listen(struct agents *a, const struct zserver_options *options, struct err *err);

/* Drops all connections and frees; their ports stay with the hub, which is freed next. NULL is fine. */
void agents_free(struct agents *a);

/* From the hub's callbacks: only notes. */
void agents_on_output(struct agents *a, uint32_t port);
void agents_on_over(struct agents *a, uint32_t port);

/* After hub_turn_end(): sends what the noted ports have. True: a port was closed, others may have something to say now. */
bool agents_flush(struct agents *a);

/* Whom the new registry (borrowed) does not know by that very key and kind is cut off; whose path changed comes again. */
void agents_set_registry(struct agents *a, const struct registry *registry);

/* Ends every session and admits no further connection. */
void agents_bye_all(struct agents *a, enum mr_rc rc, const char *reason, uint32_t retry_ms);

/* Connections that are not CUT. */
uint32_t agents_count(const struct agents *a);

uint16_t agents_port(const struct agents *a);       /* 0: does not listen */
const char *agents_address(const struct agents *a); /* "" likewise */
void agents_get_stats(const struct agents *a, struct zserver_stats *ret);
#endif
