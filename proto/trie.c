/* trie.c - filters and who subscribed to them, see trie.h.
 *
 * A filter without a wildcard is one node below `exact`, found by its whole text in a single probe; the others hang
 * below `wild`, one node per level. So the walk visits only what wildcards need. */
#include "proto/trie.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/topic.h"
#include "proto/trie_table.h"

struct trie {
    struct trie_limits limits;
    struct trie_memory memory;
    struct trie_table exact_table; /* apart, so that the walk's table is small and stays in the caches */
    struct trie_table wild_table;
    struct trie_node *exact;
    struct trie_node *wild;
    size_t entries;
    uint64_t epoch;
};

enum { EXACT_KEY = 1, WILD_KEY = 2 };

enum mr_rc trie_new(const struct trie_limits *limits, const struct hash_key *seed, struct trie **ret)
{
    struct trie *trie = mem_calloc(1, sizeof *trie);
    if (!trie)
        return MR_NO_MEMORY;
    *trie = (struct trie){.limits = *limits, .memory = {.max_bytes = limits->max_bytes}, .epoch = 1};
    enum mr_rc rc = trie_table_init(&trie->exact_table, seed, &trie->memory);
    if (rc == MR_OK)
        rc = trie_table_init(&trie->wild_table, seed, &trie->memory);
    if (rc == MR_OK)
        rc = trie_top_new(EXACT_KEY, &trie->memory, &trie->exact);
    if (rc == MR_OK)
        rc = trie_top_new(WILD_KEY, &trie->memory, &trie->wild);
    if (rc != MR_OK) {
        trie_free(trie);
        return rc;
    }
    *ret = trie;
    return MR_OK;
}

void trie_free(struct trie *trie)
{
    if (!trie)
        return;
    trie_table_fini(&trie->exact_table, &trie->memory);
    trie_table_fini(&trie->wild_table, &trie->memory);
    trie_node_free(trie->exact, &trie->memory);
    trie_node_free(trie->wild, &trie->memory);
    mem_free(trie);
}

static size_t level_length(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] != '/')
        n++;
    return n;
}

static bool is_idle(const struct trie_node *node)
{
    return node->parent && node->set.n == 0 && node->literals == 0 && !node->plus && !node->hash;
}

/* Frees the node and those above it that nothing needs any more. */
static void prune(struct trie *trie, struct trie_node *node)
{
    while (is_idle(node)) {
        struct trie_node *parent = node->parent;
        trie_table_remove(parent == trie->exact ? &trie->exact_table : &trie->wild_table, node, &trie->memory);
        node = parent;
    }
}

static enum mr_rc make_path(struct trie *trie, const char *filter, size_t len, struct trie_node **ret)
{
    struct trie_node *node = trie->wild;
    for (const char *end = filter + len; filter <= end;) {
        size_t n = level_length(filter, (size_t)(end - filter));
        struct trie_node *child;
        enum mr_rc rc = trie_table_child(&trie->wild_table, node, filter, n, &trie->memory, &child);
        if (rc != MR_OK) {
            prune(trie, node);
            return rc;
        }
        node = child;
        filter += n + 1;
    }
    *ret = node;
    return MR_OK;
}

static enum mr_rc make_node(struct trie *trie, const char *filter, size_t len, struct trie_node **ret)
{
    if (filter_has_wildcard(filter, len))
        return make_path(trie, filter, len, ret);
    return trie_table_child(&trie->exact_table, trie->exact, filter, len, &trie->memory, ret);
}

static struct trie_node *find_child(const struct trie_table *table, const struct trie_node *parent, const char *text,
                                    size_t len)
{
    uint64_t key = trie_child_key(table, parent, trie_text_hash(table, text, len));
    return trie_table_find(table, key, parent, text, len);
}

static struct trie_node *find_node(const struct trie *trie, const char *filter, size_t len)
{
    if (!filter_has_wildcard(filter, len))
        return find_child(&trie->exact_table, trie->exact, filter, len);
    struct trie_node *node = trie->wild;
    for (const char *end = filter + len; node && filter <= end;) {
        size_t n = level_length(filter, (size_t)(end - filter));
        node = find_child(&trie->wild_table, node, filter, n);
        filter += n + 1;
    }
    return node;
}

