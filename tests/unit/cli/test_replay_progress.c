/* test_replay_progress.c - how far a replay is, in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "captured.h"
#include "cli/replay_progress.h"
#include "millrace/millrace.h"

#define SECOND_NS INT64_C(1000000000)

static const struct progress_state half = {
    .bytes = 500, .bytes_all = 1000, .records = 4000, .source_us = INT64_C(1772366400000000)};

static void a_bar_share_rate_and_rest_are_shown(void **state)
{
    char text[PROGRESS_TEXT_SIZE];
    (void)state;
    struct progress p = progress_begin("/data/steel.csv", true, 0);
    progress_text(&p, &half, 4 * SECOND_NS, text);
    assert_string_equal(text,
                        "steel.csv [##########----------] 50 % 4000 records, 1000/s, 4 s left, at 2026-03-01T12:00:00");
}

static void what_is_not_known_is_not_shown(void **state)
{
    char text[PROGRESS_TEXT_SIZE];
    const struct progress_state none = {.source_us = MR_NO_TIME};
    (void)state;
    struct progress p = progress_begin("pipe", false, 7);
    progress_text(&p, &none, 7, text);
    assert_string_equal(text, "pipe 0 records, 0/s, at -");
    const struct progress_state grown = {.bytes = 30, .bytes_all = 10, .records = 1, .source_us = MR_NO_TIME};
    progress_text(&p, &grown, 7 + 2 * SECOND_NS, text);
    assert_string_equal(text, "pipe [####################] 100 % 1 records, 0/s, at -");
}

static void tick_for_a_while(void *user)
{
    struct progress *p = user;
    for (int64_t s = 0; s <= 25; s++)
        progress_tick(p, &half, s * SECOND_NS);
    progress_end(p);
}

static void without_a_terminal_a_line_comes_every_ten_seconds(void **state)
{
    (void)state;
    struct progress p = progress_begin("x", false, 0);
    char *said = captured_stderr(tick_for_a_while, &p);
    unsigned lines = 0;
    for (const char *at = said; (at = strstr(at, "4000 records")); at++)
        lines++;
    assert_int_equal(lines, 2);
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bar_share_rate_and_rest_are_shown),
        cmocka_unit_test(what_is_not_known_is_not_shown),
        cmocka_unit_test(without_a_terminal_a_line_comes_every_ten_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
