/* sim.c - a heap of events, dice, and the hash of all that was traced. */
#include "sim.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64, LINE_MAX_BYTES = 512 };

static const uint64_t fnv_start = UINT64_C(14695981039346656037), fnv_prime = UINT64_C(1099511628211);

void *sim_alloc(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (!p) {
        fputs("mrsim: out of memory\n", stderr);
        exit(2);
    }
    return p;
}

void *sim_grow(void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return array;
    size_t bigger = *cap ? *cap * 2 : FIRST_CAP;
    void *p = sim_alloc(bigger, size);
    if (n)
        memcpy(p, array, n * size);
    free(array);
    *cap = bigger;
    return p;
}

void sim_init(struct sim *sim, uint64_t seed, FILE *trace)
{
    *sim = (struct sim){.trace_hash = fnv_start, .trace = trace};
    rand_seeded_init(&sim->dice, seed);
}

void sim_fini(struct sim *sim)
{
    free(sim->heap);
    sim->heap = NULL;
    sim->n = sim->cap = 0;
}

/* -- events -- */
static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
    struct sim_event t = *a;
    *a = *b;
    *b = t;
}

void sim_at(struct sim *sim, int64_t at_ns, sim_fn *fn, void *user)
{
    sim->heap = sim_grow(sim->heap, sim->n, &sim->cap, sizeof *sim->heap);
    size_t i = sim->n++;
    sim->heap[i] = (struct sim_event){
        .at_ns = at_ns > sim->now_ns ? at_ns : sim->now_ns, .order = sim->next_order++, .fn = fn, .user = user};
    for (; i > 0 && is_before(&sim->heap[i], &sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&sim->heap[i], &sim->heap[(i - 1) / 2]);
}

static struct sim_event take_first(struct sim *sim)
{
    struct sim_event first = sim->heap[0];
    sim->heap[0] = sim->heap[--sim->n];
    for (size_t i = 0;;) {
        size_t least = i, left = 2 * i + 1, right = left + 1;
        if (left < sim->n && is_before(&sim->heap[left], &sim->heap[least]))
            least = left;
        if (right < sim->n && is_before(&sim->heap[right], &sim->heap[least]))
            least = right;
        if (least == i)
            return first;
        swap(&sim->heap[i], &sim->heap[least]);
        i = least;
    }
}

void sim_run(struct sim *sim, int64_t until_ns)
{
    while (sim->n && sim->heap[0].at_ns <= until_ns) {
        struct sim_event e = take_first(sim);
        sim->now_ns = e.at_ns;
        sim->steps++;
        e.fn(e.user);
    }
    sim->now_ns = until_ns;
}

/* -- dice -- */
uint64_t sim_below(struct sim *sim, uint64_t n)
{
    return rand_below(&sim->dice.source, n);
}

int64_t sim_between(struct sim *sim, int64_t low, int64_t high)
{
    return low + (int64_t)sim_below(sim, (uint64_t)(high - low) + 1);
}

bool sim_chance(struct sim *sim, unsigned percent)
{
    return sim_below(sim, 100) < percent;
}

/* -- trace -- */
void sim_trace(struct sim *sim, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    uint64_t hash = (sim->trace_hash ^ (uint64_t)sim->now_ns) * fnv_prime;
    for (const char *at = line; *at; at++)
        hash = (hash ^ (uint8_t)*at) * fnv_prime;
    sim->trace_hash = hash;
    if (sim->trace)
        fprintf(sim->trace, "%10.6f %s\n", (double)sim->now_ns / (double)SIM_S, line);
}
