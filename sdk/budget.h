/* budget.h - the one account of a handle's memory: queue, rings, tables and kept messages all draw on it.
 *
 * What is charged is what is asked of the allocator. Any thread. */
#ifndef SDK_BUDGET_H
#define SDK_BUDGET_H
#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"

struct budget {
    size_t max;
    size_t used; /* atomic */
};

/* True: n bytes are charged. False: they do not fit, nothing has changed. */
MUST bool budget_take(struct budget *budget, size_t n);
void budget_give(struct budget *budget, size_t n);
size_t budget_used(const struct budget *budget);

/* Zeroed memory that is charged; NULL: the budget or malloc refuses. Give it back with the same size. */
MUST void *budget_alloc(struct budget *budget, size_t size);
void budget_free(struct budget *budget, void *ptr, size_t size); /* NULL is fine */
#endif
