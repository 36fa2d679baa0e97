/* mem.c - the allocator hook, the count of blocks and the failures on demand. */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void *libc_resize(void *ptr, size_t size)
{
    if (size)
        return realloc(ptr, size);
    free(ptr);
    return NULL;
}

/* Process-wide on purpose: the hook is an option of the process, and a count per object would miss leaks. */
static void *(*hook)(void *ptr, size_t size) = libc_resize;
static size_t outstanding;
static unsigned fail_countdown; /* 0: no failure asked for */
static bool has_failed;

/* Counts one allocation down; true for the one that must fail. */
static bool fails_now(void)
{
    unsigned left = __atomic_load_n(&fail_countdown, __ATOMIC_RELAXED);
    do {
        if (left == 0)
            return false;
    } while (!__atomic_compare_exchange_n(&fail_countdown, &left, left - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    if (left > 1)
        return false;
    __atomic_store_n(&has_failed, true, __ATOMIC_RELAXED);
    return true;
}

void *mem_resize(void *ptr, size_t size)
{
    if (fails_now())
        return NULL;
    void *block = hook(ptr, size ? size : 1);
    if (block && !ptr)
        (void)__atomic_add_fetch(&outstanding, 1, __ATOMIC_RELAXED);
    return block;
}

void *mem_resize_array(void *ptr, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    return mem_resize(ptr, count * size);
}

void *mem_alloc(size_t size)
{
    return mem_resize(NULL, size);
}

void *mem_calloc(size_t count, size_t size)
{
    void *block = mem_resize_array(NULL, count, size);
    if (block)
        memset(block, 0, count * size);
    return block;
}

char *mem_strndup(const char *text, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = mem_alloc(len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void mem_free(void *ptr)
{
    if (!ptr)
        return;
    (void)__atomic_sub_fetch(&outstanding, 1, __ATOMIC_RELAXED);
    (void)hook(ptr, 0);
}

void mem_set_resize(void *(*resize)(void *ptr, size_t size))
{
    hook = resize ? resize : libc_resize;
}

bool mem_has_resize(void *(*resize)(void *ptr, size_t size))
{
    return hook == resize;
}

size_t mem_outstanding(void)
{
    return __atomic_load_n(&outstanding, __ATOMIC_RELAXED);
}

void mem_fail_at(unsigned n)
{
    __atomic_store_n(&has_failed, false, __ATOMIC_RELAXED);
    __atomic_store_n(&fail_countdown, n, __ATOMIC_RELAXED);
}

bool mem_fail_off(void)
{
    __atomic_store_n(&fail_countdown, 0, __ATOMIC_RELAXED);
    return __atomic_load_n(&has_failed, __ATOMIC_RELAXED);
}
