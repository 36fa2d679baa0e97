/* idmap.h - a number kept beside an id: as quick as an array, but paged, so that a few high ids cost little. */
#ifndef BUS_IDMAP_H
#define BUS_IDMAP_H
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum { IDMAP_PAGE = 64 };

struct idmap {
    uint64_t **page;
    uint32_t n; /* pages there is room for */
};

void idmap_fini(struct idmap *m); /* a zeroed idmap is an empty one, and is so again after this */
MUST enum mr_rc idmap_set(struct idmap *m, uint32_t id, uint64_t value); /* MR_NO_MEMORY: nothing changed */

/* 0 for an id never set. */
static inline uint64_t idmap_get(const struct idmap *m, uint32_t id)
{
    uint32_t at = id / IDMAP_PAGE;
    return at < m->n && m->page[at] ? m->page[at][id % IDMAP_PAGE] : 0;
}
#endif
