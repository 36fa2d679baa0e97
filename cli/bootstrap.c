/* bootstrap.c - see bootstrap.h. */
#include "cli/bootstrap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/conf.h"
#include "base/clock.h"
#include "base/io/conf_parts.h"
#include "base/io/fs.h"
#include "base/io/keys.h"
#include "base/io/zsock.h"
#include "base/text_units.h"
#include "proto/topic.h"

enum { FILE_SIZE = 1024, TEXT_SIZE = 4096 };

static const char person[] = "admin";

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
    char public[3][KEYS_Z85_SIZE];  /* of BROKER_KEY, AGENT_KEY, ADMIN_KEY */
    char reach[ZSOCK_ADDRESS_SIZE]; /* where others find the broker */
    size_t n_made;
};

static void path_of(const struct bootstrap *wish, enum made file, char out[FILE_SIZE])
{
    snprintf(out, FILE_SIZE, "%s/%s", wish->dir, files[file].name);
}

/* -- what was wished for -- */
static enum mr_rc check_name(const char *what, const char *name, struct err *err)
{
    if (conf_is_name(name))
        return MR_OK;
    err_set(err, "%s '%s': a name is 1 to 63 of a-z 0-9 . _ -, and begins with a letter or digit", what, name);
    return MR_INVALID;
}

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
    enum mr_rc rc = zsock_address_parse(text, AGENT_BROKER_PORT, &address, err);
    if (!rc)
        snprintf(reach, ZSOCK_ADDRESS_SIZE, address.is_ipv6 ? "[%s]:%u" : "%s:%u", address.host, address.port);
    return rc;
}

/* What goes into a YAML text in quotes. */
static enum mr_rc check_quotable(const char *what, const char *text, struct err *err)
{
    if (!text || !strpbrk(text, "\"\\\n"))
        return MR_OK;
    err_set(err, "%s '%s': no quotes, backslashes or line ends", what, text);
    return MR_INVALID;
}

/* The broker's name and the person's are the other two identities. */
static enum mr_rc check_names(const struct bootstrap *wish, struct err *err)
{
    enum mr_rc rc = check_name("name", wish->name, err);
    if (!rc)
        rc = check_name("broker", wish->broker, err);
    if (rc)
        return rc;
    bool is_person = strcmp(wish->name, person) == 0;
    if (!is_person && strcmp(wish->name, wish->broker) != 0)
        return MR_OK;
    err_set(err, "name '%s' is taken by the %s", wish->name, is_person ? "person who runs the bus" : "broker");
    return MR_INVALID;
}

static enum mr_rc check_path(const char *path, struct err *err)
{
    enum topic_rule rule = topic_check(path, strlen(path), TOPIC_FULL);
    if (rule == TOPIC_FINE)
        return check_quotable("path", path, err);
    err_set(err, "path '%s' %s", path, topic_rule_text(rule));
    return MR_INVALID;
}

