/* broker.h - the broker as a library: a hub, its edges to agents and to other brokers, and what it says of itself.
 *
 *   broker_conf_load("broker.yaml", &conf, &err)
 *   broker_new(&broker, loop, zctx, &conf, &err)   key, registry, birth, tables
 *   broker_start(broker, &err)                     self-check, then listens
 *   ... loop_run(loop) ...
 *   broker_stop(broker, on_stopped, user)          drains
 *   broker_free(broker)
 *
 * Everything belongs to the loop's thread. Events are logged (ids BROKER-…, docs/events.md). keys_init() first. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H
#include "base/err.h"
#include "base/io/loop.h"
#include "base/io/zsock.h"
#include "broker/conf.h"

enum { BROKER_STOP_MS = 2000 }; /* the most broker_stop() takes */

struct broker;
struct key_pair;

/* The key that broker.yaml names, if it is a broker's and the one that the directory has for it; the caller owns it.
 * MR_NOT_FOUND, MR_DENIED, MR_INVALID: the file, with what to do about it; MR_NO_MEMORY. */
MUST enum mr_rc broker_load_key(const struct broker_conf *conf, struct key_pair **ret, struct err *err);

/* conf is copied; loop and zctx are borrowed until broker_free(). One broker per zctx: it binds the ZAP handler.
 * MR_NOT_FOUND, MR_DENIED, MR_INVALID: key or registry, with what to do about it; MR_MISUSE; MR_NO_MEMORY. */
MUST enum mr_rc broker_new(struct broker **ret, struct loop *loop, struct zctx *zctx, const struct broker_conf *conf,
                           struct err *err);

/* Proves that strangers are refused (it turns the loop meanwhile, at most SELFCHECK_MS), then listens.
 * MR_DENIED: a stranger was admitted; MR_TIMEOUT: the proof could not be made; MR_INVALID: address or port in use, with
 * remedy; MR_NO_MEMORY. */
MUST enum mr_rc broker_start(struct broker *b, struct err *err);

/* Reads the registry again, and with peers the directory. What they do not name any more is cut off at once; identities that
 * are new may connect at once, new peers need a restart. On failure what was known stays in force. */
MUST enum mr_rc broker_reload(struct broker *b, struct err *err);

/* Tells all sessions, those of agents first, to come again elsewhere or later, flushes, then calls on_stopped once from the loop, at the latest
 * after BROKER_STOP_MS. */
void broker_stop(struct broker *b, loop_fn *on_stopped, void *user);

/* NULL is fine. */
void broker_free(struct broker *b);

/* The port for agents, 0 before broker_start(). */
uint16_t broker_port(const struct broker *b);
#endif
