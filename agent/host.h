/* host.h - the machine's own values as tags: telemetry under its path, the agent's own state under $agent/<name>/.
 *
 *   ./cpu/busy, ./mem/available …     agent/telemetry/telemetry.h; from when the path is known
 *   $agent/<name>/broker              with whom, "" = nobody
 *   $agent/<name>/isolated            s, 0 = has a broker
 *   $agent/<name>/apps                connected now
 *   $agent/<name>/dropped, refused    records since the start: lost to slow readers; denied by rights */
#ifndef AGENT_HOST_H
#define AGENT_HOST_H
#include "base/clock.h"
#include "base/err.h"
#include "base/io/loop.h"
#include "bus/hub.h"

struct host;

struct host_options {
    struct loop *loop;
    struct hub *hub;
    const struct clock *clock;
    const char *name;     /* of the agent; borrowed until host_free() */
    uint32_t interval_ms; /* as telemetry_conf.interval_ms */
    uint32_t (*count_apps)(void *user);
    void *user;
};

/* Opens the tags of the agent's own state. MR_NO_MEMORY, MR_TOO_BIG. */
MUST enum mr_rc host_new(struct host **ret, const struct host_options *options, struct err *err);
void host_free(struct host *h); /* NULL is fine */

/* The path is known, or is another one: tags are opened under it from the next turn on. */
void host_on_path(struct host *h);

/* The uplink came or went: its values are written in the next turn. */
void host_on_uplink(struct host *h);
#endif
