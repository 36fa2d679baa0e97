/* records.c - see records.h. */
#include "records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_time.h"
#include "captured.h"

static struct {
    struct replay_source *source;
    struct captured out;
    struct replay_tally tally;
    const char *shown;
    char *said;
} last;

static void print(FILE *out, const struct replay_record *record)
{
    char value[128], time[TEXT_TIME_SIZE];
    const struct replay_tag *tag = &last.source->tags.all[record->tag];
    mr_value_text(&record->value, value, sizeof value);
    text_format_time(time, record->source_us);
    fprintf(out, "%s %s [%s] %s %s%s\n", tag->topic, record->kind == REPLAY_CLEAR ? "cleared" : value, tag->unit,
            mr_status_text(record->status), time, record->is_paced ? "" : " unpaced");
}

static void read_all(void *user)
{
    struct replay_record record;
    struct err err;
    enum mr_rc rc;
    (void)user;
    while ((rc = replay_next(last.source, &record, &err)) == MR_OK)
        print(last.out.out, &record);
    fprintf(last.out.out, "end %d\n", rc);
}

const char *records_of(struct replay_source *source)
{
    free(last.said);
    if (last.shown)
        captured_free(&last.out);
    last.source = source;
    captured_begin(&last.out);
    last.said = captured_stderr(read_all, NULL);
    last.shown = captured_end(&last.out);
    last.tally = source->tally;
    replay_free(source);
    return last.shown;
}

const char *records_said(void)
{
    return last.said;
}

struct replay_tally records_tally(void)
{
    return last.tally;
}
