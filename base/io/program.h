/* program.h - what the daemons' main() have in common: command line, log, hardening, ending by a signal.
 *
 * Every daemon understands --config FILE, --check, --version and --help. Exit status: 0 done, 1 it could not be done
 * (the reason is on stderr), 2 the command line is wrong. */
#ifndef BASE_IO_PROGRAM_H
#define BASE_IO_PROGRAM_H
#include "base/log.h"
#include <stdbool.h>

struct err;

struct program {
    const char *name;   /* "millrace-agent" */
    const char *what;   /* a line for --help */
    const char *config; /* file taken without --config */
};

struct program_options {
    const char *config; /* borrowed from argv, or the program's own */
    bool is_check;      /* only check the configuration */
    int exit_status;    /* when there is nothing to run */
};

/* Reads the command line; --help, --version and mistakes are answered here. False: end with ret->exit_status. */
bool program_begin(const struct program *program, int argc, char **argv, struct program_options *ret);

/* What a process with keys and connections needs: no core files, no debugger of the same user, writes to closed sockets as
 * results, as many descriptors as it may have. Pins this thread to the CPU when it is not -1, and starts the log. MR_MISUSE: the kernel gives no randomness; MR_INVALID. */
MUST enum mr_rc program_prepare(enum log_level level, enum log_format format, int cpu, struct err *err);

/* For main() to return: 0, or 1 after the reason is on stderr. The log is flushed. */
int program_end(const struct program *program, enum mr_rc rc, const struct err *err);

/* The version, "0.1.0". */
const char *program_version(void);
#endif
