/* conf.c - broker.yaml into struct broker_conf. */
#include "broker/conf.h"
#include "base/err.h"
#include "base/io/conf_parts.h"
#include "proto/limits.h"
#include <stdio.h>
#include <string.h>

struct listen_section {
    char *agents, *mesh;
};

struct limits_section {
    uint32_t *sessions, *unauthenticated, *filters, *topics, *slots, *rate;
    char *credit, *bytes_rate;
};

/* broker.yaml as it is written; NULL: not given. */
struct file {
    char *name, *data, *key, *registry, *directory;
    char **peers;
    unsigned n_peers;
    struct listen_section *listen;
    struct limits_section *limits;
    struct conf_log *log;
    int *pin_cpu;
};

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_field_t listen_fields[] = {
    CYAML_FIELD_STRING_PTR("agents", OPTIONAL, struct listen_section, agents, 1, ZSOCK_ADDRESS_SIZE - 1),
    CYAML_FIELD_STRING_PTR("mesh", OPTIONAL, struct listen_section, mesh, 1, ZSOCK_ADDRESS_SIZE - 1),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t limits_fields[] = {
    CYAML_FIELD_UINT_PTR("sessions", OPTIONAL, struct limits_section, sessions),
    CYAML_FIELD_UINT_PTR("unauthenticated", OPTIONAL, struct limits_section, unauthenticated),
    CYAML_FIELD_UINT_PTR("filters", OPTIONAL, struct limits_section, filters),
    CYAML_FIELD_UINT_PTR("topics", OPTIONAL, struct limits_section, topics),
    CYAML_FIELD_UINT_PTR("slots", OPTIONAL, struct limits_section, slots),
    CYAML_FIELD_STRING_PTR("credit", OPTIONAL, struct limits_section, credit, 1, CYAML_UNLIMITED),
    CYAML_FIELD_UINT_PTR("rate", OPTIONAL, struct limits_section, rate),
    CYAML_FIELD_STRING_PTR("bytes_rate", OPTIONAL, struct limits_section, bytes_rate, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t peer_value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, ZSOCK_HOST_MAX)};
static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct file, name, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("data", OPTIONAL, struct file, data, 1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE_COUNT("peers", OPTIONAL, struct file, peers, n_peers, &peer_value, 0, CYAML_UNLIMITED),
    CYAML_FIELD_MAPPING_PTR("listen", OPTIONAL, struct file, listen, listen_fields),
    CYAML_FIELD_STRING_PTR("key", OPTIONAL, struct file, key, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("registry", OPTIONAL, struct file, registry, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("directory", OPTIONAL, struct file, directory, 1, CYAML_UNLIMITED),
    CYAML_FIELD_MAPPING_PTR("limits", OPTIONAL, struct file, limits, limits_fields),
    CYAML_FIELD_MAPPING_PTR("log", OPTIONAL, struct file, log, conf_log_fields),
    CYAML_FIELD_INT_PTR("pin_cpu", OPTIONAL, struct file, pin_cpu),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, fields)};

void broker_conf_defaults(struct broker_conf *ret)
{
    *ret = (struct broker_conf){.data = "/var/lib/millrace",
                                .key_file = "broker.key",
                                .registry_file = "registry.yaml",
                                .directory_file = "directory.yaml",
                                .listen_agents = "*:7420",
                                .listen_mesh = "*:7421",
                                .max_sessions = SESSIONS_PER_BROKER,
                                .max_unauthenticated = UNAUTHENTICATED_MAX,
                                .max_filters = FILTERS_PER_BROKER,
                                .max_topics = BROKER_TOPICS,
                                .max_slots = SLOTS_PER_SITE,
                                .max_credit_bytes = CREDIT_POOL_BYTES,
                                .log_level = LOG_LEVEL_INFO,
                                .log_format = LOG_TEXT,
                                .pin_cpu = -1};
}

static enum mr_rc take_size(const struct conf *conf, const char *where, const char *given, uint64_t *ret,
                            struct err *err)
{
    const uint64_t least = 1024 * 1024, most = UINT64_C(1) << 40;
    uint64_t bytes = *ret;
    enum mr_rc rc = conf_size(conf, where, given, &bytes, err);
    if (!rc && given && (bytes < least || bytes > most))
        rc = conf_fail(conf, where, err, "must be 1 MiB to 1 TiB, not '%.64s'", given);
    if (!rc)
        *ret = bytes;
    return rc;
}

static enum mr_rc take_bytes(const struct conf *conf, const struct limits_section *given, struct broker_conf *ret,
                             struct err *err)
{
    uint64_t credit = ret->max_credit_bytes;
    enum mr_rc rc = take_size(conf, "limits.credit", given->credit, &credit, err);
    if (!rc)
        rc = take_size(conf, "limits.bytes_rate", given->bytes_rate, &ret->max_bytes_per_s, err);
    if (!rc)
        ret->max_credit_bytes = (size_t)credit;
    return rc;
}

static enum mr_rc take_limits(const struct conf *conf, const struct limits_section *given, struct broker_conf *ret,
                              struct err *err)
{
    enum { MOST = 100000000, UNAUTHENTICATED_MOST = 65536 };
    if (!given)
        return MR_OK;
    enum mr_rc rc = conf_limit(conf, "limits.sessions", given->sessions, SESSIONS_PER_BROKER, &ret->max_sessions, err);
    if (!rc)
        rc = conf_limit(conf, "limits.unauthenticated", given->unauthenticated, UNAUTHENTICATED_MOST,
                        &ret->max_unauthenticated, err);
    if (!rc)
        rc = conf_limit(conf, "limits.filters", given->filters, MOST, &ret->max_filters, err);
    if (!rc)
        rc = conf_limit(conf, "limits.topics", given->topics, MOST, &ret->max_topics, err);
    if (!rc)
        rc = conf_limit(conf, "limits.slots", given->slots, MOST, &ret->max_slots, err);
    if (!rc)
        rc = conf_limit(conf, "limits.rate", given->rate, MOST, &ret->max_records_per_s, err);
    return rc ? rc : take_bytes(conf, given, ret, err);
}

/* What the system will say when it listens is left to it; that it is an address is known here. */
static enum mr_rc take_address(const struct conf *conf, const char *where, const char *text,
                               char ret[ZSOCK_ADDRESS_SIZE], struct err *err)
{
    if (!text)
        return MR_OK;
    struct zsock_address parsed;
    struct err why;
    char literal[ZSOCK_ADDRESS_SIZE + 8];
    bool is_any = strncmp(text, "*:", 2) == 0;
    snprintf(literal, sizeof literal, "%s%s", is_any ? "0.0.0.0" : "", is_any ? text + 1 : text);
    if (zsock_address_parse(literal, 0, &parsed, &why) != MR_OK)
        return conf_fail(conf, where, err, "%s; for example \"%s\"", why.text, ret);
    if (!parsed.is_number)
        return conf_fail(conf, where, err, "'%s' is a name: give an IP address of this machine, or \"*:%u\" for all",
                         text, parsed.port);
    return conf_copy_text(conf, where, text, ret, ZSOCK_ADDRESS_SIZE, err);
}

static enum mr_rc take_listen(const struct conf *conf, const struct listen_section *given, struct broker_conf *ret,
                              struct err *err)
{
    if (!given)
        return MR_OK;
    enum mr_rc rc = take_address(conf, "listen.agents", given->agents, ret->listen_agents, err);
    return rc ? rc : take_address(conf, "listen.mesh", given->mesh, ret->listen_mesh, err);
}

static enum mr_rc take_files(const struct conf *conf, const struct file *file, struct broker_conf *ret, struct err *err)
{
    enum mr_rc rc = conf_copy_file(conf, "data", file->data, ret->data, sizeof ret->data, err);
    if (!rc)
        rc = conf_copy_file(conf, "key", file->key, ret->key_file, sizeof ret->key_file, err);
    if (!rc)
        rc = conf_copy_file(conf, "registry", file->registry, ret->registry_file, sizeof ret->registry_file, err);
    if (!rc)
        rc = conf_copy_file(conf, "directory", file->directory, ret->directory_file, sizeof ret->directory_file, err);
    return rc;
}

/* -- peers ----------------------------------------------------------------------------------------------------------- */
static enum mr_rc check_peer(const struct conf *conf, const char *where, const char *entry,
                             const struct directory_broker *broker, const struct broker_conf *so_far, struct err *err)
{
    if (!broker)
        return conf_fail(conf, where, err, "no key is known for '%s': add its name, address and public key to %s",
                         entry, so_far->directory_file);
    if (strcmp(broker->name, so_far->name) == 0)
        return conf_fail(conf, where, err, "'%s' is this broker itself: list only the others", entry);
    for (size_t i = 0; i < so_far->peers.n; i++) {
        const struct directory_broker *other = &so_far->peers.list[i].broker;
        if (other->mesh.port != broker->mesh.port || strcmp(other->mesh.host, broker->mesh.host) != 0)
            continue;
        return strcmp(other->name, broker->name) == 0
                   ? conf_fail(conf, where, err, "'%s' is peers[%zu] already: list each once", entry, i)
                   : conf_fail(conf, where, err,
                               "'%s' and '%s' would both be at %s:%u: say a 'mesh' address of each in %s", other->name,
                               broker->name, broker->mesh.host, broker->mesh.port, so_far->directory_file);
    }
    return MR_OK;
}

static enum mr_rc take_peers(const struct conf *conf, const struct file *file, struct broker_conf *ret, struct err *err)
{
    struct directory directory;
    if (file->n_peers == 0)
        return MR_OK;
    if (file->n_peers > PEERS_MAX)
        return conf_fail(conf, "peers", err, "%u are too many: a cluster has at most %d brokers, this one among them",
                         file->n_peers, BROKERS_MAX);
    enum mr_rc rc = directory_load(ret->directory_file, &directory, err);
    if (rc == MR_NOT_FOUND)
        err_wrap(err,
                 "no peer can be trusted without a directory; copy it from another broker, or run 'millrace init'");
    const struct directory_broker *self = rc ? NULL : directory_find(&directory, ret->name);
    ret->is_listed = self != NULL;
    if (self)
        memcpy(ret->listed_key, self->public_key, sizeof ret->listed_key);
    for (size_t i = 0; i < file->n_peers && !rc; i++) {
        char where[32];
        snprintf(where, sizeof where, "peers[%zu]", i);
        const struct directory_broker *broker = directory_find(&directory, file->peers[i]);
        rc = check_peer(conf, where, file->peers[i], broker, ret, err);
        if (!rc)
            peers_add(&ret->peers, broker);
    }
    return rc;
}

static enum mr_rc take(const struct conf *conf, const struct file *file, struct broker_conf *ret, struct err *err)
{
    conf_beside(conf_name(conf), "broker.key", ret->key_file, sizeof ret->key_file);
    conf_beside(conf_name(conf), "registry.yaml", ret->registry_file, sizeof ret->registry_file);
    conf_beside(conf_name(conf), "directory.yaml", ret->directory_file, sizeof ret->directory_file);
    enum mr_rc rc = conf_copy_name(conf, "name", file->name, ret->name, sizeof ret->name, err);
    if (!rc)
        rc = take_files(conf, file, ret, err);
    if (!rc)
        rc = take_peers(conf, file, ret, err);
    if (!rc)
        rc = take_listen(conf, file->listen, ret, err);
    if (!rc)
        rc = take_limits(conf, file->limits, ret, err);
    if (!rc && file->pin_cpu)
        rc = conf_check_cpu(conf, "pin_cpu", *file->pin_cpu, err);
    if (rc)
        return rc;
    if (file->pin_cpu)
        ret->pin_cpu = *file->pin_cpu;
    if (file->log && file->log->level)
        ret->log_level = *file->log->level;
    if (file->log && file->log->format)
        ret->log_format = *file->log->format;
    return MR_OK;
}

enum mr_rc broker_conf_load(const char *path, struct broker_conf *ret, struct err *err)
{
    struct broker_conf read;
    struct conf *conf = NULL;
    void *file = NULL;
    enum mr_rc rc = conf_load(path, &schema, &conf, &file, err);
    if (rc)
        return rc;
    broker_conf_defaults(&read);
    rc = take(conf, file, &read, err);
    conf_free(conf);
    if (!rc)
        *ret = read;
    return rc;
}
