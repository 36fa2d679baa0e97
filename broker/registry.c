/* registry.c - registry.yaml into two tables: by key, for who connects, and by user id, for who is connected. */
#include "broker/registry.h"
#include "base/io/conf_parts.h"
#include "base/map.h"
#include "base/mem.h"
#include "proto/topic.h"
#include <stdio.h>
#include <string.h>

struct registry {
    size_t n;
    struct map by_key, by_user, by_name;
    struct registry_identity *identities;
};

/* An entry as it is written. */
struct entry {
    char *name, *path, *public_key;
    enum registry_kind kind;
};

struct file {
    struct entry *identities;
    unsigned n_identities;
};

static const cyaml_strval_t kinds[] = {{"machine", REGISTRY_MACHINE}, {"person", REGISTRY_PERSON}};
static const cyaml_schema_field_t entry_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct entry, name, 1, CYAML_UNLIMITED),
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct entry, kind, kinds, CYAML_ARRAY_LEN(kinds)),
    CYAML_FIELD_STRING_PTR("path", CYAML_FLAG_POINTER, struct entry, path, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("public", CYAML_FLAG_POINTER, struct entry, public_key, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t entry_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct entry, entry_fields)};
static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_SEQUENCE_COUNT("identities", CYAML_FLAG_POINTER, struct file, identities, n_identities, &entry_value, 0,
                               REGISTRY_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, fields)};

/* -- one identity ---------------------------------------------------------------------------------------------------- */
static const char *field_of(char where[64], size_t i, const char *field)
{
    snprintf(where, 64, "identities[%zu].%s", i, field);
    return where;
}

static enum mr_rc check_path(const struct conf *conf, const char *where, const char *path, struct err *err)
{
    enum topic_rule rule = topic_check(path, strlen(path), TOPIC_FULL);
    if (rule != TOPIC_FINE)
        return conf_fail(conf, where, err, "'%s' %s; a path is like acme/lyon/press-07", path, topic_rule_text(rule));
    if (topic_is_system(path, strlen(path)))
        return conf_fail(conf, where, err, "'%s' begins with '$', which belongs to the bus", path);
    return MR_OK;
}

static enum mr_rc read_identity(const struct conf *conf, size_t i, const struct entry *entry,
                                struct registry_identity *ret, struct err *err)
{
    char where[64], fingerprint[KEYS_FINGERPRINT_SIZE];
    ret->kind = entry->kind;
    enum mr_rc rc = conf_copy_name(conf, field_of(where, i, "name"), entry->name, ret->name, sizeof ret->name, err);
    if (!rc)
        rc = check_path(conf, field_of(where, i, "path"), entry->path, err);
    if (!rc)
        rc = conf_copy_text(conf, field_of(where, i, "path"), entry->path, ret->path, sizeof ret->path, err);
    if (rc)
        return rc;
    if (keys_z85_decode(entry->public_key, ret->key) != MR_OK)
        return conf_fail(conf, field_of(where, i, "public"), err,
                         "is no public key: 40 characters of Z85 in quotes, as in the .pub file of '%s'", ret->name);
    keys_fingerprint(ret->key, fingerprint);
    snprintf(ret->user_id, sizeof ret->user_id, "%s/%s#%s", kinds[ret->kind].str, ret->name, fingerprint);
    return MR_OK;
}

/* -- the tables ------------------------------------------------------------------------------------------------------ */
static enum mr_rc given_twice(const struct conf *conf, const struct registry *r, const struct registry_identity *first,
                              size_t second, const char *field, struct err *err)
{
    char where[64];
    unsigned line = conf_line(conf, field_of(where, (size_t)(first - r->identities), field));
    return conf_fail(conf, field_of(where, second, field), err,
                     "'%s' and '%s' have the same %s; the first is in line %u", first->name, r->identities[second].name,
                     strcmp(field, "name") == 0 ? "name" : "public key", line);
}

static enum mr_rc add(struct registry *r, const struct conf *conf, size_t i, struct err *err)
{
    struct registry_identity *identity = &r->identities[i];
    const struct registry_identity *same = map_get(&r->by_name, identity->name, strlen(identity->name));
    if (same)
        return given_twice(conf, r, same, i, "name", err);
    same = map_get(&r->by_key, identity->key, sizeof identity->key);
    if (same)
        return given_twice(conf, r, same, i, "public", err);
    enum mr_rc rc = map_put(&r->by_name, identity->name, strlen(identity->name), identity, NULL);
    if (!rc)
        rc = map_put(&r->by_key, identity->key, sizeof identity->key, identity, NULL);
    if (!rc)
        rc = map_put(&r->by_user, identity->user_id, strlen(identity->user_id), identity, NULL);
    if (rc)
        err_set(err, "%s: %s", conf_name(conf), rc_text(rc));
    return rc;
}

static enum mr_rc fill(struct registry *r, const struct conf *conf, const struct file *file, struct err *err)
{
    r->identities = mem_calloc(file->n_identities + 1, sizeof *r->identities);
    if (!r->identities) {
        err_set(err, "%s: %s", conf_name(conf), rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    r->n = file->n_identities;
    for (size_t i = 0; i < r->n; i++) {
        enum mr_rc rc = read_identity(conf, i, &file->identities[i], &r->identities[i], err);
        if (!rc)
            rc = add(r, conf, i, err);
        if (rc)
            return rc;
    }
    return MR_OK;
}

static struct registry *new_registry(const struct rand_source *rand)
{
    struct registry *r = mem_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    const struct hash_key seed = {rand_u64(rand), rand_u64(rand)};
    map_init(&r->by_key, REGISTRY_MAX, &seed);
    map_init(&r->by_user, REGISTRY_MAX, &seed);
    map_init(&r->by_name, REGISTRY_MAX, &seed);
    return r;
}

enum mr_rc registry_load(const char *path, const struct rand_source *rand, struct registry **ret, struct err *err)
{
    struct conf *conf = NULL;
    void *file = NULL;
    enum mr_rc rc = conf_load_up_to(path, REGISTRY_FILE_MAX, &schema, &conf, &file, err);
    if (rc)
        return rc;
    struct registry *r = new_registry(rand);
    if (r) {
        rc = fill(r, conf, file, err);
    } else {
        err_set(err, "%s: %s", path, rc_text(MR_NO_MEMORY));
        rc = MR_NO_MEMORY;
    }
    conf_free(conf);
    if (rc)
        registry_free(r);
    else
        *ret = r;
    return rc;
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    map_fini(&r->by_key);
    map_fini(&r->by_user);
    map_fini(&r->by_name);
    mem_free(r->identities);
    mem_free(r);
}

const struct registry_identity *registry_find_key(const struct registry *r, const uint8_t key[KEYS_BYTES])
{
    return map_get(&r->by_key, key, KEYS_BYTES);
}

const struct registry_identity *registry_find_user(const struct registry *r, const char *user_id)
{
    return map_get(&r->by_user, user_id, strlen(user_id));
}

size_t registry_count(const struct registry *r)
{
    return r->n;
}
