/* fuzz_handshake.c - any events in any order: over stays over, one end at most, a session is up only when agreed. */
#include "proto/handshake.h"
#include "tests/support/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input in = {data, len};
    struct handshake h;
    struct handshake_conf conf = {fuzz_u8(&in) & 1, 3, 2};
    unsigned ends = 0, byes = 0;
    int64_t now = 0;

    handshake_init(&h, &conf, now);
    while (in.left) {
        struct handshake_actions todo;
        struct handshake_event event = {.kind = (enum handshake_event_kind)(fuzz_u8(&in) % HANDSHAKE_EVENTS),
                                        .version = fuzz_u8(&in) % 6,
                                        .oldest = fuzz_u8(&in) % 6,
                                        .session = fuzz_u8(&in) % 3,
                                        .floor = fuzz_u8(&in) % 2,
                                        .rc = MR_INVALID,
                                        .reason = ""};
        enum handshake_state before = h.state;
        now += (int64_t)fuzz_u8(&in) * 20000000;
        enum mr_rc rc = handshake_step(&h, &event, now, &todo);
        fuzz_hold(rc == MR_OK || rc == MR_MISUSE);
        fuzz_hold(rc == MR_OK || h.state == before);
        fuzz_hold(before != HANDSHAKE_OVER || h.state == HANDSHAKE_OVER);
        fuzz_hold(h.state != HANDSHAKE_UP || (h.session != 0 && h.version >= conf.oldest && h.version <= conf.newest));
        fuzz_hold((h.state == HANDSHAKE_UP || h.state == HANDSHAKE_OVER) == (h.deadline_ns == INT64_MAX));
        fuzz_hold(!todo.say_hello || !conf.server);
        fuzz_hold(!(todo.ask_owner || todo.say_welcome) || conf.server);
        ends += todo.tell_end;
        byes += todo.say_bye;
        fuzz_hold(!(todo.tell_end || todo.say_bye) || (h.state == HANDSHAKE_OVER && todo.reason));
    }
    fuzz_hold(ends <= 1 && byes <= 1);
    return 0;
}
