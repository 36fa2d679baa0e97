/* topics.c - topics we send to: asked for at every session, judged by the agent, forgotten when long unused. */
#include <string.h>

#include "base/mem.h"
#include "proto/topic.h"
#include "sdk/bus_private.h"

enum { RAW_TOPICS_MAX = 4096 }; /* unused ones that are remembered */

struct reason {
    struct list node;
    size_t size;
    char text[];
};

void topics_init(struct mr_bus *b, const struct hash_key *seed)
{
    map_init(&b->topics, MAP_MAX_ENTRIES, seed);
    map_init(&b->denied, MAP_MAX_ENTRIES, seed);
    map64_init(&b->topic_by_cookie, MAP_MAX_ENTRIES, seed);
    list_init(&b->raw_topics);
    list_init(&b->reasons);
}

enum mr_rc topic_check_text(const char *text, bool is_filter)
{
    const char *rule;
    enum mr_rc rc = mr_topic_check(text, is_filter, &rule);
    return rc ? reason_set(rc, "'%.512s' %s", text ? text : "", rule) : MR_OK;
}

/* -- verdicts -- */
static const char *keep_reason(struct mr_bus *b, enum mr_rc rc, const char *text)
{
    size_t len = strlen(text);
    struct reason *r = len ? budget_alloc(&b->budget, sizeof *r + len + 1) : NULL;
    if (!r)
        return rc_text(rc);
    r->size = sizeof *r + len + 1;
    memcpy(r->text, text, len + 1);
    list_push_back(&b->reasons, &r->node);
    return r->text;
}

/* Refused raw topics are also found by text, by threads that must not touch the tables. */
static void list_denied(struct topic *t, bool is_denied)
{
    struct mr_bus *b = t->bus;
    pthread_mutex_lock(&b->denied_lock);
    if (is_denied)
        (void)!map_put(&b->denied, t->text, t->len, t, NULL); /* without memory the counter alone tells */
    else
        map_remove(&b->denied, t->text, t->len);
    pthread_mutex_unlock(&b->denied_lock);
}

static void set_verdict(struct topic *t, enum mr_rc rc, const char *reason)
{
    const char *old = t->verdict.reason;
    if (rc && (!old || strcmp(old, reason) != 0))
        __atomic_store_n(&t->verdict.reason, keep_reason(t->bus, rc, reason), __ATOMIC_RELAXED);
    if (rc != t->verdict.rc && !t->tag)
        list_denied(t, rc != MR_OK);
    __atomic_store_n(&t->verdict.rc, rc, __ATOMIC_RELEASE);
}

/* The codes a publish may give; what else an agent may have against a topic is a refusal too. */
static enum mr_rc as_refusal(enum mr_rc rc)
{
    return rc == MR_INVALID || rc == MR_TOO_BIG ? rc : MR_DENIED;
}

enum mr_rc topic_verdict(const struct topic *t)
{
    enum mr_rc rc = __atomic_load_n(&t->verdict.rc, __ATOMIC_ACQUIRE);
    return rc ? reason_set(as_refusal(rc), "%s", __atomic_load_n(&t->verdict.reason, __ATOMIC_RELAXED)) : MR_OK;
}

enum mr_rc topic_denied(struct mr_bus *b, const char *text)
{
    pthread_mutex_lock(&b->denied_lock);
    const struct topic *t = map_get(&b->denied, text, strlen(text));
    enum mr_rc rc = t ? topic_verdict(t) : MR_OK;
    pthread_mutex_unlock(&b->denied_lock);
    return rc;
}

/* -- the table -- */
static void forget(struct topic *t)
{
    struct mr_bus *b = t->bus;
    if (t->verdict.rc)
        list_denied(t, false);
    for (size_t i = 0; i < RECENT_TOPICS; i++)
        b->recent_topics[i] = b->recent_topics[i] == t ? NULL : b->recent_topics[i];
    list_remove(&t->in_all);
    b->n_raw_topics--;
    map_remove(&b->topics, t->text, t->len);
    map64_remove(&b->topic_by_cookie, t->cookie);
    budget_free(&b->budget, t, t->size);
}

/* Makes room: the raw topic that was not used for longest goes. */
static bool forget_one(struct mr_bus *b)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->raw_topics)
    {
        struct topic *t = container_of(at, struct topic, in_all);
        if (t->uses == 0) {
            forget(t);
            return true;
        }
    }
    return false;
}

