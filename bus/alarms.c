/* alarms.c - a binary heap that knows where each port stands in it. */
#include "bus/alarms.h"

#include "base/mem.h"

enum mr_rc alarms_init(struct alarms *a, uint32_t max_port)
{
    *a = (struct alarms){.heap = mem_calloc((size_t)max_port + 1, sizeof *a->heap),
                         .place = mem_calloc((size_t)max_port + 1, sizeof *a->place)};
    if (a->heap && a->place)
        return MR_OK;
    alarms_fini(a);
    return MR_NO_MEMORY;
}

void alarms_fini(struct alarms *a)
{
    mem_free(a->heap);
    mem_free(a->place);
    *a = (struct alarms){0};
}

static void put_at(struct alarms *a, uint32_t at, struct alarm alarm)
{
    a->heap[at] = alarm;
    a->place[alarm.port] = at + 1;
}

static void rise(struct alarms *a, uint32_t at, struct alarm alarm)
{
    for (uint32_t parent; at > 0 && a->heap[parent = (at - 1) / 2].at_ns > alarm.at_ns; at = parent)
        put_at(a, at, a->heap[parent]);
    put_at(a, at, alarm);
}

static void sink(struct alarms *a, uint32_t at, struct alarm alarm)
{
    for (uint32_t child; (child = 2 * at + 1) < a->n; at = child) {
        if (child + 1 < a->n && a->heap[child + 1].at_ns < a->heap[child].at_ns)
            child++;
        if (a->heap[child].at_ns >= alarm.at_ns)
            break;
        put_at(a, at, a->heap[child]);
    }
    put_at(a, at, alarm);
}

static void settle(struct alarms *a, uint32_t at, struct alarm alarm)
{
    if (at > 0 && a->heap[(at - 1) / 2].at_ns > alarm.at_ns)
        rise(a, at, alarm);
    else
        sink(a, at, alarm);
}

void alarms_set(struct alarms *a, uint32_t port, int64_t at_ns)
{
    uint32_t place = a->place[port];
    if (at_ns < INT64_MAX) {
        if (!place || a->heap[place - 1].at_ns != at_ns)
            settle(a, place ? place - 1 : a->n++, (struct alarm){at_ns, port});
        return;
    }
    if (!place)
        return;
    a->place[port] = 0;
    const struct alarm last = a->heap[--a->n];
    if (last.port != port)
        settle(a, place - 1, last);
}
