/* options.h - reads a command line by the table of commands. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H
#include "base/err.h"
#include "cli/command.h"

/* Reads argv[1..]: the command, then its options ("--wait 2s", "--wait=2s") and arguments in any order; behind "--" all is
 * argument, and so are "-" and negative numbers. --context and --socket may stand before the command too. "-h" is --help.
 * Sets ret->command; the words are moved to the front of argv. ret borrows from argv.
 * MR_INVALID: *err says what is wrong, with the nearest name where one is near; ret->command is then the command if it
 * was known, else NULL. */
MUST enum mr_rc options_parse(int argc, char **argv, struct args *ret, struct err *err);
#endif
