/* test_zclient_end.c - clients that end while libzmq still has something to tell about them. */
#include "base/io/zsock.h"
#include "tests/unit/base_io/support.h"
#include "tests/unit/base_io/zworld.h"

enum { ENDS = 300 };

/* The I/O thread writes events to the monitor: were that closed first, it would wait for ever and serve nobody. */
static void ended_clients_do_not_stop_the_io_thread(void **state)
{
    struct zworld *world = *state;
    zworld_listen(world);
    for (int i = 0; i < ENDS; i++) {
        struct zpeer refused = {0};
        assert_false(zpeer_try(&refused, world, world->unknown_keys));
        zclient_free(refused.client);
        struct zpeer hasty = {0};
        struct zsock_address address;
        struct zclient_options options = zworld_client_options(world, &address);
        zpeer_connect(&hasty, world, &options);
        support_turn_for(world->loop, i % 3);
        zclient_free(hasty.client);
    }
    struct zpeer late = {0};
    assert_true(zpeer_try(&late, world, world->known_keys));
    zclient_free(late.client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ended_clients_do_not_stop_the_io_thread, zworld_setup, zworld_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
