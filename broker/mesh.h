/* mesh.h - the broker's edge to its peers: one connection to each of them, dialled again and again, and the session on it in
 * which we are the client (docs/decisions/0012). Their sessions with us come in at a listener.
 *
 * The connection is a zdial (base/io/zdial.h has its states); while it is OPEN it has a port of the hub, which is up from the
 * peer's Welcome on. Waiting doubles from MESH_RETRY_MS, up to MESH_QUICK_RETRY_MS for MESH_QUICK_MS after the peer was up
 * and after the start, then up to MESH_RETRY_MAX_MS. */
#ifndef BROKER_MESH_H
#define BROKER_MESH_H
#include "base/io/loop.h"
#include "base/rand.h"
#include "broker/peers.h"
#include "bus/hub.h"

enum {
    MESH_RETRY_MS = 100,
    MESH_RETRY_MAX_MS = 5000,
    MESH_QUICK_MS = 30000,
    MESH_QUICK_RETRY_MS = 1000,
    MESH_REFUSED_MS = 5000,      /* at least so long until a peer that refused is asked again, */
    MESH_REFUSED_MAX_MS = 10000, /* at most */
    MESH_LEAVE_MS = 200,         /* for a goodbye to be written */
    MESH_RANK = 2                /* of its connections, in and out, in the loop's drain order */
};

struct mesh;

struct mesh_options {
    struct loop *loop;
    struct zctx *zctx;
    struct hub *hub;
    const struct rand_source *rand;
    const struct key_pair *keys;
    const struct peers *peers; /* what it says may change, but not who is in it: then mesh_review() */
};

/* Everything of options is borrowed until mesh_free(). MR_NO_MEMORY. */
MUST enum mr_rc mesh_new(struct mesh **ret, const struct mesh_options *options, struct err *err);
void mesh_free(struct mesh *m); /* NULL is fine */

/* Dials every peer at once. */
void mesh_start(struct mesh *m);
/* Says goodbye to all and does not come back. */
void mesh_stop(struct mesh *m, enum mr_rc rc, const char *reason, uint32_t retry_ms);
bool mesh_is_idle(const struct mesh *m); /* no connection at all */

/* A peer whose key, address or trust changed is left, and dialled anew if it is trusted. */
void mesh_review(struct mesh *m);

/* From the hub's callbacks: only notes. False: the port is none of its own. */
bool mesh_on_output(struct mesh *m, uint32_t port);
bool mesh_on_over(struct mesh *m, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms);
bool mesh_on_up(struct mesh *m, uint32_t port);

/* After hub_turn_end(). True: a port was closed, others may have something to say now. */
bool mesh_flush(struct mesh *m);
#endif
