/* context.c - reads a context's file: which brokers, with whose key (place.h). */
#include <stdio.h>

#include "base/io/conf.h"
#include "base/io/conf_parts.h"
#include "base/io/directory.h"
#include "base/mem.h"
#include "cli/place.h"

/* The file as it is written; NULL: not given. */
struct file {
    char *name, *key, *directory;
    char **brokers;
    unsigned n_brokers;
};

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_value_t broker_value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, ZSOCK_ADDRESS_SIZE)};
static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct file, name, 1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE_COUNT("brokers", CYAML_FLAG_POINTER, struct file, brokers, n_brokers, &broker_value, 1,
                               BROKERS_MAX),
    CYAML_FIELD_STRING_PTR("key", CYAML_FLAG_POINTER, struct file, key, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("directory", OPTIONAL, struct file, directory, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, fields)};

static enum mr_rc take_brokers(const struct conf *conf, const struct file *file, const struct directory *directory,
                               struct agent_conf *ret, struct err *err)
{
    for (unsigned i = 0; i < file->n_brokers; i++) {
        char where[32];
        snprintf(where, sizeof where, "brokers[%u]", i);
        const struct directory_broker *broker = directory_find(directory, file->brokers[i]);
        if (!broker)
            return conf_fail(conf, where, err, "the directory has no broker '%s'; add it there, with its public key",
                             file->brokers[i]);
        ret->brokers[ret->n_brokers++] = *broker;
    }
    return MR_OK;
}

static enum mr_rc take(const struct conf *conf, const struct file *file, struct agent_conf *ret, struct err *err)
{
    char path[AGENT_FILE_SIZE];
    struct directory *directory = mem_alloc(sizeof *directory);
    if (!directory)
        return MR_NO_MEMORY;
    enum mr_rc rc = conf_copy_name(conf, "name", file->name, ret->name, sizeof ret->name, err);
    if (!rc)
        rc = conf_copy_file(conf, "key", file->key, ret->key_file, sizeof ret->key_file, err);
    if (!rc)
        rc = conf_copy_file(conf, "directory", file->directory ? file->directory : "directory.yaml", path, sizeof path,
                            err);
    if (!rc)
        rc = directory_load(path, directory, err);
    if (!rc)
        rc = take_brokers(conf, file, directory, ret, err);
    mem_free(directory);
    return rc;
}

enum mr_rc place_load_context(const char *file, struct agent_conf *ret, struct err *err)
{
    struct conf *conf;
    void *data;
    struct agent_conf made;
    agent_conf_defaults(&made);
    made.data[0] = '\0';
    made.socket_path[0] = '\0';
    made.socket_mode = 0600;
    made.has_telemetry = false;
    made.n_brokers = 0;
    enum mr_rc rc = conf_load(file, &schema, &conf, &data, err);
    if (rc)
        return rc;
    rc = take(conf, data, &made, err);
    conf_free(conf);
    if (!rc)
        *ret = made;
    return rc;
}
