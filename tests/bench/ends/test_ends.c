/* test_ends.c - what makes a run of tests/bench/compare count is found out: damage, loss, order; and the window holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/bench/ends/board.h"
#include "tests/bench/ends/tally.h"

#include <math.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WINDOW = 8 };

static void every_flipped_byte_of_a_message_is_found(void **state)
{
    (void)state;
    const size_t sizes[] = {MESSAGE_MIN, 100, 1024, MESSAGE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t bytes[MESSAGE_MAX];
        uint64_t number = 0;
        int64_t sent_ns = 0;
        message_write(bytes, sizes[i], message_number(3, 77), 123456789);
        assert_true(message_read(bytes, sizes[i], &number, &sent_ns));
        assert_int_equal(message_publisher(number), 3);
        assert_int_equal(message_count(number), 77);
        assert_int_equal(sent_ns, 123456789);
        for (size_t at = 0; at < sizes[i]; at++) {
            bytes[at] ^= 1;
            assert_false(message_read(bytes, sizes[i], &number, &sent_ns));
            bytes[at] ^= 1;
        }
        assert_false(message_read(bytes, sizes[i] - 1, &number, &sent_ns));
    }
}

static void a_sample_of_another_time_or_value_is_found(void **state)
{
    (void)state;
    const uint64_t most = message_number(PUBLISHERS_MAX - 1, (UINT64_C(1) << COUNT_BITS) - 1);
    uint8_t bytes[SAMPLE_BYTES];
    uint64_t number = 0;
    int64_t sent_us = 0;
    sample_pack(bytes, sample_value(most, 1234), 1234);
    double value = sample_unpack(bytes, &sent_us);
    assert_true(sample_read(value, sent_us, &number));
    assert_true(number == most);
    assert_false(sample_read(value, sent_us + 1, &number));
    assert_false(sample_read(value + 1, sent_us, &number));
    assert_false(sample_read(-1, sent_us, &number));
    assert_false(sample_read(NAN, sent_us, &number));
}

static void a_tally_counts_in_its_time_and_sees_disorder_and_damage(void **state)
{
    (void)state;
    struct tally tally;
    const uint8_t damaged[MESSAGE_MIN] = {1};
    assert_true(tally_init(&tally));
    tally.from_ns = 10;
    tally.until_ns = 20;
    tally_count(&tally, message_number(0, 0), 9, 1);  /* too early */
    tally_count(&tally, message_number(0, 1), 10, 1); /* the first in time */
    tally_count(&tally, message_number(1, 0), 11, 1); /* of another publisher */
    tally_count(&tally, message_number(0, 1), 12, 1); /* once more */
    tally_count(&tally, message_number(0, 9), 20, 1); /* too late, and a gap: received tells */
    assert_int_equal(tally_bytes(&tally, damaged, sizeof damaged), -1);
    assert_int_equal(tally.received, 5);
    assert_int_equal(tally.of[0], 4);
    assert_int_equal(tally.counted, 3);
    assert_int_equal(tally.disorder, 1);
    assert_int_equal(tally.damaged, 1);
    tally_fini(&tally);
}

/* -- the window -- */
static struct board board_of(unsigned publishers, unsigned subscribers)
{
    struct board board = {.publishers = publishers, .subscribers = subscribers, .window = WINDOW};
    int fd = memfd_create("board", 0);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, BOARD_BYTES), 0);
    assert_true(board_open(&board, fd));
    close(fd);
    board.bells[0] = eventfd(0, EFD_NONBLOCK);
    return board;
}

static void board_gone(const struct board *board)
{
    close(board->bells[0]);
    munmap(board->page, BOARD_BYTES);
}

static bool has_rung(const struct board *board)
{
    eventfd_t count;
    return eventfd_read(board->bells[0], &count) == 0;
}

static void a_publisher_waits_at_a_full_window_until_the_slowest_has_half(void **state)
{
    (void)state;
    struct board board = board_of(1, 2);
    assert_true(board_has_room(&board, 0, WINDOW - 1));
    assert_false(board_has_room(&board, 0, WINDOW));
    assert_true(board_is_waiting(&board, 0));
    board_received(&board, 0, 0, WINDOW);
    board_received(&board, 1, 0, WINDOW / 2 - 1);
    assert_false(has_rung(&board));
    board_received(&board, 1, 0, WINDOW / 2);
    assert_true(has_rung(&board));
    assert_false(board_is_waiting(&board, 0));
    board_received(&board, 1, 0, WINDOW / 2 + 1);
    assert_false(has_rung(&board)); /* once is enough */
    assert_true(board_has_room(&board, 0, WINDOW));
    board_gone(&board);
}

static void no_window_is_no_bound(void **state)
{
    (void)state;
    struct board board = board_of(1, 1);
    board.window = 0;
    assert_true(board_has_room(&board, 0, UINT64_MAX));
    board_gone(&board);
}

static void what_is_outstanding_is_known_when_all_publishers_have_finished(void **state)
{
    (void)state;
    struct board board = board_of(2, 2);
    board_finish(&board, 0, 5);
    assert_true(board_outstanding(&board) == UINT64_MAX);
    board_finish(&board, 1, 0);
    assert_int_equal(board_outstanding(&board), 5);
    board_received(&board, 0, 0, 5);
    board_received(&board, 1, 0, 3);
    assert_int_equal(board_outstanding(&board), 2);
    board_received(&board, 1, 0, 5);
    assert_int_equal(board_outstanding(&board), 0);
    board_gone(&board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_byte_of_a_message_is_found),
        cmocka_unit_test(a_sample_of_another_time_or_value_is_found),
        cmocka_unit_test(a_tally_counts_in_its_time_and_sees_disorder_and_damage),
        cmocka_unit_test(a_publisher_waits_at_a_full_window_until_the_slowest_has_half),
        cmocka_unit_test(no_window_is_no_bound),
        cmocka_unit_test(what_is_outstanding_is_known_when_all_publishers_have_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
