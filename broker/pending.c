/* pending.c - a short list, looked through once for each connection. */
#include "broker/pending.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 3 };

static struct pending_guest *find(struct pending *p, const char *address, const char *name)
{
    for (struct pending_guest *at = p->list; at < p->list + PENDING_MAX; at++)
        if (at->n > 0 && strcmp(at->address, address) == 0 && strcmp(at->name, name) == 0)
            return at;
    return NULL;
}

static struct pending_guest *oldest(struct pending *p)
{
    struct pending_guest *first = &p->list[0];
    for (struct pending_guest *at = p->list; at < p->list + PENDING_MAX && first->n > 0; at++)
        if (at->n == 0 || at->last_ns < first->last_ns)
            first = at;
    return first;
}

void pending_add(struct pending *p, const char *address, const char *name, int64_t now_ns)
{
    struct pending_guest *guest = find(p, address, name);
    if (!guest) {
        guest = oldest(p);
        *guest = (struct pending_guest){.n = 0};
        snprintf(guest->address, sizeof guest->address, "%s", address);
        snprintf(guest->name, sizeof guest->name, "%s", name);
    }
    guest->n++;
    guest->last_ns = now_ns;
}

void pending_take(struct pending *p, const char *address, const char *name)
{
    struct pending_guest *guest = find(p, address, name);
    if (guest)
        guest->n--;
}

unsigned pending_names(const struct pending *p, const char *address, int64_t now_ns, char *ret, size_t size)
{
    const int64_t ns_per_ms = 1000000;
    size_t len = 0;
    unsigned names = 0;
    ret[0] = '\0';
    for (const struct pending_guest *at = p->list; at < p->list + PENDING_MAX && names < NAMES_MAX; at++) {
        bool is_meant =
            at->n > 0 && strcmp(at->address, address) == 0 && now_ns - at->last_ns <= PENDING_MS * ns_per_ms;
        if (!is_meant || len >= size)
            continue;
        int written = snprintf(ret + len, size - len, "%s%s", names ? " or " : "", at->name);
        names++;
        len += (size_t)written;
    }
    return names;
}
