/* bootstrap.c - see bootstrap.h. */
#include "cli/bootstrap.h"

#include <string.h>
#include <unistd.h>

#include "base/io/directory.h"
#include "base/io/fs.h"
#include "base/io/keys.h"
#include "base/io/zsock.h"
#include "cli/json_line.h"
#include "cli/setup_files.h"

enum { FILE_SIZE = SETUP_FILE_SIZE };

enum made { BROKER_KEY, AGENT_KEY, ADMIN_KEY, REGISTRY, DIRECTORY, BROKER, AGENT, CONTEXT, MADE_COUNT };

static const struct made_file {
    const char *name, *what;
} files[MADE_COUNT] = {
    [BROKER_KEY] = {"broker.key", "the broker's key: keep it secret"},
    [AGENT_KEY] = {"agent.key", "this machine's key: keep it secret"},
    [ADMIN_KEY] = {"admin.key", "your key: keep it secret"},
    [REGISTRY] = {"registry.yaml", "whom the broker knows: this machine and you"},
    [DIRECTORY] = {"directory.yaml", "the broker's address and public key, for whoever connects"},
    [BROKER] = {"broker.yaml", "the broker's configuration"},
    [AGENT] = {"agent.yaml", "the agent's configuration"},
    [CONTEXT] = {"contexts/admin.yaml", "how the command line connects without an agent"},
};

/* What the files are made from. */
struct plan {
    const struct bootstrap *wish;
    struct setup_broker broker;
    struct setup_identity people[2]; /* the machine, the person */
    size_t n_made;
};

static void path_of(const struct bootstrap *wish, enum made file, char out[FILE_SIZE])
{
    snprintf(out, FILE_SIZE, "%s/%s", wish->dir, files[file].name);
}

/* -- what was wished for -- */
static enum mr_rc check_address(const char *text, char reach[ZSOCK_ADDRESS_SIZE], struct err *err)
{
    struct zsock_address address;
    char literal[ZSOCK_ADDRESS_SIZE + 16];
    bool is_any = strncmp(text, "*:", 2) == 0;
    snprintf(literal, sizeof literal, "%s%s", is_any ? "127.0.0.1" : "", is_any ? text + 1 : text);
    enum mr_rc rc = zsock_address_parse(literal, 0, &address, err);
    if (rc)
        return rc;
    if (!address.is_number || address.port == 0) {
        err_set(err, "address '%s': a broker listens on an IP address and a port, such as 127.0.0.1:7420 or *:7420",
                text);
        return MR_INVALID;
    }
    snprintf(reach, ZSOCK_ADDRESS_SIZE, address.is_ipv6 ? "[%s]:%u" : "%s:%u", address.host, address.port);
    return MR_OK;
}

/* What agents are told instead of the address listened on. */
static enum mr_rc check_reach(const char *text, char reach[ZSOCK_ADDRESS_SIZE], struct err *err)
{
    struct zsock_address address;
    if (!text)
        return MR_OK;
    enum mr_rc rc = zsock_address_parse(text, DIRECTORY_AGENTS_PORT, &address, err);
    if (!rc)
        snprintf(reach, ZSOCK_ADDRESS_SIZE, address.is_ipv6 ? "[%s]:%u" : "%s:%u", address.host, address.port);
    return rc;
}

/* The broker's name and the person's are the other two identities. */
static enum mr_rc check_names(const struct bootstrap *wish, struct err *err)
{
    enum mr_rc rc = setup_check_name("name", wish->name, err);
    if (!rc)
        rc = setup_check_name("broker", wish->broker, err);
    if (rc)
        return rc;
    bool is_person = strcmp(wish->name, SETUP_PERSON) == 0;
    if (!is_person && strcmp(wish->name, wish->broker) != 0)
        return MR_OK;
    err_set(err, "name '%s' is taken by the %s", wish->name, is_person ? "person who runs the bus" : "broker");
    return MR_INVALID;
}

static enum mr_rc check_data(const char *data, struct err *err)
{
    if (strlen(data) < FILE_SIZE - sizeof "/broker")
        return setup_check_quotable("data", data, err);
    err_set(err, "data: the name of the folder is too long");
    return MR_TOO_BIG;
}

static enum mr_rc check_wish(const struct bootstrap *wish, char reach[ZSOCK_ADDRESS_SIZE], struct err *err)
{
    enum mr_rc rc = check_names(wish, err);
    if (!rc)
        rc = setup_check_path(wish->path, err);
    if (!rc)
        rc = check_address(wish->address, reach, err);
    if (!rc)
        rc = check_reach(wish->reach, reach, err);
    if (!rc)
        rc = check_data(wish->data, err);
    if (!rc)
        rc = setup_check_quotable("socket", wish->socket, err);
    return rc || !wish->socket ? rc : setup_check_socket(wish->dir, wish->socket, err);
}

static enum mr_rc check_free(const struct bootstrap *wish, struct err *err)
{
    for (enum made i = 0; i < MADE_COUNT; i++) {
        char path[FILE_SIZE];
        path_of(wish, i, path);
        if (access(path, F_OK) == 0) {
            err_set(err, "%s is there already and stays as it is; choose another folder with --out, or move it away",
                    path);
            return MR_INVALID;
        }
    }
    return MR_OK;
}

