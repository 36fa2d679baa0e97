/* directory.c - directory.yaml into a list of brokers with their keys. */
#include "agent/directory.h"
#include "base/err.h"
#include "base/io/conf_parts.h"
#include <stdio.h>
#include <string.h>

/* An entry as it is written. */
struct entry {
    char *name, *address, *public_key;
};

struct file {
    struct entry *brokers;
    unsigned n_brokers;
};

static const cyaml_schema_field_t entry_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct entry, name, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("address", CYAML_FLAG_POINTER, struct entry, address, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("public", CYAML_FLAG_POINTER, struct entry, public_key, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t entry_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct entry, entry_fields)};
static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_SEQUENCE_COUNT("brokers", CYAML_FLAG_POINTER, struct file, brokers, n_brokers, &entry_value, 1,
                               BROKERS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, fields)};

static const char *field_of(char where[64], size_t i, const char *field)
{
    snprintf(where, 64, "brokers[%zu].%s", i, field);
    return where;
}

static bool is_same_address(const struct zsock_address *a, const struct zsock_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static enum mr_rc check_new(const struct conf *conf, const struct directory *d, size_t i,
                            const struct agent_broker *broker, struct err *err)
{
    char where[64];
    for (size_t k = 0; k < d->n; k++) {
        const char *field = strcmp(d->brokers[k].name, broker->name) == 0               ? "name"
                            : is_same_address(&d->brokers[k].address, &broker->address) ? "address"
                                                                                        : NULL;
        if (!field)
            continue;
        unsigned line = conf_line(conf, field_of(where, k, field));
        return conf_fail(conf, field_of(where, i, field), err, "the same %s is in line %u already", field, line);
    }
    return MR_OK;
}

static enum mr_rc read_broker(const struct conf *conf, size_t i, const struct entry *entry, struct agent_broker *ret,
                              struct err *err)
{
    char where[64];
    struct err why;
    enum mr_rc rc = conf_copy_name(conf, field_of(where, i, "name"), entry->name, ret->name, sizeof ret->name, err);
    if (rc)
        return rc;
    if (zsock_address_parse(entry->address, AGENT_BROKER_PORT, &ret->address, &why) != MR_OK || !ret->address.port)
        return conf_fail(conf, field_of(where, i, "address"), err, "'%s' is no address like mr1.plant.example:%d",
                         entry->address, AGENT_BROKER_PORT);
    if (keys_z85_decode(entry->public_key, ret->public_key) != MR_OK)
        return conf_fail(conf, field_of(where, i, "public"), err,
                         "is no public key: 40 characters of Z85 in quotes, as in the .pub file of broker '%s'",
                         ret->name);
    return MR_OK;
}

static enum mr_rc take(const struct conf *conf, const struct file *file, struct directory *ret, struct err *err)
{
    for (size_t i = 0; i < file->n_brokers; i++) {
        struct agent_broker broker = {.name = ""};
        enum mr_rc rc = read_broker(conf, i, &file->brokers[i], &broker, err);
        if (!rc)
            rc = check_new(conf, ret, i, &broker, err);
        if (rc)
            return rc;
        ret->brokers[ret->n++] = broker;
    }
    return MR_OK;
}

enum mr_rc directory_load(const char *path, struct directory *ret, struct err *err)
{
    struct directory read = {.n = 0};
    struct conf *conf = NULL;
    void *file = NULL;
    enum mr_rc rc = conf_load(path, &schema, &conf, &file, err);
    if (rc)
        return rc;
    rc = take(conf, file, &read, err);
    conf_free(conf);
    if (!rc)
        *ret = read;
    return rc;
}

const struct agent_broker *directory_find(const struct directory *d, const char *entry)
{
    struct zsock_address address;
    for (size_t i = 0; i < d->n; i++)
        if (strcmp(d->brokers[i].name, entry) == 0)
            return &d->brokers[i];
    if (zsock_address_parse(entry, AGENT_BROKER_PORT, &address, NULL) != MR_OK)
        return NULL;
    for (size_t i = 0; i < d->n; i++)
        if (is_same_address(&d->brokers[i].address, &address))
            return &d->brokers[i];
    return NULL;
}
