/* replay_map.c - see replay_map.h. */
#include "cli/replay_map.h"

#include <fnmatch.h>
#include <millrace/millrace.h>
#include <stdio.h>
#include <string.h>

#include "base/io/conf.h"
#include "base/mem.h"
#include "base/text_time.h"
#include "cli/csv.h"

/* The file as it is written; NULL: not given. */
struct time_section {
    char *column, *format, *timezone, *row, *start;
};
struct column_section {
    char *column, *topic, *unit, *description, *type;
    bool *skip;
};
struct file {
    struct time_section *time;
    struct column_section *columns;
    unsigned n_columns;
    char *rest, *rest_type, *delimiter;
};

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(section, field) CYAML_FIELD_STRING_PTR(#field, OPTIONAL, section, field, 1, CYAML_UNLIMITED)

static const cyaml_schema_field_t time_fields[] = {
    TEXT(struct time_section, column), TEXT(struct time_section, format), TEXT(struct time_section, timezone),
    TEXT(struct time_section, row),    TEXT(struct time_section, start),  CYAML_FIELD_END,
};
static const cyaml_schema_field_t column_fields[] = {
    CYAML_FIELD_STRING_PTR("column", CYAML_FLAG_POINTER, struct column_section, column, 1, CYAML_UNLIMITED),
    TEXT(struct column_section, topic),
    TEXT(struct column_section, unit),
    TEXT(struct column_section, description),
    TEXT(struct column_section, type),
    CYAML_FIELD_BOOL_PTR("skip", OPTIONAL, struct column_section, skip),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t column_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct column_section, column_fields)};
static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_MAPPING_PTR("time", CYAML_FLAG_POINTER, struct file, time, time_fields),
    CYAML_FIELD_SEQUENCE_COUNT("columns", OPTIONAL, struct file, columns, n_columns, &column_value, 0, CSV_FIELDS_MAX),
    TEXT(struct file, rest),
    TEXT(struct file, rest_type),
    TEXT(struct file, delimiter),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, fields)};

static enum mr_rc take_type(const struct replay_map *map, const char *where, const char *name, uint32_t *ret,
                            struct err *err)
{
    static const struct {
        const char *name;
        uint32_t type;
    } types[] = {{"double", MR_F64}, {"int", MR_I64}, {"bool", MR_BOOL}, {"string", MR_STRING}};
    for (size_t i = 0; name && i < sizeof types / sizeof *types; i++) {
        if (strcmp(name, types[i].name) == 0) {
            *ret = types[i].type;
            return MR_OK;
        }
    }
    return name ? conf_fail(map->conf, where, err, "is double, int, bool or string, not '%s'", name) : MR_OK;
}

/* -- time -- */
static enum mr_rc take_time_column(struct replay_map *map, const struct time_section *time, struct err *err)
{
    struct err why = {{0}};
    if (time->start)
        return conf_fail(map->conf, "time.start", err, "goes with 'row' only: the column says the times");
    map->time_column = time->column;
    enum mr_rc rc = replay_time_init(&map->time, time->format, time->timezone, &why);
    return rc == MR_INVALID ? conf_fail(map->conf, "time", err, "%s", why.text) : rc;
}

static enum mr_rc take_time_rows(struct replay_map *map, const struct time_section *time, struct err *err)
{
    int64_t row_ns = 0;
    struct err why = {{0}};
    enum mr_rc rc = conf_duration(map->conf, "time.row", time->row, &row_ns, err);
    if (rc)
        return rc;
    if (row_ns < 1000 || row_ns % 1000)
        return conf_fail(map->conf, "time.row", err, "is a whole number of microseconds, from 1 us on");
    if (!time->start)
        return conf_fail(map->conf, "time", err, "'row' needs 'start', the time of the first row");
    map->row_us = row_ns / 1000;
    rc = replay_time_init(&map->time, time->format, time->timezone, &why);
    if (rc)
        return rc == MR_INVALID ? conf_fail(map->conf, "time", err, "%s", why.text) : rc;
    if (replay_time_read(&map->time, time->start, &map->start_us))
        return conf_fail(map->conf, "time.start", err, "is a time such as 2026-03-01T12:00:00Z, not '%s'", time->start);
    return MR_OK;
}

