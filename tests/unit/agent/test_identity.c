/* test_identity.c - births only rise, whatever the disk says. */
#include "agent/identity.h"
#include "base/mem.h"
#include "tests/support/folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const uint32_t floor_s = 1700000000;

static struct identity open_identity(const char *folder, struct err *warning)
{
    struct identity identity;
    identity_open(&identity, folder, rand_system(), floor_s, warning);
    assert_int_equal(identity.birth >> 32, identity.births);
    return identity;
}

static void each_start_is_one_birth_above_the_last(void **state)
{
    char *folder = folder_new();
    struct err warning;
    (void)state;
    struct identity first = open_identity(folder, &warning);
    assert_string_equal(warning.text, "");
    assert_int_equal(first.births, floor_s + 1); /* a machine with a new disk comes above what it was */
    identity_set_path(&first, "demo/here", &warning);
    struct identity second = open_identity(folder, &warning);
    assert_int_equal(second.births, floor_s + 2);
    assert_string_equal(second.path, "demo/here");
    assert_true(second.birth > first.birth);
    struct stat file;
    assert_int_equal(stat(folder_path(folder, "identity"), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    folder_remove(folder);
    assert_int_equal(mem_outstanding(), 0);
}

static void a_folder_that_was_rolled_back_never_repeats_a_birth(void **state)
{
    char *folder = folder_new();
    struct err warning;
    (void)state;
    folder_write(folder_path(folder, "identity"), "millrace-identity v1\nbirths 7\npath \n");
    struct identity first = open_identity(folder, &warning);
    folder_write(folder_path(folder, "identity"), "millrace-identity v1\nbirths 7\npath \n");
    struct identity again = open_identity(folder, &warning);
    assert_int_equal(first.births, again.births);
    assert_true(first.birth != again.birth); /* the random half */
    identity_rise(&again, UINT64_C(20) << 32 | 5, &warning);
    assert_int_equal(again.births, 21);
    assert_int_equal(open_identity(folder, &warning).births, 22);
    folder_remove(folder);
}

static void a_damaged_file_is_told_and_counted_from_the_clock(void **state)
{
    static const char *const damaged[] = {
        "",
        "millrace-identity v2\nbirths 1\npath a\n",
        "millrace-identity v1\nbirths -1\npath a\n",
        "millrace-identity v1\nbirths 4294967296\npath a\n",
        "millrace-identity v1\nbirths 1 \npath a\n",
        "millrace-identity v1\nbirths 1\npath a",
        "millrace-identity v1\nbirths 1\npath a//b\n",
        "millrace-identity v1\nbirths 1\npath a\nmore\n",
    };
    char *folder = folder_new();
    struct err warning;
    (void)state;
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        folder_write(folder_path(folder, "identity"), damaged[i]);
        struct identity identity = open_identity(folder, &warning);
        assert_non_null(strstr(warning.text, "is damaged"));
        assert_int_equal(identity.births, floor_s + 1);
        assert_string_equal(identity.path, "");
        assert_int_equal(open_identity(folder, &warning).births, floor_s + 2);
        assert_string_equal(warning.text, "");
    }
    folder_remove(folder);
}

static void without_a_folder_nothing_is_written(void **state)
{
    struct err warning;
    (void)state;
    struct identity identity = open_identity("", &warning);
    assert_int_equal(identity.births, floor_s + 1);
    identity_set_path(&identity, "demo/x", &warning);
    assert_string_equal(identity.path, "demo/x");
    assert_string_equal(warning.text, "");
}

static void a_disk_that_fails_is_told_and_the_birth_is_usable(void **state)
{
    char *folder = folder_new();
    struct err warning;
    (void)state;
    folder_write(folder_path(folder, "data"), "a file");
    struct identity identity = open_identity(folder_path(folder, "data"), &warning);
    assert_string_not_equal(warning.text, "");
    assert_int_equal(identity.births, floor_s + 1);
    folder_remove(folder);
}

static void births_stop_at_their_end(void **state)
{
    struct identity identity = {.rand = rand_system(), .births = UINT32_MAX - 1};
    struct err warning = {{0}};
    (void)state;
    identity_rise(&identity, 0, &warning);
    identity_rise(&identity, 0, &warning);
    assert_int_equal(identity.births, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_start_is_one_birth_above_the_last),
        cmocka_unit_test(a_folder_that_was_rolled_back_never_repeats_a_birth),
        cmocka_unit_test(a_damaged_file_is_told_and_counted_from_the_clock),
        cmocka_unit_test(without_a_folder_nothing_is_written),
        cmocka_unit_test(a_disk_that_fails_is_told_and_the_birth_is_usable),
        cmocka_unit_test(births_stop_at_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
