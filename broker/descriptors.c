/* descriptors.c - how many connections fit into RLIMIT_NOFILE. */
#include "broker/descriptors.h"
#include "broker/admission.h"
#include <sys/resource.h>

enum {
    OWN = 64,           /* libzmq's and the loop's own, log, files being saved */
    OF_A_PEER = 8,      /* our connection to it: a socket, its monitor, what wakes their threads */
    BOTH = 2,           /* as many strangers again may come in before newcomers are held */
    STRANGERS_SHARE = 4 /* of the room */
};

static uint64_t fixed(const struct broker_conf *conf)
{
    return OWN + conf->peers.n * (uint64_t)(OF_A_PEER + SESSIONS_PER_PEER);
}

static uint64_t per_stranger(const struct broker_conf *conf)
{
    return conf->peers.n > 0 ? 2 * BOTH : BOTH; /* two listeners */
}

uint64_t descriptors_needed(const struct broker_conf *conf)
{
    return fixed(conf) + conf->max_sessions + conf->max_unauthenticated * per_stranger(conf);
}

enum mr_rc descriptors_fit(struct broker_conf *conf, uint64_t limit, struct err *err)
{
    if (descriptors_needed(conf) <= limit)
        return MR_OK;
    uint64_t room = limit > fixed(conf) ? limit - fixed(conf) : 0;
    uint64_t strangers = room / STRANGERS_SHARE / per_stranger(conf);
    if (strangers == 0) {
        err_set(
            err,
            "%ju file descriptors are not enough for a broker: allow it %ju (LimitNOFILE= of its unit, or ulimit -n)",
            (uintmax_t)limit, (uintmax_t)descriptors_needed(conf));
        return MR_INVALID;
    }
    if (strangers < conf->max_unauthenticated)
        conf->max_unauthenticated = (uint32_t)strangers;
    uint64_t sessions = room - conf->max_unauthenticated * per_stranger(conf);
    if (sessions < conf->max_sessions)
        conf->max_sessions = (uint32_t)sessions;
    return MR_OK;
}

uint64_t descriptors_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : UINT64_MAX;
}
