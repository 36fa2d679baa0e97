/* local.h - the agent's edge to the apps of this machine: connections of the unix socket on one side, ports of the hub on the
 * other.
 *
 *   OPEN -> (the session is over) -> LEAVING -> (the app hangs up, or LOCAL_LEAVE_MS) -> gone */
#ifndef AGENT_LOCAL_H
#define AGENT_LOCAL_H
#include "base/err.h"
#include "base/io/loop.h"
#include "bus/hub.h"
#include <sys/types.h>

enum { LOCAL_LEAVE_MS = 500 };

struct local;

struct local_options {
    struct loop *loop;
    struct hub *hub;
    const char *socket_path; /* its folder is made when missing */
    mode_t socket_mode;
    uint32_t max_apps;
};

/* Listens. options and what it points to are borrowed until local_free(). As unixsock_listen(). */
MUST enum mr_rc local_new(struct local **ret, const struct local_options *options, struct err *err);

/* Closes all connections; their ports stay with the hub, which is freed next. NULL is fine. */
void local_free(struct local *l);

/* Who this machine is for apps that come from now on; borrowed until the next call. */
void local_set_self(struct local *l, const char *identity, const char *path);

/* From the hub's callbacks: only notes. */
void local_on_output(struct local *l, uint32_t port);
void local_on_over(struct local *l, uint32_t port);

/* After hub_turn_end(): sends what the noted ports have. True: a port was closed, others may have something to say now. */
bool local_flush(struct local *l);

/* Stops listening and ends all sessions. */
void local_bye_all(struct local *l, enum mr_rc rc, const char *reason);

uint32_t local_count(const struct local *l); /* connections, those that leave included */
#endif
