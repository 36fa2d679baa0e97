/* test_savefile.c - a file replaced as a whole: what is in it, every damaged byte, and real faults of disks. */
#include "base/io/fs.h"
#include "base/io/savefile.h"
#include "base/mem.h"
#include "tests/unit/base_io/support.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOBODY = 65534 };

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

static struct savefile *open_file(const char *folder)
{
    struct savefile *f = NULL;
    struct err err = {{0}};
    if (savefile_open(&f, folder, "values", &err) != MR_OK)
        fail_msg("%s", err.text);
    return f;
}

/* In pieces of one line each. */
static enum mr_rc save(struct savefile *f, const char *text, struct err *err)
{
    enum mr_rc rc = savefile_begin(f, err);
    for (const char *end; !rc && *text; text = end) {
        end = strchr(text, '\n');
        end = end ? end + 1 : text + strlen(text);
        rc = savefile_put(f, text, (size_t)(end - text), err);
    }
    return rc ? rc : savefile_commit(f, err);
}

static enum mr_rc load(struct savefile *f, char *ret, size_t size)
{
    uint8_t *data;
    size_t len;
    struct err err = {{0}};
    enum mr_rc rc = savefile_read(f, 100000, &data, &len, &err);
    if (rc) {
        assert_true(*err.text);
        return rc;
    }
    assert_true(len < size);
    memcpy(ret, data, len);
    ret[len] = '\0';
    mem_free(data);
    return MR_OK;
}

static void expect(struct savefile *f, const char *text)
{
    char got[256];
    assert_int_equal(load(f, got, sizeof got), MR_OK);
    assert_string_equal(got, text);
}

static bool is_there(const char *folder, const char *name)
{
    return access(support_path(folder, name), F_OK) == 0;
}

