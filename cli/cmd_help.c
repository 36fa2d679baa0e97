/* cmd_help.c - millrace help: what there is, and what a command takes. */
#include <string.h>

#include "cli/help.h"
#include "cli/report.h"

static int unknown(const char *word)
{
    const char *near = commands_nearest(word);
    return report_usage(NULL, "there is no command '%s'%s%s%s", word, near ? "; did you mean '" : "", near ? near : "",
                        near ? "'?" : "");
}

int cmd_help(const struct args *args)
{
    if (strcmp(args->form, "markdown") == 0) {
        help_print_markdown(stdout);
    } else if (strcmp(args->form, "bash") == 0) {
        help_print_bash(stdout);
    } else if (strcmp(args->form, "text") != 0) {
        return report_usage("help", "--form is text, markdown or bash, not '%s'", args->form);
    } else if (args->n_words == 0) {
        help_print(stdout);
    } else {
        const struct command *command = commands_find(args->words[0]);
        if (!command)
            return unknown(args->words[0]);
        help_print_command(stdout, command);
    }
    return EXIT_DONE;
}
