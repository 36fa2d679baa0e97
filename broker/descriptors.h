/* descriptors.h - fits a broker's limits into the file descriptors its process may have: a connection is one, and a broker that
 * runs out of them can neither accept nor save. */
#ifndef BROKER_DESCRIPTORS_H
#define BROKER_DESCRIPTORS_H
#include "base/err.h"
#include "broker/conf.h"

/* What the limits of conf can come to, what the broker needs for itself included. */
uint64_t descriptors_needed(const struct broker_conf *conf);

/* Lowers sessions and unauthenticated connections of *conf as far as `limit` descriptors make it necessary, strangers to a
 * quarter of the room at most. MR_INVALID, with what to do: not enough for one of each; *conf stays as it was. */
MUST enum mr_rc descriptors_fit(struct broker_conf *conf, uint64_t limit, struct err *err);

/* The soft limit of this process. */
uint64_t descriptors_limit(void);
#endif
