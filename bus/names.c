/* names.c - topics and publishers by number: append-only arrays of fixed strings, found again through a keyed map. */
#include "bus/names.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "proto/topic.h"

enum { PUBLISHER_KEY_MAX = 2 * 256 + 1 };

struct topic_name {
    uint32_t id;
    char text[];
};

/* identity, NUL, part, NUL in one block behind the entry; key_len covers all but the last NUL. */
struct publisher_name {
    struct publisher publisher;
    size_t key_len;
    char key[];
};

/* An array that grows by doubling up to max + 1; entry 0 stays unused, so that 0 can mean "none". */
struct table {
    void **at;
    uint32_t count, cap, max;
};

struct names {
    struct table topics, publishers;
    struct map by_text, by_identity;
};

static enum mr_rc table_reserve(struct table *t)
{
    if (t->count >= t->max)
        return MR_TOO_BIG;
    if (t->count + 1 < t->cap)
        return MR_OK;
    uint32_t cap = t->cap ? t->cap * 2 : 64;
    void **at = mem_resize(t->at, cap * sizeof *at);
    if (!at)
        return MR_NO_MEMORY;
    t->at = at;
    t->cap = cap;
    return MR_OK;
}

static void table_fini(struct table *t)
{
    for (uint32_t id = 1; id <= t->count; id++)
        mem_free(t->at[id]);
    mem_free(t->at);
}

enum mr_rc names_new(struct names **ret, const struct names_limits *limits, uint64_t seed)
{
    struct names *n = mem_calloc(1, sizeof *n);
    if (!n)
        return MR_NO_MEMORY;
    const struct hash_key topic_key = {seed, 1}, publisher_key = {seed, 2};
    n->topics.max = limits->max_topics;
    n->publishers.max = limits->max_publishers;
    map_init(&n->by_text, limits->max_topics, &topic_key);
    map_init(&n->by_identity, limits->max_publishers, &publisher_key);
    *ret = n;
    return MR_OK;
}

void names_free(struct names *n)
{
    if (!n)
        return;
    map_fini(&n->by_text);
    map_fini(&n->by_identity);
    table_fini(&n->topics);
    table_fini(&n->publishers);
    mem_free(n);
}

enum mr_rc names_topic(struct names *n, const char *text, size_t len, uint32_t *ret_id)
{
    struct topic_name *name = map_get(&n->by_text, text, len);
    if (name) {
        *ret_id = name->id;
        return MR_OK;
    }
    if (topic_check(text, len, TOPIC_FULL) != TOPIC_FINE)
        return MR_INVALID;
    enum mr_rc rc = table_reserve(&n->topics);
    if (rc)
        return rc;
    name = mem_alloc(sizeof *name + len + 1);
    if (!name)
        return MR_NO_MEMORY;
    name->id = n->topics.count + 1;
    memcpy(name->text, text, len);
    name->text[len] = '\0';
    rc = map_put(&n->by_text, name->text, len, name, NULL);
    if (rc) {
        mem_free(name);
        return rc;
    }
    n->topics.at[++n->topics.count] = name;
    *ret_id = name->id;
    return MR_OK;
}

uint32_t names_find_topic(const struct names *n, const char *text)
{
    const struct topic_name *name = map_get(&n->by_text, text, strlen(text));
    return name ? name->id : 0;
}

const char *names_topic_text(const struct names *n, uint32_t id)
{
    if (id == 0 || id > n->topics.count)
        return NULL;
    const struct topic_name *name = n->topics.at[id];
    return name->text;
}

uint32_t names_topic_count(const struct names *n)
{
    return n->topics.count;
}

/* Adds (identity, part); the owner is the publisher itself when part is empty. */
static enum mr_rc add_publisher(struct names *n, const char *key, size_t key_len, size_t identity_len, uint32_t owner,
                                uint32_t *ret_id)
{
    enum mr_rc rc = table_reserve(&n->publishers);
    if (rc)
        return rc;
    struct publisher_name *name = mem_alloc(sizeof *name + key_len + 1);
    if (!name)
        return MR_NO_MEMORY;
    memcpy(name->key, key, key_len);
    name->key[key_len] = '\0';
    name->key_len = key_len;
    uint32_t id = n->publishers.count + 1;
    name->publisher = (struct publisher){
        .identity = name->key, .part = name->key + identity_len + 1, .id = id, .owner = owner ? owner : id};
    rc = map_put(&n->by_identity, name->key, key_len, name, NULL);
    if (rc) {
        mem_free(name);
        return rc;
    }
    n->publishers.at[++n->publishers.count] = name;
    *ret_id = id;
    return MR_OK;
}

/* Both texts with a NUL between them; 0 where they make no key. */
static size_t make_key(char key[PUBLISHER_KEY_MAX], const char *identity, const char *part)
{
    size_t identity_len = strlen(identity), part_len = strlen(part);
    if (identity_len == 0 || identity_len + 1 + part_len > PUBLISHER_KEY_MAX)
        return 0;
    memcpy(key, identity, identity_len + 1);
    memcpy(key + identity_len + 1, part, part_len);
    return identity_len + 1 + part_len;
}

enum mr_rc names_find_publisher(const struct names *n, const char *identity, const char *part, uint32_t *ret_id)
{
    char key[PUBLISHER_KEY_MAX];
    size_t len = make_key(key, identity, part);
    const struct publisher_name *name = len ? map_get(&n->by_identity, key, len) : NULL;
    if (!name)
        return MR_NOT_FOUND;
    *ret_id = name->publisher.id;
    return MR_OK;
}

enum mr_rc names_publisher(struct names *n, const char *identity, const char *part, uint32_t *ret_id)
{
    char key[PUBLISHER_KEY_MAX];
    size_t len = make_key(key, identity, part);
    uint32_t owner = 0;
    if (len == 0)
        return MR_INVALID;
    if (names_find_publisher(n, identity, part, ret_id) == MR_OK)
        return MR_OK;
    enum mr_rc rc = *part ? names_publisher(n, identity, "", &owner) : MR_OK;
    return rc ? rc : add_publisher(n, key, len, strlen(identity), owner, ret_id);
}

const struct publisher *names_get_publisher(const struct names *n, uint32_t id)
{
    if (id == 0 || id > n->publishers.count)
        return NULL;
    const struct publisher_name *name = n->publishers.at[id];
    return &name->publisher;
}

uint32_t names_publisher_count(const struct names *n)
{
    return n->publishers.count;
}
