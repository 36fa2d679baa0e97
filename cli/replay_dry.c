/* replay_dry.c - see replay_dry.h. */
#include "cli/replay_dry.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "cli/json_line.h"
#include "cli/replay_out.h"
#include "cli/report.h"
#include "cli/table.h"
#include "proto/limits.h"
#include "proto/value.h"

enum { FIRST_SIZE = 48, COLUMNS = 6 };

/* What a tag of the source would get. */
struct seen {
    uint64_t records;
    char first[FIRST_SIZE]; /* value, as text */
    int64_t first_us;
};

static enum mr_rc grow(struct seen **seen, size_t *n, size_t want)
{
    if (want <= *n)
        return MR_OK;
    struct seen *made = mem_resize_array(*seen, want, sizeof *made);
    if (!made)
        return MR_NO_MEMORY;
    for (size_t i = *n; i < want; i++)
        made[i] = (struct seen){.first_us = MR_NO_TIME};
    *seen = made;
    *n = want;
    return MR_OK;
}

static void note(struct seen *seen, const struct replay_record *record)
{
    if (seen->records++ == 0)
        seen->first_us = record->source_us;
    if (seen->first[0] == '\0' && record->kind == REPLAY_VALUE)
        mr_value_text(&record->value, seen->first, sizeof seen->first);
}

static enum mr_rc read_all(struct replay_source *source, struct seen **seen, size_t *n, struct err *err)
{
    struct replay_record record;
    enum mr_rc rc;
    while ((rc = replay_next(source, &record, err)) == MR_OK) {
        rc = grow(seen, n, source->tags.n);
        if (rc || !*seen)
            return rc;
        note(&(*seen)[record.tag], &record);
    }
    return rc == MR_NOT_FOUND ? grow(seen, n, source->tags.n) : rc;
}

static void print_json(const struct replay_tag *tag, const struct seen *seen, const char *topic)
{
    struct json_line line = json_begin(stdout);
    json_text(&line, "topic", topic);
    json_text(&line, "type", value_type_name(tag->type));
    json_text(&line, "unit", tag->unit);
    json_text(&line, "description", tag->description);
    json_u64(&line, "records", seen->records);
    json_time(&line, "time", seen->first_us);
    json_text(&line, "first", seen->first[0] ? seen->first : NULL);
    json_end(&line);
}

static enum mr_rc add_row(struct table *table, const struct replay_tag *tag, const struct seen *seen, const char *topic)
{
    char records[24];
    snprintf(records, sizeof records, "%" PRIu64, seen->records);
    const char *const cells[COLUMNS] = {topic,   value_type_name(tag->type),         tag->unit,
                                        records, seen->first[0] ? seen->first : "-", tag->description};
    return table_add(table, COLOUR_NONE, cells);
}

static enum mr_rc print(const struct replay_source *source, const struct seen *seen, const struct args *args)
{
    static const char *const titles[COLUMNS] = {"TOPIC", "TYPE", "UNIT", "RECORDS", "FIRST", "DESCRIPTION"};
    const struct terminal terminal = terminal_of(stdout);
    struct table *table;
    enum mr_rc rc = table_new(titles, COLUMNS, &table);
    if (rc)
        return rc;
    for (size_t i = 0; i < source->tags.n && !rc; i++) {
        char topic[TOPIC_MAX_BYTES + 1];
        rc = replay_topic(args->to, source->tags.all[i].topic, topic, sizeof topic);
        if (rc)
            report_note("'%s/%s' is longer than %d bytes", args->to, source->tags.all[i].topic, TOPIC_MAX_BYTES);
        else if (args->json)
            print_json(&source->tags.all[i], &seen[i], topic);
        else
            rc = add_row(table, &source->tags.all[i], &seen[i], topic);
    }
    if (!rc && !args->json)
        table_print(table, &terminal);
    table_free(table);
    return rc;
}

int replay_dry(struct replay_source *source, const struct args *args)
{
    struct seen *seen = NULL;
    size_t n = 0;
    struct err err = {{0}};
    enum mr_rc rc = read_all(source, &seen, &n, &err);
    if (!rc)
        rc = print(source, seen, args);
    mem_free(seen);
    if (rc)
        return report_failure("", rc, "%s", err.text);
    return source->tally.wrong ? EXIT_FAILED : EXIT_DONE;
}
