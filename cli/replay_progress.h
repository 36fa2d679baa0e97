/* replay_progress.h - how far a replay is: a bar on a terminal, else a line every ten seconds. */
#ifndef CLI_REPLAY_PROGRESS_H
#define CLI_REPLAY_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *name; /* of the file; borrowed */
    bool is_tty;
    int64_t begin_ns, shown_ns; /* monotonic */
    uint64_t shown_records;     /* when shown last: for the rate */
};

/* Where the replay stands. */
struct progress_state {
    uint64_t bytes, bytes_all; /* bytes_all 0: not known */
    uint64_t records;
    int64_t source_us; /* of the record given last; or MR_NO_TIME */
};

enum { PROGRESS_TEXT_SIZE = 256 };

struct progress progress_begin(const char *name, bool is_tty, int64_t now_ns);

/* Shows it on stderr if it is time to. */
void progress_tick(struct progress *progress, const struct progress_state *state, int64_t now_ns);

/* Takes the bar away. */
void progress_end(const struct progress *progress);

/* The text alone: "steel.csv [####------] 41 % 128000 records, 52000/s, 3 s left, at 2018-06-01T00:15:00Z". */
void progress_text(const struct progress *progress, const struct progress_state *state, int64_t now_ns,
                   char out[PROGRESS_TEXT_SIZE]);
#endif
