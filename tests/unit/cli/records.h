/* records.h - what a recording gives, as text: for tests of its formats. */
#ifndef TESTS_UNIT_CLI_RECORDS_H
#define TESTS_UNIT_CLI_RECORDS_H
#include "cli/replay.h"

/* All records, a line each: "x 48.5 [mm] Good 2026-03-01T12:00:00.000000Z"; "-" for a status, "cleared" for a clear; and "end N" with
 * the code that ended it. What goes to stderr meanwhile is kept for records_said(). Frees the source. Borrowed until the
 * next call. */
const char *records_of(struct replay_source *source);

/* What the last records_of() said on stderr. */
const char *records_said(void);

/* Of the last source: before it was freed. */
struct replay_tally records_tally(void);
#endif