/* -- making -- */
static void fill(struct plan *plan)
{
    const struct bootstrap *wish = plan->wish;
    struct setup_identity *machine = &plan->people[0], *person = &plan->people[1];
    snprintf(plan->broker.name, sizeof plan->broker.name, "%s", wish->broker);
    snprintf(machine->name, sizeof machine->name, "%s", wish->name);
    snprintf(machine->path, sizeof machine->path, "%s", wish->path);
    machine->kind = "machine";
    snprintf(person->name, sizeof person->name, SETUP_PERSON);
    setup_person_path(wish->path, person->path);
    person->kind = "person";
}

static enum mr_rc make_broker(const struct plan *plan, const char *path, struct err *err)
{
    char data[FILE_SIZE];
    snprintf(data, sizeof data, "%s/broker", plan->wish->data);
    const struct setup_broker_file file = {
        .name = plan->wish->broker, .data = data, .listen = plan->wish->address, .brokers = {&plan->broker, 1}};
    return setup_file(path, 0644, setup_write_broker, &file, err);
}

static enum mr_rc make_agent(const struct plan *plan, const char *path, struct err *err)
{
    const struct bootstrap *wish = plan->wish;
    char data[FILE_SIZE];
    snprintf(data, sizeof data, "%s/agent", wish->data);
    const struct setup_agent_file file = {.name = wish->name,
                                          .path = wish->path,
                                          .data = data,
                                          .socket = wish->socket,
                                          .interval_ms = wish->interval_ms,
                                          .brokers = {&plan->broker, 1}};
    return setup_file(path, 0644, setup_write_agent, &file, err);
}

static enum mr_rc make_file(struct plan *plan, enum made file, struct err *err)
{
    const struct setup_brokers brokers = {&plan->broker, 1};
    const struct setup_identities people = {plan->people, 2};
    char path[FILE_SIZE];
    path_of(plan->wish, file, path);
    switch (file) {
    case BROKER_KEY:
        return setup_key(path, KEYS_BROKER, plan->wish->broker, plan->broker.public, err);
    case AGENT_KEY:
        return setup_key(path, KEYS_AGENT, plan->wish->name, plan->people[0].public, err);
    case ADMIN_KEY:
        return setup_key(path, KEYS_PERSON, SETUP_PERSON, plan->people[1].public, err);
    case REGISTRY:
        return setup_file(path, 0644, setup_write_registry, &people, err);
    case DIRECTORY:
        return setup_file(path, 0644, setup_write_directory, &brokers, err);
    case BROKER:
        return make_broker(plan, path, err);
    case AGENT:
        return make_agent(plan, path, err);
    case CONTEXT:
    case MADE_COUNT:
        break;
    }
    return setup_file(path, 0644, setup_write_context, &brokers, err);
}

static void remove_made(const struct plan *plan)
{
    for (size_t i = 0; i < plan->n_made; i++) {
        char path[FILE_SIZE];
        path_of(plan->wish, (enum made)i, path);
        unlink(path);
    }
}

enum mr_rc bootstrap_make(const struct bootstrap *wish, struct err *err)
{
    struct plan plan = {.wish = wish};
    char contexts[FILE_SIZE];
    if (snprintf(contexts, sizeof contexts, "%s/contexts", wish->dir) > FILE_SIZE - 32) {
        err_set(err, "the name of the folder is too long");
        return MR_TOO_BIG;
    }
    enum mr_rc rc = keys_init();
    if (!rc)
        rc = check_wish(wish, plan.broker.agents, err);
    if (!rc)
        rc = check_free(wish, err);
    if (!rc)
        rc = fs_mkdirs(contexts, 0755, err);
    fill(&plan);
    for (enum made i = 0; i < MADE_COUNT && !rc; i++) {
        rc = make_file(&plan, i, err);
        plan.n_made += rc == MR_OK;
    }
    if (rc)
        remove_made(&plan);
    return rc;
}

void bootstrap_list(const struct bootstrap *wish, FILE *out)
{
    for (enum made i = 0; i < MADE_COUNT; i++)
        fprintf(out, "%s/%-20s  %s\n", wish->dir, files[i].name, files[i].what);
}

void bootstrap_list_json(const struct bootstrap *wish, FILE *out)
{
    for (enum made i = 0; i < MADE_COUNT; i++) {
        char path[FILE_SIZE];
        path_of(wish, i, path);
        struct json_line line = json_begin(out);
        json_text(&line, "file", path);
        json_text(&line, "what", files[i].what);
        json_end(&line);
    }
}

bool bootstrap_is_there(const char *dir)
{
    const struct bootstrap wish = {.dir = dir};
    for (enum made i = 0; i < MADE_COUNT; i++) {
        char path[FILE_SIZE];
        path_of(&wish, i, path);
        if (access(path, F_OK) != 0)
            return false;
    }
    return true;
}
