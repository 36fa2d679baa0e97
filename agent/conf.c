/* conf.c - agent.yaml, what it includes, and its directory into struct agent_conf. */
#include "agent/conf.h"
#include "base/err.h"
#include "base/io/conf_parts.h"
#include "base/io/directory.h"
#include "proto/topic.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

static_assert(DIRECTORY_MAX - BROKERS_MAX == 0, "a directory lists as many brokers as there may be");

struct spool_section {
    char *max, *age;
};

struct socket_section {
    char *path, *mode;
};

struct telemetry_section {
    char *interval;
    bool *enabled;
};

struct limits_section {
    uint32_t *apps, *filters;
};

/* A file as it is written; NULL: not given. */
struct file {
    char *name, *path, *data, *key, *directory, *include;
    char **brokers;
    unsigned n_brokers;
    struct spool_section *spool;
    struct socket_section *socket;
    struct telemetry_section *telemetry;
    struct limits_section *limits;
    struct conf_log *log;
    int *pin_cpu;
};

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, member) CYAML_FIELD_STRING_PTR(key, OPTIONAL, type, member, 1, CYAML_UNLIMITED)

static const cyaml_schema_field_t spool_fields[] = {TEXT("max", struct spool_section, max),
                                                    TEXT("age", struct spool_section, age), CYAML_FIELD_END};
static const cyaml_schema_field_t socket_fields[] = {TEXT("path", struct socket_section, path),
                                                     TEXT("mode", struct socket_section, mode), CYAML_FIELD_END};
static const cyaml_schema_field_t telemetry_fields[] = {
    TEXT("interval", struct telemetry_section, interval),
    CYAML_FIELD_BOOL_PTR("enabled", OPTIONAL, struct telemetry_section, enabled),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t limits_fields[] = {
    CYAML_FIELD_UINT_PTR("apps", OPTIONAL, struct limits_section, apps),
    CYAML_FIELD_UINT_PTR("filters", OPTIONAL, struct limits_section, filters),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t broker_value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CYAML_UNLIMITED)};

/* The same keys in agent.yaml and in what it includes, but that an included file needs none and includes nothing. */
#define COMMON_FIELDS                                                                                                  \
    TEXT("path", struct file, path), TEXT("data", struct file, data), TEXT("key", struct file, key),                   \
        TEXT("directory", struct file, directory),                                                                     \
        CYAML_FIELD_MAPPING_PTR("spool", OPTIONAL, struct file, spool, spool_fields),                                  \
        CYAML_FIELD_MAPPING_PTR("socket", OPTIONAL, struct file, socket, socket_fields),                               \
        CYAML_FIELD_MAPPING_PTR("telemetry", OPTIONAL, struct file, telemetry, telemetry_fields),                      \
        CYAML_FIELD_MAPPING_PTR("limits", OPTIONAL, struct file, limits, limits_fields),                               \
        CYAML_FIELD_MAPPING_PTR("log", OPTIONAL, struct file, log, conf_log_fields),                                   \
        CYAML_FIELD_INT_PTR("pin_cpu", OPTIONAL, struct file, pin_cpu)

static const cyaml_schema_field_t main_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct file, name, 1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE_COUNT("brokers", CYAML_FLAG_POINTER, struct file, brokers, n_brokers, &broker_value, 1,
                               BROKERS_MAX),
    TEXT("include", struct file, include),
    COMMON_FIELDS,
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t included_fields[] = {
    TEXT("name", struct file, name),
    CYAML_FIELD_SEQUENCE_COUNT("brokers", OPTIONAL, struct file, brokers, n_brokers, &broker_value, 1, BROKERS_MAX),
    COMMON_FIELDS,
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t main_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, main_fields)};
static const cyaml_schema_value_t included_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, included_fields)};

/* What is gathered from all files before the brokers are looked up. */
struct reading {
    struct agent_conf conf;
    char directory[AGENT_FILE_SIZE];
    struct conf *brokers_file; /* the file that named the brokers, for its lines */
    char **brokers;            /* borrowed from it */
    size_t n_brokers;
    struct conf *files[64]; /* all open, in order */
    size_t n_files;
};

