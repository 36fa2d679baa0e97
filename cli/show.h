/* show.h - a message in the words and columns that people read, and as JSON that programs read. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H
#include <millrace/millrace.h>
#include <stdio.h>

#include "cli/terminal.h"

enum {
    SHOW_VALUE_SIZE = 256, /* what is shown of a value; longer ones are cut */
    SHOW_QUALITY_SIZE = 128,
    SHOW_AGE_SIZE = 32,
};

/* A value for a column: numbers of many digits rounded to six, of bytes and texts above 64 KiB only how many. */
void show_value(char out[SHOW_VALUE_SIZE], const struct mr_value *value);

/* The unit as people write it, "" if there is none (def may be NULL). Borrowed from def or static. */
const char *show_unit(const struct mr_tag_def *def);

/* "Good", "BadNoCommunication"; and ", stale", ", forced", ", future" where the flags say so. */
void show_quality(char out[SHOW_QUALITY_SIZE], const struct mr_msg *msg);

/* Since the source, or else the agent, saw it: "0.8 s"; "-" if no time is known. */
void show_age(char out[SHOW_AGE_SIZE], const struct mr_msg *msg, int64_t now_us);

/* Red for bad, yellow for uncertain and stale. */
enum colour show_colour(const struct mr_msg *msg);

/* An MR_LOSS: "lost: 17 messages of press-07: slow reader: <text>". */
void show_loss(FILE *out, const struct mr_msg *msg);

/* A cause in words: "slow reader". Static. */
const char *show_cause(enum mr_cause cause);

/* A line of JSON for MR_DATA (keys topic, value, type, unit, quality, status, source, agent, broker, publisher, stale, seq,
 * and cleared if it is),
 * MR_LOSS (loss, count, cause, publisher, text) and MR_SNAPSHOT_END (snapshot_end); nothing for other kinds. def: of
 * mr_msg_def(). */
void show_json(FILE *out, const struct mr_msg *msg, const struct mr_tag_def *def);
#endif
