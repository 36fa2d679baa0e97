/* replay_csv.c - a CSV file as a source of records: a row is one instant, each of its mapped columns a tag. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/io/conf.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/csv.h"
#include "cli/replay.h"
#include "cli/replay_map.h"
#include "proto/limits.h"
#include "proto/value.h"

/* What a column of the file is. */
enum role { ROLE_SKIPPED, ROLE_TIME, ROLE_TAG };

struct column {
    enum role role;
    uint32_t tag, type;
};

struct csv_source {
    struct replay_source base;
    struct replay_map map;
    struct buf text; /* the current record, of one line or more */
    struct csv_field *fields;
    struct column *columns;
    size_t n;        /* columns of the header */
    size_t at;       /* the next column of the current row; n: a new row is due */
    size_t time_at;  /* the column of times */
    uint64_t rows;   /* taken so far, wrong ones too */
    int64_t time_us; /* of the current row */
};

/* -- records -- */
/* Adds a line to the record's text. */
static enum mr_rc add_line(struct csv_source *s, bool is_first, const char *line, size_t len)
{
    enum mr_rc rc = is_first ? MR_OK : buf_append_u8(&s->text, '\n');
    if (!rc)
        rc = buf_append(&s->text, line, len);
    return rc ? rc : buf_reserve(&s->text, 1); /* csv_split() ends the last field */
}

/* A record of several lines that is wrong because a quote in it is not closed: says where it began. The lines it took
 * were rows most likely, so that those after it keep their times. */
static enum mr_rc fail_open_quote(struct csv_source *s, uint64_t first, struct err *err)
{
    s->rows += lines_number(s->base.lines) - first;
    err_set(err, "the record that begins in line %" PRIu64 " has a quote that is not closed", first);
    return MR_INVALID;
}

/* Gathers the lines of one record into text and splits it. MR_NOT_FOUND: the end; MR_INVALID: wrong, in words. */
static enum mr_rc read_record(struct csv_source *s, size_t *ret_n, struct err *err)
{
    char *line;
    size_t len;
    uint64_t first = lines_number(s->base.lines) + 1;
    buf_clear(&s->text);
    do {
        bool is_first = lines_number(s->base.lines) < first;
        enum mr_rc rc = lines_next(s->base.lines, &line, &len, err);
        if (!rc)
            rc = add_line(s, is_first, line, len);
        if (rc == MR_NOT_FOUND && !is_first && lines_number(s->base.lines) == first)
            break; /* csv_split() says which field's */
        if (!is_first && (rc == MR_NOT_FOUND || rc == MR_TOO_BIG))
            return fail_open_quote(s, first, err);
        if (rc == MR_TOO_BIG) {
            err_set(err, "a record has at most %d bytes", CSV_RECORD_MAX - 1);
            return MR_INVALID;
        }
        if (rc)
            return rc;
    } while (!csv_is_whole((const char *)s->text.data, s->text.len, s->map.delimiter));
    return csv_split((char *)s->text.data, s->text.len, s->map.delimiter, s->fields, ret_n, err) ? MR_INVALID : MR_OK;
}

/* Is the row that was read, of n fields, one to take? Its time is then known. Told or counted otherwise. */
static bool is_right(struct csv_source *s, size_t n)
{
    bool is_blank = n == 1 && s->n > 1 && s->fields[0].len == 0;
    int64_t by_rows_us = s->map.start_us + (int64_t)s->rows * s->map.row_us;
    if (is_blank) {
        s->base.tally.ignored++;
        return false;
    }
    s->rows++;
    if (n != s->n) {
        replay_wrong(&s->base, "%zu fields, the header has %zu", n, s->n);
        return false;
    }
    s->time_us = by_rows_us;
    if (!s->map.time_column || replay_time_read(&s->map.time, s->fields[s->time_at].text, &s->time_us) == MR_OK)
        return true;
    replay_wrong(&s->base, "'%.40s' is no time of the form given", s->fields[s->time_at].text);
    return false;
}

