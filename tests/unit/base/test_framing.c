/* test_framing.c - frames come out whole and in order, however the stream is cut. */
#include "base/framing.h"
#include "base/mem.h"
#include "base/rand.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MAX_FRAME 1000U
#define STREAM_MAX 8192U

/* A stream of frames whose lengths are given; every byte tells its frame and place. */
static size_t make_stream(uint8_t stream[STREAM_MAX], const size_t *lens, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(at + FRAMING_PREFIX_BYTES + lens[i] <= STREAM_MAX);
        framing_put_prefix(stream + at, lens[i]);
        at += FRAMING_PREFIX_BYTES;
        for (size_t j = 0; j < lens[i]; j++)
            stream[at++] = (uint8_t)(i * 31 + j);
    }
    return at;
}

/* Takes every whole frame and checks it against lens; returns how many frames there have been by now. */
static size_t take_frames(struct framing_reader *reader, const size_t *lens, size_t seen)
{
    const uint8_t *data;
    size_t len;
    while (framing_next(reader, &data, &len) == MR_OK) {
        assert_int_equal(len, lens[seen]);
        for (size_t j = 0; j < len; j++)
            assert_int_equal(data[j], (uint8_t)(seen * 31 + j));
        seen++;
    }
    return seen;
}

static void feed(struct framing_reader *reader, const uint8_t *bytes, size_t len)
{
    uint8_t *space;
    size_t room;
    while (len > 0) {
        assert_int_equal(framing_space(reader, &space, &room), MR_OK);
        assert_true(room > 0);
        size_t part = len < room ? len : room;
        memcpy(space, bytes, part);
        framing_fed(reader, part);
        bytes += part;
        len -= part;
        if (len > 0)
            assert_true(framing_pending(reader) > 0);
    }
}

static void a_stream_cut_at_any_byte_gives_the_same_frames(void **state)
{
    static const size_t lens[] = {1, 3, 4, 5, 60, 1};
    const size_t n = sizeof lens / sizeof lens[0];
    uint8_t stream[STREAM_MAX];
    size_t total = make_stream(stream, lens, n);
    (void)state;
    for (size_t cut = 0; cut <= total; cut++) {
        struct framing_reader reader;
        framing_init(&reader, MAX_FRAME);
        feed(&reader, stream, cut);
        size_t seen = take_frames(&reader, lens, 0);
        feed(&reader, stream + cut, total - cut);
        assert_int_equal(take_frames(&reader, lens, seen), n);
        assert_int_equal(framing_pending(&reader), 0);
        framing_fini(&reader);
    }
}

static void a_stream_of_single_bytes_gives_the_same_frames(void **state)
{
    static const size_t lens[] = {1, 1000, 2, 999};
    const size_t n = sizeof lens / sizeof lens[0];
    uint8_t stream[STREAM_MAX];
    size_t total = make_stream(stream, lens, n), seen = 0;
    struct framing_reader reader;
    (void)state;
    framing_init(&reader, MAX_FRAME);
    for (size_t i = 0; i < total; i++) {
        feed(&reader, stream + i, 1);
        seen = take_frames(&reader, lens, seen);
    }
    assert_int_equal(seen, n);
    framing_fini(&reader);
}

static void random_frames_in_random_pieces_give_the_same_frames(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct rand_seeded random;
        struct framing_reader reader;
        uint8_t stream[STREAM_MAX];
        size_t lens[8], seen = 0;
        rand_seeded_init(&random, seed);
        for (size_t i = 0; i < 8; i++)
            lens[i] = 1 + rand_below(&random.source, MAX_FRAME);
        size_t total = make_stream(stream, lens, 8);
        framing_init(&reader, MAX_FRAME);
        for (size_t at = 0; at < total;) {
            uint8_t *space;
            size_t room;
            assert_int_equal(framing_space(&reader, &space, &room), MR_OK);
            size_t part = 1 + rand_below(&random.source, 700);
            part = part < room ? part : room;
            part = part < total - at ? part : total - at;
            memcpy(space, stream + at, part);
            framing_fed(&reader, part);
            at += part;
            seen = take_frames(&reader, lens, seen);
        }
        if (seen != 8)
            fail_msg("seed %llu: %zu frames", (unsigned long long)seed, seen);
        framing_fini(&reader);
    }
}

