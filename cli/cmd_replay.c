/* cmd_replay.c - millrace replay: a recorded machine through the bus, at its own pace or as fast as the bus takes it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text_time.h"
#include "base/text_units.h"
#include "cli/client.h"
#include "cli/json_line.h"
#include "cli/replay.h"
#include "cli/replay_dry.h"
#include "cli/replay_out.h"
#include "cli/replay_pace.h"
#include "cli/replay_progress.h"
#include "cli/report.h"

enum { CLOSE_WAIT_MS = 5000, WAIT_STEP_MS = 200 /* between two looks at the progress while a record is not due */ };

struct replay {
    const struct args *args;
    struct client *client;
    struct replay_source *source;
    struct replay_out *out;
    struct pace pace;
    struct progress progress;
    int64_t from_us, to_us;    /* what is outside is left out; INT64_MIN and INT64_MAX: all is in */
    uint64_t records;          /* taken by the SDK; in the end, published */
    uint64_t outside, too_big; /* left out */
    int64_t last_us;           /* source time of the last record published */
    int64_t begin_ns;
};

/* -- the command line -- */
static int read_time(const char *option, const char *text, int64_t *ret_us)
{
    if (!text || text_parse_time(text, ret_us) == MR_OK)
        return EXIT_DONE;
    return report_usage("replay", "%s is a time such as 2026-03-01T12:00:00Z, not '%s'", option, text);
}

/* --to is a topic, perhaps with a '/' at its end, or "./"; --confirm is one. */
static int check_topics(const struct args *args)
{
    char topic[TOPIC_MAX_BYTES + 1];
    int code = EXIT_DONE;
    if (replay_topic(args->to, "x", topic, sizeof topic))
        return report_usage("replay", "--to is longer than %d bytes", TOPIC_MAX_BYTES);
    enum mr_rc rc = client_check_topic(args, topic, false, &code);
    if (!rc && args->confirm)
        rc = client_check_topic(args, args->confirm, false, &code);
    return rc ? code : EXIT_DONE;
}

static int read_args(struct replay *r)
{
    const struct args *args = r->args;
    if (!args->map == !args->units)
        return report_usage("replay", "a CSV file needs --map, an MTConnect SHDR file --units: give one");
    if (args->device && !args->units)
        return report_usage("replay", "--device goes with --units");
    if (pace_init(&r->pace, args->speed))
        return report_usage("replay", "--speed is max, or a factor such as 1x, 10x or 0.5x, not '%s'", args->speed);
    int code = check_topics(args);
    if (!code)
        code = read_time("--from", args->from, &r->from_us);
    return code ? code : read_time("--to-time", args->to_time, &r->to_us);
}

static int open_source(struct replay *r)
{
    struct err err = {{0}};
    const struct args *args = r->args;
    const char *path = args->words[0];
    enum mr_rc rc = args->map ? replay_csv_open(path, args->map, &r->source, &err)
                              : replay_shdr_open(path, args->units, args->device, &r->source, &err);
    return rc ? report_local(rc, &err) : EXIT_DONE;
}

/* -- replaying -- */
static void show_progress(struct replay *r)
{
    const struct progress_state state = {.bytes = lines_bytes(r->source->lines),
                                         .bytes_all = lines_bytes_all(r->source->lines),
                                         .records = r->records,
                                         .source_us = r->last_us};
    progress_tick(&r->progress, &state, clock_mono_ns(clock_system()));
}

/* Until the record is due. */
static enum replay_end wait_until_due(struct replay *r, int64_t source_us)
{
    int64_t now_ns = clock_mono_ns(clock_system());
    int64_t due_ns = pace_due_ns(&r->pace, source_us, now_ns);
    for (; due_ns - now_ns >= 1000000; now_ns = clock_mono_ns(clock_system())) {
        int64_t wait_ms = (due_ns - now_ns) / 1000000;
        enum client_end end = client_run(r->client, wait_ms < WAIT_STEP_MS ? (int)wait_ms : WAIT_STEP_MS);
        if (end == CLIENT_INTERRUPTED)
            return REPLAY_INTERRUPTED;
        if (end == CLIENT_CLOSED)
            return REPLAY_FAILED;
        show_progress(r);
    }
    return REPLAY_TAKEN;
}

static bool is_outside(const struct replay *r, int64_t source_us)
{
    return source_us != MR_NO_TIME && (source_us < r->from_us || source_us >= r->to_us);
}

static enum replay_end replay_one(struct replay *r, const struct replay_record *record)
{
    enum replay_end end = record->is_paced ? wait_until_due(r, record->source_us) : REPLAY_TAKEN;
    if (!end)
        end = replay_out_write(r->out, r->source, record);
    if (end == REPLAY_TOO_BIG) {
        r->too_big++;
        report_note("%s:%" PRIu64 ": '%s': %u bytes are more than the bus takes; left out",
                    lines_name(r->source->lines), lines_number(r->source->lines),
                    r->source->tags.all[record->tag].topic, record->value.len);
        return REPLAY_TAKEN;
    }
    r->records += end == REPLAY_TAKEN;
    if (end == REPLAY_TAKEN)
        r->last_us = record->source_us;
    return end;
}

