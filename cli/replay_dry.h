/* replay_dry.h - millrace replay --dry-run: what a recording would publish, without a bus. */
#ifndef CLI_REPLAY_DRY_H
#define CLI_REPLAY_DRY_H
#include "cli/command.h"
#include "cli/replay.h"

/* Reads the whole source and prints its tags with type, unit, first value and number of records. Returns an exit code. */
int replay_dry(struct replay_source *source, const struct args *args);
#endif
