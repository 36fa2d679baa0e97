/* pull.c - see pull.h. */
#include "proto/pull.h"

#include <string.h>

#include "base/mem.h"

enum { FIRST_CAP = 16 };

void pull_init(struct pull *p, bool exclusive, uint32_t max_leases)
{
    *p = (struct pull){.state = PULL_OFF, .exclusive = exclusive, .max_leases = max_leases};
}

void pull_fini(struct pull *p)
{
    mem_free(p->leases);
    pull_init(p, p->exclusive, p->max_leases);
}

/* -- leases, ascending by offset -- */

static uint32_t place_of(const struct pull *p, uint64_t offset)
{
    uint32_t low = 0, high = p->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->leases[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct pull_lease *find(const struct pull *p, uint64_t offset)
{
    uint32_t place = place_of(p, offset);

    return place < p->count && p->leases[place].offset == offset ? &p->leases[place] : NULL;
}

static enum mr_rc make_room(struct pull *p)
{
    if (p->count < p->cap)
        return MR_OK;
    if (p->count == p->max_leases)
        return MR_TOO_BIG;
    uint32_t cap = p->cap ? p->cap * 2 : FIRST_CAP;
    if (cap > p->max_leases)
        cap = p->max_leases;
    struct pull_lease *leases = mem_resize(p->leases, cap * sizeof *leases);
    if (!leases)
        return MR_NO_MEMORY;
    p->leases = leases;
    p->cap = cap;
    return MR_OK;
}

static void insert(struct pull *p, uint64_t offset, bool requeued)
{
    uint32_t place = place_of(p, offset);

    memmove(&p->leases[place + 1], &p->leases[place], (p->count - place) * sizeof *p->leases);
    p->leases[place] = (struct pull_lease){offset, requeued};
    p->count++;
}

static void remove_one(struct pull *p, const struct pull_lease *lease)
{
    uint32_t place = (uint32_t)(lease - p->leases);

    p->count--;
    memmove(&p->leases[place], &p->leases[place + 1], (p->count - place) * sizeof *p->leases);
}

/* Ends the leases from..to that were not requeued; the lowest of them. */
static uint64_t end_range(struct pull *p, uint64_t from, uint64_t to)
{
    uint32_t kept = 0;
    uint64_t lowest = to;

    for (uint32_t i = 0; i < p->count; i++) {
        const struct pull_lease lease = p->leases[i];
        if (lease.requeued || lease.offset < from || lease.offset > to)
            p->leases[kept++] = lease;
        else if (lease.offset < lowest)
            lowest = lease.offset;
    }
    p->count = kept;
    return lowest;
}

static void end_all(struct pull *p, struct pull_actions *out)
{
    out->leases_ended = p->count > 0;
    out->first = p->count ? p->leases[0].offset : 0;
    p->count = 0;
}

/* -- events -- */

static enum mr_rc open_it(struct pull *p, const struct pull_event *e)
{
    if (p->state != PULL_OFF)
        return MR_MISUSE;
    p->state = PULL_PULLING;
    p->generation = p->least_generation = e->generation;
    p->credit_records = p->credit_bytes = 0;
    p->used_records = p->used_bytes = 0;
    p->told_records = p->told_bytes = 0;
    return MR_OK;
}

static void want(struct pull *p, const struct pull_event *e, struct pull_actions *out)
{
    p->credit_records += e->records;
    p->credit_bytes += e->bytes;
    /* said again when the other side has used half of what it knows of */
    bool few_records = (p->told_records - p->used_records) * 2 <= p->credit_records - p->used_records;
    bool few_bytes =
        p->told_bytes <= p->used_bytes || (p->told_bytes - p->used_bytes) * 2 <= p->credit_bytes - p->used_bytes;
    if (!few_records && !few_bytes)
        return;
    p->told_records = p->credit_records;
    p->told_bytes = p->credit_bytes;
    out->fetch = true;
}

static bool is_in_order(const struct pull *p, const struct pull_event *e)
{
    if (find(p, e->offset))
        return false;
    if (!p->exclusive || e->requeued || !p->count)
        return true;
    for (uint32_t i = p->count; i > 0; i--)
        if (!p->leases[i - 1].requeued)
            return e->offset > p->leases[i - 1].offset;
    return true;
}

static void use_credit(struct pull *p, const struct pull_event *e)
{
    p->used_records++;
    p->used_bytes += e->bytes;
}

static void hold(struct pull *p, const struct pull_event *e, struct pull_actions *out)
{
    p->generation = e->generation;
    use_credit(p, e);
    insert(p, e->offset, e->requeued);
    out->deliver = true;
    out->perhaps = e->requeued || e->offset < p->delivered_to;
    if (e->offset >= p->delivered_to)
        p->delivered_to = e->offset + 1;
}

static enum mr_rc delivered(struct pull *p, const struct pull_event *e, struct pull_actions *out)
{
    bool is_within = p->used_records < p->told_records && p->used_bytes < p->told_bytes;
    bool is_newer = e->generation > p->generation;

    if (!is_within || e->generation < p->generation || e->offset == UINT64_MAX)
        return MR_INVALID;
    if (p->state == PULL_SEEKING || e->generation < p->least_generation) {
        use_credit(p, e); /* it was on its way when its lease was ended */
        return MR_OK;
    }
    if (!is_newer && !is_in_order(p, e))
        return MR_INVALID;
    enum mr_rc rc = is_newer && p->cap ? MR_OK : make_room(p); /* a newer generation frees all leases */
    if (rc != MR_OK)
        return rc;
    if (is_newer)
        end_all(p, out);
    hold(p, e, out);
    return MR_OK;
}

static void say(struct pull *p, enum pull_ack_kind kind, uint64_t first, const struct pull_event *e,
                struct pull_actions *out)
{
    out->ack = true;
    out->ack_kind = kind;
    out->generation = p->generation;
    out->first = first;
    out->last = e->offset;
    out->delay_ms = e->delay_ms;
    out->reason = e->reason;
}

static void ack(struct pull *p, const struct pull_lease *lease, const struct pull_event *e, struct pull_actions *out)
{
    uint64_t first = e->offset;

    if (!p->exclusive || lease->requeued)
        remove_one(p, lease);
    else
        first = end_range(p, 0, e->offset);
    say(p, PULL_ACK, first, e, out);
}

static void nak(struct pull *p, const struct pull_lease *lease, const struct pull_event *e, struct pull_actions *out)
{
    uint32_t before = p->count;

    if (!p->exclusive || lease->requeued) {
        remove_one(p, lease);
    } else {
        end_range(p, e->offset, UINT64_MAX);
        out->leases_ended = before > p->count + 1;
        p->least_generation = p->generation + 1;
    }
    say(p, PULL_NAK, e->offset, e, out);
}

static enum mr_rc answer(struct pull *p, const struct pull_event *e, struct pull_actions *out)
{
    const struct pull_lease *lease = find(p, e->offset);

    if (!lease)
        return MR_FENCED;
    if (e->kind == PULL_ACK_THIS)
        ack(p, lease, e, out);
    else if (e->kind == PULL_NAK_THIS)
        nak(p, lease, e, out);
    else
        say(p, PULL_EXTEND, e->offset, e, out);
    return MR_OK;
}

static enum mr_rc sought(struct pull *p, const struct pull_event *e)
{
    if (e->generation <= p->generation)
        return MR_INVALID;
    p->state = PULL_PULLING;
    p->generation = p->least_generation = e->generation;
    p->delivered_to = 0;
    return MR_OK;
}

static enum mr_rc handle(struct pull *p, const struct pull_event *event, struct pull_actions *out)
{
    switch (event->kind) {
    case PULL_CLOSE:
        p->state = PULL_OFF;
        end_all(p, out);
        break;
    case PULL_WANT:
        want(p, event, out);
        break;
    case PULL_DELIVERED:
        return delivered(p, event, out);
    case PULL_ACK_THIS:
    case PULL_NAK_THIS:
    case PULL_EXTEND_THIS:
        return answer(p, event, out);
    case PULL_SEEK:
        p->state = PULL_SEEKING;
        end_all(p, out);
        break;
    case PULL_SOUGHT:
        return sought(p, event);
    case PULL_OPEN:
    case PULL_EVENTS:
        break;
    }
    return MR_OK;
}

#define IN(state) (1U << PULL_##state)

/* In which states an event may come. */
static const unsigned allowed[PULL_EVENTS] = {
    [PULL_OPEN] = IN(OFF),
    [PULL_CLOSE] = IN(PULLING) | IN(SEEKING),
    [PULL_WANT] = IN(PULLING) | IN(SEEKING),
    [PULL_DELIVERED] = IN(PULLING) | IN(SEEKING),
    [PULL_ACK_THIS] = IN(PULLING) | IN(SEEKING),
    [PULL_NAK_THIS] = IN(PULLING) | IN(SEEKING),
    [PULL_EXTEND_THIS] = IN(PULLING) | IN(SEEKING),
    [PULL_SEEK] = IN(PULLING),
    [PULL_SOUGHT] = IN(SEEKING),
};

enum mr_rc pull_step(struct pull *p, const struct pull_event *event, struct pull_actions *ret)
{
    struct pull_actions out = {.fetch = false};

    *ret = out;
    if (!(allowed[event->kind] & (1U << p->state)))
        return MR_MISUSE;
    enum mr_rc rc = event->kind == PULL_OPEN ? open_it(p, event) : handle(p, event, &out);
    if (rc == MR_OK)
        *ret = out;
    return rc;
}
