/* budget.c - see budget.h. */
#include "sdk/budget.h"

#include "base/mem.h"

bool budget_take(struct budget *budget, size_t n)
{
    size_t used = __atomic_load_n(&budget->used, __ATOMIC_RELAXED);
    do {
        if (n > budget->max || used > budget->max - n)
            return false;
    } while (!__atomic_compare_exchange_n(&budget->used, &used, used + n, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

void budget_give(struct budget *budget, size_t n)
{
    (void)__atomic_sub_fetch(&budget->used, n, __ATOMIC_RELAXED);
}

size_t budget_used(const struct budget *budget)
{
    return __atomic_load_n(&budget->used, __ATOMIC_RELAXED);
}

void *budget_alloc(struct budget *budget, size_t size)
{
    if (!budget_take(budget, size))
        return NULL;
    void *ptr = mem_calloc(1, size);
    if (!ptr)
        budget_give(budget, size);
    return ptr;
}

void budget_free(struct budget *budget, void *ptr, size_t size)
{
    if (!ptr)
        return;
    mem_free(ptr);
    budget_give(budget, size);
}
