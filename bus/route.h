/* route.h - which ports a record goes to: subscribers by filter, one responder per request; verdicts cached per topic id. */
#ifndef BUS_ROUTE_H
#define BUS_ROUTE_H
#include "bus/names.h"
#include "proto/session.h"

struct route;
/* seed: secret to the process (hash of the tries). names is borrowed for the life of the route. */
MUST enum mr_rc route_new(struct route **ret, const struct names *names, uint32_t max_filters, uint64_t seed);
void route_free(struct route *r);

/* One entry of one port's interest. The same filter may stand under several ids. MR_TOO_BIG: too many filters;
 * MR_INVALID: the port has an entry of that number. */
MUST enum mr_rc route_add(struct route *r, uint32_t port, uint32_t interest, const char *filter,
                          enum interest_kind kind);
void route_remove(struct route *r, uint32_t port, uint32_t interest);
void route_remove_port(struct route *r, uint32_t port);

/* Ports with at least one matching SUBSCRIBE entry, each once, ascending; borrowed until the next change of the route or
 * the next call. One array look-up while nothing changed since the topic was last asked for. */
struct route_ports {
    const uint32_t *port;
    size_t n;
};
struct route_ports route_subscribers(struct route *r, uint32_t topic);

/* The responder for a request: a port with a matching SERVE entry other than `not_port`; several take turns. 0 = nobody. `prefer`
 * may be NULL; a port it says yes to is taken before the others (same machine first). */
uint32_t route_responder(struct route *r, uint32_t topic, uint32_t not_port, bool (*prefer)(void *user, uint32_t port),
                         void *user);
bool route_port_has_interest(const struct route *r, uint32_t port);
uint64_t route_epoch(const struct route *r);        /* changes with every add and remove */
uint32_t route_filter_count(const struct route *r); /* entries of all ports */
#endif