void agent_conf_defaults(struct agent_conf *ret)
{
    *ret = (struct agent_conf){.data = "/var/lib/millrace-agent",
                               .key_file = "agent.key",
                               .socket_path = "/run/millrace/agent.sock",
                               .socket_mode = 0660,
                               .has_telemetry = true,
                               .telemetry_ms = 10000,
                               .max_apps = APPS_PER_AGENT,
                               .max_filters = FILTERS_PER_AGENT,
                               .spool_max_bytes = UINT64_C(4) << 30,
                               .spool_age_ns = INT64_C(7) * 24 * 3600 * 1000000000,
                               .log_level = LOG_LEVEL_INFO,
                               .log_format = LOG_TEXT,
                               .pin_cpu = -1};
}

/* -- sections -------------------------------------------------------------------------------------------------------- */
static enum mr_rc take_spool(const struct conf *conf, const struct spool_section *given, struct agent_conf *ret,
                             struct err *err)
{
    if (!given)
        return MR_OK;
    enum mr_rc rc = conf_size(conf, "spool.max", given->max, &ret->spool_max_bytes, err);
    return rc ? rc : conf_duration(conf, "spool.age", given->age, &ret->spool_age_ns, err);
}

static enum mr_rc take_mode(const struct conf *conf, const char *text, mode_t *ret, struct err *err)
{
    mode_t mode = 0;
    if (!text)
        return MR_OK;
    size_t digits = strspn(text, "01234567");
    if (digits != strlen(text) || digits < 3 || digits > 4 || (digits == 4 && text[0] != '0'))
        return conf_fail(conf, "socket.mode", err, "'%s' is no mode like \"0660\"", text);
    for (; *text; text++)
        mode = mode << 3 | (mode_t)(*text - '0');
    *ret = mode;
    return MR_OK;
}

static enum mr_rc take_socket(const struct conf *conf, const struct socket_section *given, struct agent_conf *ret,
                              struct err *err)
{
    if (!given)
        return MR_OK;
    enum mr_rc rc = conf_copy_file(conf, "socket.path", given->path, ret->socket_path, sizeof ret->socket_path, err);
    return rc ? rc : take_mode(conf, given->mode, &ret->socket_mode, err);
}

static enum mr_rc take_telemetry(const struct conf *conf, const struct telemetry_section *given, struct agent_conf *ret,
                                 struct err *err)
{
    enum { LEAST_MS = 1000, MOST_MS = 3600 * 1000, NS_PER_MS = 1000000 };
    int64_t interval_ns = (int64_t)ret->telemetry_ms * NS_PER_MS;
    if (!given)
        return MR_OK;
    if (given->enabled)
        ret->has_telemetry = *given->enabled;
    enum mr_rc rc = conf_duration(conf, "telemetry.interval", given->interval, &interval_ns, err);
    if (rc)
        return rc;
    if (interval_ns < INT64_C(1) * LEAST_MS * NS_PER_MS || interval_ns > INT64_C(1) * MOST_MS * NS_PER_MS)
        return conf_fail(conf, "telemetry.interval", err, "must be 1 s to 1 h, not '%s'", given->interval);
    ret->telemetry_ms = (uint32_t)(interval_ns / NS_PER_MS);
    return MR_OK;
}

static enum mr_rc take_limits(const struct conf *conf, const struct limits_section *given, struct agent_conf *ret,
                              struct err *err)
{
    if (!given)
        return MR_OK;
    enum mr_rc rc = conf_limit(conf, "limits.apps", given->apps, AGENT_APPS_MOST, &ret->max_apps, err);
    return rc ? rc : conf_limit(conf, "limits.filters", given->filters, FILTERS_PER_AGENT, &ret->max_filters, err);
}

static enum mr_rc take_path(const struct conf *conf, const char *path, struct agent_conf *ret, struct err *err)
{
    if (!path)
        return MR_OK;
    enum topic_rule rule = topic_check(path, strlen(path), TOPIC_FULL);
    if (rule != TOPIC_FINE)
        return conf_fail(conf, "path", err, "'%s' %s; a path is like acme/lyon/press-07", path, topic_rule_text(rule));
    if (topic_is_system(path, strlen(path)))
        return conf_fail(conf, "path", err, "'%s' begins with '$', which belongs to the bus", path);
    return conf_copy_text(conf, "path", path, ret->path, sizeof ret->path, err);
}

static enum mr_rc take_files(const struct conf *conf, const struct file *file, struct reading *r, struct err *err)
{
    struct agent_conf *ret = &r->conf;
    enum mr_rc rc = conf_copy_file(conf, "data", file->data, ret->data, sizeof ret->data, err);
    if (!rc)
        rc = conf_copy_file(conf, "key", file->key, ret->key_file, sizeof ret->key_file, err);
    if (!rc)
        rc = conf_copy_file(conf, "directory", file->directory, r->directory, sizeof r->directory, err);
    return rc;
}

