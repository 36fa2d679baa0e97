/* dev_plant.h - several brokers for millrace dev: a plant in a temporary folder, gone afterwards. */
#ifndef CLI_DEV_PLANT_H
#define CLI_DEV_PLANT_H
#include "base/err.h"
#include "cli/command.h"
#include "cli/dev.h"

/* Makes it below $TMPDIR, else /tmp, and writes plan->dir and plan->socket; the caller removes it with plant_remove().
 * Signals are held (interrupt.h). MR_TOO_BIG: $TMPDIR leaves no room for a socket's path; MR_CLOSED: interrupted; else as
 * plant_make(): nothing is left. */
MUST enum mr_rc dev_plant_make(const struct args *args, struct dev_plan *plan, struct err *err);
#endif
