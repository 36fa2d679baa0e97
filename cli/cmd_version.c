/* cmd_version.c - millrace version. */
#include <stdio.h>

#include <millrace/millrace.h>

#include "cli/command.h"
#include "cli/json_line.h"

int cmd_version(const struct args *args)
{
    if (args->json) {
        struct json_line line = json_begin(stdout);
        json_text(&line, "version", mr_version());
        json_end(&line);
    } else {
        printf("millrace %s\n", mr_version());
    }
    return EXIT_DONE;
}
