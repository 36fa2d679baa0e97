/* test_bootstrap.c - keys and files of a new bus, and the contexts among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/conf.h"
#include "base/io/fs.h"
#include "base/mem.h"
#include "cli/bootstrap.h"
#include "cli/place.h"

static const char *const made[] = {"broker.yaml", "broker.key", "registry.yaml", "directory.yaml",
                                   "agent.yaml",  "agent.key",  "admin.key",     "contexts/admin.yaml"};
enum { MADE = sizeof made / sizeof *made };

static struct bootstrap wish_in(const char *dir)
{
    return (struct bootstrap){.dir = dir,
                              .name = "press-07",
                              .path = "acme/lyon/压机",
                              .broker = "mr1",
                              .address = "127.0.0.1:7420",
                              .data = "data",
                              .interval_ms = 2000};
}

static void path_in(const char *dir, const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", dir, name);
}

static int make_folder(void **state)
{
    static char dir[64];
    strcpy(dir, "/tmp/millrace-unit-XXXXXX");
    *state = mkdtemp(dir);
    return *state ? 0 : -1;
}

static int remove_folder(void **state)
{
    char path[256];
    for (size_t i = 0; i < MADE; i++) {
        path_in(*state, made[i], path);
        unlink(path);
    }
    path_in(*state, "contexts", path);
    rmdir(path);
    return rmdir(*state);
}

static void keys_are_secret_and_the_programs_read_the_rest(void **state)
{
    const char *dir = *state;
    struct bootstrap wish = wish_in(dir);
    struct err err = {{0}};
    struct stat st;
    char path[256];
    static struct agent_conf conf;
    assert_false(bootstrap_is_there(dir));
    assert_int_equal(bootstrap_make(&wish, &err), MR_OK);
    assert_true(bootstrap_is_there(dir));
    for (size_t i = 0; i < MADE; i++) {
        path_in(dir, made[i], path);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, strstr(made[i], ".key") ? 0600 : 0644);
    }
    path_in(dir, "agent.yaml", path);
    assert_int_equal(agent_conf_load(path, &conf, &err), MR_OK);
    assert_string_equal(conf.name, "press-07");
    assert_string_equal(conf.path, "acme/lyon/压机");
    assert_int_equal(conf.telemetry_ms, 2000);
    path_in(dir, "contexts/admin.yaml", path);
    assert_int_equal(place_load_context(path, &conf, &err), MR_OK);
    assert_string_equal(conf.name, "admin");
    assert_int_equal(conf.n_brokers, 1);
    assert_int_equal(conf.brokers[0].address.port, 7420);
    assert_false(conf.has_telemetry);
    assert_string_equal(conf.data, "");
}

static void nothing_is_overwritten(void **state)
{
    const char *dir = *state;
    struct bootstrap wish = wish_in(dir);
    struct err err = {{0}};
    char path[256], *data;
    size_t len;
    path_in(dir, "agent.yaml", path);
    assert_int_equal(fs_write(path, "mine", 4, 0644, FS_NEW, &err), MR_OK);
    assert_int_equal(bootstrap_make(&wish, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "agent.yaml is there already"));
    assert_int_equal(fs_read(path, 100, &data, &len, &err), MR_OK);
    assert_string_equal(data, "mine");
    mem_free(data);
    path_in(dir, "broker.key", path);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void expect_refused(struct bootstrap wish, const char *words)
{
    struct err err = {{0}};
    char path[256];
    assert_int_equal(bootstrap_make(&wish, &err), MR_INVALID);
    if (!strstr(err.text, words))
        fail_msg("'%s' is missing in: %s", words, err.text);
    path_in(wish.dir, "contexts", path);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void names_paths_and_addresses_are_checked_first(void **state)
{
    struct bootstrap wish = wish_in(*state);
    wish.name = "Press 07";
    expect_refused(wish, "a name is 1 to 63 of");
    wish.name = "admin";
    expect_refused(wish, "is taken by the person");
    wish.name = "mr1";
    expect_refused(wish, "is taken by the broker");
    wish = wish_in(*state);
    wish.path = "acme//x";
    expect_refused(wish, "has an empty level");
    wish.path = "acme/\"x";
    expect_refused(wish, "no quotes");
    wish = wish_in(*state);
    wish.address = "mr1.plant.example:7420";
    expect_refused(wish, "listens on an IP address");
    wish.address = "127.0.0.1:0";
    expect_refused(wish, "listens on an IP address");
    wish = wish_in(*state);
    wish.reach = "not a host";
    expect_refused(wish, "not a host");
    wish = wish_in(*state);
    wish.socket = "/tmp/\"x";
    expect_refused(wish, "no quotes");
}

static void a_socket_has_the_longest_path_there_may_be_and_no_longer(void **state)
{
    enum { MOST = 107 };
    struct bootstrap wish = wish_in(*state);
    struct err err = {{0}};
    char socket[MOST + 2] = "/tmp/";
    memset(socket + 5, 'x', MOST + 1 - 5);
    wish.socket = socket;
    assert_int_equal(bootstrap_make(&wish, &err), MR_TOO_BIG);
    assert_non_null(strstr(err.text, "has at most 107 bytes"));
    socket[MOST] = '\0';
    assert_int_equal(bootstrap_make(&wish, &err), MR_OK);
}

static void everywhere_is_reached_at_home(void **state)
{
    struct bootstrap wish = wish_in(*state);
    struct err err = {{0}};
    char path[256], *data;
    size_t len;
    wish.address = "*:7999";
    assert_int_equal(bootstrap_make(&wish, &err), MR_OK);
    path_in(*state, "directory.yaml", path);
    assert_int_equal(fs_read(path, 4096, &data, &len, &err), MR_OK);
    assert_non_null(strstr(data, "\"127.0.0.1:7999\""));
    mem_free(data);
}

static void agents_are_told_what_reach_says(void **state)
{
    struct bootstrap wish = wish_in(*state);
    struct err err = {{0}};
    char path[256], *data;
    size_t len;
    wish.address = "*:7999";
    wish.reach = "mr1.plant.example";
    assert_int_equal(bootstrap_make(&wish, &err), MR_OK);
    path_in(*state, "directory.yaml", path);
    assert_int_equal(fs_read(path, 4096, &data, &len, &err), MR_OK);
    assert_non_null(strstr(data, "\"mr1.plant.example:7420\""));
    mem_free(data);
}

static void every_failed_allocation_leaves_nothing_behind(void **state)
{
    struct bootstrap wish = wish_in(*state);
    char path[256];
    for (unsigned n = 1;; n++) {
        struct err err = {{0}};
        mem_fail_at(n);
        enum mr_rc rc = bootstrap_make(&wish, &err);
        if (!mem_fail_off()) {
            assert_int_equal(rc, MR_OK);
            return;
        }
        assert_int_equal(rc, MR_NO_MEMORY);
        for (size_t i = 0; i < MADE; i++) {
            path_in(*state, made[i], path);
            assert_int_not_equal(access(path, F_OK), 0);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_are_secret_and_the_programs_read_the_rest),
        TEST(nothing_is_overwritten),
        TEST(names_paths_and_addresses_are_checked_first),
        TEST(a_socket_has_the_longest_path_there_may_be_and_no_longer),
        TEST(everywhere_is_reached_at_home),
        TEST(agents_are_told_what_reach_says),
        TEST(every_failed_allocation_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
