/* test_log.c - the event log: lines as text and JSON, level, limit, cutting, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum { MAX_LINES = 64 };

static struct {
    char lines[MAX_LINES][2100];
    size_t n;
} captured;

static int64_t now_ns;

static int64_t test_mono_ns(void *user)
{
    (void)user;
    return now_ns;
}

static int64_t test_real_us(void *user)
{
    (void)user;
    return INT64_C(1772366400123456);
}

static const struct clock test_clock = {.mono_ns = test_mono_ns, .boot_ns = test_mono_ns, .real_us = test_real_us};

static void capture(void *user, const char *line, size_t len)
{
    (void)user;
    assert_true(captured.n < MAX_LINES && len < sizeof captured.lines[0]);
    assert_int_equal(strlen(line), len);
    memcpy(captured.lines[captured.n++], line, len + 1);
}

static int start(void **state)
{
    (void)state;
    captured.n = 0;
    now_ns = 0;
    struct log_options options = log_defaults();
    options.clock = &test_clock;
    options.sink = capture;
    log_set_options(&options);
    return 0;
}

static void use_json(void)
{
    struct log_options options = log_defaults();
    options.format = LOG_JSON;
    options.clock = &test_clock;
    options.sink = capture;
    log_set_options(&options);
}

static void a_line_has_time_level_id_and_pairs(void **state)
{
    (void)state;
    log_event(WARN, "AGENT-UPLINK-LOST", "broker=%s retry_ms=%u", "mr1", 250U);
    log_event(ERROR, "BARE", "");
    assert_string_equal(captured.lines[0],
                        "2026-03-01T12:00:00.123456Z WARN AGENT-UPLINK-LOST broker=mr1 retry_ms=250");
    assert_string_equal(captured.lines[1], "2026-03-01T12:00:00.123456Z ERROR BARE");
}

static void json_keeps_integers_and_quotes_the_rest(void **state)
{
    (void)state;
    use_json();
    log_event(INFO, "X", "name=%s n=%d id=%08x pair=%d/%d", "a\"b", -5, 0xbeefU, 1, 2);
    assert_string_equal(captured.lines[0],
                        "{\"time\":\"2026-03-01T12:00:00.123456Z\",\"level\":\"INFO\",\"id\":\"X\",\"name\":\"a\\\"b\","
                        "\"n\":-5,\"id\":\"0000beef\",\"pair\":\"1/2\"}");
}

static void every_conversion_is_rendered(void **state)
{
    (void)state;
    const char *volatile nothing = NULL; /* volatile: the compiler must not see it and warn */
    log_event(INFO, "X", "a=%hhd b=%hd c=%ld d=%lld e=%jd f=%zd g=%td", (signed char)-1, (short)-2, -3L, -4LL,
              (intmax_t)-5, (ssize_t)6, (ptrdiff_t)-7);
    log_event(INFO, "X", "a=%hhu b=%hu c=%lu d=%llu e=%ju f=%zu", (unsigned char)1, (unsigned short)2, 3UL, 4ULL,
              (uintmax_t)5, (size_t)6);
    log_event(INFO, "X", "a=%x b=%c c=%% d=%.2s e=%.*s f=%s g=%03i h=%s%d", 255U, 'y', "abc", 1, "xyz", nothing, 7, "v",
              1);
    assert_non_null(strstr(captured.lines[0], "X a=-1 b=-2 c=-3 d=-4 e=-5 f=6 g=-7"));
    assert_non_null(strstr(captured.lines[1], "X a=1 b=2 c=3 d=4 e=5 f=6"));
    assert_non_null(strstr(captured.lines[2], "X a=ff b=y c=% d=ab e=x f=- g=007 h=v1"));
}

static void a_value_cannot_forge_another_pair_or_line(void **state)
{
    (void)state;
    log_event(INFO, "X", "peer=%s next=%d", "x admin=1\n2026 ERROR \"q\" \\ \x1b[0m \xff", 1);
    assert_non_null(
        strstr(captured.lines[0], "X peer=\"x admin=1\\n2026 ERROR \\\"q\\\" \\\\ \\u{1B}[0m \\xFF\" next=1"));
    log_event(INFO, "X", "empty=%s utf=%s", "", "\xe6\xb2\xb9");
    assert_non_null(strstr(captured.lines[1], "X empty=\"\" utf=\xe6\xb2\xb9"));
    use_json();
    log_event(INFO, "X", "peer=%s", "\x01\t\xff");
    assert_non_null(strstr(captured.lines[2], "\"peer\":\"\\u0001\\t\\ufffd\"}"));
}

