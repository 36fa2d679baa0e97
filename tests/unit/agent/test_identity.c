/* test_identity.c - the path is remembered beside the births. */
#include "agent/identity.h"
#include "base/mem.h"
#include "tests/support/folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint32_t floor_s = 1700000000;

static struct identity open_identity(const char *folder, struct err *warning)
{
    struct identity identity;
    identity_open(&identity, folder, rand_system(), floor_s, warning);
    return identity;
}

static void the_path_is_there_at_the_next_start(void **state)
{
    char *folder = folder_new();
    struct err warning;
    (void)state;
    struct identity first = open_identity(folder, &warning);
    assert_string_equal(warning.text, "");
    assert_string_equal(first.path, "");
    assert_string_equal(open_identity(folder, &warning).path, ""); /* nobody told it one */
    assert_string_equal(warning.text, "");
    first = open_identity(folder, &warning);
    identity_set_path(&first, "demo/here", &warning);
    struct identity second = open_identity(folder, &warning);
    assert_string_equal(second.path, "demo/here");
    assert_int_equal(second.birth.births, first.birth.births + 1);
    folder_remove(folder);
    assert_int_equal(mem_outstanding(), 0);
}

static void a_path_that_is_known_is_not_written_again(void **state)
{
    char *folder = folder_new();
    struct err warning;
    (void)state;
    struct identity identity = open_identity(folder, &warning);
    identity_set_path(&identity, "demo/here", &warning);
    folder_remove(folder);
    identity_set_path(&identity, "demo/here", &warning);
    assert_string_equal(warning.text, "");
    identity_set_path(&identity, "demo/there", &warning);
    assert_string_not_equal(warning.text, "");
    assert_string_equal(identity.path, "demo/there");
}

static void a_file_of_version_1_is_read_as_ever(void **state)
{
    char *folder = folder_new();
    struct err warning;
    (void)state;
    folder_write(folder_path(folder, "identity"), "millrace-identity v1\nbirths 7\npath \n");
    struct identity identity = open_identity(folder, &warning);
    assert_string_equal(identity.path, "");
    assert_int_equal(identity.birth.births, 8);
    folder_write(folder_path(folder, "identity"), "millrace-identity v1\nbirths 7\npath a/b\n");
    identity = open_identity(folder, &warning);
    assert_string_equal(identity.path, "a/b");
    assert_string_equal(warning.text, "");
    folder_remove(folder);
}

static void a_damaged_path_is_told_and_births_are_counted_from_the_clock(void **state)
{
    static const char *const damaged[] = {"path a", "path a//b\n", "path a\nmore\n", "pat a\n", "path a/#\n"};
    char *folder = folder_new();
    struct err warning;
    (void)state;
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        char text[128] = "millrace-identity v1\nbirths 1\n";
        strcat(text, damaged[i]);
        folder_write(folder_path(folder, "identity"), text);
        struct identity identity = open_identity(folder, &warning);
        assert_non_null(strstr(warning.text, "is damaged"));
        assert_int_equal(identity.birth.births, floor_s + 1);
        assert_string_equal(identity.path, "");
    }
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_is_there_at_the_next_start),
        cmocka_unit_test(a_path_that_is_known_is_not_written_again),
        cmocka_unit_test(a_file_of_version_1_is_read_as_ever),
        cmocka_unit_test(a_damaged_path_is_told_and_births_are_counted_from_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
