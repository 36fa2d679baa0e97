/* values.h - what the broker says of itself as last values under $sys/broker/<name>/, with units.
 *
 *   sessions, topics, filters, slots       counts now
 *   records/in, records/out                1/s, over the last interval
 *   credit                                 By, what the windows of all sessions have grown by now
 *   dropped, refused                       records since the start: lost to slow readers; denied by rights
 *   peers, peers/up                        other brokers of the cluster; those whose records reach this one
 *   keys/admitted, keys/refused            CURVE handshakes since the start
 *   connections, connections/…             to the port for agents: all, unauthenticated, cut since the start
 */
#ifndef BROKER_VALUES_H
#define BROKER_VALUES_H
#include "base/io/zap.h"
#include "broker/governor.h"
#include "bus/hub.h"

enum { VALUES_MS = 10000 };

enum value_id {
    VALUE_SESSIONS,
    VALUE_TOPICS,
    VALUE_FILTERS,
    VALUE_SLOTS,
    VALUE_CREDIT,
    VALUE_RECORDS_IN,
    VALUE_RECORDS_OUT,
    VALUE_DROPPED,
    VALUE_REFUSED,
    VALUE_PEERS,
    VALUE_PEERS_UP,
    VALUE_KEYS_ADMITTED,
    VALUE_KEYS_REFUSED,
    VALUE_CONNECTIONS,
    VALUE_UNAUTHENTICATED,
    VALUE_CONNECTIONS_CUT,
    VALUE_COUNT
};

/* Zero it. */
struct values {
    uint32_t topics[VALUE_COUNT];
    uint64_t records_in, records_out; /* at last_ns */
    int64_t last_ns;
};

/* Opens the tags. */
MUST enum mr_rc values_open(struct values *v, struct hub *hub, const char *broker, int64_t now_ns, struct err *err);

/* Writes them; to be called every VALUES_MS. */
void values_write(struct values *v, struct hub *hub, const struct zap_stats *keys,
                  const struct governor_stats *connections, int64_t now_ns);
#endif
