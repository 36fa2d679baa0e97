/* strangers.h - how often an address whose key is refused is written about: the first few times, then now and then with the
 * number of those in between. So one that knocks without end fills no disk and hides no other.
 *
 * Pure, no allocation. Addresses beyond STRANGERS_MAX take the place of the one that was silent for longest. */
#ifndef BROKER_STRANGERS_H
#define BROKER_STRANGERS_H
#include <stdbool.h>
#include <stdint.h>

enum {
    STRANGERS_MAX = 128,
    STRANGERS_BURST = 10,         /* lines of one address at once */
    STRANGERS_INTERVAL_MS = 10000 /* and from then on one in this time */
};

struct stranger {
    char address[64];    /* "": free */
    int64_t last_ns;     /* when it knocked last */
    int64_t paid_ns;     /* its lines are paid for up to then */
    uint64_t suppressed; /* since its last line */
};

struct strangers {
    struct stranger list[STRANGERS_MAX];
};

/* An address was refused. True: write a line, which stands for *ret_more refusals before it that had none. */
bool strangers_note(struct strangers *s, const char *address, int64_t now_ns, uint64_t *ret_more);
#endif
