/* directory.c - directory.yaml into a list of brokers with their keys. */
#include "base/io/directory.h"
#include "base/err.h"
#include "base/io/conf_parts.h"
#include <stdio.h>
#include <string.h>

/* An entry as it is written. */
struct entry {
    char *name, *address, *mesh, *public_key; /* mesh NULL: not given */
};

struct file {
    struct entry *brokers;
    unsigned n_brokers;
};

static const cyaml_schema_field_t entry_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct entry, name, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("address", CYAML_FLAG_POINTER, struct entry, address, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("mesh", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct entry, mesh, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("public", CYAML_FLAG_POINTER, struct entry, public_key, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t entry_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct entry, entry_fields)};
static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_SEQUENCE_COUNT("brokers", CYAML_FLAG_POINTER, struct file, brokers, n_brokers, &entry_value, 1,
                               DIRECTORY_MAX),
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

/* The field in which two brokers may not agree but do; NULL: none. Mesh addresses that were not written are left out: a
 * machine that needs no mesh may know two brokers of one host. */
static const char *shared_field(const struct directory_broker *a, const struct directory_broker *b,
                                bool is_mesh_written)
{
    if (strcmp(a->name, b->name) == 0)
        return "name";
    if (is_same_address(&a->address, &b->address))
        return "address";
    if (is_mesh_written && is_same_address(&a->mesh, &b->mesh))
        return "mesh";
    return keys_equal(a->public_key, b->public_key) ? "public" : NULL;
}

static enum mr_rc check_new(const struct conf *conf, const struct file *file, const struct directory *d,
                            const struct directory_broker *broker, struct err *err)
{
    char where[64];
    for (size_t k = 0; k < d->n; k++) {
        bool is_mesh_written = file->brokers[k].mesh && file->brokers[d->n].mesh;
        const char *field = shared_field(&d->brokers[k], broker, is_mesh_written);
        if (!field)
            continue;
        unsigned line = conf_line(conf, field_of(where, k, field));
        return conf_fail(conf, field_of(where, d->n, field), err, "the same %s is in line %u already",
                         strcmp(field, "public") == 0 ? "public key" : field, line);
    }
    return MR_OK;
}

static enum mr_rc read_address(const struct conf *conf, const char *where, const char *text, uint16_t port,
                               struct zsock_address *ret, struct err *err)
{
    if (zsock_address_parse(text, port, ret, NULL) != MR_OK || !ret->port)
        return conf_fail(conf, where, err, "'%s' is no address like mr1.plant.example:%d", text, port);
    return MR_OK;
}

static enum mr_rc read_broker(const struct conf *conf, size_t i, const struct entry *entry,
                              struct directory_broker *ret, struct err *err)
{
    char where[64];
    enum mr_rc rc = conf_copy_name(conf, field_of(where, i, "name"), entry->name, ret->name, sizeof ret->name, err);
    if (!rc)
        rc = read_address(conf, field_of(where, i, "address"), entry->address, DIRECTORY_AGENTS_PORT, &ret->address,
                          err);
    if (rc)
        return rc;
    ret->mesh = ret->address;
    ret->mesh.port = DIRECTORY_MESH_PORT;
    if (entry->mesh)
        rc = read_address(conf, field_of(where, i, "mesh"), entry->mesh, DIRECTORY_MESH_PORT, &ret->mesh, err);
    if (rc)
        return rc;
    if (keys_z85_decode(entry->public_key, ret->public_key) != MR_OK)
        return conf_fail(conf, field_of(where, i, "public"), err,
                         "is no public key: 40 characters of Z85 in quotes, as in the .pub file of broker '%s'",
                         ret->name);
    return MR_OK;
}

static enum mr_rc take(const struct conf *conf, const struct file *file, struct directory *ret, struct err *err)
{
    for (size_t i = 0; i < file->n_brokers; i++) {
        struct directory_broker broker = {.name = ""};
        enum mr_rc rc = read_broker(conf, i, &file->brokers[i], &broker, err);
        if (!rc)
            rc = check_new(conf, file, ret, &broker, err);
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

const struct directory_broker *directory_find(const struct directory *d, const char *entry)
{
    struct zsock_address address;
    for (size_t i = 0; i < d->n; i++)
        if (strcmp(d->brokers[i].name, entry) == 0)
            return &d->brokers[i];
    if (zsock_address_parse(entry, DIRECTORY_AGENTS_PORT, &address, NULL) != MR_OK)
        return NULL;
    for (size_t i = 0; i < d->n; i++)
        if (is_same_address(&d->brokers[i].address, &address))
            return &d->brokers[i];
    return NULL;
}

const struct directory_broker *directory_find_key(const struct directory *d, const uint8_t key[KEYS_BYTES])
{
    for (size_t i = 0; i < d->n; i++)
        if (keys_equal(d->brokers[i].public_key, key))
            return &d->brokers[i];
    return NULL;
}
