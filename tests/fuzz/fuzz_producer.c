/* fuzz_producer.c - any events in any order: sends only what is granted and numbered, its floor never goes back. */
#include "proto/producer.h"
#include "tests/support/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct producer_event event_from(struct fuzz_input *in)
{
    struct producer_event event = {.kind = (enum producer_event_kind)(fuzz_u8(in) % PRODUCER_EVENTS)};

    event.answer = (struct producer_answer){.verdict = (enum producer_verdict)(fuzz_u8(in) % 8),
                                            .epoch = fuzz_u8(in) % 4,
                                            .last_seq = fuzz_number(in),
                                            .chain = fuzz_u8(in) % 2,
                                            .holder_nonce = fuzz_u8(in) % 2,
                                            .birth = fuzz_number(in),
                                            .retry_ms = fuzz_u8(in)};
    event.front = (struct producer_incarnation){
        .ordinal = fuzz_u8(in), .next_seq = fuzz_number(in), .newest = fuzz_u8(in) & 1, .left = fuzz_u8(in) & 1};
    event.epoch = fuzz_u8(in) % 4;
    event.seq = fuzz_number(in);
    event.chain = fuzz_u8(in) % 2;
    event.birth = fuzz_u8(in);
    event.known = fuzz_u8(in) & 1;
    return event;
}

static bool is_final(enum producer_state state)
{
    return state == PRODUCER_FENCED || state == PRODUCER_GONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input in = {data, len};
    struct producer p;
    struct producer_conf conf = {.birth = 1, .nonce = 1, .front = {.ordinal = 1, .next_seq = 1, .newest = true}};
    int64_t now = 0;

    producer_init(&p, &conf);
    while (in.left) {
        struct producer before = p;
        struct producer_event event = event_from(&in);
        struct producer_actions todo;
        now += (int64_t)fuzz_u8(&in) * 100000000;
        enum mr_rc rc = producer_step(&p, &event, now, &todo);
        fuzz_hold(rc == MR_OK || rc == MR_MISUSE || rc == MR_INVALID);
        fuzz_hold(rc == MR_OK || p.state == before.state);
        fuzz_hold(!is_final(before.state) || p.state == before.state);
        fuzz_hold(todo.send_open == (p.open == before.open + 1));
        fuzz_hold(!todo.send_open || p.link_up);
        fuzz_hold(!todo.may_send || (p.state == PRODUCER_GRANTED && p.link_up));
        fuzz_hold(p.floor_ordinal >= before.floor_ordinal || p.front.ordinal > before.front.ordinal || todo.free_to);
        fuzz_hold(p.floor_ordinal != before.floor_ordinal || p.floor_seq >= before.floor_seq);
        fuzz_hold(p.birth >= before.birth);
        fuzz_hold(p.state != PRODUCER_GRANTED || p.sent_seq >= p.floor_seq);
        fuzz_hold(!todo.renew || todo.stop);
    }
    return 0;
}
