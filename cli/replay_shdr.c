/* replay_shdr.c - an MTConnect SHDR file as a source of records: what its keys are is said by the device model. How data
 * items, conditions and assets become tags: docs/replay.md. */
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/replay.h"
#include "cli/replay_model.h"
#include "cli/replay_shdr_value.h"
#include "cli/report.h"
#include "proto/limits.h"

enum { ASSET_MAX_BYTES = SHAPE_TEXT_MAX /* of its text: the largest transfer */ };

struct key {
    char *text;
    enum shape shape;
    uint32_t tag; /* NO_TAG: its topic cannot be */
};

struct asset {
    char *id, *type;
    uint32_t tag;
    bool is_there; /* published, and not removed since */
};

enum { NO_TAG = UINT32_MAX };

struct shdr_source {
    struct replay_source base;
    struct model *model;
    uint32_t device;
    struct map keys;   /* text → struct key, owned */
    struct map assets; /* id → struct asset, owned */
    struct shdr_line line;
    size_t at;              /* the next field of line */
    bool is_clearing;       /* "@REMOVE_ALL_ASSETS@": the walk below goes on */
    uint32_t clear_next;    /* cursor of the walk over assets */
    struct shape_room room; /* what the current value's bytes point into */
};

/* -- keys -- */
/* Values are published as the adapter sends them, which is in the native unit where there is one. */
static enum mr_rc add_key_tag(struct shdr_source *s, struct key *key, const struct model_item *item, struct err *err)
{
    char topic[TOPIC_MAX_BYTES + 1], description[256];
    replay_topic_level(key->text, topic, sizeof topic);
    struct replay_tag tag = {.topic = topic, .type = shape_type(key->shape)};
    if (item) {
        snprintf(description, sizeof description, "%.100s%s%.100s", item->type, *item->sub_type ? ", " : "",
                 item->sub_type);
        tag.description = description;
        tag.unit = *item->native_units ? item->native_units : item->units;
    }
    return replay_add_tag(&s->base, &tag, &key->tag, err);
}

static void free_key(struct key *key)
{
    if (key)
        mem_free(key->text);
    mem_free(key);
}

/* "OKUMA:Xpos" is the Xpos of the device OKUMA. */
static const char *without_device(const struct shdr_source *s, const char *key)
{
    const char *name = model_name(s->model, s->device);
    size_t len = strlen(name);
    return len && strncmp(key, name, len) == 0 && key[len] == ':' ? key + len + 1 : key;
}

static enum mr_rc make_key(struct shdr_source *s, const char *text, struct key **ret, struct err *err)
{
    struct err why = {{0}};
    const struct model_item *item = model_item(s->model, s->device, text);
    struct key *key = mem_alloc(sizeof *key);
    if (!key)
        return MR_NO_MEMORY;
    *key = (struct key){.text = mem_strndup(text, strlen(text)), .tag = NO_TAG};
    key->shape = item ? shape_of(item) : SHAPE_TEXT;
    enum mr_rc rc = key->text ? add_key_tag(s, key, item, &why) : MR_NO_MEMORY;
    if (rc == MR_INVALID)
        replay_wrong(&s->base, "key '%s': %s", text, why.text);
    else if (rc == MR_OK && !item)
        report_note("%s:%llu: the device model has no data item '%s' for '%s'; it is published as text",
                    lines_name(s->base.lines), (unsigned long long)lines_number(s->base.lines), text,
                    model_name(s->model, s->device));
    if (rc == MR_OK || rc == MR_INVALID)
        rc = map_put(&s->keys, key->text, strlen(key->text), key, NULL);
    if (rc) {
        err_set(err, "%s", *why.text ? why.text : "too many keys, or no memory");
        free_key(key);
        return rc;
    }
    *ret = key;
    return MR_OK;
}