static enum mr_rc announce(size_t max_frame, size_t len)
{
    struct framing_reader reader;
    uint8_t prefix[FRAMING_PREFIX_BYTES];
    const uint8_t *data;
    size_t data_len;
    framing_init(&reader, max_frame);
    framing_put_prefix(prefix, len);
    feed(&reader, prefix, sizeof prefix);
    enum mr_rc rc = framing_next(&reader, &data, &data_len);
    assert_int_equal(framing_next(&reader, &data, &data_len), rc); /* it stays so */
    framing_fini(&reader);
    return rc;
}

static void a_frame_of_the_limit_is_awaited_and_a_longer_or_empty_one_is_not(void **state)
{
    (void)state;
    assert_int_equal(announce(MAX_FRAME, MAX_FRAME), MR_WOULD_BLOCK);
    assert_int_equal(announce(MAX_FRAME, MAX_FRAME + 1), MR_TOO_BIG);
    assert_int_equal(announce(MAX_FRAME, UINT32_MAX), MR_TOO_BIG);
    assert_int_equal(announce(MAX_FRAME, 0), MR_INVALID);
    assert_int_equal(announce(1, 1), MR_WOULD_BLOCK);
    assert_int_equal(announce(1, 2), MR_TOO_BIG);
    assert_int_equal(announce(UINT32_MAX, UINT32_MAX), MR_WOULD_BLOCK);
}

static void memory_grows_to_the_frame_that_is_coming_and_no_further(void **state)
{
    const size_t large = 3 * FRAMING_READ_BYTES;
    struct framing_reader reader;
    uint8_t prefix[FRAMING_PREFIX_BYTES], *space;
    size_t room;
    (void)state;
    framing_init(&reader, 10 * FRAMING_READ_BYTES);
    assert_int_equal(framing_space(&reader, &space, &room), MR_OK);
    assert_int_equal(room, FRAMING_READ_BYTES);
    framing_put_prefix(prefix, large);
    feed(&reader, prefix, sizeof prefix);
    assert_int_equal(framing_space(&reader, &space, &room), MR_OK);
    assert_int_equal(reader.capacity, large + FRAMING_PREFIX_BYTES);
    framing_fini(&reader);
}

static void a_failed_allocation_loses_nothing(void **state)
{
    const size_t large = 2 * FRAMING_READ_BYTES;
    struct framing_reader reader;
    uint8_t prefix[FRAMING_PREFIX_BYTES], *space;
    size_t room;
    (void)state;
    framing_init(&reader, large);
    mem_fail_at(1);
    assert_int_equal(framing_space(&reader, &space, &room), MR_NO_MEMORY);
    framing_put_prefix(prefix, large);
    feed(&reader, prefix, sizeof prefix);
    mem_fail_at(1);
    assert_int_equal(framing_space(&reader, &space, &room), MR_NO_MEMORY);
    assert_true(mem_fail_off());
    assert_int_equal(framing_pending(&reader), sizeof prefix);
    assert_int_equal(framing_space(&reader, &space, &room), MR_OK);
    framing_fini(&reader);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_cut_at_any_byte_gives_the_same_frames),
        cmocka_unit_test(a_stream_of_single_bytes_gives_the_same_frames),
        cmocka_unit_test(random_frames_in_random_pieces_give_the_same_frames),
        cmocka_unit_test(a_frame_of_the_limit_is_awaited_and_a_longer_or_empty_one_is_not),
        cmocka_unit_test(memory_grows_to_the_frame_that_is_coming_and_no_further),
        cmocka_unit_test(a_failed_allocation_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
