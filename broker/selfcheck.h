/* selfcheck.h - proves, before the broker serves, that its listener refuses strangers.
 *
 * libzmq fails open: a CURVE listener whose ZAP handler or domain is missing admits any key. So the settings of the real
 * listener are tried on a free port of 127.0.0.1: by a key drawn for the purpose, by a peer without encryption (mechanism
 * NULL), and by one that does not speak ZMTP 3 at all. Each must be cut off with nothing delivered. */
#ifndef BROKER_SELFCHECK_H
#define BROKER_SELFCHECK_H
#include "base/err.h"
#include "base/io/loop.h"
#include "base/io/zsock.h"

enum { SELFCHECK_MS = 8000 }; /* the most it takes */

/* Turns the loop until all three have been refused. real->address is not used.
 * MR_DENIED: one was admitted; MR_TIMEOUT: no verdict in time; MR_INVALID, MR_NO_MEMORY: the listener cannot be made. */
MUST enum mr_rc selfcheck_run(struct loop *loop, struct zctx *zctx, const struct zserver_options *real,
                              struct err *err);
#endif