static struct topic *new_topic(struct mr_bus *b, const char *text, size_t len)
{
    size_t size = sizeof(struct topic) + len + 1;
    struct topic *t = budget_alloc(&b->budget, size);
    if (!t)
        return NULL;
    t->bus = b;
    t->size = size;
    t->len = len;
    t->cookie = ++b->next_cookie;
    memcpy(t->text, text, len + 1);
    if (map_put(&b->topics, t->text, len, t, NULL) == MR_OK) {
        if (map64_put(&b->topic_by_cookie, t->cookie, t, NULL) == MR_OK) {
            list_push_back(&b->raw_topics, &t->in_all);
            b->n_raw_topics++;
            return t;
        }
        map_remove(&b->topics, t->text, len);
    }
    budget_free(&b->budget, t, size);
    return NULL;
}

struct topic *topic_find(const struct mr_bus *b, const char *text)
{
    return text ? map_get(&b->topics, text, strlen(text)) : NULL;
}

static struct topic **recent_at(struct mr_bus *b, const char *text)
{
    uintptr_t address = (uintptr_t)text;
    return &b->recent_topics[(address >> 3 ^ address >> 9) % RECENT_TOPICS];
}

static bool is_text(const struct topic *t, const char *text)
{
    return t && text && strcmp(t->text, text) == 0;
}

enum mr_rc topic_use(struct mr_bus *b, const char *text, struct topic **ret)
{
    struct topic **recent = recent_at(b, text);
    struct topic *t = *recent;
    if (!is_text(t, text))
        t = topic_find(b, text);
    if (!t) {
        enum mr_rc rc = topic_check_text(text, false);
        if (rc)
            return rc;
        size_t len = strlen(text);
        if (b->n_raw_topics >= RAW_TOPICS_MAX)
            (void)forget_one(b);
        t = new_topic(b, text, len);
        if (!t && forget_one(b))
            t = new_topic(b, text, len);
        if (!t)
            return reason_plain(MR_NO_MEMORY);
        topic_ask(t);
    }
    t->uses++;
    list_remove(&t->in_all);
    list_push_back(&b->raw_topics, &t->in_all);
    *recent = t;
    *ret = t;
    return MR_OK;
}

void topic_release(struct topic *t)
{
    t->uses--;
}

void topics_fini(struct mr_bus *b)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->raw_topics)
    forget(container_of(at, struct topic, in_all));
    LIST_EACH(at, after, &b->reasons)
    {
        struct reason *r = container_of(at, struct reason, node);
        budget_free(&b->budget, r, r->size);
    }
    map_fini(&b->topics);
    map_fini(&b->denied);
    map64_fini(&b->topic_by_cookie);
}

/* -- towards the agent -- */
void topic_ask(struct topic *t)
{
    struct mr_bus *b = t->bus;
    if (!agent_is_up(b))
        return;
    const struct mr_tag *tag = t->tag;
    const struct session_open open = {.cookie = t->cookie,
                                      .topic = t->text,
                                      .tag = tag ? &tag->def : NULL,
                                      .publisher = tag && tag->device ? tag->device->id : 0};
    agent_must(b, session_open_topic(b->agent.session, &open));
    outbox_flush_soon(b);
}

void topics_begin(struct mr_bus *b)
{
    uint32_t cursor = 0;
    for (struct topic *t; (t = map64_next(&b->topic_by_cookie, &cursor, NULL));)
        topic_ask(t);
}

void topics_end(struct mr_bus *b)
{
    uint32_t cursor = 0;
    for (struct topic *t; (t = map64_next(&b->topic_by_cookie, &cursor, NULL));)
        t->id = 0;
}

static void refuse(struct topic *t, enum mr_rc rc, const char *reason)
{
    set_verdict(t, rc, reason);
    outbox_refuse(t->bus, t, as_refusal(rc));
}

void topics_on_opened(void *user, const struct session_opened *opened)
{
    struct mr_bus *b = user;
    if (opened->cookie == OUTBOX_MARK_COOKIE) {
        outbox_on_marked(b);
        return;
    }
    struct topic *t = map64_get(&b->topic_by_cookie, opened->cookie);
    if (!t ||
        rc_class_of(opened->rc) == RC_RETRY) /* "./" before the agent knows its path: it will end the session then */
        return;
    t->id = opened->id;
    if (opened->rc || !opened->id)
        refuse(t, opened->rc ? opened->rc : MR_INVALID, opened->reason);
    else
        set_verdict(t, MR_OK, "");
    if (!opened->id)
        request_topic_refused(b, t, as_refusal(opened->rc ? opened->rc : MR_INVALID), opened->reason);
}

/* The agent changed its mind, or the rights did. */
void topics_on_error(void *user, enum mr_rc rc, const char *reason, uint32_t topic, uint32_t retry_ms)
{
    struct mr_bus *b = user;
    uint32_t cursor = 0;
    (void)retry_ms;
    for (struct topic *t; topic && rc && (t = map64_next(&b->topic_by_cookie, &cursor, NULL));)
        if (t->id == topic)
            refuse(t, rc, reason);
}
