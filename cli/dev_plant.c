/* dev_plant.c - see dev_plant.h. */
#include "cli/dev_plant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/fs.h"
#include "cli/plant.h"

/* Where the one agent listens, below plan->dir. */
static enum mr_rc set_socket(struct dev_plan *plan, struct err *err)
{
    int n = snprintf(plan->socket, sizeof plan->socket, "%s/agent1/agent.sock", plan->dir);
    if (n > 0 && (size_t)n < sizeof plan->socket)
        return MR_OK;
    err_set(err, "$TMPDIR: the path of a socket in it would be longer than %d bytes", AGENT_SOCKET_SIZE - 1);
    return MR_TOO_BIG;
}

static enum mr_rc make_dir(struct dev_plan *plan, struct err *err)
{
    const char *temporary = getenv("TMPDIR");
    snprintf(plan->dir, sizeof plan->dir, "%s/millrace-dev-XXXXXX",
             temporary && *temporary == '/' ? temporary : "/tmp"); /* what is cut is too long for a socket */
    enum mr_rc rc = set_socket(plan, err);
    if (rc)
        return rc;
    if (!mkdtemp(plan->dir)) {
        int why = errno;
        err_set(err, "%s: %s", plan->dir, strerror(why));
        return fs_rc(why);
    }
    return set_socket(plan, err);
}

enum mr_rc dev_plant_make(const struct args *args, struct dev_plan *plan, struct err *err)
{
    struct plant *plant;
    const struct plant_wish wish = {.dir = plan->dir,
                                    .name = "agent",
                                    .path = "demo/site",
                                    .brokers = args->brokers,
                                    .agents = 1,
                                    .interval_ms = args->interval_ms ? args->interval_ms : 2000};
    enum mr_rc rc = make_dir(plan, err);
    if (rc)
        return rc;
    rc = plant_make(&wish, &plant, err);
    if (rc)
        plant_remove(plan->dir);
    else
        plant_free(plant);
    return rc;
}
