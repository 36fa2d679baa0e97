/* test_fs.c - small files: bounded reading, atomic writing, folders, a user's paths. */
#include "base/err.h"
#include "base/io/fs.h"
#include "base/mem.h"
#include "tests/unit/base_io/support.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_folder(void **state)
{
    *state = support_folder();
    return 0;
}

static int drop_folder(void **state)
{
    support_remove(*state);
    assert_int_equal(mem_outstanding(), 0);
    return 0;
}

static void expect_content(const char *path, const char *text)
{
    char *data = NULL;
    size_t len = 0;
    assert_int_equal(fs_read(path, 1000, &data, &len, NULL), MR_OK);
    assert_int_equal(len, strlen(text));
    assert_string_equal(data, text);
    mem_free(data);
}

static size_t count_entries(const char *folder)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

static void a_file_is_read_up_to_the_limit_and_not_above(void **state)
{
    const char *path = support_path(*state, "file");
    char *data = NULL;
    size_t len = 0;
    struct err err = {{0}};
    support_write(path, "0123456789");
    expect_content(path, "0123456789");
    assert_int_equal(fs_read(path, 10, &data, &len, NULL), MR_OK);
    mem_free(data);
    data = NULL;
    assert_int_equal(fs_read(path, 9, &data, &len, &err), MR_TOO_BIG);
    assert_non_null(strstr(err.text, "is larger than 9 bytes"));
    assert_int_equal(fs_read(path, 0, &data, &len, NULL), MR_TOO_BIG);
    assert_null(data);
    support_write(path, "");
    expect_content(path, "");
    assert_int_equal(fs_read(path, 0, &data, &len, NULL), MR_OK);
    mem_free(data);
}

static void a_file_that_does_not_say_its_size_is_read_whole(void **state)
{
    char *data = NULL;
    size_t len = 0;
    (void)state;
    assert_int_equal(fs_read("/proc/self/smaps", 16 * 1024 * 1024, &data, &len, NULL), MR_OK);
    assert_true(len > 4096);
    assert_int_equal(strlen(data), len);
    mem_free(data);
}

static void what_cannot_be_read_has_its_code_and_words(void **state)
{
    char *data = NULL;
    size_t len = 0;
    struct err err = {{0}};
    assert_int_equal(fs_read(support_path(*state, "none"), 10, &data, &len, &err), MR_NOT_FOUND);
    assert_non_null(strstr(err.text, "cannot open "));
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(fs_read(*state, 10, &data, &len, NULL), MR_INVALID);
}

static void a_file_is_replaced_whole_with_the_mode_asked_for(void **state)
{
    const char *path = support_path(*state, "file");
    struct stat status;
    support_write(path, "old and longer");
    mode_t mask = umask(077);
    assert_int_equal(fs_write(path, "new", 3, 0644, FS_REPLACE, NULL), MR_OK);
    umask(mask);
    expect_content(path, "new");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
    assert_int_equal(count_entries(*state), 1);
}

static void a_new_file_never_replaces_one(void **state)
{
    const char *path = support_path(*state, "file");
    struct err err = {{0}};
    assert_int_equal(fs_write(path, "first", 5, 0600, FS_NEW, NULL), MR_OK);
    assert_int_equal(fs_write(path, "second", 6, 0600, FS_NEW, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "File exists"));
    expect_content(path, "first");
    assert_int_equal(count_entries(*state), 1);
}

static void a_file_that_cannot_be_written_leaves_nothing(void **state)
{
    char longest[5000];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(fs_write(support_path(*state, "none/file"), "x", 1, 0600, FS_NEW, NULL), MR_NOT_FOUND);
    assert_int_equal(fs_write(*state, "x", 1, 0600, FS_REPLACE, NULL), MR_INVALID); /* a folder is in its place */
    assert_int_equal(fs_write(longest, "x", 1, 0600, FS_REPLACE, NULL), MR_INVALID);
    assert_int_equal(fs_write("/dev/full/x", "x", 1, 0600, FS_REPLACE, NULL), MR_NOT_FOUND);
    assert_int_equal(count_entries(*state), 0);
}

static void a_file_without_folder_goes_to_the_working_folder(void **state)
{
    assert_int_equal(chdir(*state), 0);
    assert_int_equal(fs_write("file", "x", 1, 0600, FS_NEW, NULL), MR_OK);
    expect_content(support_path(*state, "file"), "x");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(fs_sync_dir(support_path(*state, "none"), NULL), MR_NOT_FOUND);
}