/* The next row that is right. */
static enum mr_rc next_row(struct csv_source *s, struct err *err)
{
    for (;;) {
        size_t n;
        enum mr_rc rc = read_record(s, &n, err);
        if (rc == MR_OK && is_right(s, n))
            return MR_OK;
        if (rc == MR_INVALID) {
            s->rows++;
            replay_wrong(&s->base, "%s", err->text);
        } else if (rc) {
            return rc;
        }
    }
}

/* -- values -- */
static struct csv_field trim(struct csv_field field)
{
    for (; field.len && (*field.text == ' ' || *field.text == '\t'); field.text++)
        field.len--;
    while (field.len && (field.text[field.len - 1] == ' ' || field.text[field.len - 1] == '\t'))
        field.len--;
    return field;
}

static bool is_word(const struct csv_field *field, const char *word)
{
    return field->len == strlen(word) && strncasecmp(field->text, word, field->len) == 0;
}

static enum mr_rc read_bool(const struct csv_field *field, struct mr_value *ret, struct err *err)
{
    bool is_true = is_word(field, "true") || is_word(field, "1");
    if (!is_true && !is_word(field, "false") && !is_word(field, "0")) {
        err_set(err, "'%.40s' is not true, false, 1 or 0", field->text);
        return MR_INVALID;
    }
    *ret = (struct mr_value){.type = MR_BOOL, .as.b = is_true};
    return MR_OK;
}

static enum mr_rc read_value(struct csv_field field, uint32_t type, struct mr_value *ret, struct err *err)
{
    if (type != MR_STRING)
        field = trim(field);
    if (type == MR_BOOL)
        return read_bool(&field, ret, err);
    enum mr_rc rc = value_parse(field.text, field.len, type, ret, err);
    return rc ? rc : value_check(ret, err);
}

/* The record of a column of the current row. False: the field has none; told or counted. */
static bool take_field(struct csv_source *s, size_t i, struct replay_record *ret)
{
    struct err err;
    const struct column *c = &s->columns[i];
    if (c->role != ROLE_TAG)
        return false;
    if (c->type != MR_STRING && trim(s->fields[i]).len == 0) {
        s->base.tally.empty++;
        return false;
    }
    *ret = (struct replay_record){
        .tag = c->tag, .kind = REPLAY_VALUE, .status = MR_STATUS_GOOD, .source_us = s->time_us, .is_paced = true};
    if (read_value(s->fields[i], c->type, &ret->value, &err)) {
        replay_wrong(&s->base, "column '%s': %s", s->base.tags.all[c->tag].topic, err.text);
        return false;
    }
    return true;
}

static enum mr_rc csv_next(struct replay_source *source, struct replay_record *ret, struct err *err)
{
    struct csv_source *s = container_of(source, struct csv_source, base);
    for (;;) {
        while (s->at < s->n)
            if (take_field(s, s->at++, ret))
                return MR_OK;
        enum mr_rc rc = next_row(s, err);
        if (rc)
            return rc;
        s->at = 0;
    }
}

/* -- the header -- */
static enum mr_rc add_column(struct csv_source *s, struct column *c, const char *header,
                             const struct replay_map_column *entry, struct err *err)
{
    char topic[TOPIC_MAX_BYTES + 1];
    replay_topic_level(header, topic, sizeof topic);
    c->role = ROLE_TAG;
    c->type = entry ? entry->type : s->map.rest_type;
    struct replay_tag tag = {.topic = topic, .type = c->type};
    if (entry) {
        tag.unit = entry->unit;
        tag.description = entry->description;
        if (entry->topic)
            snprintf(topic, sizeof topic, "%s", entry->topic);
    }
    enum mr_rc rc = replay_add_tag(&s->base, &tag, &c->tag, err);
    if (rc == MR_INVALID)
        err_wrap(err, "%s: column '%s'", lines_name(s->base.lines), header);
    return rc;
}