static void what_is_committed_is_read_again(void **state)
{
    struct savefile *f = open_file(*state);
    struct stat status;
    char none[8];
    assert_int_equal(load(f, none, sizeof none), MR_NOT_FOUND);
    assert_int_equal(save(f, "one\ntwo\n", NULL), MR_OK);
    expect(f, "one\ntwo\n");
    assert_int_equal(stat(support_path(*state, "values"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(savefile_size(f) == (uint64_t)status.st_size);
    assert_int_equal(save(f, "", NULL), MR_OK);
    expect(f, "");
    assert_false(is_there(*state, "values.tmp"));
    savefile_free(f);
    savefile_free(NULL);
}

static void until_the_commit_the_old_content_stays(void **state)
{
    struct savefile *f = open_file(*state);
    assert_int_equal(save(f, "old", NULL), MR_OK);
    assert_int_equal(savefile_begin(f, NULL), MR_OK);
    assert_int_equal(savefile_put(f, "new", 3, NULL), MR_OK);
    expect(f, "old");
    savefile_abort(f);
    expect(f, "old");
    assert_false(is_there(*state, "values.tmp"));
    assert_int_equal(savefile_begin(f, NULL), MR_OK);
    savefile_free(f); /* as an abort */
    assert_false(is_there(*state, "values.tmp"));
}

static void what_a_crash_left_is_removed(void **state)
{
    support_write(support_path(*state, "values.tmp"), "half");
    struct savefile *f = open_file(*state);
    assert_false(is_there(*state, "values.tmp"));
    savefile_free(f);
}

static void a_file_is_read_up_to_the_limit_and_not_above(void **state)
{
    struct savefile *f = open_file(*state);
    uint8_t *data;
    size_t len;
    assert_int_equal(save(f, "0123456789", NULL), MR_OK);
    size_t size = (size_t)savefile_size(f);
    assert_int_equal(savefile_read(f, size, &data, &len, NULL), MR_OK);
    mem_free(data);
    assert_int_equal(savefile_read(f, size - 1, &data, &len, NULL), MR_TOO_BIG);
    assert_int_equal(savefile_read(f, 0, &data, &len, NULL), MR_TOO_BIG);
    savefile_free(f);
}

/* Writes these bytes as the file, and reads it. */
static enum mr_rc load_bytes(struct savefile *f, const char *folder, const char *data, size_t len)
{
    char got[256];
    assert_int_equal(fs_write(support_path(folder, "values"), data, len, 0600, FS_REPLACE, NULL), MR_OK);
    return load(f, got, sizeof got);
}

static void every_flipped_bit_and_every_cut_is_found(void **state)
{
    struct savefile *f = open_file(*state);
    char *data;
    size_t len;
    assert_int_equal(save(f, "one\ntwo\n", NULL), MR_OK);
    assert_int_equal(fs_read(support_path(*state, "values"), 1000, &data, &len, NULL), MR_OK);
    for (size_t bit = 0; bit < len * 8; bit++) {
        data[bit / 8] = (char)(data[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(load_bytes(f, *state, data, len), MR_INVALID);
        data[bit / 8] = (char)(data[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(load_bytes(f, *state, data, cut), MR_INVALID);
    assert_int_equal(load_bytes(f, *state, data, len + 1), MR_INVALID); /* its NUL */
    assert_int_equal(load_bytes(f, *state, data, len), MR_OK);
    mem_free(data);
    savefile_free(f);
}

static void pieces_that_change_places_are_found(void **state)
{
    enum { PIECE = 4 + 4 + 8, MAGIC = 8 };
    struct savefile *f = open_file(*state);
    char *data, piece[PIECE];
    size_t len;
    assert_int_equal(save(f, "one\ntwo\n", NULL), MR_OK);
    assert_int_equal(fs_read(support_path(*state, "values"), 1000, &data, &len, NULL), MR_OK);
    memcpy(piece, data + MAGIC, PIECE);
    memcpy(data + MAGIC, data + MAGIC + PIECE, PIECE);
    memcpy(data + MAGIC + PIECE, piece, PIECE);
    assert_int_equal(load_bytes(f, *state, data, len), MR_INVALID);
    mem_free(data);
    savefile_free(f);
}

static void a_damaged_file_is_set_aside(void **state)
{
    struct savefile *f = open_file(*state);
    struct err err = {{0}};
    support_write(support_path(*state, "values"), "no table");
    support_write(support_path(*state, "values.bad"), "an earlier one");
    assert_int_equal(savefile_set_aside(f, &err), MR_OK);
    assert_false(is_there(*state, "values"));
    assert_true(is_there(*state, "values.bad"));
    assert_int_equal(savefile_set_aside(f, &err), MR_NOT_FOUND);
    assert_true(*err.text);
    savefile_free(f);
}

static void two_cannot_have_one_folder(void **state)
{
    struct savefile *f = open_file(*state), *second = NULL;
    struct err err = {{0}};
    assert_int_equal(savefile_open(&second, *state, "values", &err), MR_WOULD_BLOCK);
    assert_non_null(strstr(err.text, "another process"));
    savefile_free(f);
    savefile_free(open_file(*state));
}

static void a_missing_folder_is_made(void **state)
{
    struct savefile *f = NULL;
    char folder[256];
    snprintf(folder, sizeof folder, "%s", support_path(*state, "a/b"));
    assert_int_equal(savefile_open(&f, folder, "values", NULL), MR_OK);
    assert_int_equal(save(f, "x", NULL), MR_OK);
    savefile_free(f);
    support_write(support_path(*state, "file"), "");
    snprintf(folder, sizeof folder, "%s", support_path(*state, "file"));
    assert_int_not_equal(savefile_open(&f, folder, "values", NULL), MR_OK);
}

static void names_have_their_limit(void **state)
{
    char name[201];
    struct savefile *f = NULL;
    memset(name, 'n', 200);
    name[200] = '\0';
    assert_int_equal(savefile_open(&f, *state, name, NULL), MR_INVALID);
}

static void calls_out_of_turn_are_refused(void **state)
{
    struct savefile *f = open_file(*state);
    assert_int_equal(savefile_put(f, "x", 1, NULL), MR_MISUSE);
    assert_int_equal(savefile_commit(f, NULL), MR_MISUSE);
    assert_int_equal(savefile_begin(f, NULL), MR_OK);
    assert_int_equal(savefile_put(f, "", 0, NULL), MR_MISUSE);
    assert_int_equal(savefile_put(f, "x", (size_t)SAVEFILE_PIECE_MAX + 1, NULL), MR_MISUSE);
    assert_int_equal(savefile_put(f, "x", 1, NULL), MR_OK);
    assert_int_equal(savefile_commit(f, NULL), MR_OK);
    expect(f, "x");
    savefile_free(f);
}

static void each_failed_allocation_is_told(void **state)
{
    struct savefile *f = open_file(*state);
    enum mr_rc rc = MR_NO_MEMORY;
    char got[256];
    assert_int_equal(save(f, "content", NULL), MR_OK);
    for (unsigned n = 1; rc; n++) {
        mem_fail_at(n);
        rc = load(f, got, sizeof got);
        assert_int_equal(rc, mem_fail_off() ? MR_NO_MEMORY : MR_OK);
    }
    savefile_free(f);
    mem_fail_at(1);
    assert_int_equal(savefile_open(&f, *state, "values", NULL), MR_NO_MEMORY);
    mem_fail_off();
}

/* -- real faults ----------------------------------------------------------------------------------------------------- */
/* A save that fails says why, leaves the old file and nothing else. */
static void expect_refusal(struct savefile *f, const char *folder, const char *text, enum mr_rc why)
{
    struct err err = {{0}};
    assert_int_equal(save(f, text, &err), why);
    assert_non_null(strstr(err.text, "values"));
    assert_false(is_there(folder, "values.tmp"));
    expect(f, "old");
}

static char *long_text(size_t len)
{
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    return text;
}

static void a_file_larger_than_this_process_may_write_is_refused(void **state)
{
    struct savefile *f = open_file(*state);
    struct rlimit before;
    char *text = long_text(10000);
    assert_int_equal(save(f, "old", NULL), MR_OK);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, before.rlim_max}), 0);
    expect_refusal(f, *state, text, MR_TOO_BIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(save(f, text, NULL), MR_OK);
    free(text);
    savefile_free(f);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    char folder[256];
    snprintf(folder, sizeof folder, "%s", support_path(*state, "small"));
    if (mkdir(folder, 0700) != 0 || mount("test", folder, "tmpfs", 0, "size=64k") != 0) {
        printf("not run: this needs to mount a small disk\n");
        skip();
    }
    struct savefile *f = open_file(folder);
    char *text = long_text(100000);
    assert_int_equal(save(f, "old", NULL), MR_OK);
    expect_refusal(f, folder, text, MR_WOULD_BLOCK);
    assert_int_equal(save(f, "fits", NULL), MR_OK);
    expect(f, "fits");
    free(text);
    savefile_free(f);
    assert_int_equal(umount(folder), 0);
}

static void a_folder_that_cannot_be_written_leaves_the_old_file(void **state)
{
    struct savefile *f = open_file(*state);
    uid_t before = geteuid();
    assert_int_equal(save(f, "old", NULL), MR_OK);
    assert_int_equal(chmod(*state, 0555), 0);
    assert_int_equal(chmod(support_path(*state, "values"), 0444), 0);
    if (before == 0)
        assert_int_equal(seteuid(NOBODY), 0); /* root may write anywhere */
    expect_refusal(f, *state, "new", MR_DENIED);
    assert_int_equal(savefile_set_aside(f, NULL), MR_DENIED);
    if (before == 0)
        assert_int_equal(seteuid(before), 0);
    assert_int_equal(chmod(*state, 0700), 0);
    savefile_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_committed_is_read_again, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(until_the_commit_the_old_content_stays, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(what_a_crash_left_is_removed, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_file_is_read_up_to_the_limit_and_not_above, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(every_flipped_bit_and_every_cut_is_found, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(pieces_that_change_places_are_found, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_set_aside, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(two_cannot_have_one_folder, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_made, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(names_have_their_limit, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(calls_out_of_turn_are_refused, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(each_failed_allocation_is_told, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_file_larger_than_this_process_may_write_is_refused, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_old_file, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_written_leaves_the_old_file, make_folder, drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