static enum mr_rc add_to_node(struct trie *trie, struct trie_node *node, uint32_t subscriber)
{
    bool is_new = !trie_set_has(&node->set, subscriber);
    if (is_new && trie->entries >= trie->limits.max_entries)
        return MR_TOO_BIG;
    enum mr_rc rc = trie_set_add(&node->set, subscriber, &trie->memory);
    if (rc == MR_OK && is_new) {
        trie->entries++;
        trie->epoch++;
    }
    return rc;
}

enum mr_rc trie_add(struct trie *trie, const char *filter, size_t len, uint32_t subscriber)
{
    if (topic_check(filter, len, TOPIC_FILTER) != TOPIC_FINE)
        return MR_INVALID;
    struct trie_node *node;
    enum mr_rc rc = make_node(trie, filter, len, &node);
    if (rc != MR_OK)
        return rc;
    rc = add_to_node(trie, node, subscriber);
    if (rc != MR_OK)
        prune(trie, node);
    return rc;
}

enum mr_rc trie_remove(struct trie *trie, const char *filter, size_t len, uint32_t subscriber)
{
    struct trie_node *node = find_node(trie, filter, len);
    if (!node || trie_set_remove(&node->set, subscriber) != MR_OK)
        return MR_NOT_FOUND;
    if (!trie_set_has(&node->set, subscriber)) {
        trie->entries--;
        trie->epoch++;
        if (node->set.n == 0)
            trie_set_fini(&node->set, &trie->memory);
        prune(trie, node);
    }
    return MR_OK;
}

struct level {
    const char *text;
    size_t len;
    uint64_t hash; /* 0: not computed yet; if it is truly 0 it is computed again, which does no harm */
};

struct place {
    const struct trie_node *node;
    unsigned depth; /* levels of the topic that lead here */
};

/* One walk. A node of depth TOPIC_MAX_LEVELS has no children, and each step pushes two children at most after taking
 * one node away: that bounds both arrays whatever the topic is. */
struct walk {
    const struct trie *trie;
    const char *rest; /* of the topic, behind the levels split so far; NULL behind the last */
    const char *end;
    trie_match_fn *fn;
    void *user;
    unsigned n_levels;
    unsigned n_stack;
    struct level levels[TOPIC_MAX_LEVELS];
    struct place stack[TOPIC_MAX_LEVELS + 2];
};

static bool tell(const struct walk *walk, const struct trie_node *node)
{
    const struct trie_member *members = trie_set_members(&node->set);
    for (uint32_t i = 0; i < node->set.n; i++) {
        if (!walk->fn(walk->user, members[i].subscriber))
            return false;
    }
    return true;
}

/* Has the topic a level at this depth? All levels above it are split already. */
static bool has_level(const struct walk *walk, unsigned depth)
{
    return walk->n_levels > depth || walk->rest;
}

/* Splits that level off if no other branch of the walk has done it. */
static void split_level(struct walk *walk, unsigned depth)
{
    if (walk->n_levels > depth)
        return;
    struct level *level = &walk->levels[walk->n_levels++];
    level->text = walk->rest;
    level->len = level_length(walk->rest, (size_t)(walk->end - walk->rest));
    level->hash = 0;
    const char *behind = level->text + level->len;
    walk->rest = behind < walk->end ? behind + 1 : NULL;
}

static void push(struct walk *walk, const struct trie_node *node, unsigned depth)
{
    walk->stack[walk->n_stack++] = (struct place){node, depth};
}

static const struct trie_node *find_level(const struct trie_table *table, const struct trie_node *node,
                                          struct level *level)
{
    const struct trie_node *only = node->only; /* saves hash and probe on most upper levels */
    if (only)
        return only->len == level->len && memcmp(only->text, level->text, level->len) == 0 ? only : NULL;
    if (level->hash == 0)
        level->hash = trie_text_hash(table, level->text, level->len);
    if ((node->literal_bits & trie_text_bit(level->hash)) == 0)
        return NULL;
    return trie_table_find(table, trie_child_key(table, node, level->hash), node, level->text, level->len);
}

