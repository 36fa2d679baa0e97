/* net.h - connections between processes: delay, jitter, back-pressure, darkness, breaks.
 *
 * A connection carries chunks of bytes in order, each arriving some time after it was sent. What can happen to it is what
 * can happen to TCP and unix sockets: it slows down, it stands still, it breaks and loses its tail; never does a chunk go
 * missing in the middle. Whoever owns an end is woken when something arrives, when there is room again, and at the end. */
#ifndef SIM_NET_H
#define SIM_NET_H
#include "sim.h"

/* Nothing arrives, nothing is lost: see net_light(). */
enum dark { DARK_NOT = 0, DARK_TO_DIALLER = 1, DARK_TO_DIALLED = 2, DARK_BOTH = 3 };

/* What lies between two processes, for the connections that one of them dials. Fields may be changed at any time. */
struct route_between {
    int64_t delay_ns, jitter_ns;
    size_t capacity; /* bytes under way in one direction before the sender must wait */
    enum dark dark;
    bool is_cut; /* no new connection */
    bool
        hides_closes; /* as ZeroMQ: the other side may learn of a close by silence only, and what was under way is lost */
};

struct end; /* one end of a connection; lives as long as the net */

struct net {
    struct sim *sim;
    struct connection_between **all;
    size_t n, cap;
};

void net_init(struct net *net, struct sim *sim);
void net_fini(struct net *net);

/* Both ends of a new connection. wake(user) of an end is called from the event loop, never from inside another call. */
void net_connect(struct net *net, struct route_between *route, struct end **ret_here, struct end **ret_there);
void end_own(struct end *end, sim_fn *wake, void *user);

/* How many bytes were taken, 0 = none: the owner is woken when there is room. A message is taken whole or not at all. */
size_t end_send(struct end *end, const void *data, size_t len, bool is_message);
bool end_has_room(struct end *end); /* a message would be taken; false: the owner is woken when one would */
/* The next bytes, at most size of them; 0 = none now. A message that does not fit is a mistake. */
size_t end_receive(struct end *end, void *ret, size_t size);
/* The length of the next chunk, 0 = none now. */
size_t end_pending(const struct end *end);
/* The connection has ended and all that came of it was received. */
bool end_is_over(const struct end *end);
void end_close(struct end *end);                  /* the process is gone */
void end_leave(struct end *end, int64_t wait_ns); /* so long it waits for what it sent to leave */

/* Cuts every connection of the route: what is under way is lost, each side notices soon, later or never. */
void net_break(struct net *net, const struct route_between *route);
/* Light again: what stood still goes on. */
void net_light(struct net *net, struct route_between *route);
/* Nobody holds a connection for alive whose other side is gone. */
bool net_is_whole(const struct net *net);
#endif
