/* idmap.c - pages of a few numbers, made when first written. */
#include "bus/idmap.h"

#include <string.h>

#include "base/mem.h"

static enum mr_rc reserve(struct idmap *m, uint32_t at)
{
    if (at < m->n)
        return MR_OK;
    uint32_t n = m->n ? m->n : 4;
    while (n <= at)
        n *= 2;
    uint64_t **page = mem_resize(m->page, n * sizeof *page);
    if (!page)
        return MR_NO_MEMORY;
    memset(page + m->n, 0, (n - m->n) * sizeof *page);
    m->page = page;
    m->n = n;
    return MR_OK;
}

enum mr_rc idmap_set(struct idmap *m, uint32_t id, uint64_t value)
{
    uint32_t at = id / IDMAP_PAGE;
    enum mr_rc rc = reserve(m, at);
    if (rc)
        return rc;
    if (!m->page[at])
        m->page[at] = mem_calloc(IDMAP_PAGE, sizeof **m->page);
    if (!m->page[at])
        return MR_NO_MEMORY;
    m->page[at][id % IDMAP_PAGE] = value;
    return MR_OK;
}

void idmap_fini(struct idmap *m)
{
    for (uint32_t at = 0; at < m->n; at++)
        mem_free(m->page[at]);
    mem_free(m->page);
    *m = (struct idmap){0};
}
