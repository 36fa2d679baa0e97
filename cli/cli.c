/* cli.c - from the command line to the command. */
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/report.h"

/* What was printed must have arrived: a full disk is a failure. A reader who has seen enough and gone is none. */
static int finish(int code)
{
    struct stat out;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (fstat(STDOUT_FILENO, &out) == 0 && (S_ISFIFO(out.st_mode) || S_ISSOCK(out.st_mode)))
        return code;
    report_note("the output could not be written");
    return code == EXIT_DONE ? EXIT_FAILED : code;
}

int cli_main(int argc, char **argv)
{
    struct args args;
    struct err err = {{0}};
    signal(SIGPIPE, SIG_IGN); /* a reader that goes is seen when writing, and all is tidied up */
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