static enum mr_rc take_time(struct replay_map *map, const struct time_section *time, struct err *err)
{
    if (!time->column == !time->row)
        return conf_fail(map->conf, "time", err,
                         "needs 'column', which holds the times, or 'row', from one to the next");
    return time->column ? take_time_column(map, time, err) : take_time_rows(map, time, err);
}

/* -- columns -- */
static enum mr_rc take_column(struct replay_map *map, const struct column_section *from, size_t i, struct err *err)
{
    char where[48];
    struct replay_map_column *to = &map->columns[i];
    *to = (struct replay_map_column){.column = from->column,
                                     .topic = from->topic,
                                     .unit = from->unit,
                                     .description = from->description,
                                     .type = MR_F64,
                                     .is_skipped = from->skip && *from->skip};
    snprintf(where, sizeof where, "columns[%zu].topic", i);
    if (to->topic && !replay_map_is_plain(to))
        return conf_fail(map->conf, where, err, "does not go with a pattern: topics are made from the headers");
    const char *rule = NULL;
    if (to->topic && (strncmp(to->topic, "./", 2) == 0 || mr_topic_check(to->topic, false, &rule)))
        return conf_fail(map->conf, where, err, "'%s' %s", to->topic,
                         rule ? rule : "is below --to: write it without ./");
    snprintf(where, sizeof where, "columns[%zu].type", i);
    return take_type(map, where, from->type, &to->type, err);
}

static enum mr_rc take_columns(struct replay_map *map, const struct file *file, struct err *err)
{
    enum mr_rc rc = MR_OK;
    map->columns = mem_calloc(file->n_columns, sizeof *map->columns);
    if (!map->columns)
        return MR_NO_MEMORY;
    map->n = file->n_columns;
    for (size_t i = 0; i < map->n && !rc; i++)
        rc = take_column(map, &file->columns[i], i, err);
    return rc;
}

static enum mr_rc take_rest(struct replay_map *map, const struct file *file, struct err *err)
{
    map->has_rest = file->rest && strcmp(file->rest, "publish") == 0;
    if (file->rest && !map->has_rest && strcmp(file->rest, "skip") != 0)
        return conf_fail(map->conf, "rest", err, "is publish or skip, not '%s'", file->rest);
    map->rest_type = MR_STRING;
    map->delimiter = ',';
    if (file->delimiter && (file->delimiter[1] || strchr("\"\r\n", file->delimiter[0])))
        return conf_fail(map->conf, "delimiter", err, "is one character of ASCII, not '%s'", file->delimiter);
    if (file->delimiter)
        map->delimiter = file->delimiter[0];
    return take_type(map, "rest_type", file->rest_type, &map->rest_type, err);
}

enum mr_rc replay_map_load(const char *path, struct replay_map *ret, struct err *err)
{
    struct replay_map map = {.n = 0};
    void *data;
    enum mr_rc rc = conf_load(path, &schema, &map.conf, &data, err);
    if (rc)
        return rc;
    const struct file *file = data;
    rc = take_time(&map, file->time, err);
    if (!rc)
        rc = take_columns(&map, file, err);
    if (!rc)
        rc = take_rest(&map, file, err);
    if (rc)
        replay_map_free(&map);
    else
        *ret = map;
    return rc;
}

void replay_map_free(struct replay_map *map)
{
    conf_free(map->conf);
    mem_free(map->columns);
    *map = (struct replay_map){.n = 0};
}

bool replay_map_is_plain(const struct replay_map_column *column)
{
    return !strpbrk(column->column, "*?");
}

const struct replay_map_column *replay_map_find(const struct replay_map *map, const char *header)
{
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->columns[i].column, header) == 0)
            return &map->columns[i];
    for (size_t i = 0; i < map->n; i++)
        if (!replay_map_is_plain(&map->columns[i]) && fnmatch(map->columns[i].column, header, 0) == 0)
            return &map->columns[i];
    return NULL;
}