/* The record of a key and its fields. MR_WOULD_BLOCK: none, told or counted. */
static enum mr_rc take_value(struct shdr_source *s, const struct key *key, const struct shdr_field *fields, size_t n,
                             struct replay_record *ret)
{
    struct err err = {{0}};
    if (key->tag == NO_TAG)
        return MR_WOULD_BLOCK;
    *ret = (struct replay_record){.tag = key->tag, .source_us = s->line.time_us, .is_paced = true};
    if (shape_is_unavailable(key->shape, fields, n)) {
        ret->kind = REPLAY_STATUS;
        ret->status = MR_STATUS_BAD_NO_COMMUNICATION;
        return MR_OK;
    }
    if (shape_is_empty(key->shape, fields, n)) {
        s->base.tally.empty++;
        return MR_WOULD_BLOCK;
    }
    enum mr_rc rc = shape_read(&s->room, key->shape, fields, n, &ret->value, &ret->status, &err);
    if (rc == MR_OK || rc == MR_NO_MEMORY)
        return rc;
    replay_wrong(&s->base, "key '%s': %s", key->text, err.text);
    return MR_WOULD_BLOCK;
}

/* The next key of the line with its fields. Results as take_value(). */
static enum mr_rc take_item(struct shdr_source *s, struct replay_record *ret, struct err *err)
{
    const struct shdr_field *name = &s->line.fields[s->at++];
    const char *text = without_device(s, name->text);
    size_t left = s->line.n - s->at;
    struct key *key = map_get(&s->keys, text, strlen(text));
    if (*text == '\0' || left == 0) {
        replay_wrong(&s->base, *text ? "key '%s' has no value" : "a value has no key%s", text);
        s->at += left ? 1 : 0;
        return MR_WOULD_BLOCK;
    }
    enum mr_rc rc = key ? MR_OK : make_key(s, text, &key, err);
    if (rc)
        return rc;
    size_t want = shape_fields(key->shape);
    size_t n = want < left ? want : left;
    const struct shdr_field *fields = &s->line.fields[s->at];
    s->at += n;
    if (n < want && key->shape != SHAPE_CONDITION) {
        replay_wrong(&s->base, "key '%s' has %zu fields, not %zu", text, n, want);
        return MR_WOULD_BLOCK;
    }
    return take_value(s, key, fields, n, ret);
}

/* -- assets -- */
static void free_asset(struct asset *asset)
{
    if (asset) {
        mem_free(asset->id);
        mem_free(asset->type);
    }
    mem_free(asset);
}

static enum mr_rc make_asset(struct shdr_source *s, const char *id, const char *type, struct asset **ret,
                             struct err *err)
{
    char topic[TOPIC_MAX_BYTES + 1] = "assets/", description[200];
    replay_topic_level(id, topic + strlen(topic), sizeof topic - strlen(topic));
    text_escape(description, sizeof description, type, strlen(type));
    struct asset *asset = mem_alloc(sizeof *asset);
    if (!asset)
        return MR_NO_MEMORY;
    *asset = (struct asset){.id = mem_strndup(id, strlen(id)), .type = mem_strndup(type, strlen(type))};
    enum mr_rc rc = asset->id && asset->type ? MR_OK : MR_NO_MEMORY;
    struct replay_tag tag = {.topic = topic, .description = description, .type = MR_BYTES};
    if (!rc)
        rc = replay_add_tag(&s->base, &tag, &asset->tag, err);
    if (!rc)
        rc = map_put(&s->assets, asset->id, strlen(asset->id), asset, NULL);
    if (rc)
        free_asset(asset);
    else
        *ret = asset;
    return rc;
}

/* Adds a line to the asset's text unless it, or what came before, is too much. *bytes counts all. */
static enum mr_rc add_asset_line(struct shdr_source *s, const char *line, size_t len, size_t *bytes)
{
    *bytes += len + 1;
    if (*bytes > ASSET_MAX_BYTES)
        return MR_OK;
    enum mr_rc rc = s->room.text.len ? buf_append_u8(&s->room.text, '\n') : MR_OK;
    return rc ? rc : buf_append(&s->room.text, line, len);
}

