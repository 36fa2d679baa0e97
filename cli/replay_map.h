/* replay_map.h - the YAML file that says what the columns of a CSV file are. Reference: docs/replay.md. */
#ifndef CLI_REPLAY_MAP_H
#define CLI_REPLAY_MAP_H
#include "cli/replay_time.h"

struct conf;

struct replay_map_column {
    const char *column;       /* the header's text, or a pattern with * and ? */
    const char *topic;        /* below --to; NULL: made from the header */
    char *unit, *description; /* or NULL */
    uint32_t type;            /* enum mr_type */
    bool is_skipped;
};

/* Everything in it is freed by replay_map_free(). */
struct replay_map {
    struct conf *conf;       /* the file: for errors, and the texts */
    const char *time_column; /* NULL: by rows */
    struct replay_time time;
    int64_t row_us, start_us; /* by rows: from one to the next, and of the first */
    struct replay_map_column *columns;
    size_t n;
    bool has_rest; /* columns that are not named are published too */
    uint32_t rest_type;
    char delimiter;
};

/* MR_NOT_FOUND, MR_DENIED: the file; MR_INVALID: its content, *err says where; MR_NO_MEMORY. */
MUST enum mr_rc replay_map_load(const char *path, struct replay_map *ret, struct err *err);
void replay_map_free(struct replay_map *map); /* all zeros is fine */

/* The entry for a column: the first whose `column` is its header, else the first whose pattern matches it; NULL: none. */
const struct replay_map_column *replay_map_find(const struct replay_map *map, const char *header);

/* Does the entry name one column and no pattern? */
bool replay_map_is_plain(const struct replay_map_column *column);
#endif
