/* dev.h - brokers and an agent as children of this process, until a signal, a time, or the end of one of them. */
#ifndef CLI_DEV_H
#define CLI_DEV_H
#include <stddef.h>
#include <stdint.h>

#include "agent/conf.h"

enum { DEV_PATH_SIZE = 512 };

struct dev_plan {
    char dir[DEV_PATH_SIZE]; /* absolute */
    size_t n_brokers; /* 1: dir has broker.yaml and agent.yaml; more: it is a plant's (plant.h), of which agent1 runs */
    char socket[AGENT_SOCKET_SIZE];
    uint64_t seconds; /* 0: no end */
};

/* Starts all, shows their log with a prefix, says what to try once values flow, and ends all in order. Of several brokers all
 * but one may end by themselves. Tells what goes wrong. Returns enum exit_code. Signals (SIGINT, SIGTERM, SIGHUP) are held
 * when it begins (interrupt.h), end what runs meanwhile, and are held when it returns. */
int dev_run(const struct dev_plan *plan);
#endif
