/* replay_progress.c - see replay_progress.h. */
#include "cli/replay_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text_time.h"
#include "base/text_units.h"
#include "cli/report.h"
#include "cli/terminal.h"

#define NS_PER_S INT64_C(1000000000)

enum { BAR_CELLS = 20, LINE_EVERY_S = 10, BARS_PER_S = 5, SECONDS_LENGTH = 19 /* of "2026-03-01T12:00:00" */ };

struct progress progress_begin(const char *name, bool is_tty, int64_t now_ns)
{
    const char *slash = strrchr(name, '/');
    return (struct progress){
        .name = slash ? slash + 1 : name, .is_tty = is_tty, .begin_ns = now_ns, .shown_ns = now_ns};
}

/* "[####------] 41 % "; nothing where the size is not known. */
static void put_share(const struct progress_state *state, char *out, size_t size)
{
    char cells[BAR_CELLS + 1];
    *out = '\0';
    if (state->bytes_all == 0)
        return;
    uint64_t bytes = state->bytes < state->bytes_all ? state->bytes : state->bytes_all;
    size_t full = (size_t)(bytes * BAR_CELLS / state->bytes_all);
    memset(cells, '-', BAR_CELLS);
    memset(cells, '#', full);
    cells[BAR_CELLS] = '\0';
    snprintf(out, size, "[%s] %u %% ", cells, (unsigned)(bytes * 100 / state->bytes_all));
}

/* ", 3 s left", by the bytes read so far. */
static void put_rest(const struct progress *p, const struct progress_state *state, int64_t now_ns, char *out,
                     size_t size)
{
    char rest[TEXT_UNITS_SIZE];
    int64_t spent_ms = (now_ns - p->begin_ns) / 1000000;
    *out = '\0';
    if (state->bytes_all == 0 || state->bytes == 0 || state->bytes > state->bytes_all || spent_ms < 1000)
        return;
    uint64_t per_mille = state->bytes * 1000 / state->bytes_all;
    if (per_mille == 0)
        return;
    int64_t rest_ms = spent_ms * (int64_t)(1000 - per_mille) / (int64_t)per_mille;
    text_show_duration(rest, (rest_ms + 999) / 1000 * NS_PER_S);
    snprintf(out, size, ", %s left", rest);
}

void progress_text(const struct progress *progress, const struct progress_state *state, int64_t now_ns,
                   char out[PROGRESS_TEXT_SIZE])
{
    char share[BAR_CELLS + 16], rest[48], time[TEXT_TIME_SIZE];
    int64_t since_ms = (now_ns - progress->shown_ns) / 1000000;
    uint64_t rate = since_ms > 0 ? (state->records - progress->shown_records) * 1000 / (uint64_t)since_ms : 0;
    put_share(state, share, sizeof share);
    put_rest(progress, state, now_ns, rest, sizeof rest);
    text_format_time(time, state->source_us);
    snprintf(out, PROGRESS_TEXT_SIZE, "%.60s %s%" PRIu64 " records, %" PRIu64 "/s%s, at %.*s", progress->name, share,
             state->records, rate, rest, SECONDS_LENGTH, time);
}

void progress_tick(struct progress *progress, const struct progress_state *state, int64_t now_ns)
{
    char text[PROGRESS_TEXT_SIZE];
    int64_t every_ns = progress->is_tty ? NS_PER_S / BARS_PER_S : LINE_EVERY_S * NS_PER_S;
    if (now_ns - progress->shown_ns < every_ns)
        return;
    progress_text(progress, state, now_ns, text);
    progress->shown_ns = now_ns;
    progress->shown_records = state->records;
    if (progress->is_tty)
        terminal_progress(text);
    else
        report_note("%s", text);
}

void progress_end(const struct progress *progress)
{
    if (progress->is_tty)
        terminal_progress(NULL);
}
