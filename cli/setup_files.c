/* setup_files.c - see setup_files.h. */
#include "cli/setup_files.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/conf.h"
#include "base/clock.h"
#include "base/io/conf_parts.h"
#include "base/io/fs.h"
#include "base/text_units.h"
#include "cli/interrupt.h"
#include "proto/topic.h"

#define PEOPLE "/people/" SETUP_PERSON

/* -- what was wished for -- */
enum mr_rc setup_check_name(const char *what, const char *name, struct err *err)
{
    if (conf_is_name(name))
        return MR_OK;
    err_set(err, "%s '%s': a name is 1 to 63 of a-z 0-9 . _ -, and begins with a letter or digit", what, name);
    return MR_INVALID;
}

enum mr_rc setup_check_quotable(const char *what, const char *text, struct err *err)
{
    if (!text || !strpbrk(text, "\"\\\n"))
        return MR_OK;
    err_set(err, "%s '%s': no quotes, backslashes or line ends", what, text);
    return MR_INVALID;
}

enum mr_rc setup_check_path(const char *path, struct err *err)
{
    enum topic_rule rule = topic_check(path, strlen(path), TOPIC_FULL);
    if (rule == TOPIC_FINE && strcspn(path, "/") + sizeof PEOPLE - 1 > TOPIC_MAX_BYTES)
        rule = TOPIC_TOO_LONG;
    if (rule == TOPIC_FINE)
        return setup_check_quotable("path", path, err);
    err_set(err, "path '%s' %s", path, topic_rule_text(rule));
    return MR_INVALID;
}

enum mr_rc setup_check_socket(const char *dir, const char *socket, struct err *err)
{
    char here[PATH_MAX] = "";
    size_t len = strlen(socket);
    if (*socket != '/') {
        len += strlen(dir) + 1;
        if (*dir != '/' && getcwd(here, sizeof here))
            len += strlen(here) + 1;
    }
    if (len < AGENT_SOCKET_SIZE)
        return MR_OK;
    err_set(err, "the agent's socket: the path of one has at most %d bytes, and %s in this folder makes %zu",
            AGENT_SOCKET_SIZE - 1, socket, len);
    return MR_TOO_BIG;
}

void setup_person_path(const char *path, char out[TOPIC_MAX_BYTES + 1])
{
    snprintf(out, TOPIC_MAX_BYTES + 1, "%.*s" PEOPLE, (int)strcspn(path, "/"), path);
}

/* -- making -- */
/* Between two files: who interrupts wants none of them. */
static enum mr_rc go_on(struct err *err)
{
    if (!interrupt_is_due())
        return MR_OK;
    err_set(err, "interrupted");
    return MR_CLOSED;
}

enum mr_rc setup_key(const char *file, enum key_kind kind, const char *name, char ret_public[KEYS_Z85_SIZE],
                     struct err *err)
{
    struct key_pair *pair;
    enum mr_rc rc = go_on(err);
    if (!rc)
        rc = keys_new(kind, name, clock_real_us(clock_system()), &pair, err);
    if (rc)
        return rc;
    rc = keys_save(pair, file, err);
    if (!rc)
        keys_z85_encode(keys_public(pair), ret_public);
    keys_free(pair);
    return rc;
}

enum mr_rc setup_file(const char *file, mode_t mode, setup_writer *write, const void *from, struct err *err)
{
    char *text = NULL;
    size_t len = 0;
    enum mr_rc rc = go_on(err);
    if (rc)
        return rc;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return MR_NO_MEMORY;
    write(out, from);
    bool is_whole = !ferror(out);
    is_whole = fclose(out) == 0 && is_whole;
    rc = is_whole ? fs_write(file, text, len, mode, FS_NEW, err) : MR_NO_MEMORY;
    free(text);
    return rc;
}

/* -- the files -- */

/* `key: ["mr1", "mr2"]`, without the broker of the name `but`. */
static void write_names(FILE *out, const char *key, const struct setup_brokers *brokers, const char *but)
{
    const char *comma = "";
    fprintf(out, "%s: [", key);
    for (size_t i = 0; i < brokers->n; i++) {
        if (strcmp(brokers->all[i].name, but) == 0)
            continue;
        fprintf(out, "%s\"%s\"", comma, brokers->all[i].name);
        comma = ", ";
    }
    fputs("]\n", out);
}

static const char *mesh_of(const struct setup_broker_file *file)
{
    for (size_t i = 0; i < file->brokers.n; i++)
        if (strcmp(file->brokers.all[i].name, file->name) == 0)
            return file->brokers.all[i].mesh;
    return "";
}

void setup_write_broker(FILE *out, const void *from)
{
    const struct setup_broker_file *file = from;
    const char *mesh = mesh_of(file);
    fprintf(out, "name: \"%s\"\ndata: \"%s\"\n", file->name, file->data);
    fprintf(out, "listen: {agents: \"%s\"", file->listen);
    if (*mesh)
        fprintf(out, ", mesh: \"%s\"", mesh);
    fputs("}\nkey: broker.key\nregistry: registry.yaml\n", out);
    if (file->brokers.n < 2)
        return;
    write_names(out, "peers", &file->brokers, file->name);
    fputs("directory: directory.yaml\n", out);
}

void setup_write_agent(FILE *out, const void *from)
{
    const struct setup_agent_file *file = from;
    char interval[TEXT_UNITS_SIZE];
    fprintf(out, "name: \"%s\"\n", file->name);
    write_names(out, "brokers", &file->brokers, "");
    fprintf(out, "path: \"%s\"\ndata: \"%s\"\nkey: agent.key\ndirectory: directory.yaml\n", file->path, file->data);
    if (file->socket)
        fprintf(out, "socket: {path: \"%s\"}\n", file->socket);
    if (file->interval_ms) {
        text_format_duration(interval, (int64_t)file->interval_ms * 1000000);
        fprintf(out, "telemetry: {interval: %s}\n", interval);
    }
}

void setup_write_directory(FILE *out, const void *from)
{
    const struct setup_brokers *brokers = from;
    fputs("# The brokers, and the key that each must prove.\nbrokers:\n", out);
    for (size_t i = 0; i < brokers->n; i++) {
        const struct setup_broker *broker = &brokers->all[i];
        fprintf(out, "  - {name: \"%s\", address: \"%s\", ", broker->name, broker->agents);
        if (*broker->mesh)
            fprintf(out, "mesh: \"%s\", ", broker->mesh);
        fprintf(out, "public: \"%s\"}\n", broker->public);
    }
}

void setup_write_context(FILE *out, const void *from)
{
    fputs("name: " SETUP_PERSON "\n", out);
    write_names(out, "brokers", from, "");
    fputs("key: ../admin.key\ndirectory: ../directory.yaml\n", out);
}

void setup_write_registry(FILE *out, const void *from)
{
    const struct setup_identities *identities = from;
    fputs("# Whom the broker knows. A new machine: make its key, add a line, and send each broker that has\n# a copy "
          "of this file SIGHUP.\n"
          "identities:\n",
          out);
    for (size_t i = 0; i < identities->n; i++) {
        const struct setup_identity *who = &identities->all[i];
        fprintf(out, "  - {name: \"%s\", kind: %s, path: \"%s\", public: \"%s\"}\n", who->name, who->kind, who->path,
                who->public);
    }
}
