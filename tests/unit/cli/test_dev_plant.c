/* test_dev_plant.c - the temporary plant of millrace dev: its socket's path is whole, or nothing is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io/fs.h"
#include "base/mem.h"
#include "cli/dev_plant.h"
#include "cli/plant.h"

enum { BELOW = sizeof "/millrace-dev-XXXXXX/agent1/agent.sock" - 1 };

/* A folder of the test's own, and one in it whose path has `len` bytes: the $TMPDIR of what follows. */
struct world {
    char dir[64], temporary[256];
};

static int setup(void **state)
{
    static struct world w;
    strcpy(w.dir, "/tmp/millrace-unit-XXXXXX");
    *state = &w;
    return mkdtemp(w.dir) ? 0 : -1;
}

static int teardown(void **state)
{
    const struct world *w = *state;
    plant_remove(w->dir);
    return unsetenv("TMPDIR") || mem_outstanding() > 0;
}

static void use_temporary(struct world *w, size_t len)
{
    struct err err = {{0}};
    snprintf(w->temporary, sizeof w->temporary, "%s/", w->dir);
    for (size_t at = strlen(w->temporary); at < len; at++)
        w->temporary[at] = 'x';
    w->temporary[len] = '\0';
    assert_int_equal(fs_mkdirs(w->temporary, 0755, &err), MR_OK);
    assert_int_equal(setenv("TMPDIR", w->temporary, 1), 0);
}

static void the_path_of_the_socket_is_never_cut(void **state)
{
    const struct args args = {.brokers = 2};
    for (size_t len = AGENT_SOCKET_SIZE - 1 - BELOW - 10; len <= AGENT_SOCKET_SIZE - 1 - BELOW; len++) {
        struct dev_plan plan = {.n_brokers = 2};
        struct err err = {{0}};
        char socket[DEV_PATH_SIZE + 32];
        use_temporary(*state, len);
        if (dev_plant_make(&args, &plan, &err) != MR_OK)
            fail_msg("%zu bytes: %s", len, err.text);
        snprintf(socket, sizeof socket, "%s/agent1/agent.sock", plan.dir);
        assert_string_equal(plan.socket, socket);
        *strrchr(socket, '/') = '\0';
        assert_int_equal(access(socket, F_OK), 0);
        plant_remove(plan.dir);
    }
}

static void one_byte_more_is_refused_and_nothing_is_made(void **state)
{
    struct world *w = *state;
    const struct args args = {.brokers = 2};
    struct dev_plan plan = {.n_brokers = 2};
    struct err err = {{0}};
    use_temporary(w, AGENT_SOCKET_SIZE - BELOW);
    assert_int_equal(dev_plant_make(&args, &plan, &err), MR_TOO_BIG);
    assert_non_null(strstr(err.text, "$TMPDIR"));
    assert_int_equal(rmdir(w->temporary), 0); /* it is empty */
}

static void a_plant_that_cannot_be_made_leaves_nothing(void **state)
{
    struct world *w = *state;
    const struct args args = {.brokers = 1000};
    struct dev_plan plan = {.n_brokers = 2};
    struct err err = {{0}};
    use_temporary(w, 40);
    assert_int_equal(dev_plant_make(&args, &plan, &err), MR_INVALID);
    assert_int_equal(rmdir(w->temporary), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_path_of_the_socket_is_never_cut),
        TEST(one_byte_more_is_refused_and_nothing_is_made),
        TEST(a_plant_that_cannot_be_made_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
