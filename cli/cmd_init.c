/* cmd_init.c - millrace init: keys and files for a broker, an agent and a person; or for a plant of several. */
#include <string.h>

#include "cli/bootstrap.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json_line.h"
#include "cli/plant.h"
#include "cli/report.h"

static const char *or_else(const char *given, const char *otherwise)
{
    return given ? given : otherwise;
}

/* -- one of each -- */
static void say_next(const struct bootstrap *wish)
{
    const char *dir = wish->dir;
    printf("\nNext:\n"
           "  millrace check config %s/*.yaml %s/*.key\n"
           "  millrace-broker --config %s/broker.yaml &\n"
           "  millrace-agent --config %s/agent.yaml &\n"
           "  millrace %s%s%sget\n"
           "From a machine without an agent: put %s/admin.key, directory.yaml and contexts/admin.yaml there, then\n"
           "  millrace --context %s/contexts/admin.yaml get\n",
           dir, dir, dir, dir, wish->socket ? "--socket " : "", or_else(wish->socket, ""), wish->socket ? " " : "", dir,
           dir);
}

static int init_site(const struct args *args)
{
    struct err err = {{0}};
    const struct bootstrap wish = {.dir = args->out,
                                   .name = or_else(args->name, "here"),
                                   .path = or_else(args->path, "demo/here"),
                                   .broker = or_else(args->broker, "mr1"),
                                   .address = or_else(args->address, "127.0.0.1:7420"),
                                   .reach = args->reach,
                                   .data = or_else(args->data, "data"),
                                   .socket = args->socket};
    enum mr_rc rc = bootstrap_make(&wish, &err);
    if (rc)
        return report_local(rc, &err);
    if (args->json) {
        bootstrap_list_json(&wish, stdout);
        return EXIT_DONE;
    }
    bootstrap_list(&wish, stdout);
    say_next(&wish);
    return EXIT_DONE;
}

/* -- a plant -- */
struct shown {
    const char *dir, *name, *kind, *file, *path, *address, *socket; /* file and socket: in dir; NULL: it has none */
};

static void json_file(struct json_line *line, const char *key, const char *dir, const char *file)
{
    char path[SETUP_FILE_SIZE];
    snprintf(path, sizeof path, "%s/%s", dir, file ? file : "");
    json_text(line, key, file ? path : NULL);
}

static void show_json(const struct shown *shown)
{
    struct json_line line = json_begin(stdout);
    json_text(&line, "name", shown->name);
    json_text(&line, "kind", shown->kind);
    json_text(&line, "path", shown->path);
    json_text(&line, "address", shown->address);
    json_file(&line, "socket", shown->dir, shown->socket);
    json_file(&line, "file", shown->dir, shown->file);
    json_end(&line);
}

static void list_json(const char *dir, const struct plant *plant)
{
    char file[SETUP_NAME_SIZE + 16], socket[SETUP_NAME_SIZE + 16];
    struct shown shown = {.dir = dir, .kind = "broker", .file = file};
    for (size_t i = 0; i < plant->n_brokers; i++) {
        shown.name = plant->brokers[i].name;
        shown.address = plant->brokers[i].agents;
        snprintf(file, sizeof file, "%s/broker.yaml", shown.name);
        show_json(&shown);
    }
    shown.address = NULL;
    for (size_t i = 0; i <= plant->n_agents; i++) {
        const struct setup_identity *who = &plant->people[i];
        shown.kind = who->kind;
        shown.name = who->name;
        shown.path = who->path;
        snprintf(file, sizeof file, i < plant->n_agents ? "%s/agent.yaml" : "contexts/%s.yaml", who->name);
        snprintf(socket, sizeof socket, "%s/agent.sock", who->name);
        shown.socket = i < plant->n_agents ? socket : NULL;
        show_json(&shown);
    }
    show_json(&(struct shown){.dir = dir, .name = "run", .kind = "script", .file = "run"});
}

static void list(const char *dir, const struct plant *plant)
{
    const struct setup_identity *first = &plant->people[0];
    for (size_t i = 0; i < plant->n_brokers; i++)
        printf("%s/%-12s  broker, for agents on %s\n", dir, plant->brokers[i].name, plant->brokers[i].agents);
    for (size_t i = 0; i < plant->n_agents; i++)
        printf("%s/%-12s  agent of %s\n", dir, plant->people[i].name, plant->people[i].path);
    printf("%s/%-12s  starts them all\n"
           "\nNext:\n"
           "  %s%s/run\n"
           "and in another terminal\n"
           "  millrace --context %s/contexts/admin.yaml who\n"
           "  millrace --socket %s/%s/agent.sock get\n",
           dir, "run", strchr(dir, '/') ? "" : "./", dir, dir, dir, first->name);
}

/* What a plant on one machine cannot have: it would be the same for all, or leave the folder. */
static const char *out_of_place(const struct args *args)
{
    return args->broker    ? "--broker"
           : args->address ? "--address"
           : args->reach   ? "--reach"
           : args->data    ? "--data"
           : args->socket  ? "--socket"
                           : NULL;
}

static int init_plant(const struct args *args)
{
    struct err err = {{0}};
    struct plant *plant;
    char dir[SETUP_FILE_SIZE];
    const struct plant_wish wish = {.dir = args->out,
                                    .name = or_else(args->name, "agent"),
                                    .path = or_else(args->path, "demo/site"),
                                    .brokers = args->brokers ? args->brokers : 1,
                                    .agents = args->agents ? args->agents : 1,
                                    .port = args->port};
    if (out_of_place(args))
        return report_usage("init", "%s is for one broker and one agent: not together with --brokers or --agents",
                            out_of_place(args));
    enum mr_rc rc = plant_make(&wish, &plant, &err);
    if (rc)
        return report_local(rc, &err);
    size_t len = strlen(args->out);
    while (len > 1 && args->out[len - 1] == '/')
        len--;
    snprintf(dir, sizeof dir, "%.*s", (int)len, args->out);
    (args->json ? list_json : list)(dir, plant);
    plant_free(plant);
    return EXIT_DONE;
}

static int init(const struct args *args)
{
    if (args->brokers || args->agents)
        return init_plant(args);
    if (args->port)
        return report_usage("init", "--port is for a plant, with --brokers or --agents; one broker has its --address");
    return init_site(args);
}

/* All or nothing, whoever interrupts. */
int cmd_init(const struct args *args)
{
    interrupt_hold();
    int code = init(args);
    interrupt_release();
    return code;
}
