/* who.h - answers requests on $sys/who: who lives, since when, where.
 *
 * Asked with nothing, or with {"from": N} to go on where an answer ended. The answer is JSON, as this broker knows the cluster:
 *   {"broker": "mr1", "now": "2026-03-01T12:00:00.000000Z", "next": 0,
 *    "brokers": [
 *      {"name": "mr1", "alive": true, "since": "…Z", "why": "", "peers": 2, "peers_up": 1},
 *      {"name": "mr2", "alive": true, "since": "…Z", "why": ""},
 *      {"name": "mr3", "alive": false, "why": "not reached yet"}],
 *    "machines": [
 *      {"name": "here", "alive": true, "since": "…Z", "birth": "0000001100c0ffee", "link": 3, "why": "",
 *       "broker": "mr1", "address": "10.0.0.7",
 *       "clock": {"state": "synced", "offset_us": -12, "error_us": 80},
 *       "parts": [{"name": "press-app", "kind": "app", "alive": true, "since": "…Z", "why": ""},
 *                 {"name": "line3/plc1", "kind": "device", "alive": false, "since": "…Z", "why": "no answer"}]}]}
 * brokers: the one that answers first, with how many peers it has and reaches; empty but on the first page. since: of the last
 * change of alive. why: of a death. broker: where the machine is at home, or was last; absent when never heard. address and
 * clock: absent without a session with the broker that answers. birth: 16 hexadecimal digits. clock.state: synced, unsynced,
 * unknown; offset_us: the machine's clock minus the broker's. next: what to ask "from" for the rest, 0 = that was all. Persons
 * are listed like machines, each session by itself: "anna", "anna~2". */
#ifndef BROKER_WHO_H
#define BROKER_WHO_H
#include "base/clock.h"
#include "bus/hub.h"

struct who {
    struct hub *hub;
    const char *broker;       /* name */
    const char *const *peers; /* names of the other brokers of its cluster */
    size_t n_peers;
    const struct clock *clock;
};

/* Serves $sys/who; w is borrowed as long as the hub lives. MR_NO_MEMORY, MR_TOO_BIG: no room for the topic. */
MUST enum mr_rc who_serve(struct who *w);
#endif
