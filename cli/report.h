/* report.h - how the program tells people that something went wrong: one line on stderr, and the exit code for it. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H
#include "base/err.h"
#include "base/rc.h"

/* A code as the first word of an error: "denied", "timed out". Static. */
const char *report_word(enum mr_rc rc);

/* enum exit_code for a failure: MR_NOT_FOUND and MR_NO_RESPONDER 3, MR_TIMEOUT 4, all others 1; MR_OK 0. */
int report_exit(enum mr_rc rc);

/* "millrace: denied: <reason> (socket /run/millrace/agent.sock)"; where "" leaves the end away. Returns report_exit(rc). */
int report_failure(const char *where, enum mr_rc rc, const char *format, ...) FORMAT_CHECKED(3, 4);

/* The same of what is on this machine, as files are; without words in *err the code's own. Returns EXIT_FAILED: 3 and 4 are
 * for what is not found, and not answered, on the bus. */
int report_local(enum mr_rc rc, const struct err *err);

/* "millrace: <what>", then where to read on; command NULL: the program's own help. Returns EXIT_USAGE. */
int report_usage(const char *command, const char *format, ...) FORMAT_CHECKED(2, 3);

/* "millrace: <what>", for what is worth knowing and no failure. */
void report_note(const char *format, ...) FORMAT_CHECKED(1, 2);
#endif
