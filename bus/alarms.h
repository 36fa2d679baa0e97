/* alarms.h - which port must be looked at when: a heap by time, so that ten thousand quiet ports cost nothing. */
#ifndef BUS_ALARMS_H
#define BUS_ALARMS_H
#include <stdint.h>

#include "base/rc.h"

struct alarm {
    int64_t at_ns;
    uint32_t port;
};
struct alarms {
    struct alarm *heap; /* [0..n): the earliest first */
    uint32_t *place;    /* of a port in the heap, + 1; 0: not in it */
    uint32_t n;
};

MUST enum mr_rc alarms_init(struct alarms *a, uint32_t max_port); /* all memory there will be; MR_NO_MEMORY */
void alarms_fini(struct alarms *a);                               /* a zeroed one is fine */
void alarms_set(struct alarms *a, uint32_t port, int64_t at_ns);  /* in place of what was set; INT64_MAX: none */

/* The earliest and its port; INT64_MAX and 0: none. */
static inline int64_t alarms_first(const struct alarms *a, uint32_t *ret_port)
{
    *ret_port = a->n ? a->heap[0].port : 0;
    return a->n ? a->heap[0].at_ns : INT64_MAX;
}
#endif
