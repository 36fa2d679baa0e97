/* test_birth.c - births only rise, whatever the disk says. */
#include "base/io/birth.h"
#include "base/mem.h"
#include "tests/support/folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const uint32_t floor_s = 1700000000;

static bool is_color(const char *note)
{
    return strcmp(note, "color red\n") == 0;
}

static const struct birth_kind plain = {.file = "birth", .head = "millrace-birth v1"};
static const struct birth_kind noted = {.file = "noted", .head = "millrace-noted v1", .is_note = is_color};

static struct birth begin(const struct birth_kind *kind, const char *folder, struct err *warning)
{
    struct birth birth;
    birth_open(&birth, kind, folder, rand_system(), floor_s, warning);
    assert_int_equal(birth.epoch >> 32, birth.births);
    return birth;
}

static void each_start_is_one_birth_above_the_last(void **state)
{
    char *folder = folder_new();
    struct err warning;
    struct stat file;
    (void)state;
    struct birth first = begin(&plain, folder, &warning);
    assert_string_equal(warning.text, "");
    assert_int_equal(first.births, floor_s + 1); /* a machine with a new disk comes above what it was */
    struct birth second = begin(&plain, folder, &warning);
    assert_int_equal(second.births, floor_s + 2);
    assert_true(second.epoch > first.epoch);
    assert_int_equal(stat(folder_path(folder, "birth"), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    folder_remove(folder);
    assert_int_equal(mem_outstanding(), 0);
}

static void a_folder_that_was_rolled_back_never_repeats_a_birth(void **state)
{
    char *folder = folder_new();
    struct err warning;
    (void)state;
    folder_write(folder_path(folder, "birth"), "millrace-birth v1\nbirths 7\n");
    struct birth first = begin(&plain, folder, &warning);
    folder_write(folder_path(folder, "birth"), "millrace-birth v1\nbirths 7\n");
    struct birth again = begin(&plain, folder, &warning);
    assert_int_equal(first.births, again.births);
    assert_true(first.epoch != again.epoch); /* the random half */
    birth_rise(&again, UINT64_C(20) << 32 | 5, &warning);
    assert_int_equal(again.births, 21);
    assert_int_equal(begin(&plain, folder, &warning).births, 22);
    folder_remove(folder);
}

static void a_note_is_kept_over_all_births(void **state)
{
    char *folder = folder_new();
    struct err warning;
    (void)state;
    struct birth birth = begin(&noted, folder, &warning);
    assert_string_equal(birth.note, "");
    birth_set_note(&birth, "color red\n", &warning);
    birth_rise(&birth, 0, &warning);
    struct birth next = begin(&noted, folder, &warning);
    assert_string_equal(next.note, "color red\n");
    assert_int_equal(next.births, floor_s + 3);
    folder_remove(folder);
}

static void a_damaged_file_is_told_and_counted_from_the_clock(void **state)
{
    static const char *const damaged[] = {
        "",
        "millrace-noted v2\nbirths 1\n",
        "millrace-noted v1\nbirths -1\n",
        "millrace-noted v1\nbirths 4294967296\n",
        "millrace-noted v1\nbirths 1 \n",
        "millrace-noted v1\nbirths 1",
        "millrace-noted v1\nbirths 1\ncolor blue\n",
    };
    char *folder = folder_new();
    struct err warning;
    (void)state;
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        folder_write(folder_path(folder, "noted"), damaged[i]);
        assert_int_equal(begin(&noted, folder, &warning).births, floor_s + 1);
        assert_non_null(strstr(warning.text, "is damaged"));
        assert_int_equal(begin(&noted, folder, &warning).births, floor_s + 2);
        assert_string_equal(warning.text, "");
    }
    folder_write(folder_path(folder, "birth"), "millrace-birth v1\nbirths 1\ncolor red\n");
    assert_int_equal(begin(&plain, folder, &warning).births, floor_s + 1); /* a note nobody keeps */
    folder_remove(folder);
}

static void without_a_folder_nothing_is_written(void **state)
{
    struct err warning;
    (void)state;
    struct birth birth = begin(&noted, "", &warning);
    assert_int_equal(birth.births, floor_s + 1);
    birth_set_note(&birth, "color red\n", &warning);
    assert_string_equal(warning.text, "");
}

static void a_disk_that_fails_is_told_and_the_birth_is_usable(void **state)
{
    char *folder = folder_new();
    struct err warning;
    (void)state;
    folder_write(folder_path(folder, "data"), "a file");
    struct birth birth = begin(&plain, folder_path(folder, "data"), &warning);
    assert_string_not_equal(warning.text, "");
    assert_int_equal(birth.births, floor_s + 1);
    birth_rise(&birth, 0, &warning);
    assert_string_not_equal(warning.text, "");
    assert_int_equal(birth.births, floor_s + 2);
    folder_remove(folder);
}

static void births_stop_at_their_end(void **state)
{
    struct err warning;
    struct birth birth;
    (void)state;
    birth_open(&birth, &plain, "", rand_system(), UINT32_MAX - 1, &warning);
    birth_rise(&birth, 0, &warning);
    assert_int_equal(birth.births, UINT32_MAX);
}

static void every_failed_allocation_leaves_a_birth(void **state)
{
    char *folder = folder_new();
    unsigned n = 0;
    (void)state;
    folder_write(folder_path(folder, "birth"), "millrace-birth v1\nbirths 7\n");
    do {
        struct err warning;
        mem_fail_at(++n);
        assert_true(begin(&plain, folder, &warning).births > 7);
        assert_int_equal(mem_outstanding(), 0);
    } while (mem_fail_off());
    assert_true(n > 1);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_start_is_one_birth_above_the_last),
        cmocka_unit_test(a_folder_that_was_rolled_back_never_repeats_a_birth),
        cmocka_unit_test(a_note_is_kept_over_all_births),
        cmocka_unit_test(a_damaged_file_is_told_and_counted_from_the_clock),
        cmocka_unit_test(without_a_folder_nothing_is_written),
        cmocka_unit_test(a_disk_that_fails_is_told_and_the_birth_is_usable),
        cmocka_unit_test(births_stop_at_their_end),
        cmocka_unit_test(every_failed_allocation_leaves_a_birth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
