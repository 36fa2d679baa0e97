/* test_descriptors.c - limits that fit into the descriptors there are, at, above and at zero. */
#include "broker/descriptors.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct broker_conf conf_with(size_t peers)
{
    struct broker_conf conf;
    broker_conf_defaults(&conf);
    conf.peers.n = peers;
    return conf;
}

static void limits_that_fit_stay(void **state)
{
    (void)state;
    for (size_t peers = 0; peers <= 2; peers++) {
        struct broker_conf conf = conf_with(peers), before = conf;
        struct err err = {{0}};
        assert_int_equal(descriptors_fit(&conf, descriptors_needed(&conf), &err), MR_OK);
        assert_memory_equal(&conf, &before, sizeof conf);
        assert_int_equal(descriptors_fit(&conf, UINT64_MAX, &err), MR_OK);
        assert_memory_equal(&conf, &before, sizeof conf);
    }
}

static void one_descriptor_less_is_one_session_less(void **state)
{
    struct broker_conf conf = conf_with(0);
    struct err err = {{0}};
    (void)state;
    assert_int_equal(descriptors_fit(&conf, descriptors_needed(&conf) - 1, &err), MR_OK);
    assert_int_equal(conf.max_sessions, SESSIONS_PER_BROKER - 1);
    assert_int_equal(conf.max_unauthenticated, UNAUTHENTICATED_MAX);
}

static void what_is_lowered_fits_whatever_there_is(void **state)
{
    (void)state;
    for (size_t peers = 0; peers <= PEERS_MAX; peers++)
        for (uint64_t limit = 0; limit < 3000; limit++) {
            struct broker_conf conf = conf_with(peers), before = conf;
            struct err err = {{0}};
            enum mr_rc rc = descriptors_fit(&conf, limit, &err);
            if (rc == MR_OK) {
                assert_true(descriptors_needed(&conf) <= limit);
                assert_true(conf.max_sessions >= 1 && conf.max_unauthenticated >= 1);
                continue;
            }
            assert_int_equal(rc, MR_INVALID);
            assert_memory_equal(&conf, &before, sizeof conf);
            assert_non_null(strstr(err.text, "LimitNOFILE="));
        }
}

static void a_shell_s_thousand_are_enough_for_hundreds(void **state)
{
    struct broker_conf conf = conf_with(0);
    struct err err = {{0}};
    (void)state;
    assert_int_equal(descriptors_fit(&conf, 1024, &err), MR_OK);
    assert_int_equal(conf.max_sessions, 720);
    assert_int_equal(conf.max_unauthenticated, 120);
    assert_true(descriptors_limit() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_that_fit_stay),
        cmocka_unit_test(one_descriptor_less_is_one_session_less),
        cmocka_unit_test(what_is_lowered_fits_whatever_there_is),
        cmocka_unit_test(a_shell_s_thousand_are_enough_for_hundreds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
