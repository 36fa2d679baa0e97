/* check.h - findings of millrace check: a line each, good, doubtful or bad, with what to do. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H
#include "base/rc.h"
#include "cli/command.h"
#include "cli/terminal.h"

struct checks {
    const struct args *args;
    struct terminal terminal;
    unsigned bad;
};

enum finding { FINDING_OK, FINDING_WARN, FINDING_BAD };

/* "ok    WHAT: words"; with --json an object (check, result, detail). */
void check_tell(struct checks *checks, enum finding finding, const char *what, const char *format, ...)
    FORMAT_CHECKED(4, 5);

/* Configuration and key files: n names; none: those in /etc/millrace. */
void check_config(struct checks *checks, char *const *files, size_t n);

/* This machine: limits, clock, the agent's socket, keys in /etc/millrace. */
void check_host(struct checks *checks);

/* The bus: connects, publishes below ./check and reads it back, asks the broker who is there. */
void check_bus(struct checks *checks);
#endif
