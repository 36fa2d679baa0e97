/* repeats.h - how often the same address or identity is written about: the first few times, then now and then with the number
 * of those in between. So one that knocks without end fills no disk and hides no other.
 *
 * Pure, no allocation. Beyond REPEATS_MAX of them, a new one takes the place of the one that was silent for longest. */
#ifndef BROKER_REPEATS_H
#define BROKER_REPEATS_H
#include <stdbool.h>
#include <stdint.h>

enum {
    REPEATS_MAX = 128,
    REPEATS_BURST = 3,           /* lines of one at once */
    REPEATS_INTERVAL_MS = 10000, /* and from then on one in this time */
    REPEATS_WHO_SIZE = 256
};

struct repeat {
    char who[REPEATS_WHO_SIZE]; /* "": free */
    int64_t last_ns;            /* when it came last */
    int64_t paid_ns;            /* its lines are paid for up to then */
    uint64_t suppressed;        /* since its last line */
};

/* Zero it. */
struct repeats {
    struct repeat list[REPEATS_MAX];
};

/* It came once more; who "" is one of its own. True: write a line, which stands for *ret_more before it that had none. */
bool repeats_note(struct repeats *r, const char *who, int64_t now_ns, uint64_t *ret_more);
#endif
