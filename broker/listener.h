/* listener.h - where connections come in: encrypted on one side, ports of the hub on the other. A broker has one for agents and,
 * with peers, one for them.
 *
 *   OPEN -> (the session is over) -> LEAVING -> (what was left is sent, LISTENER_LEAVE_MS) -> CUT -> (LISTENER_CUT_MS) -> gone
 *
 * A CUT connection is remembered for longer than a busy broker is behind its sockets, so that what libzmq still had of it is not
 * taken for a new one: each frame of it would be a broken protocol, of somebody who did nothing wrong. That a
 * peer's TCP connection ended is noticed by the next frame that cannot be sent, at the latest by the session's own silence
 * limit. Connections that are none yet, or hold up memory, are the governor's matter. */
#ifndef BROKER_LISTENER_H
#define BROKER_LISTENER_H
#include "base/io/loop.h"
#include "base/io/zsock.h"
#include "broker/admission.h"
#include "broker/governor.h"
#include "broker/penalties.h"

enum { LISTENER_LEAVE_MS = 300, LISTENER_CUT_MS = 10000 };

struct listener;

struct listener_options {
    struct loop *loop;
    struct zctx *zctx;
    struct hub *hub; /* its events are handed on to listener_on_output() and listener_on_over() */
    const struct rand_source *rand;
    const struct admission *admission; /* what it says may change: then listener_review() */
    enum port_kind kind;               /* of its ports: PORT_AGENT or PORT_MESH_IN */
    uint32_t max_ports;                /* of the hub */
    uint32_t max_sessions;             /* of this listener, at most max_ports */
    uint32_t max_silent;               /* connections that have yet to prove a known key; more wait */
    struct penalties *penalties;       /* offences are noted here; NULL: they are not */
};

/* Tables only. Everything of options is borrowed until listener_free(). MR_NO_MEMORY. */
MUST enum mr_rc listener_new(struct listener **ret, const struct listener_options *options, struct err *err);

/* Listens and admits. As zserver_new(). */
MUST enum mr_rc listener_listen(struct listener *l, const struct zserver_options *options, struct err *err);

/* Drops all connections and frees; their ports stay with the hub, which is freed next. NULL is fine. */
void listener_free(struct listener *l);

/* From the hub's callbacks: only notes. False: the port is none of its own. */
bool listener_on_output(struct listener *l, uint32_t port);
bool listener_on_over(struct listener *l, uint32_t port);

/* The key of a connection from there was admitted: who it is that will speak soon. */
void listener_on_admitted(struct listener *l, const char *address, const char *user_id);

/* Its session is over because it broke the protocol. A port that is none of its own: nothing happens. */
void listener_blame(struct listener *l, uint32_t port);

/* After hub_turn_end(): sends what the noted ports have. True: a port was closed, others may have something to say now. */
bool listener_flush(struct listener *l);

/* Whom the admission does not know any more by that very key is cut off; whose path changed comes again. */
void listener_review(struct listener *l);

/* Ends every session and admits no further connection. */
void listener_bye_all(struct listener *l, enum mr_rc rc, const char *reason, uint32_t retry_ms);

/* Of its connections, proved or not. */
void listener_get_connections(const struct listener *l, struct governor_stats *ret);

/* Connections that are not CUT. */
uint32_t listener_count(const struct listener *l);

uint16_t listener_port(const struct listener *l);       /* 0: does not listen */
const char *listener_address(const struct listener *l); /* "" likewise */
#endif
