/* tag.c - tags: typed values with unit, quality and a promise to be refreshed. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "proto/unit.h"
#include "proto/value.h"
#include "sdk/bus_private.h"

enum { DESCRIPTION_MAX = 256, ROW_MAX = 1024, ROW_ON_STACK = 64 };

/* -- opening -- */
static enum mr_rc check_numbers(const struct mr_tag_def *def)
{
    if (def->type == MR_NO_VALUE ? false : !value_type_carried(def->type))
        return reason_set(MR_INVALID, "mr_tag_def.type %u is no type this version carries", def->type);
    if (!(def->low <= def->high) || isinf(def->low) || isinf(def->high))
        return reason_set(MR_INVALID, "mr_tag_def.low must not be above .high");
    if (!(def->deadband >= 0) || isinf(def->deadband))
        return reason_set(MR_INVALID, "mr_tag_def.deadband must be 0 or more");
    return MR_OK;
}

static enum mr_rc check_def(const struct mr_tag_def *def, char unit[UNIT_MAX_BYTES + 1])
{
    if (!def || def->size != sizeof *def)
        return reason_set(MR_INVALID, "mr_tag_def.size is not sizeof(struct mr_tag_def)");
    enum mr_rc rc = topic_check_text(def->topic, false);
    if (!rc)
        rc = check_numbers(def);
    if (rc)
        return rc;
    if (def->description && strlen(def->description) > DESCRIPTION_MAX)
        return reason_set(MR_TOO_BIG, "mr_tag_def.description is longer than %d bytes", DESCRIPTION_MAX);
    unit[0] = '\0';
    if (!def->unit || !*def->unit)
        return MR_OK;
    switch (unit_normalise(def->unit, strlen(def->unit), unit)) {
    case UNIT_TOO_LONG:
        return reason_set(MR_TOO_BIG, "mr_tag_def.unit is longer than %d bytes", UNIT_MAX_BYTES);
    case UNIT_NOT_TEXT:
        return reason_set(MR_INVALID, "mr_tag_def.unit is not text");
    default:
        return MR_OK;
    }
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static char *copy_text(struct mr_bus *b, const char *text)
{
    char *copy = budget_alloc(&b->budget, strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

static void free_tag(struct mr_tag *tag)
{
    struct mr_bus *b = tag->bus;
    list_remove(&tag->in_bus);
    budget_free(&b->budget, tag->unit, text_size(tag->unit));
    budget_free(&b->budget, tag->description, text_size(tag->description));
    budget_free(&b->budget, tag->bytes, tag->bytes_size);
    budget_free(&b->budget, tag, sizeof *tag);
}

static struct mr_tag *new_tag(struct mr_bus *b, const struct mr_tag_def *def, const char *unit)
{
    struct mr_tag *tag = budget_alloc(&b->budget, sizeof *tag);
    if (!tag)
        return NULL;
    tag->bus = b;
    list_init(&tag->in_bus);
    tag->unit = copy_text(b, unit);
    tag->description = copy_text(b, def->description ? def->description : "");
    if (!tag->unit || !tag->description) {
        free_tag(tag);
        return NULL;
    }
    bool has_range = def->low < def->high;
    tag->def = (struct session_tag){.type = def->type ? def->type : MR_F64,
                                    .stale_ms = def->stale_ms,
                                    .unit = tag->unit,
                                    .description = tag->description,
                                    .low = has_range ? def->low : (double)NAN,
                                    .high = has_range ? def->high : (double)NAN,
                                    .deadband = def->deadband};
    return tag;
}

enum mr_rc mr_tag_open(struct mr_bus *b, struct mr_device *device, const struct mr_tag_def *def, struct mr_tag **ret)
{
    char unit[UNIT_MAX_BYTES + 1];
    enum mr_rc rc = bus_enter(b);
    if (!rc)
        rc = check_def(def, unit);
    if (!rc && !ret)
        rc = reason_set(MR_INVALID, "ret must not be NULL");
    if (rc)
        return rc;
    struct topic *topic = topic_find(b, def->topic);
    if (topic && topic->tag)
        return reason_set(MR_INVALID, "this handle has opened the tag '%s' already", def->topic);
    if (topic && (rc = topic_verdict(topic)))
        return rc;
    struct mr_tag *tag = new_tag(b, def, unit);
    if (!tag)
        return reason_plain(MR_NO_MEMORY);
    rc = topic_use(b, def->topic, &tag->topic);
    if (rc) {
        free_tag(tag);
        return rc;
    }
    tag->device = device;
    tag->topic->tag = tag;
    list_push_back(&b->tags, &tag->in_bus);
    topic_ask(tag->topic);
    *ret = tag;
    return MR_OK;
}

/* -- writing -- */
enum mr_rc tag_check(const struct mr_tag *tag, const struct mr_value *v)
{
    struct err err;
    if (v && v->type != tag->def.type)
        return reason_set(MR_INVALID, "the tag '%s' has values of type %u, not %u", tag->topic->text, tag->def.type,
                          v->type);
    enum mr_rc rc = v ? value_check(v, &err) : MR_OK;
    if (rc)
        return reason_set(rc, "the value for '%s': %s", tag->topic->text, err.text);
    return topic_verdict(tag->topic);
}

/* Room for the bytes of the last value, so that remembering it cannot fail. */
static enum mr_rc reserve(struct mr_tag *tag, const struct mr_value *v)
{
    struct mr_bus *b = tag->bus;
    size_t size = v && value_has_bytes(v->type) ? v->len : 0;
    if (size <= tag->bytes_size)
        return MR_OK;
    void *bytes = budget_alloc(&b->budget, size);
    if (!bytes)
        return agent_no_room(b);
    if (tag->has_last && tag->last.len) {
        memcpy(bytes, tag->last.as.ptr, tag->last.len);
        tag->last.as.ptr = bytes;
    }
    budget_free(&b->budget, tag->bytes, tag->bytes_size);
    tag->bytes = bytes;
    tag->bytes_size = size;
    return MR_OK;
}

static void remember(struct mr_tag *tag, const struct mr_value *v, uint32_t status, int64_t source_us)
{
    tag->last_status = status;
    if (!v)
        return;
    tag->last = *v;
    tag->has_last = true;
    tag->last_us = source_us;
    if (!value_has_bytes(v->type))
        return;
    if (v->len)
        memcpy(tag->bytes, v->as.ptr, v->len);
    tag->last.as.ptr = v->len ? tag->bytes : "";
}

/* What goes on the wire is always whole: without a value the last one, with its own source time. */
static struct out_record record_of(struct mr_tag *tag, const struct mr_value *v, uint32_t status, int64_t source_us)
{
    struct out_record r = {.topic = tag->topic,
                           .device = tag->device,
                           .value = v,
                           .status = status,
                           .flags = MR_KEEP,
                           .source_us = source_us ? source_us : MR_NO_TIME};
    if (!v) {
        r.value = tag->has_last ? &tag->last : NULL;
        r.source_us = tag->has_last ? tag->last_us : MR_NO_TIME;
    }
    return r;
}

static enum mr_rc prepare(struct mr_tag *tag, const struct mr_value *v)
{
    enum mr_rc rc = reserve(tag, v);
    return !rc && tag->device && tag->device->is_lost ? device_revive(tag->device) : rc;
}

enum mr_rc tag_write_now(struct mr_tag *tag, const struct mr_value *v, uint32_t status, int64_t source_us)
{
    enum mr_rc rc = tag_check(tag, v);
    if (!rc)
        rc = prepare(tag, v);
    if (rc)
        return rc;
    const struct out_record r = record_of(tag, v, status, source_us);
    tag->topic->uses++;
    rc = outbox_put(tag->bus, &r);
    if (rc)
        topic_release(tag->topic);
    else
        remember(tag, v, status, r.source_us);
    return rc;
}

/* `records` has room for all of them. */
static enum mr_rc put_row(struct mr_tag *const *tags, const struct mr_value *v, size_t n, int64_t source_us,
                          struct out_record *records)
{
    for (size_t i = 0; i < n; i++) {
        records[i] = record_of(tags[i], &v[i], MR_STATUS_GOOD, source_us);
        tags[i]->topic->uses++;
    }
    enum mr_rc rc = outbox_put_row(tags[0]->bus, records, n);
    for (size_t i = 0; i < n; i++) {
        if (rc)
            topic_release(tags[i]->topic);
        else
            remember(tags[i], &v[i], MR_STATUS_GOOD, records[i].source_us);
    }
    return rc;
}

enum mr_rc tag_write_row_now(struct mr_tag *const *tags, const struct mr_value *v, size_t n, int64_t source_us)
{
    struct mr_bus *b = tags[0]->bus;
    struct out_record few[ROW_ON_STACK];
    enum mr_rc rc = MR_OK;
    for (size_t i = 0; i < n && !rc; i++)
        rc = prepare(tags[i], &v[i]);
    if (rc)
        return rc;
    if (n <= ROW_ON_STACK)
        return put_row(tags, v, n, source_us, few);
    struct out_record *many = budget_alloc(&b->budget, n * sizeof *many);
    if (!many)
        return agent_no_room(b);
    rc = put_row(tags, v, n, source_us, many);
    budget_free(&b->budget, many, n * sizeof *many);
    return rc;
}

enum mr_rc mr_tag_write(struct mr_tag *tag, const struct mr_value *v, uint32_t status, int64_t source_us)
{
    if (!tag)
        return reason_set(MR_INVALID, "tag must not be NULL");
    enum mr_rc rc = bus_enter_rt(tag->bus);
    if (rc)
        return rc;
    if (!tag->bus->rt)
        return tag_write_now(tag, v, status, source_us);
    rc = tag_check(tag, v);
    return rc ? rc : realtime_tag(tag, v, status, source_us);
}

static enum mr_rc check_row(struct mr_tag *const *tags, const struct mr_value *v, size_t n)
{
    if (!tags || !v || n < 1 || n > ROW_MAX)
        return reason_set(MR_INVALID, "a row has 1 to %d tags and as many values", ROW_MAX);
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (!tags[i] || tags[i]->bus != tags[0]->bus)
            return reason_set(MR_INVALID, "the tags of a row belong to one handle");
        enum mr_rc rc = tag_check(tags[i], &v[i]);
        if (rc)
            return rc;
        bytes += body_size(MR_STATUS_GOOD, &v[i]);
    }
    if (bytes > VALUE_MAX_BYTES)
        return reason_set(MR_TOO_BIG, "a row may have %d bytes in all, not %zu", VALUE_MAX_BYTES, bytes);
    return MR_OK;
}

enum mr_rc mr_row_write(struct mr_tag *const *tags, const struct mr_value *v, size_t n, int64_t source_us)
{
    enum mr_rc rc = check_row(tags, v, n);
    if (!rc)
        rc = bus_enter_rt(tags[0]->bus);
    if (rc)
        return rc;
    return tags[0]->bus->rt ? realtime_row(tags, v, n, source_us) : tag_write_row_now(tags, v, n, source_us);
}

/* An agent that was started anew holds no last values: without this, a tag written once would be gone until it changes.
 * The record says again what was said, with its own source time. What still waits in the queue comes by itself. */
void tags_begin_anew(struct mr_bus *b)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->tags)
    {
        struct mr_tag *tag = container_of(at, struct mr_tag, in_bus);
        if (!tag->has_last || tag->topic->uses > 1 || (tag->device && tag->device->is_lost))
            continue;
        const struct out_record r = record_of(tag, NULL, tag->last_status, MR_NO_TIME);
        tag->topic->uses++;
        if (outbox_put(b, &r)) /* no room: then much waits that is newer */
            topic_release(tag->topic);
    }
}

/* -- closing -- */
void mr_tag_close(struct mr_tag *tag)
{
    if (!tag || tag->is_closed)
        return;
    struct mr_bus *b = tag->bus;
    if (bus_enter(b) == MR_MISUSE)
        return;
    realtime_drain(b, bus_now_ns(b));
    if (tag->has_last) /* no room: then the end of the session tells */
        (void)!tag_write_now(tag, NULL, MR_STATUS_UNCERTAIN_LAST_USABLE_VALUE, MR_NO_TIME);
    tag->is_closed = true;
    tag->topic->tag = NULL;
    topic_release(tag->topic);
    list_remove(&tag->in_bus);
    list_push_back(&b->closed_tags, &tag->in_bus);
    if (!b->in_dispatch)
        tags_reap(b);
}

static void free_all(struct list *tags)
{
    struct list *at, *after;
    LIST_EACH(at, after, tags)
    free_tag(container_of(at, struct mr_tag, in_bus));
}

void tags_reap(struct mr_bus *b)
{
    if (!b->rt || mpsc_is_empty(b->rt))
        free_all(&b->closed_tags);
}

void tags_free(struct mr_bus *b)
{
    free_all(&b->closed_tags);
    free_all(&b->tags);
}
