/* pending.h - who proved a key and has not said a word yet, by address: libzmq tells of a key and of a connection, but not which
 * belongs to which before the first message. So that who never finishes one has a name in the log.
 *
 * Pure, no allocation. Beyond PENDING_MAX of them, and after PENDING_MS, the oldest are forgotten. */
#ifndef BROKER_PENDING_H
#define BROKER_PENDING_H
#include <stddef.h>
#include <stdint.h>

enum { PENDING_MAX = 64, PENDING_MS = 15000, PENDING_NAME_SIZE = 256, PENDING_ADDRESS_SIZE = 64 };

struct pending_guest {
    char address[PENDING_ADDRESS_SIZE], name[PENDING_NAME_SIZE];
    uint32_t n;      /* connections; 0: free */
    int64_t last_ns; /* when the last of them was admitted */
};

/* Zero it. */
struct pending {
    struct pending_guest list[PENDING_MAX];
};

void pending_add(struct pending *p, const char *address, const char *name, int64_t now_ns);

/* One of its connections spoke. */
void pending_take(struct pending *p, const char *address, const char *name);

/* Writes who may be silent at this address, at most three names joined by " or ", and returns how many it wrote. size at
 * least 1; what does not fit is cut. */
unsigned pending_names(const struct pending *p, const char *address, int64_t now_ns, char *ret, size_t size);
#endif
