/* values.c - see values.h. */
#include "cli/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "cli/show.h"
#include "cli/table.h"

struct entry {
    const struct mr_msg *msg; /* kept; NULL: cleared */
    size_t key_len;
    char key[]; /* topic, NUL, identity */
};

struct values {
    struct map entries;
    size_t n; /* that are not cleared */
};

enum mr_rc values_new(struct values **ret)
{
    struct hash_key seed = {0};
    struct values *v = mem_calloc(1, sizeof *v);
    if (!v)
        return MR_NO_MEMORY;
    if (rand_system())
        rand_system()->fill(rand_system()->user, &seed, sizeof seed);
    map_init(&v->entries, MAP_MAX_ENTRIES, &seed);
    *ret = v;
    return MR_OK;
}

void values_free(struct values *values)
{
    uint32_t cursor = 0;
    if (!values)
        return;
    for (struct entry *e; (e = map_next(&values->entries, &cursor));) {
        mr_unref(e->msg);
        mem_free(e);
    }
    map_fini(&values->entries);
    mem_free(values);
}

/* "press-07" of "press-07/logger": a slot is an identity's. */
static size_t identity_len(const struct mr_msg *msg)
{
    return msg->publisher ? strcspn(msg->publisher, "/") : 0;
}

static enum mr_rc find_or_add(struct values *v, const struct mr_msg *msg, struct entry **ret)
{
    size_t topic = strlen(msg->topic) + 1;
    size_t identity = identity_len(msg);
    struct entry *e = mem_alloc(sizeof *e + topic + identity);
    if (!e)
        return MR_NO_MEMORY;
    e->msg = NULL;
    e->key_len = topic + identity;
    memcpy(e->key, msg->topic, topic);
    if (identity)
        memcpy(e->key + topic, msg->publisher, identity);
    *ret = map_get(&v->entries, e->key, e->key_len);
    enum mr_rc rc = *ret ? MR_OK : map_put(&v->entries, e->key, e->key_len, e, NULL);
    if (*ret || rc)
        mem_free(e);
    else
        *ret = e;
    return rc;
}

static void set(struct values *v, struct entry *e, const struct mr_msg *kept)
{
    v->n += kept != NULL;
    v->n -= e->msg != NULL;
    mr_unref(e->msg);
    e->msg = kept;
}

/* Whoever may clear a topic clears what all have said. */
static void clear(struct values *v, const char *topic)
{
    uint32_t cursor = 0;
    for (struct entry *e; (e = map_next(&v->entries, &cursor));)
        if (strcmp(e->key, topic) == 0)
            set(v, e, NULL);
}

enum mr_rc values_put(struct values *values, const struct mr_msg *msg)
{
    struct entry *e;
    if (msg->flags & MR_CLEAR) {
        clear(values, msg->topic);
        return MR_OK;
    }
    enum mr_rc rc = find_or_add(values, msg, &e);
    if (rc)
        return rc;
    const struct mr_msg *kept = mr_ref(msg);
    if (!kept)
        return MR_NO_MEMORY;
    set(values, e, kept);
    return MR_OK;
}

size_t values_count(const struct values *values)
{
    return values->n;
}

int values_compare(const struct mr_msg *a, const struct mr_msg *b)
{
    int by_topic = strcmp(a->topic, b->topic);
    int by_life = !!(a->flags & MR_STALE) - !!(b->flags & MR_STALE);
    if (by_topic)
        return by_topic;
    if (by_life)
        return by_life;
    if (a->broker_us != b->broker_us)
        return a->broker_us > b->broker_us ? -1 : 1;
    return strcmp(a->publisher ? a->publisher : "", b->publisher ? b->publisher : "");
}

static int compare(const void *a, const void *b)
{
    return values_compare(*(const struct mr_msg *const *)a, *(const struct mr_msg *const *)b);
}

/* All messages in order; *ret_n of them. The caller owns the array. NULL: no memory. */
static const struct mr_msg **sorted(const struct values *v, size_t *ret_n)
{
    uint32_t cursor = 0;
    size_t n = 0;
    const struct mr_msg **all = mem_calloc(v->n + 1, sizeof *all);
    if (!all)
        return NULL;
    for (const struct entry *e; (e = map_next(&v->entries, &cursor));)
        if (e->msg)
            all[n++] = e->msg;
    qsort(all, n, sizeof *all, compare);
    *ret_n = n;
    return all;
}

static enum mr_rc add_row(struct table *table, const struct mr_msg *msg, int64_t now_us)
{
    char value[SHOW_VALUE_SIZE], quality[SHOW_QUALITY_SIZE], age[SHOW_AGE_SIZE];
    show_value(value, &msg->value);
    show_quality(quality, msg);
    show_age(age, msg, now_us);
    const char *cells[TABLE_COLUMNS] = {msg->topic, value, show_unit(mr_msg_def(msg)), quality, age, msg->publisher};
    return table_add(table, show_colour(msg), cells);
}

static bool is_shown(const struct mr_msg *const *all, size_t i, bool all_publishers)
{
    return all_publishers || i == 0 || strcmp(all[i]->topic, all[i - 1]->topic) != 0;
}

static enum mr_rc print_table(const struct mr_msg *const *all, size_t n, bool all_publishers, int64_t now_us,
                              const struct terminal *terminal)
{
    static const char *const titles[] = {"TOPIC", "VALUE", "UNIT", "QUALITY", "AGE", "PUBLISHER"};
    struct table *table;
    enum mr_rc rc = table_new(titles, all_publishers ? 6 : 5, &table);
    if (rc)
        return rc;
    for (size_t i = 0; i < n && !rc; i++)
        if (is_shown(all, i, all_publishers))
            rc = add_row(table, all[i], now_us);
    if (!rc)
        table_print(table, terminal);
    table_free(table);
    return rc;
}

enum mr_rc values_print(const struct values *values, enum values_form form, bool all_publishers, int64_t now_us,
                        const struct terminal *terminal)
{
    size_t n = 0;
    enum mr_rc rc = MR_OK;
    const struct mr_msg **all = sorted(values, &n);
    if (!all)
        return MR_NO_MEMORY;
    if (form == VALUES_TABLE)
        rc = print_table(all, n, all_publishers, now_us, terminal);
    for (size_t i = 0; form == VALUES_JSON && i < n; i++)
        if (is_shown(all, i, all_publishers))
            show_json(terminal->out, all[i], mr_msg_def(all[i]));
    mem_free(all);
    return rc;
}