static void what_is_too_long_is_cut_and_says_so(void **state)
{
    (void)state;
    char value[600];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_event(INFO, "X", "a=%s b=%d", value, 1);
    assert_non_null(strstr(captured.lines[0], "v b=1 cut=1"));
    log_event(INFO, "X", "a=%s b=%s c=%s d=%s e=%s", value, value, value, value, value);
    assert_null(strstr(captured.lines[1], "d="));
    assert_non_null(strstr(captured.lines[1], "v cut=1"));
    use_json();
    log_event(INFO, "X", "a=%s b=%s c=%s d=%s e=%s", value, value, value, value, value);
    size_t len = strlen(captured.lines[2]);
    assert_true(len < 2048);
    assert_string_equal(captured.lines[2] + len - 10, "\",\"cut\":1}");
}

static void what_is_below_the_level_is_not_written(void **state)
{
    (void)state;
    assert_false(log_is_on(LOG_LEVEL_DEBUG));
    assert_true(log_is_on(LOG_LEVEL_INFO));
    log_event(DEBUG, "X", "a=%d", 1);
    assert_int_equal(captured.n, 0);
}

static void above_the_burst_lines_are_counted_and_the_count_is_told(void **state)
{
    (void)state;
    for (int i = 0; i < 25; i++)
        log_event(WARN, "X", "i=%d", i);
    log_event(WARN, "OTHER", "");
    assert_int_equal(captured.n, 21); /* 20 of X, and another id has its own limit */
    now_ns += INT64_C(1000000000);
    log_event(INFO, "X", "i=%d", 25);
    assert_int_equal(captured.n, 23);
    assert_non_null(strstr(captured.lines[21], "WARN X suppressed=5"));
    assert_non_null(strstr(captured.lines[22], "INFO X i=25"));
    log_event(WARN, "X", "i=%d", 26);
    log_flush();
    log_flush();
    assert_int_equal(captured.n, 24);
    assert_non_null(strstr(captured.lines[23], "WARN X suppressed=1"));
}

static void no_burst_means_no_limit(void **state)
{
    (void)state;
    struct log_options options = log_defaults();
    options.burst = 0;
    options.sink = capture;
    log_set_options(&options);
    for (int i = 0; i < 50; i++)
        log_event(WARN, "X", "i=%d", i);
    assert_int_equal(captured.n, 50);
}

static void the_largest_limits_are_no_overflow(void **state)
{
    (void)state;
    struct log_options options = log_defaults();
    options.burst = UINT32_MAX;
    options.per_minute = 0;
    options.clock = &test_clock;
    options.sink = capture;
    log_set_options(&options);
    log_event(WARN, "X", "");
    log_event(WARN, "X", "");
    assert_int_equal(captured.n, 2);
}

static void without_a_sink_the_line_goes_to_stderr(void **state)
{
    (void)state;
    struct log_options options = log_defaults();
    log_set_options(&options);
    log_event(INFO, "TEST-STDERR", "this=%s", "test");
    assert_int_equal(captured.n, 0);
}

static size_t counted;

static void count_line(void *user, const char *line, size_t len)
{
    (void)user;
    counted += line[len] == '\0';
}

static void *log_lines(void *arg)
{
    for (int i = 0; i < 2000; i++)
        log_event(INFO, "THREAD", "number=%d i=%d", *(const int *)arg, i);
    return NULL;
}

static void threads_may_log_at_once(void **state)
{
    (void)state;
    struct log_options options = log_defaults();
    options.burst = 0;
    options.sink = count_line;
    log_set_options(&options);
    pthread_t threads[4];
    int number = 1;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_lines, &number), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counted, 8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_has_time_level_id_and_pairs, start),
        cmocka_unit_test_setup(json_keeps_integers_and_quotes_the_rest, start),
        cmocka_unit_test_setup(every_conversion_is_rendered, start),
        cmocka_unit_test_setup(a_value_cannot_forge_another_pair_or_line, start),
        cmocka_unit_test_setup(what_is_too_long_is_cut_and_says_so, start),
        cmocka_unit_test_setup(what_is_below_the_level_is_not_written, start),
        cmocka_unit_test_setup(above_the_burst_lines_are_counted_and_the_count_is_told, start),
        cmocka_unit_test_setup(no_burst_means_no_limit, start),
        cmocka_unit_test_setup(the_largest_limits_are_no_overflow, start),
        cmocka_unit_test_setup(without_a_sink_the_line_goes_to_stderr, start),
        cmocka_unit_test_setup(threads_may_log_at_once, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
