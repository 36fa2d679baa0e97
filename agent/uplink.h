/* uplink.h - the agent's edge to its brokers: one connection to one of them at a time.
 *
 * The connection is a zdial (base/io/zdial.h has its states); while it is OPEN it has a port of the hub, which is up from
 * Welcome on. The brokers are tried in random order, again and again. Waiting doubles from UPLINK_RETRY_MS to
 * UPLINK_RETRY_MAX_MS; for UPLINK_QUICK_MS after a session that was up it stays below UPLINK_QUICK_RETRY_MS, so that a broker
 * that restarts has its agents back. A broker that refuses the key, is not the one pinned, or says when to come back, is left
 * alone for longer, the others are not: when one stops, the next is dialled at once. One that breaks off a handshake is asked again
 * as ever at first: it may have more newcomers than it can serve. */
#ifndef AGENT_UPLINK_H
#define AGENT_UPLINK_H
#include "agent/conf.h"
#include "base/io/loop.h"
#include "base/rand.h"
#include "bus/hub.h"

enum {
    UPLINK_RETRY_MS = 250,
    UPLINK_RETRY_MAX_MS = 15000,
    UPLINK_QUICK_MS = 30000,
    UPLINK_QUICK_RETRY_MS = 1000,
    UPLINK_REFUSED_MS = 15000,     /* at least so long until a broker that refused is asked again, */
    UPLINK_REFUSED_MAX_MS = 60000, /* at most */
    UPLINK_HANG_UPS = 3,           /* handshakes in a row that a broker breaks off: then that is a refusal too */
    UPLINK_LEAVE_MS = 200          /* for a goodbye to be written */
};

struct uplink;

struct uplink_options {
    struct loop *loop;
    struct zctx *zctx;
    struct hub *hub;
    const struct rand_source *rand;
    const struct key_pair *keys;
    const struct directory_broker *brokers;
    size_t n_brokers;   /* 1 to BROKERS_MAX */
    loop_fn *on_change; /* up, down, or another failed attempt; called at a turn's end */
    loop_fn *on_reborn; /* the session that asked for another birth is closed: hub_set_birth() now */
    void *user;
};

/* Everything of options is borrowed until uplink_free(). MR_NO_MEMORY. */
MUST enum mr_rc uplink_new(struct uplink **ret, const struct uplink_options *options, struct err *err);
void uplink_free(struct uplink *u); /* NULL is fine */

void uplink_start(struct uplink *u);
/* Says goodbye and does not come back. */
void uplink_stop(struct uplink *u);

/* From the hub's callbacks: only notes. uplink_has() says whether the port is this one. */
bool uplink_has(const struct uplink *u, uint32_t port);
void uplink_on_output(struct uplink *u);
void uplink_on_over(struct uplink *u, enum mr_rc rc, const char *reason, uint32_t retry_ms);
void uplink_on_up(struct uplink *u);
void uplink_on_reborn(struct uplink *u);

/* After hub_turn_end(). True: the port was closed, others may have something to say now. */
bool uplink_flush(struct uplink *u);

bool uplink_is_up(const struct uplink *u);
bool uplink_is_idle(const struct uplink *u);       /* no connection at all */
bool uplink_is_refused(const struct uplink *u);    /* by the broker tried last, because of keys */
const char *uplink_broker(const struct uplink *u); /* name of the one that is or was tried last */
const char *uplink_why(const struct uplink *u);    /* what ended the last attempt, "" = none yet */
#endif