static enum mr_rc take_header(struct csv_source *s, size_t i, const char *header, struct err *err)
{
    struct column *c = &s->columns[i];
    *c = (struct column){.role = ROLE_SKIPPED};
    if (s->map.time_column && strcmp(s->map.time_column, header) == 0) {
        c->role = ROLE_TIME;
        s->time_at = i;
        return MR_OK;
    }
    const struct replay_map_column *entry = replay_map_find(&s->map, header);
    if (entry ? entry->is_skipped : !s->map.has_rest)
        return MR_OK;
    return add_column(s, c, header, entry, err);
}

/* The header's own name of a column, or "column-7" where it has none. */
static void name_columns(const struct csv_source *s, char (*names)[TOPIC_MAX_BYTES + 1])
{
    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].len)
            snprintf(names[i], sizeof names[i], "%s", s->fields[i].text);
        else
            snprintf(names[i], sizeof names[i], "column-%zu", i + 1);
}

static enum mr_rc find_column(const struct csv_source *s, char (*names)[TOPIC_MAX_BYTES + 1], const char *wanted,
                              const char *where, struct err *err)
{
    const char *pointers[CSV_FIELDS_MAX];
    for (size_t i = 0; i < s->n; i++) {
        pointers[i] = names[i];
        if (strcmp(names[i], wanted) == 0)
            return MR_OK;
    }
    const char *near = text_nearest(wanted, pointers, s->n);
    return conf_fail(s->map.conf, where, err, "%s has no column '%s'%s%s%s", lines_name(s->base.lines), wanted,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* What the mapping names must be there. */
static enum mr_rc check_map(const struct csv_source *s, char (*names)[TOPIC_MAX_BYTES + 1], struct err *err)
{
    enum mr_rc rc = s->map.time_column ? find_column(s, names, s->map.time_column, "time.column", err) : MR_OK;
    for (size_t i = 0; i < s->map.n && !rc; i++) {
        char where[48];
        snprintf(where, sizeof where, "columns[%zu].column", i);
        if (replay_map_is_plain(&s->map.columns[i]))
            rc = find_column(s, names, s->map.columns[i].column, where, err);
    }
    return rc;
}

static enum mr_rc read_header(struct csv_source *s, struct err *err)
{
    enum mr_rc rc = read_record(s, &s->n, err);
    if (rc) {
        err_wrap(err, "%s", lines_name(s->base.lines));
        if (rc == MR_NOT_FOUND)
            err_set(err, "%s has no header", lines_name(s->base.lines));
        return rc == MR_NOT_FOUND ? MR_INVALID : rc;
    }
    char(*names)[TOPIC_MAX_BYTES + 1] = mem_calloc(s->n, sizeof *names);
    s->columns = mem_calloc(s->n, sizeof *s->columns);
    rc = names && s->columns ? MR_OK : MR_NO_MEMORY;
    if (!rc) {
        name_columns(s, names);
        rc = check_map(s, names, err);
    }
    for (size_t i = 0; i < s->n && !rc; i++)
        rc = take_header(s, i, names[i], err);
    mem_free(names);
    s->at = s->n;
    return rc;
}

/* -- opening -- */
static void csv_free(struct replay_source *source)
{
    struct csv_source *s = container_of(source, struct csv_source, base);
    buf_fini(&s->text);
    mem_free(s->fields);
    mem_free(s->columns);
    replay_map_free(&s->map);
    replay_source_fini(&s->base);
    mem_free(s);
}

static const struct replay_format csv_format = {.next = csv_next, .free = csv_free};

enum mr_rc replay_csv_open(const char *path, const char *map, struct replay_source **ret, struct err *err)
{
    struct lines *lines = NULL;
    struct csv_source *s = mem_calloc(1, sizeof *s);
    if (!s)
        return MR_NO_MEMORY;
    enum mr_rc rc = lines_open(path, &lines, err);
    replay_source_init(&s->base, &csv_format, lines);
    buf_init(&s->text, CSV_RECORD_MAX);
    if (!rc)
        rc = replay_map_load(map, &s->map, err);
    if (!rc) {
        s->fields = mem_calloc(CSV_FIELDS_MAX, sizeof *s->fields);
        rc = s->fields ? read_header(s, err) : MR_NO_MEMORY;
    }
    if (rc)
        csv_free(&s->base);
    else
        *ret = &s->base;
    return rc;
}
