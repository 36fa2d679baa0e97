/* cmd_init.c - millrace init: keys and files for a broker, an agent and a person. */
#include "cli/bootstrap.h"
#include "cli/command.h"
#include "cli/report.h"

int cmd_init(const struct args *args)
{
    struct err err = {{0}};
    const struct bootstrap wish = {.dir = args->out,
                                   .name = args->name,
                                   .path = args->path,
                                   .broker = args->broker,
                                   .address = args->address,
                                   .reach = args->reach,
                                   .data = args->data,
                                   .socket = args->socket};
    enum mr_rc rc = bootstrap_make(&wish, stdout, &err);
    if (rc)
        return report_failure("", rc, "%s", err.text);
    printf("\nNext:\n"
           "  millrace check config %s/*.yaml %s/*.key\n"
           "  millrace-broker --config %s/broker.yaml &\n"
           "  millrace-agent --config %s/agent.yaml &\n"
           "  millrace %s%s%sget\n"
           "From a machine without an agent: put %s/admin.key, directory.yaml and contexts/admin.yaml there, then\n"
           "  millrace --context %s/contexts/admin.yaml get\n",
           args->out, args->out, args->out, args->out, args->socket ? "--socket " : "",
           args->socket ? args->socket : "", args->socket ? " " : "", args->out, args->out);
    return EXIT_DONE;
}
