/* cli.c - from the command line to the command. */
#include "cli/cli.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/report.h"

/* What was printed must have arrived: a full disk is a failure. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    report_note("the output could not be written");
    return code == EXIT_DONE ? EXIT_FAILED : code;
}

int cli_main(int argc, char **argv)
{
    struct args args;
    struct err err = {{0}};
    if (options_parse(argc, argv, &args, &err))
        return report_usage(args.command ? args.command->name : NULL, "%s", err.text);
    if (!args.help)
        return finish(args.command->run(&args));
    if (args.command->run == cmd_help)
        help_print(stdout);
    else
        help_print_command(stdout, args.command);
    return finish(EXIT_DONE);
}
