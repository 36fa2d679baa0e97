/* test_replay_lines.c - files line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/replay_lines.h"
#include "files.h"

static struct lines *open_text(const char *text)
{
    struct lines *lines = NULL;
    struct err err;
    assert_int_equal(lines_open(files_write_text("lines", text), &lines, &err), MR_OK);
    return lines;
}

static void expect(struct lines *lines, const char *wanted)
{
    char *line;
    size_t len;
    struct err err;
    enum mr_rc rc = lines_next(lines, &line, &len, &err);
    if (!wanted) {
        assert_int_equal(rc, MR_NOT_FOUND);
        return;
    }
    assert_int_equal(rc, MR_OK);
    assert_string_equal(line, wanted);
    assert_int_equal(len, strlen(wanted));
}

static void lines_end_with_lf_or_crlf_or_the_file(void **state)
{
    (void)state;
    struct lines *lines = open_text("a\nb\r\n\n\r\nlast");
    assert_int_equal(lines_number(lines), 0);
    expect(lines, "a");
    expect(lines, "b");
    assert_int_equal(lines_number(lines), 2);
    assert_int_equal(lines_bytes(lines), 5);
    expect(lines, "");
    expect(lines, "");
    expect(lines, "last");
    assert_int_equal(lines_bytes_all(lines), 12);
    expect(lines, NULL);
    expect(lines, NULL);
    lines_free(lines);
}

static void a_byte_order_mark_is_no_text_but_only_at_the_beginning(void **state)
{
    (void)state;
    struct lines *lines = open_text("\xEF\xBB\xBFx\n\xEF\xBB\xBFy\n");
    expect(lines, "x");
    expect(lines, "\xEF\xBB\xBFy");
    expect(lines, NULL);
    lines_free(lines);
    lines = open_text("\xEF\xBB\xBF");
    expect(lines, "");
    expect(lines, NULL);
    lines_free(lines);
    lines = open_text("");
    expect(lines, NULL);
    lines_free(lines);
}

static void what_is_no_file_is_told(void **state)
{
    struct lines *lines;
    struct err err;
    (void)state;
    assert_int_equal(lines_open(files_missing(), &lines, &err), MR_NOT_FOUND);
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(lines_open("/", &lines, &err), MR_INVALID);
    lines_free(NULL);
}

/* One line of n bytes and a short one behind it. */
static struct lines *open_long(size_t n)
{
    struct lines *lines = NULL;
    struct err err;
    char *text = malloc(n + 6);
    memset(text, 'x', n);
    memcpy(text + n, "\nnext\n", 6);
    assert_int_equal(lines_open(files_write("long", text, n + 6), &lines, &err), MR_OK);
    free(text);
    return lines;
}

static void a_line_may_be_as_long_as_the_limit_and_a_longer_one_is_skipped(void **state)
{
    char *line;
    size_t len;
    struct err err;
    (void)state;
    struct lines *lines = open_long(LINES_MAX_BYTES - 1);
    assert_int_equal(lines_next(lines, &line, &len, &err), MR_OK);
    assert_int_equal(len, LINES_MAX_BYTES - 1);
    expect(lines, "next");
    lines_free(lines);
    static const size_t beyond[] = {LINES_MAX_BYTES, LINES_MAX_BYTES * 2 + 5};
    for (size_t i = 0; i < 2; i++) {
        lines = open_long(beyond[i]);
        assert_int_equal(lines_next(lines, &line, &len, &err), MR_TOO_BIG);
        assert_int_equal(lines_number(lines), 1);
        expect(lines, "next");
        assert_int_equal(lines_bytes(lines), lines_bytes_all(lines));
        lines_free(lines);
    }
}

static enum mr_rc read_two(const char *path)
{
    struct lines *lines = NULL;
    struct err err;
    char *line;
    size_t len;
    enum mr_rc rc = lines_open(path, &lines, &err);
    for (int i = 0; i < 2 && !rc; i++)
        rc = lines_next(lines, &line, &len, &err);
    lines_free(lines);
    return rc;
}

static void every_failed_allocation_is_told(void **state)
{
    const char *path = files_write_text("lines", "a\nb");
    size_t before = mem_outstanding();
    bool has_failed;
    (void)state;
    unsigned n = 0;
    do {
        mem_fail_at(++n);
        enum mr_rc rc = read_two(path);
        has_failed = mem_fail_off();
        assert_int_equal(rc, has_failed ? MR_NO_MEMORY : MR_OK);
        assert_int_equal(mem_outstanding(), before);
    } while (has_failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_with_lf_or_crlf_or_the_file),
        cmocka_unit_test(a_byte_order_mark_is_no_text_but_only_at_the_beginning),
        cmocka_unit_test(what_is_no_file_is_told),
        cmocka_unit_test(a_line_may_be_as_long_as_the_limit_and_a_longer_one_is_skipped),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