static enum mr_rc check_wish(const struct bootstrap *wish, char reach[ZSOCK_ADDRESS_SIZE], struct err *err)
{
    enum mr_rc rc = check_names(wish, err);
    if (!rc)
        rc = check_path(wish->path, err);
    if (!rc)
        rc = check_address(wish->address, reach, err);
    if (!rc)
        rc = check_reach(wish->reach, reach, err);
    if (!rc)
        rc = check_quotable("data", wish->data, err);
    return rc ? rc : check_quotable("socket", wish->socket, err);
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
static enum mr_rc make_key(struct plan *plan, enum made file, enum key_kind kind, const char *name, struct err *err)
{
    struct key_pair *pair;
    char path[FILE_SIZE];
    path_of(plan->wish, file, path);
    enum mr_rc rc = keys_new(kind, name, clock_real_us(clock_system()), &pair, err);
    if (rc)
        return rc;
    rc = keys_save(pair, path, err);
    keys_z85_encode(keys_public(pair), plan->public[file]);
    keys_free(pair);
    return rc;
}

static FILE *open_text(char text[TEXT_SIZE])
{
    return fmemopen(text, TEXT_SIZE, "w");
}

static enum mr_rc save_text(const struct plan *plan, enum made file, FILE *text, const char *from, struct err *err)
{
    char path[FILE_SIZE];
    bool is_whole = fflush(text) == 0 && !ferror(text);
    long len = ftell(text);
    fclose(text);
    path_of(plan->wish, file, path);
    if (!is_whole || len < 0 || len >= TEXT_SIZE) {
        err_set(err, "%s: paths and names are too long", path);
        return MR_TOO_BIG;
    }
    return fs_write(path, from, (size_t)len, 0644, FS_NEW, err);
}

static void write_registry(const struct plan *plan, FILE *out)
{
    const char *path = plan->wish->path;
    size_t first = strcspn(path, "/");
    fputs(
        "# Whom the broker knows. A new machine: make its key, add a line, and send the broker SIGHUP.\nidentities:\n",
        out);
    fprintf(out, "  - {name: \"%s\", kind: machine, path: \"%s\", public: \"%s\"}\n", plan->wish->name, path,
            plan->public[AGENT_KEY]);
    fprintf(out, "  - {name: \"%s\", kind: person, path: \"%.*s/people/%s\", public: \"%s\"}\n", person, (int)first,
            path, person, plan->public[ADMIN_KEY]);
}

static void write_directory(const struct plan *plan, FILE *out)
{
    fprintf(out,
            "# The brokers, and the key that each must prove.\nbrokers:\n  - {name: \"%s\", address: \"%s\", public: "
            "\"%s\"}\n",
            plan->wish->broker, plan->reach, plan->public[BROKER_KEY]);
}

static void write_broker(const struct plan *plan, FILE *out)
{
    fprintf(out,
            "name: \"%s\"\ndata: \"%s/broker\"\nlisten: {agents: \"%s\"}\nkey: broker.key\nregistry: registry.yaml\n",
            plan->wish->broker, plan->wish->data, plan->wish->address);
}

static void write_agent(const struct plan *plan, FILE *out)
{
    const struct bootstrap *wish = plan->wish;
    char interval[TEXT_UNITS_SIZE];
    fprintf(out,
            "name: \"%s\"\nbrokers: [\"%s\"]\npath: \"%s\"\ndata: \"%s/agent\"\nkey: agent.key\ndirectory: "
            "directory.yaml\n",
            wish->name, wish->broker, wish->path, wish->data);
    if (wish->socket)
        fprintf(out, "socket: {path: \"%s\"}\n", wish->socket);
    if (wish->interval_ms) {
        text_format_duration(interval, (int64_t)wish->interval_ms * 1000000);
        fprintf(out, "telemetry: {interval: %s}\n", interval);
    }
}

static void write_context(const struct plan *plan, FILE *out)
{
    fprintf(out, "name: %s\nbrokers: [\"%s\"]\nkey: ../admin.key\ndirectory: ../directory.yaml\n", person,
            plan->wish->broker);
}

static enum mr_rc make_file(struct plan *plan, enum made file, struct err *err)
{
    static void (*const writers[MADE_COUNT])(const struct plan *, FILE *) = {
        [REGISTRY] = write_registry, [DIRECTORY] = write_directory, [BROKER] = write_broker,
        [AGENT] = write_agent,       [CONTEXT] = write_context,
    };
    char text[TEXT_SIZE];
    if (file == BROKER_KEY)
        return make_key(plan, file, KEYS_BROKER, plan->wish->broker, err);
    if (file == AGENT_KEY)
        return make_key(plan, file, KEYS_AGENT, plan->wish->name, err);
    if (file == ADMIN_KEY)
        return make_key(plan, file, KEYS_PERSON, person, err);
    FILE *out = open_text(text);
    if (!out)
        return MR_NO_MEMORY;
    writers[file](plan, out);
    return save_text(plan, file, out, text, err);
}

static void remove_made(const struct plan *plan)
{
    for (size_t i = 0; i < plan->n_made; i++) {
        char path[FILE_SIZE];
        path_of(plan->wish, (enum made)i, path);
        unlink(path);
    }
}

enum mr_rc bootstrap_make(const struct bootstrap *wish, FILE *out, struct err *err)
{
    struct plan plan = {.wish = wish};
    char contexts[FILE_SIZE];
    if (snprintf(contexts, sizeof contexts, "%s/contexts", wish->dir) > FILE_SIZE - 32) {
        err_set(err, "the name of the folder is too long");
        return MR_TOO_BIG;
    }
    enum mr_rc rc = keys_init();
    if (!rc)
        rc = check_wish(wish, plan.reach, err);
    if (!rc)
        rc = check_free(wish, err);
    if (!rc)
        rc = fs_mkdirs(contexts, 0755, err);
    for (enum made i = 0; i < MADE_COUNT && !rc; i++) {
        rc = make_file(&plan, i, err);
        plan.n_made += rc == MR_OK;
    }
    if (rc) {
        remove_made(&plan);
        return rc;
    }
    for (enum made i = 0; i < MADE_COUNT && out; i++)
        fprintf(out, "%s/%-20s  %s\n", wish->dir, files[i].name, files[i].what);
    return MR_OK;
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
