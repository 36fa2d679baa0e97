/* fuzz_pull.c - any events in any order: leases stay sorted and bounded, acks name only what was held. */
#include "proto/pull.h"
#include "tests/support/fuzz_input.h"

enum { MAX_LEASES = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool holds(const struct pull *p, uint64_t offset)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->leases[i].offset == offset)
            return true;
    return false;
}

static void check(const struct pull *p)
{
    fuzz_hold(p->count <= p->cap && p->cap <= MAX_LEASES);
    for (uint32_t i = 1; i < p->count; i++)
        fuzz_hold(p->leases[i - 1].offset < p->leases[i].offset);
    fuzz_hold(p->told_records <= p->credit_records && p->used_records <= p->told_records);
    fuzz_hold(p->state == PULL_PULLING || p->count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input in = {data, len};
    struct pull p;

    pull_init(&p, fuzz_u8(&in) & 1, MAX_LEASES);
    while (in.left) {
        struct pull_event event = {.kind = (enum pull_event_kind)(fuzz_u8(&in) % PULL_EVENTS),
                                   .offset = fuzz_number(&in),
                                   .generation = fuzz_u8(&in) % 8,
                                   .records = fuzz_u8(&in),
                                   .bytes = fuzz_u8(&in),
                                   .requeued = fuzz_u8(&in) & 1};
        struct pull_actions todo;
        bool was_held = holds(&p, event.offset);
        enum mr_rc rc = pull_step(&p, &event, &todo);
        fuzz_hold(rc == MR_OK || !(todo.ack || todo.deliver || todo.fetch || todo.leases_ended));
        fuzz_hold(!todo.ack || (was_held && todo.first <= todo.last && todo.last == event.offset));
        fuzz_hold(!todo.deliver || holds(&p, event.offset));
        check(&p);
    }
    pull_fini(&p);
    return 0;
}