static enum mr_rc take_process(const struct conf *conf, const struct file *file, struct agent_conf *ret,
                               struct err *err)
{
    if (file->log && file->log->level)
        ret->log_level = *file->log->level;
    if (file->log && file->log->format)
        ret->log_format = *file->log->format;
    if (!file->pin_cpu)
        return MR_OK;
    ret->pin_cpu = *file->pin_cpu;
    return conf_check_cpu(conf, "pin_cpu", ret->pin_cpu, err);
}

/* One file over what the files before it said. */
static enum mr_rc take(struct conf *conf, const struct file *file, struct reading *r, struct err *err)
{
    enum mr_rc rc = MR_OK;
    if (file->name)
        rc = conf_copy_name(conf, "name", file->name, r->conf.name, sizeof r->conf.name, err);
    if (!rc)
        rc = take_path(conf, file->path, &r->conf, err);
    if (!rc)
        rc = take_files(conf, file, r, err);
    if (!rc)
        rc = take_socket(conf, file->socket, &r->conf, err);
    if (!rc)
        rc = take_spool(conf, file->spool, &r->conf, err);
    if (!rc)
        rc = take_telemetry(conf, file->telemetry, &r->conf, err);
    if (!rc)
        rc = take_limits(conf, file->limits, &r->conf, err);
    if (!rc)
        rc = take_process(conf, file, &r->conf, err);
    if (!rc && file->brokers) {
        r->brokers_file = conf;
        r->brokers = file->brokers;
        r->n_brokers = file->n_brokers;
    }
    return rc;
}

/* -- files ----------------------------------------------------------------------------------------------------------- */
static enum mr_rc load(struct reading *r, const char *path, const struct cyaml_schema_value *schema, struct conf **ret,
                       struct file **ret_file, struct err *err)
{
    void *file = NULL;
    if (r->n_files == sizeof r->files / sizeof r->files[0]) {
        err_set(err, "%s: is one included file too many: %zu is the limit", path, r->n_files - 1);
        return MR_TOO_BIG;
    }
    enum mr_rc rc = conf_load(path, schema, ret, &file, err);
    if (rc)
        return rc;
    r->files[r->n_files++] = *ret;
    *ret_file = file;
    return MR_OK;
}

static enum mr_rc include(void *user, const char *path, struct err *err)
{
    struct reading *r = user;
    struct conf *conf = NULL;
    struct file *file = NULL;
    enum mr_rc rc = load(r, path, &included_schema, &conf, &file, err);
    return rc ? rc : take(conf, file, r, err);
}

static enum mr_rc find_brokers(struct reading *r, struct err *err)
{
    struct directory directory;
    enum mr_rc rc = directory_load(r->directory, &directory, err);
    if (rc == MR_NOT_FOUND)
        err_wrap(err, "no broker can be trusted without a directory; copy it from the broker, or run 'millrace init'");
    if (rc)
        return rc;
    for (size_t i = 0; i < r->n_brokers; i++) {
        char where[32];
        const struct directory_broker *broker = directory_find(&directory, r->brokers[i]);
        snprintf(where, sizeof where, "brokers[%zu]", i);
        if (!broker)
            return conf_fail(r->brokers_file, where, err,
                             "no key is known for '%s': add its name, address and public key to %s", r->brokers[i],
                             r->directory);
        r->conf.brokers[r->conf.n_brokers++] = *broker;
    }
    return MR_OK;
}

static enum mr_rc read_all(struct reading *r, const char *path, struct err *err)
{
    struct conf *conf = NULL;
    struct file *file = NULL;
    enum mr_rc rc = load(r, path, &main_schema, &conf, &file, err);
    if (!rc)
        rc = take(conf, file, r, err);
    if (!rc && file->include)
        rc = conf_include(conf, file->include, include, r, err);
    return rc ? rc : find_brokers(r, err);
}

enum mr_rc agent_conf_load(const char *path, struct agent_conf *ret, struct err *err)
{
    struct reading r = {.n_files = 0};
    agent_conf_defaults(&r.conf);
    conf_beside(path, "agent.key", r.conf.key_file, sizeof r.conf.key_file);
    conf_beside(path, "directory.yaml", r.directory, sizeof r.directory);
    enum mr_rc rc = read_all(&r, path, err);
    while (r.n_files > 0)
        conf_free(r.files[--r.n_files]);
    if (!rc)
        *ret = r.conf;
    return rc;
}