static enum replay_end replay_all(struct replay *r)
{
    struct replay_record record;
    struct err err = {{0}};
    enum replay_end end = REPLAY_TAKEN;
    enum mr_rc rc;
    while (!end && (rc = replay_next(r->source, &record, &err)) == MR_OK) {
        if (is_outside(r, record.source_us))
            r->outside++;
        else
            end = replay_one(r, &record);
        show_progress(r);
    }
    if (end)
        return end;
    if (rc == MR_NOT_FOUND)
        return replay_out_finish(r->out);
    report_failure("", rc, "%s", err.text);
    return REPLAY_FAILED;
}

/* -- the end -- */
static const char *end_word(enum replay_end end)
{
    return end == REPLAY_TAKEN ? "done" : end == REPLAY_INTERRUPTED ? "interrupted" : "failed";
}

static void print_json(const struct replay *r, enum replay_end end, int64_t spent_ns)
{
    const struct replay_tally *t = &r->source->tally;
    struct json_line line = json_begin(stdout);
    json_text(&line, "file", r->args->words[0]);
    json_text(&line, "ended", end_word(end));
    json_u64(&line, "records", r->records);
    json_u64(&line, "tags", r->source->tags.n);
    json_u64(&line, "values", t->values);
    json_u64(&line, "statuses", t->statuses);
    json_u64(&line, "clears", t->clears);
    json_u64(&line, "wrong", t->wrong);
    json_u64(&line, "empty", t->empty);
    json_u64(&line, "too_big", r->too_big);
    json_u64(&line, "outside", r->outside);
    json_u64(&line, "ignored_lines", t->ignored);
    json_u64(&line, "line", lines_number(r->source->lines));
    json_time(&line, "time", r->last_us);
    json_u64(&line, "ms", (uint64_t)spent_ns / 1000000);
    json_end(&line);
}

static void print_left_out(const struct replay *r)
{
    const struct replay_tally *t = &r->source->tally;
    const struct {
        uint64_t n;
        const char *word;
    } parts[] = {{t->wrong, "wrong"},
                 {t->empty, "empty"},
                 {r->too_big, "too large"},
                 {r->outside, "outside of the times asked for"},
                 {t->ignored, "lines that are no data"}};
    const char *separator = "left out: ";
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].n == 0)
            continue;
        printf("%s%" PRIu64 " %s", separator, parts[i].n, parts[i].word);
        separator = ", ";
    }
    if (*separator == ',')
        putchar('\n');
}

static void print_summary(const struct replay *r, enum replay_end end)
{
    char spent[TEXT_UNITS_SIZE], time[TEXT_TIME_SIZE];
    int64_t spent_ns = clock_mono_ns(clock_system()) - r->begin_ns;
    if (r->args->json) {
        print_json(r, end, spent_ns);
        return;
    }
    text_show_duration(spent, spent_ns);
    text_format_time(time, r->last_us);
    printf("%" PRIu64 " records of %zu tags in %s\n", r->records, r->source->tags.n, spent);
    print_left_out(r);
    if (end)
        printf("ended at line %" PRIu64 " of %s, after the record of %s\n", lines_number(r->source->lines),
               r->args->words[0], time);
}

static int run(struct replay *r)
{
    const struct args *args = r->args;
    int code = EXIT_DONE;
    if (client_open(args, &r->client, &code))
        return code;
    if (replay_out_new(r->client, args->to, args->confirm, &r->out, &code))
        return code;
    client_watch_state(r->client);
    r->begin_ns = clock_mono_ns(clock_system());
    r->progress = progress_begin(args->words[0], isatty(STDERR_FILENO) == 1, r->begin_ns);
    enum replay_end end = replay_all(r);
    progress_end(&r->progress);
    if (end) {
        uint64_t left = replay_out_stop(r->out);
        r->records -= left < r->records ? left : r->records;
    }
    print_summary(r, end);
    if (end == REPLAY_INTERRUPTED)
        return EXIT_INTERRUPTED;
    return end || r->source->tally.wrong || r->too_big ? EXIT_FAILED : EXIT_DONE;
}

int cmd_replay(const struct args *args)
{
    struct replay r = {.args = args, .from_us = INT64_MIN, .to_us = INT64_MAX, .last_us = MR_NO_TIME};
    int code = read_args(&r);
    if (!code)
        code = open_source(&r);
    if (!code)
        code = args->dry_run ? replay_dry(r.source, args) : run(&r);
    replay_out_free(r.out);
    client_close(r.client, code == EXIT_DONE ? CLOSE_WAIT_MS : 0);
    replay_free(r.source);
    return code;
}