/* Gathers the lines up to the one that ends the asset. MR_INVALID: wrong, in words, and skipped. */
static enum mr_rc gather(struct shdr_source *s, const char *end, struct err *err)
{
    char *line, mark[SHDR_MARK_MAX + 1];
    size_t len, bytes = 0;
    enum mr_rc rc;
    snprintf(mark, sizeof mark, "%s", end); /* the line it stands in is given back by the next call */
    if (strlen(end) > SHDR_MARK_MAX) {
        err_set(err, "what ends an asset has at most %d bytes, not %zu", SHDR_MARK_MAX, strlen(end));
        return MR_INVALID;
    }
    buf_clear(&s->room.text);
    do {
        rc = lines_next(s->base.lines, &line, &len, err);
        if (rc == MR_NOT_FOUND) {
            err_set(err, "the asset is not ended by '%s'", mark);
            return MR_INVALID;
        }
        if (rc == MR_OK && strcmp(line, mark) == 0)
            break;
        if (rc == MR_OK)
            rc = add_asset_line(s, line, len, &bytes);
        else if (rc == MR_TOO_BIG)
            rc = add_asset_line(s, "", ASSET_MAX_BYTES, &bytes);
    } while (rc == MR_OK);
    if (rc == MR_OK && bytes > ASSET_MAX_BYTES) {
        err_set(err, "an asset has at most %d bytes", ASSET_MAX_BYTES);
        return MR_INVALID;
    }
    return rc;
}

static enum mr_rc asset_text(struct shdr_source *s, struct err *err)
{
    const char *end = shdr_end_of_asset(&s->line);
    if (end)
        return gather(s, end, err);
    buf_clear(&s->room.text);
    return buf_append(&s->room.text, s->line.fields[2].text, s->line.fields[2].len);
}

/* "@ASSET@": makes it where it is new, and gathers its text. */
static enum mr_rc read_asset(struct shdr_source *s, struct asset **ret, struct err *err)
{
    const char *id = s->line.fields[0].text;
    struct asset *asset = map_get(&s->assets, id, strlen(id));
    enum mr_rc rc = asset ? MR_OK : make_asset(s, id, s->line.fields[1].text, &asset, err);
    struct err unread = {{0}};
    if (!rc)
        rc = asset_text(s, err);
    else if (rc == MR_INVALID && asset_text(s, &unread) == MR_NO_MEMORY) /* its lines are no data */
        rc = MR_NO_MEMORY;
    if (!rc)
        *ret = asset;
    return rc;
}

/* Results as take_value(). */
static enum mr_rc take_asset(struct shdr_source *s, struct replay_record *ret, struct err *err)
{
    struct asset *asset;
    enum mr_rc rc = read_asset(s, &asset, err);
    if (rc == MR_INVALID) {
        replay_wrong(&s->base, "%s", err->text);
        return MR_WOULD_BLOCK;
    }
    if (rc)
        return rc;
    asset->is_there = true;
    *ret = (struct replay_record){.tag = asset->tag, .kind = REPLAY_VALUE, .source_us = s->line.time_us};
    ret->value.type = MR_BYTES;
    ret->value.len = (uint32_t)s->room.text.len;
    ret->value.as.ptr = s->room.text.len ? (const void *)s->room.text.data : "";
    return MR_OK;
}

/* "@REMOVE_ASSET@". MR_WOULD_BLOCK: it is not there. */
static enum mr_rc take_removal(struct shdr_source *s, struct replay_record *ret)
{
    const char *id = s->line.fields[0].text;
    struct asset *asset = map_get(&s->assets, id, strlen(id));
    if (!asset || !asset->is_there) {
        s->base.tally.ignored++;
        return MR_WOULD_BLOCK;
    }
    asset->is_there = false;
    *ret = (struct replay_record){.tag = asset->tag, .kind = REPLAY_CLEAR, .source_us = s->line.time_us};
    return MR_OK;
}

/* One step of "@REMOVE_ALL_ASSETS@": the next asset of the type that is there. */
static enum mr_rc take_clear(struct shdr_source *s, struct replay_record *ret)
{
    const char *type = s->line.n ? s->line.fields[0].text : "";
    struct asset *asset;
    while ((asset = map_next(&s->assets, &s->clear_next))) {
        if (!asset->is_there || (*type && strcmp(type, asset->type) != 0))
            continue;
        asset->is_there = false;
        *ret = (struct replay_record){.tag = asset->tag, .kind = REPLAY_CLEAR, .source_us = s->line.time_us};
        return MR_OK;
    }
    s->is_clearing = false;
    s->at = s->line.n;
    return MR_WOULD_BLOCK;
}

