/* replay_pace.h - when a record of a recording is due: the recording's own pace, scaled. Pure; whole numbers only. */
#ifndef CLI_REPLAY_PACE_H
#define CLI_REPLAY_PACE_H
#include "base/rc.h"

enum { PACE_PERMILLE_MAX = 1000000 * 1000 };

/* Time that goes back by up to PACE_SLACK_US is disorder inside the recording; by more, it begins anew there, as after a
 * reconnect or when clocks are set back. Neither waits. */
#define PACE_SLACK_US INT64_C(10000000)

struct pace {
    int64_t permille; /* of the original speed; 0: as fast as possible */
    bool is_begun;
    int64_t high_us;  /* the latest source time since it began anew last */
    int64_t spent_us; /* source time gone by since the first record, steps back left out */
    int64_t begin_ns; /* monotonic, of the first record */
};

/* "1x", "0.5x", "10x" (the x may be missing), "max"; from 0.001x to 1000000x. MR_INVALID. */
MUST enum mr_rc pace_init(struct pace *pace, const char *speed);

/* When the record of this source time (or MR_NO_TIME) is due, monotonic; now_ns or earlier: at once. */
int64_t pace_due_ns(struct pace *pace, int64_t source_us, int64_t now_ns);
#endif
