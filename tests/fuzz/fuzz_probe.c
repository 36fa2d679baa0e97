/* fuzz_probe.c - any events and any times on the wire: no overflow, no round trip below zero, deadlines that come. */
#include "proto/probe.h"
#include "tests/support/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input in = {data, len};
    struct probe p;
    int64_t now = 1;

    probe_init(&p, 1u + fuzz_u8(&in) * 10u, 1u + fuzz_u8(&in) * 20u);
    while (in.left) {
        struct probe_actions todo;
        struct probe_event event = {.kind = (enum probe_event_kind)(fuzz_u8(&in) % PROBE_EVENTS),
                                    .number = fuzz_number(&in),
                                    .received_us = (int64_t)fuzz_number(&in),
                                    .real_us = (int64_t)fuzz_number(&in),
                                    .our_us = (int64_t)fuzz_number(&in)};
        now += (int64_t)fuzz_u8(&in) * 10000000;
        event.sent_ns = fuzz_u8(&in) & 1 ? fuzz_u64(&in) : (uint64_t)p.open[event.number % PROBE_OPEN_PINGS].sent_ns;
        enum mr_rc rc = probe_step(&p, &event, now, &todo);
        fuzz_hold(rc == MR_OK || rc == MR_INVALID || rc == MR_MISUSE);
        fuzz_hold(!todo.reached || todo.rtt_ns > 0);
        fuzz_hold(!todo.clock || todo.error_us >= 0);
        fuzz_hold(!todo.dead || p.state == PROBE_DEAD);
        fuzz_hold(probe_least_rtt(&p, now) >= 0);
        fuzz_hold((probe_deadline(&p) == INT64_MAX) == (p.state != PROBE_WATCHING));
        if (event.kind == PROBE_TICK && p.state == PROBE_WATCHING)
            fuzz_hold(probe_deadline(&p) > now); /* a tick always moves on */
    }
    return 0;
}
