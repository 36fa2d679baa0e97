/* penalties.h - identities that broke the protocol again and again are not admitted for a while, so that one that was taken over
 * or gone mad costs the broker no more than a stranger does.
 *
 * Pure, no allocation. Beyond PENALTIES_MAX offenders the one that was quiet for longest is forgotten. */
#ifndef BROKER_PENALTIES_H
#define BROKER_PENALTIES_H
#include <stdbool.h>
#include <stdint.h>

enum {
    PENALTIES_MAX = 64,
    PENALTIES_ALLOWED = 10, /* offences within PENALTIES_WINDOW_MS that only end their connections */
    PENALTIES_WINDOW_MS = 60000,
    PENALTIES_OUT_MS = 60000 /* the next one costs this */
};

struct offender {
    char name[256];    /* "": free */
    int64_t since_ns;  /* when its window began */
    int64_t last_ns;   /* its last offence */
    int64_t until_ns;  /* out until then */
    uint32_t offences; /* in its window */
};

/* Zero it. */
struct penalties {
    struct offender list[PENALTIES_MAX];
};

/* It broke the protocol. True: from now on it is out, for PENALTIES_OUT_MS. */
bool penalties_note(struct penalties *p, const char *name, int64_t now_ns);

bool penalties_is_out(const struct penalties *p, const char *name, int64_t now_ns);
#endif
