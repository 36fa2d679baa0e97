/* replay.c - what all formats of recordings have in common: see replay.h. */
#include "cli/replay.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/report.h"
#include "proto/limits.h"
#include "proto/topic.h"
#include "proto/unit.h"

enum { WRONG_SHOWN = 20, WRONG_SIZE = 512 };

void replay_source_init(struct replay_source *source, const struct replay_format *format, struct lines *lines)
{
    static const struct hash_key seed; /* the file is the user's own */
    *source = (struct replay_source){.format = format, .lines = lines};
    map_init(&source->tags.by_topic, REPLAY_TAGS_MAX, &seed);
}

static void free_tag(struct replay_tag *tag)
{
    mem_free(tag->topic);
    mem_free(tag->unit);
    mem_free(tag->description);
}

void replay_source_fini(struct replay_source *source)
{
    for (size_t i = 0; i < source->tags.n; i++)
        free_tag(&source->tags.all[i]);
    mem_free(source->tags.all);
    map_fini(&source->tags.by_topic);
    lines_free(source->lines);
}

enum mr_rc replay_next(struct replay_source *source, struct replay_record *ret, struct err *err)
{
    enum mr_rc rc = source->format->next(source, ret, err);
    if (rc)
        return rc;
    source->tally.values += ret->kind == REPLAY_VALUE;
    source->tally.statuses += ret->kind == REPLAY_STATUS;
    source->tally.clears += ret->kind == REPLAY_CLEAR;
    return MR_OK;
}

void replay_free(struct replay_source *source)
{
    if (source)
        source->format->free(source);
}

void replay_wrong(struct replay_source *source, const char *format, ...)
{
    char words[WRONG_SIZE];
    if (source->tally.wrong++ >= WRONG_SHOWN)
        return;
    va_list list;
    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    report_note("%s:%llu: %s%s", lines_name(source->lines), (unsigned long long)lines_number(source->lines), words,
                source->tally.wrong == WRONG_SHOWN ? " (what else is wrong is only counted)" : "");
}

/* -- tags -- */
static enum mr_rc check_tag(const struct replay_tags *tags, const struct replay_tag *tag, struct err *err)
{
    char unit[UNIT_MAX_BYTES + 1];
    size_t len = strlen(tag->topic);
    enum topic_rule rule = topic_check(tag->topic, len, TOPIC_FULL);
    if (rule != TOPIC_FINE) {
        err_set(err, "'%s' %s", tag->topic, topic_rule_text(rule));
        return MR_INVALID;
    }
    if (map_get(&tags->by_topic, tag->topic, len)) {
        err_set(err, "'%s' would be published twice", tag->topic);
        return MR_INVALID;
    }
    if (tag->description && strlen(tag->description) > REPLAY_DESCRIPTION_MAX) {
        err_set(err, "'%s': a description has at most %d bytes", tag->topic, REPLAY_DESCRIPTION_MAX);
        return MR_INVALID;
    }
    enum unit_kind kind = tag->unit ? unit_normalise(tag->unit, strlen(tag->unit), unit) : UNIT_KNOWN;
    if (kind != UNIT_TOO_LONG && kind != UNIT_NOT_TEXT)
        return MR_OK;
    err_set(err, "'%s': a unit is text of at most %d bytes, not '%s'", tag->topic, UNIT_MAX_BYTES, tag->unit);
    return MR_INVALID;
}

static enum mr_rc grow(struct replay_tags *tags)
{
    if (tags->n < tags->cap)
        return MR_OK;
    size_t cap = tags->cap ? tags->cap * 2 : 64;
    struct replay_tag *all = mem_resize_array(tags->all, cap, sizeof *all);
    if (!all)
        return MR_NO_MEMORY;
    tags->all = all;
    tags->cap = cap;
    return MR_OK;
}

static char *copy(const char *text)
{
    return mem_strndup(text ? text : "", text ? strlen(text) : 0);
}

enum mr_rc replay_add_tag(struct replay_source *source, const struct replay_tag *tag, uint32_t *ret_number,
                          struct err *err)
{
    struct replay_tags *tags = &source->tags;
    enum mr_rc rc = check_tag(tags, tag, err);
    if (!rc)
        rc = grow(tags);
    if (rc)
        return rc;
    struct replay_tag made = {
        .topic = copy(tag->topic), .unit = copy(tag->unit), .description = copy(tag->description), .type = tag->type};
    rc = made.topic && made.unit && made.description ? MR_OK : MR_NO_MEMORY;
    if (!rc)
        rc = map_put(&tags->by_topic, made.topic, strlen(made.topic), made.topic, NULL);
    if (rc) {
        free_tag(&made);
        return rc;
    }
    *ret_number = (uint32_t)tags->n;
    tags->all[tags->n++] = made;
    return MR_OK;
}

/* May a level of a topic hold this character of n bytes? n 0: it is none. */
static bool is_for_topics(const char *at, size_t n, uint32_t code)
{
    bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    return n && !is_control && !(n == 1 && strchr("/+#", *at));
}

void replay_topic_level(const char *name, char *out, size_t size)
{
    size_t at = 0, len = strlen(name), used = 0;
    while (at < len) {
        uint32_t code = 0;
        size_t n = text_decode(name + at, len - at, &code);
        bool is_kept = is_for_topics(name + at, n, code);
        const char *from = is_kept ? name + at : "_";
        size_t bytes = is_kept ? n : 1;
        if (used + bytes >= size)
            break;
        memcpy(out + used, from, bytes);
        used += bytes;
        at += n ? n : 1;
    }
    if (used == 0 && size > 1)
        out[used++] = '_';
    out[used] = '\0';
}
