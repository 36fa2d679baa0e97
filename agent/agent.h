/* agent.h - the agent as a library: a hub with an edge for apps, an edge for the broker, and the machine's own values.
 *
 *   struct agent_conf conf;
 *   agent_conf_load("agent.yaml", &conf, &err)
 *   agent_new(&agent, loop, zctx, &conf, &err)     keys, identity, tables
 *   agent_start(agent, &err)                       socket, uplink, telemetry
 *   ... loop_run(loop) ...
 *   agent_stop(agent, on_stopped, user)            says goodbye, within AGENT_STOP_MS
 *   agent_free(agent)
 *
 * Everything belongs to the loop's thread. Once started it never ends by itself: a disk or link that fails is logged
 * (ids AGENT-…, docs/events.md) and tried again. keys_init() first. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H
#include "agent/conf.h"
#include "base/err.h"
#include "base/io/loop.h"
#include "base/io/zsock.h"

enum { AGENT_STOP_MS = 2000 }; /* the most agent_stop() takes */

struct agent;
struct key_pair;

/* The key that agent.yaml names, if it is one for this agent; the caller owns it.
 * MR_NOT_FOUND, MR_DENIED, MR_INVALID: the file, with what to do about it; MR_NO_MEMORY. */
MUST enum mr_rc agent_load_key(const struct agent_conf *conf, struct key_pair **ret, struct err *err);

/* Reads the key, draws or counts up the birth epoch. conf is copied; loop and zctx are borrowed until agent_free().
 * MR_NOT_FOUND, MR_DENIED, MR_INVALID: the key file, with what to do about it; MR_NO_MEMORY. */
MUST enum mr_rc agent_new(struct agent **ret, struct loop *loop, struct zctx *zctx, const struct agent_conf *conf,
                          struct err *err);

/* Listens for apps and begins to connect to a broker; that no broker answers is no error.
 * MR_INVALID, MR_NOT_FOUND, MR_DENIED: the socket; MR_NO_MEMORY. */
MUST enum mr_rc agent_start(struct agent *a, struct err *err);

/* Ends all sessions in order, flushes, then calls on_stopped once from the loop, at the latest after AGENT_STOP_MS. */
void agent_stop(struct agent *a, loop_fn *on_stopped, void *user);

/* NULL is fine. Without agent_stop() peers see their connection break. */
void agent_free(struct agent *a);

/* Where the agent stands. Strings are borrowed until the loop's next turn. */
struct agent_status {
    bool has_broker;
    const char *broker;        /* its name, "" = none */
    const char *identity;      /* as the broker knows us: a person's further sessions have one of their own, "anna~2" */
    const char *path;          /* "" = not known yet */
    const char *why;           /* without a broker: what the last attempt met, in words; "" = none yet */
    bool is_refused;           /* the last attempt met a broker that does not know our key, or is not the pinned one */
    int64_t isolated_since_us; /* 0 = has a broker */
    uint32_t apps;             /* connected now */
    uint64_t birth;
};
void agent_get_status(const struct agent *a, struct agent_status *ret);

/* Calls fn(user) after the uplink came up, ended or failed to come up, from the loop, until fn is NULL. */
void agent_watch(struct agent *a, loop_fn *fn, void *user);
#endif
