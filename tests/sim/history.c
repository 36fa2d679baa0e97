/* history.c - arrays that grow. */
#include "history.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void history_init(struct history *h, int n_machines, int n_brokers)
{
    *h = (struct history){.n_machines = n_machines, .n_brokers = n_brokers};
}

void history_fini(struct history *h)
{
    for (size_t i = 0; i < h->n_topics; i++)
        free(h->topics[i]);
    for (size_t i = 0; i < h->n_subs; i++) {
        free(h->subs[i]->items);
        free(h->subs[i]);
    }
    for (int i = 0; i < h->n_machines; i++)
        free(h->machines[i].accepted);
    free(h->topics);
    free(h->published);
    free(h->subs);
    free(h->asked);
    free(h->slots);
    free(h->lives);
    free(h->presence);
}

uint32_t history_topic(struct history *h, const char *text)
{
    for (size_t i = 0; i < h->n_topics; i++)
        if (strcmp(h->topics[i], text) == 0)
            return (uint32_t)i;
    h->topics = sim_grow(h->topics, h->n_topics, &h->cap_topics, sizeof *h->topics);
    char *copy = sim_alloc(1, strlen(text) + 1);
    strcpy(copy, text);
    h->topics[h->n_topics] = copy;
    return (uint32_t)h->n_topics++;
}

struct published *history_publish(struct history *h)
{
    h->published = sim_grow(h->published, h->n_published, &h->cap_published, sizeof *h->published);
    return &h->published[h->n_published++];
}

struct accepted *history_accept(struct history *h, int machine)
{
    struct machine_history *m = &h->machines[machine];
    m->accepted = sim_grow(m->accepted, m->n, &m->cap, sizeof *m->accepted);
    return &m->accepted[m->n++];
}

struct subscription *history_subscribe(struct history *h)
{
    h->subs = sim_grow(h->subs, h->n_subs, &h->cap_subs, sizeof *h->subs);
    struct subscription *sub = sim_alloc(1, sizeof *sub);
    sub->is_open = true;
    h->subs[h->n_subs++] = sub;
    return sub;
}

struct item *history_item(struct subscription *sub, enum item_kind kind, int64_t at_ns)
{
    sub->items = sim_grow(sub->items, sub->n, &sub->cap, sizeof *sub->items);
    struct item *item = &sub->items[sub->n++];
    *item = (struct item){.kind = kind, .at_ns = at_ns, .machine = HISTORY_ANY};
    return item;
}

void history_all(struct history *h, enum item_kind kind, int64_t at_ns, int64_t upto_ns)
{
    for (size_t i = 0; i < h->n_subs; i++)
        if (h->subs[i]->is_open)
            history_item(h->subs[i], kind, at_ns)->upto_ns = upto_ns;
}

struct asked *history_ask(struct history *h)
{
    h->asked = sim_grow(h->asked, h->n_asked, &h->cap_asked, sizeof *h->asked);
    return &h->asked[h->n_asked++];
}

struct asked *history_find_asked(struct history *h, uint64_t id)
{
    for (size_t i = h->n_asked; i-- > 0;)
        if (h->asked[i].id == id)
            return &h->asked[i];
    return NULL;
}

struct final_slot *history_slot(struct history *h)
{
    h->slots = sim_grow(h->slots, h->n_slots, &h->cap_slots, sizeof *h->slots);
    return &h->slots[h->n_slots++];
}

struct final_life *history_life(struct history *h)
{
    h->lives = sim_grow(h->lives, h->n_lives, &h->cap_lives, sizeof *h->lives);
    return &h->lives[h->n_lives++];
}

struct final_presence *history_presence(struct history *h)
{
    h->presence = sim_grow(h->presence, h->n_presence, &h->cap_presence, sizeof *h->presence);
    return &h->presence[h->n_presence++];
}

void history_problem(struct history *h, const char *format, ...)
{
    if (*h->problem)
        return;
    int used = h->now_ns ? snprintf(h->problem, sizeof h->problem, "%.6f s: ", (double)*h->now_ns / 1e9) : 0;
    va_list args;
    va_start(args, format);
    vsnprintf(h->problem + used, sizeof h->problem - (size_t)used, format, args);
    va_end(args);
}

uint64_t history_hash(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return len ? hash : 0;
}