static void folders_are_made_with_those_above_them(void **state)
{
    const char *path = support_path(*state, "a/b/c");
    struct stat status;
    assert_int_equal(fs_mkdirs(path, 0700, NULL), MR_OK);
    assert_int_equal(fs_mkdirs(path, 0700, NULL), MR_OK);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(fs_mkdirs("/", 0700, NULL), MR_OK);
    assert_int_equal(fs_mkdirs("", 0700, NULL), MR_NOT_FOUND);
    const char *file = support_path(*state, "file");
    support_write(file, "");
    assert_int_equal(fs_mkdirs(file, 0700, NULL), MR_INVALID);
    assert_int_equal(fs_mkdirs(support_path(*state, "file/b"), 0700, NULL), MR_INVALID);
}

static void the_folders_of_a_user_follow_the_environment(void **state)
{
    char path[64];
    struct err err = {{0}};
    (void)state;
    setenv("XDG_CONFIG_HOME", "/x/config", 1);
    setenv("HOME", "/users/op", 1);
    assert_int_equal(fs_config_path("contexts", path, sizeof path, NULL), MR_OK);
    assert_string_equal(path, "/x/config/millrace/contexts");
    setenv("XDG_CONFIG_HOME", "relative", 1);
    assert_int_equal(fs_config_path("contexts", path, sizeof path, NULL), MR_OK);
    assert_string_equal(path, "/users/op/.config/millrace/contexts");
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("HOME");
    assert_int_equal(fs_config_path("contexts", path, sizeof path, &err), MR_NOT_FOUND);
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    assert_int_equal(fs_runtime_path("agent.sock", path, sizeof path, NULL), MR_OK);
    assert_string_equal(path, "/run/user/7/millrace/agent.sock");
    assert_int_equal(fs_runtime_path("agent.sock", path, strlen(path) + 1, NULL), MR_OK);
    assert_int_equal(fs_runtime_path("agent.sock", path, strlen(path), NULL), MR_TOO_BIG);
    unsetenv("XDG_RUNTIME_DIR");
    assert_int_equal(fs_runtime_path("agent.sock", path, sizeof path, NULL), MR_OK);
    assert_int_equal(strncmp(path, "/tmp/millrace-", 14), 0);
}

static void every_error_of_the_system_has_a_code(void **state)
{
    static const struct {
        int error_number;
        enum mr_rc rc;
    } cases[] = {{ENOENT, MR_NOT_FOUND},   {EACCES, MR_DENIED}, {EROFS, MR_DENIED},   {ENOMEM, MR_NO_MEMORY},
                 {ENOSPC, MR_WOULD_BLOCK}, {EFBIG, MR_TOO_BIG}, {EISDIR, MR_INVALID}, {EIO, MR_UNKNOWN}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(fs_rc(cases[i].error_number), cases[i].rc);
}

static void a_failed_allocation_is_a_result(void **state)
{
    char *data = NULL;
    size_t len = 0;
    struct err err = {{0}};
    (void)state;
    mem_fail_at(1);
    assert_int_equal(fs_read("/proc/self/smaps", 16 * 1024 * 1024, &data, &len, &err), MR_NO_MEMORY);
    assert_string_equal(err.text, "/proc/self/smaps: out of memory");
    mem_fail_at(2);
    assert_int_equal(fs_read("/proc/self/smaps", 16 * 1024 * 1024, &data, &len, NULL), MR_NO_MEMORY);
    assert_true(mem_fail_off());
    assert_null(data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_read_up_to_the_limit_and_not_above),
        TEST(a_file_that_does_not_say_its_size_is_read_whole),
        TEST(what_cannot_be_read_has_its_code_and_words),
        TEST(a_file_is_replaced_whole_with_the_mode_asked_for),
        TEST(a_new_file_never_replaces_one),
        TEST(a_file_that_cannot_be_written_leaves_nothing),
        TEST(a_file_without_folder_goes_to_the_working_folder),
        TEST(folders_are_made_with_those_above_them),
        TEST(the_folders_of_a_user_follow_the_environment),
        TEST(every_error_of_the_system_has_a_code),
        TEST(a_failed_allocation_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