static void push_literal(struct walk *walk, const struct trie_node *node, unsigned depth)
{
    const struct trie_node *child = find_level(&walk->trie->wild_table, node, &walk->levels[depth]);
    if (child)
        push(walk, child, depth + 1);
}

static bool has_children(const struct trie_node *node)
{
    return node->plus || node->literals > 0;
}

/* False: the callback wants no more. */
static bool visit(struct walk *walk, struct place at)
{
    if (at.node->hash && !tell(walk, at.node->hash))
        return false;
    if (!has_level(walk, at.depth))
        return tell(walk, at.node);
    if (!has_children(at.node))
        return true;
    split_level(walk, at.depth);
    if (at.node->plus)
        push(walk, at.node->plus, at.depth + 1);
    if (at.node->literals > 0)
        push_literal(walk, at.node, at.depth);
    return true;
}

/* The first level apart: a wildcard there does not match a system topic. */
static bool walk_wild(struct walk *walk, bool is_system)
{
    const struct trie_node *top = walk->trie->wild;
    if (!is_system) {
        push(walk, top, 0);
    } else if (top->literals > 0) {
        split_level(walk, 0);
        push_literal(walk, top, 0);
    }
    while (walk->n_stack > 0) {
        if (!visit(walk, walk->stack[--walk->n_stack]))
            return false;
    }
    return true;
}

void trie_match(const struct trie *trie, const char *topic, size_t len, trie_match_fn *fn, void *user)
{
    const struct trie_table *exact = &trie->exact_table;
    uint64_t key = trie_child_key(exact, trie->exact, trie_text_hash(exact, topic, len));
    trie_table_prefetch(exact, key);
    struct walk walk; /* its arrays are written before they are read: clearing them would cost more than the walk */
    walk.trie = trie;
    walk.rest = topic;
    walk.end = topic + len;
    walk.fn = fn;
    walk.user = user;
    walk.n_levels = 0;
    walk.n_stack = 0;
    if (!walk_wild(&walk, topic_is_system(topic, len)))
        return;
    const struct trie_node *node = trie_table_find(exact, key, trie->exact, topic, len);
    if (node)
        tell(&walk, node);
}

struct collected {
    uint32_t *out;
    size_t n;
    size_t max;
    bool is_full;
};

static bool collect(void *user, uint32_t subscriber)
{
    struct collected *c = user;
    if (c->n == c->max) {
        c->is_full = true;
        return false;
    }
    c->out[c->n++] = subscriber;
    return true;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Returns how many different ones there are. */
static size_t sort_unique(uint32_t *out, size_t n)
{
    if (n < 2)
        return n;
    qsort(out, n, sizeof *out, compare);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++) {
        if (out[i] != out[kept - 1])
            out[kept++] = out[i];
    }
    return kept;
}

enum mr_rc trie_collect(const struct trie *trie, const char *topic, size_t len, uint32_t *out, size_t max,
                        size_t *ret_n)
{
    struct collected c = {.out = out, .max = max};
    trie_match(trie, topic, len, collect, &c);
    if (c.is_full)
        return MR_TOO_BIG;
    *ret_n = sort_unique(out, c.n);
    return MR_OK;
}

static bool note_one(void *user, uint32_t subscriber)
{
    (void)subscriber;
    *(bool *)user = true;
    return false;
}

bool trie_matches_any(const struct trie *trie, const char *topic, size_t len)
{
    bool any = false;
    trie_match(trie, topic, len, note_one, &any);
    return any;
}

uint64_t trie_epoch(const struct trie *trie)
{
    return trie->epoch;
}

size_t trie_entries(const struct trie *trie)
{
    return trie->entries;
}

size_t trie_bytes(const struct trie *trie)
{
    return trie->memory.used_bytes;
}
