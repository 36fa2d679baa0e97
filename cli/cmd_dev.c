/* cmd_dev.c - millrace dev: a whole bus on this machine, until Ctrl-C. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io/fs.h"
#include "base/mem.h"
#include "cli/bootstrap.h"
#include "cli/dev.h"
#include "cli/dev_plant.h"
#include "cli/interrupt.h"
#include "cli/place.h"
#include "cli/plant.h"
#include "cli/report.h"

static const char root_dir[] = "/var/lib/millrace-dev";

/* Where the files are when nobody says: root's, or the user's state folder (XDG base directories). */
static enum mr_rc default_dir(char out[DEV_PATH_SIZE], struct err *err)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int n;
    if (geteuid() == 0)
        n = snprintf(out, DEV_PATH_SIZE, "%s", root_dir);
    else if (state && *state == '/')
        n = snprintf(out, DEV_PATH_SIZE, "%s/millrace", state);
    else if (home && *home == '/')
        n = snprintf(out, DEV_PATH_SIZE, "%s/.local/state/millrace", home);
    else {
        err_set(err, "neither $XDG_STATE_HOME nor $HOME is set; say where with --dir");
        return MR_NOT_FOUND;
    }
    if (n > 0 && n < DEV_PATH_SIZE)
        return MR_OK;
    err_set(err, "the name of the folder is too long");
    return MR_TOO_BIG;
}

/* The socket of a new bus: where every command looks for it, unless --dir asked for one apart. */
static enum mr_rc choose_socket(const struct args *args, const char *dir, char out[AGENT_FILE_SIZE], struct err *err)
{
    int n = -1;
    if (!args->dir && geteuid() == 0)
        n = snprintf(out, AGENT_FILE_SIZE, "%s", PLACE_MACHINE_SOCKET);
    else if (!args->dir && place_user_socket(out) == MR_OK)
        n = (int)strlen(out);
    else
        n = snprintf(out, AGENT_FILE_SIZE, "%s/agent.sock", dir);
    if (n > 0 && n < AGENT_SOCKET_SIZE)
        return MR_OK;
    err_set(err, "%s/agent.sock: the path of a socket has at most %d bytes; choose a shorter --dir", dir,
            AGENT_SOCKET_SIZE - 1);
    return MR_TOO_BIG;
}

static enum mr_rc make_files(const struct args *args, struct dev_plan *plan, struct err *err)
{
    char socket[AGENT_FILE_SIZE];
    enum mr_rc rc = choose_socket(args, plan->dir, socket, err);
    const struct bootstrap wish = {.dir = plan->dir,
                                   .name = "here",
                                   .path = "demo/here",
                                   .broker = "mr1",
                                   .address = args->address ? args->address : "127.0.0.1:7420",
                                   .data = "data",
                                   .socket = socket,
                                   .interval_ms = args->interval_ms ? args->interval_ms : 2000};
    return rc ? rc : bootstrap_make(&wish, err);
}

/* The files, made or found; and from them the socket, whose folder is made too. */
static enum mr_rc prepare(const struct args *args, struct dev_plan *plan, struct err *err)
{
    char file[DEV_PATH_SIZE + 16];
    enum mr_rc rc = MR_OK;
    if (!bootstrap_is_there(plan->dir))
        rc = make_files(args, plan, err);
    else if (args->address || args->interval_ms)
        report_note("the files in %s are there already and stay as they are: --address and --interval are for new ones",
                    plan->dir);
    struct agent_conf *conf = mem_alloc(sizeof *conf);
    if (!conf)
        return MR_NO_MEMORY;
    snprintf(file, sizeof file, "%s/agent.yaml", plan->dir);
    if (!rc)
        rc = agent_conf_load(file, conf, err);
    if (!rc) {
        snprintf(plan->socket, sizeof plan->socket, "%s", conf->socket_path);
        snprintf(file, sizeof file, "%s", conf->socket_path);
        char *slash = strrchr(file, '/');
        if (slash && slash > file) {
            *slash = '\0';
            rc = fs_mkdirs(file, 0755, err);
        }
    }
    mem_free(conf);
    return rc;
}

static enum mr_rc find_dir(const struct args *args, struct dev_plan *plan, struct err *err)
{
    char wished[DEV_PATH_SIZE];
    enum mr_rc rc = MR_OK;
    if (!args->dir)
        rc = default_dir(wished, err);
    else
        snprintf(wished, sizeof wished, "%s", args->dir);
    if (!rc)
        rc = fs_mkdirs(wished, 0755, err);
    if (rc)
        return rc;
    char *real = realpath(wished, NULL);
    bool fits = real && strlen(real) < sizeof plan->dir;
    snprintf(plan->dir, sizeof plan->dir, "%s", fits ? real : "");
    free(real);
    if (fits)
        return MR_OK;
    err_set(err, "%s: the name of the folder is too long", wished);
    return MR_TOO_BIG;
}

/* -- several brokers: a plant in a folder that is gone afterwards -- */
static int dev_plant(const struct args *args)
{
    struct dev_plan plan = {.n_brokers = args->brokers, .seconds = args->seconds};
    struct err err = {{0}};
    if (args->brokers > BROKERS_MAX)
        return report_usage("dev", "--brokers takes 1 to %d", BROKERS_MAX);
    if (args->dir || args->address)
        return report_usage("dev",
                            "--%s is for one broker; a plant of several that stays is made by "
                            "millrace init --brokers %" PRIu64,
                            args->dir ? "dir" : "address", args->brokers);
    enum mr_rc rc = dev_plant_make(args, &plan, &err);
    if (rc)
        return report_local(rc, &err);
    int code = dev_run(&plan);
    plant_remove(plan.dir);
    return code;
}

static int dev_one(const struct args *args)
{
    struct dev_plan plan = {.n_brokers = 1, .seconds = args->seconds};
    struct err err = {{0}};
    enum mr_rc rc = find_dir(args, &plan, &err);
    if (!rc)
        rc = prepare(args, &plan, &err);
    if (rc)
        return report_local(rc, &err);
    if (place_is_listening(plan.socket)) {
        report_note("an agent answers already on %s. Use it: millrace --socket %s get; or choose another folder: --dir",
                    plan.socket, plan.socket);
        return EXIT_FAILED;
    }
    return dev_run(&plan);
}

/* No signal leaves a folder half made, or one with keys that nobody knows of. */
int cmd_dev(const struct args *args)
{
    interrupt_hold();
    int code = args->brokers > 1 ? dev_plant(args) : dev_one(args);
    interrupt_release();
    return code;
}