/* -- lines -- */
/* The next line. MR_WOULD_BLOCK: it holds nothing to take, or is wrong. */
static enum mr_rc read_line(struct shdr_source *s, struct err *err)
{
    char *text;
    size_t len;
    struct err why;
    s->at = s->line.n = 0;
    enum mr_rc rc = lines_next(s->base.lines, &text, &len, err);
    if (rc == MR_TOO_BIG) {
        replay_wrong(&s->base, "the line is longer than %d bytes", LINES_MAX_BYTES);
        return MR_WOULD_BLOCK;
    }
    if (rc)
        return rc;
    if (shdr_parse(text, len, &s->line, &why)) {
        s->line.n = 0;
        replay_wrong(&s->base, "%s", why.text);
        return MR_WOULD_BLOCK;
    }
    s->base.tally.ignored += s->line.kind == SHDR_COMMAND;
    if (s->line.kind == SHDR_UNKNOWN)
        replay_wrong(&s->base, "this kind of line is not known");
    return MR_OK;
}

static enum mr_rc step(struct shdr_source *s, struct replay_record *ret, struct err *err)
{
    if (s->is_clearing)
        return take_clear(s, ret);
    if (s->at < s->line.n && s->line.kind == SHDR_DATA)
        return take_item(s, ret, err);
    enum mr_rc rc = read_line(s, err);
    if (rc)
        return rc;
    if (s->line.kind == SHDR_ASSET)
        return take_asset(s, ret, err);
    if (s->line.kind == SHDR_REMOVE_ASSET)
        return take_removal(s, ret);
    s->is_clearing = s->line.kind == SHDR_REMOVE_ALL_ASSETS;
    s->clear_next = 0;
    return MR_WOULD_BLOCK;
}

static enum mr_rc shdr_next(struct replay_source *source, struct replay_record *ret, struct err *err)
{
    struct shdr_source *s = container_of(source, struct shdr_source, base);
    enum mr_rc rc;
    do {
        rc = step(s, ret, err);
    } while (rc == MR_WOULD_BLOCK);
    return rc;
}

/* -- opening -- */
static void shdr_free(struct replay_source *source)
{
    struct shdr_source *s = container_of(source, struct shdr_source, base);
    uint32_t cursor = 0;
    for (struct key *key; (key = map_next(&s->keys, &cursor));)
        free_key(key);
    cursor = 0;
    for (struct asset *asset; (asset = map_next(&s->assets, &cursor));)
        free_asset(asset);
    map_fini(&s->keys);
    map_fini(&s->assets);
    shape_room_fini(&s->room);
    model_free(s->model);
    replay_source_fini(&s->base);
    mem_free(s);
}

static const struct replay_format shdr_format = {.next = shdr_next, .free = shdr_free};

static enum mr_rc choose_device(struct shdr_source *s, const char *units, const char *device, struct err *err)
{
    enum mr_rc rc = model_find(s->model, device, &s->device, err);
    if (rc)
        err_wrap(err, "%s", units);
    else if (!device && model_count(s->model) > 1)
        report_note("%s has %zu devices; taken is the first, '%s' (--device says another)", units,
                    model_count(s->model), model_name(s->model, s->device));
    return rc;
}

enum mr_rc replay_shdr_open(const char *path, const char *units, const char *device, struct replay_source **ret,
                            struct err *err)
{
    static const struct hash_key seed; /* the file is the user's own */
    struct lines *lines = NULL;
    struct shdr_source *s = mem_calloc(1, sizeof *s);
    if (!s)
        return MR_NO_MEMORY;
    enum mr_rc rc = lines_open(path, &lines, err);
    replay_source_init(&s->base, &shdr_format, lines);
    map_init(&s->keys, REPLAY_TAGS_MAX, &seed);
    map_init(&s->assets, REPLAY_TAGS_MAX, &seed);
    if (!rc)
        rc = shape_room_init(&s->room);
    if (!rc)
        rc = model_load(units, &s->model, err);
    if (!rc)
        rc = choose_device(s, units, device, err);
    if (rc)
        shdr_free(&s->base);
    else
        *ret = &s->base;
    return rc;
}
