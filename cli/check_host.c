/* check_host.c - whether this machine is fit for the bus. */
#include <glob.h>
#include <sys/resource.h>
#include <sys/timex.h>

#include "cli/check.h"
#include "cli/place.h"

/* 128 apps and a link, and some spare. */
static const rlim_t descriptors_wanted = 1024;

static void check_limits(struct checks *checks)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur >= descriptors_wanted)
        check_tell(checks, FINDING_OK, "descriptors", "%llu for a process", (unsigned long long)limit.rlim_cur);
    else
        check_tell(checks, FINDING_BAD, "descriptors", "%llu for a process are too few; raise it: ulimit -n %llu",
                   (unsigned long long)limit.rlim_cur, (unsigned long long)descriptors_wanted);
}

static void check_clock(struct checks *checks)
{
    struct timex state = {.modes = 0};
    if (adjtimex(&state) < 0)
        check_tell(checks, FINDING_WARN, "clock", "the kernel does not say whether it is synchronised");
    else if (state.status & STA_UNSYNC)
        check_tell(checks, FINDING_WARN, "clock",
                   "not synchronised: times of this machine may be wrong. Install chrony, or see: timedatectl");
    else
        check_tell(checks, FINDING_OK, "clock", "synchronised, error at most %ld us", state.maxerror);
}

static void check_socket(struct checks *checks)
{
    struct place place;
    struct err err = {{0}};
    enum mr_rc rc = place_find(checks->args, &place, &err);
    if (rc)
        check_tell(checks, FINDING_BAD, place.words, "%s", err.text);
    else
        check_tell(checks, FINDING_OK, place.words, "%s",
                   place.kind == PLACE_SOCKET ? "an agent listens" : "taken because no agent was named or found");
}

static void check_keys(struct checks *checks)
{
    glob_t found = {0};
    if (glob("/etc/millrace/*.key", 0, NULL, &found) == 0)
        check_config(checks, found.gl_pathv, found.gl_pathc);
    globfree(&found);
}

void check_host(struct checks *checks)
{
    check_limits(checks);
    check_clock(checks);
    check_socket(checks);
    check_keys(checks);
}
