/* mem.h - all memory of the project comes through here: one hook, one count, failures on demand for tests. */
#ifndef BASE_MEM_H
#define BASE_MEM_H
#include "base/rc.h"

/* All may be called from any thread. NULL means out of memory and nothing else: size 0 allocates one byte. */
MUST void *mem_alloc(size_t size);

/* Zeroed memory for count elements of size bytes; NULL also where the product does not fit a size_t. */
MUST void *mem_calloc(size_t count, size_t size);

/* As realloc(): ptr NULL allocates, and on NULL the old block is untouched. Never frees: size 0 leaves one byte. */
MUST void *mem_resize(void *ptr, size_t size);

/* As mem_resize() for count elements of size bytes; NULL also where the product does not fit a size_t. */
MUST void *mem_resize_array(void *ptr, size_t count, size_t size);

/* A copy of len bytes followed by a NUL; the caller owns it. */
MUST char *mem_strndup(const char *text, size_t len);

/* ptr may be NULL. */
void mem_free(void *ptr);

/* The allocator of the whole process. resize(ptr, n) allocates for ptr NULL, frees for n 0, else resizes, and must be
 * safe from any thread. NULL restores realloc() and free(). Call it before anything is allocated: a block must go back
 * to the allocator it came from. */
void mem_set_resize(void *(*resize)(void *ptr, size_t size));

/* Is this the allocator that is set? */
bool mem_has_resize(void *(*resize)(void *ptr, size_t size));

/* Blocks allocated and not yet freed, over all threads: a test that ends with what it began with has no leak. */
size_t mem_outstanding(void);

/* For tests: the n-th allocation or resize from now on (1 = the next) fails, once. */
void mem_fail_at(unsigned n);

/* For tests: no failure any more. Returns true when the failure asked for did happen since mem_fail_at(). */
bool mem_fail_off(void);

#endif
