/* dev.h - broker and agent as children of this process, until a signal, a time, or the end of one of them. */
#ifndef CLI_DEV_H
#define CLI_DEV_H
#include <stdint.h>

#include "agent/conf.h"

enum { DEV_PATH_SIZE = 512 };

struct dev_plan {
    char dir[DEV_PATH_SIZE]; /* absolute, with broker.yaml and agent.yaml */
    char socket[AGENT_SOCKET_SIZE];
    uint64_t seconds; /* 0: no end */
};

/* Starts both, shows their log with a prefix, says what to try once values flow, and ends both in order. Tells what goes
 * wrong. Returns enum exit_code. */
int dev_run(const struct dev_plan *plan);
#endif
