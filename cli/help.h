/* help.h - the table of commands as text for people, as docs/cli.md, and as completion for bash. */
#ifndef CLI_HELP_H
#define CLI_HELP_H
#include <stdio.h>

#include "cli/command.h"

/* All commands, a line each; contexts; exit codes. */
void help_print(FILE *out);

/* One command. */
void help_print_command(FILE *out, const struct command *command);

/* docs/cli.md. */
void help_print_markdown(FILE *out);

/* cli/completion.bash. */
void help_print_bash(FILE *out);
#endif
