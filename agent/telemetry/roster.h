/* roster.h - which things of a kind (interfaces, disks, mounts, sensors) are here, each with a place and a label.
 *
 * A place keeps its thing while that is away, so a disk that is plugged in again continues its tags. Only when all
 * places are taken does a new thing get the place of the one that has been away longest. */
#ifndef AGENT_TELEMETRY_ROSTER_H
#define AGENT_TELEMETRY_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/telemetry/label.h"
#include "agent/telemetry/words.h"
#include "base/err.h"
#include "base/rc.h"

enum { ROSTER_KEY_MAX = 256 /* bytes, NUL included; a thing with a longer name is passed over */ };

enum roster_state { ROSTER_FREE, ROSTER_HERE, ROSTER_AWAY };

struct roster_place {
    enum roster_state state;
    bool seen;       /* since roster_begin() */
    int64_t last_ns; /* when it was last here */
    char key[ROSTER_KEY_MAX];
    char label[LABEL_MAX];
};

struct roster {
    struct roster_place *places; /* n of them */
    size_t n;
};

/* What roster_meet() found. */
enum roster_meeting {
    ROSTER_KNOWN,   /* here before, here now */
    ROSTER_BACK,    /* was away: its counters start anew */
    ROSTER_NEW,     /* has just got this place: name its tags */
    ROSTER_REFUSED, /* not known, and not to be admitted or no place left */
};

/* MR_NO_MEMORY. */
MUST enum mr_rc roster_init(struct roster *roster, size_t n, struct err *err);
void roster_fini(struct roster *roster);

/* Begins a round: nothing is seen yet. */
void roster_begin(struct roster *roster);

/* The thing `key` is here. With admit, an unknown one gets a place and the label of `name`. *ret_place is set unless
 * the answer is ROSTER_REFUSED. */
enum roster_meeting roster_meet(struct roster *roster, struct words key, struct words name, bool admit, int64_t now_ns,
                                size_t *ret_place);

/* Ends a round for one place: true when its thing was here and has not been seen, and is away from now on. */
bool roster_has_left(struct roster *roster, size_t place);

#endif
