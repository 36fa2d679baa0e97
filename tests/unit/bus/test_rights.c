/* test_rights.c - deny by default, deny wins, a filter must be covered; and what the open policy gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bus/rights.h"

static const struct rights_subject press = {.identity = "press-07", .path = "acme/lyon/press-07", .app = "oil"};

static struct rights *policy(const struct rights_rule *rules, size_t n)
{
    struct rights *r;
    struct err err = {{0}};
    assert_int_equal(rights_new(&r, "machine", rules, n, &err), MR_OK);
    return r;
}

static enum mr_rc check(const struct rights *r, enum right right, const char *topic)
{
    return rights_check(r, &press, right, topic, NULL);
}

static void without_a_rule_everything_is_denied(void **state)
{
    (void)state;
    struct rights *r = policy(NULL, 0);
    for (enum right right = RIGHT_PUBLISH; right < RIGHT_COUNT; right++)
        assert_int_equal(check(r, right, "a"), MR_DENIED);
    rights_free(r);
}

static void a_variable_stands_for_what_the_registry_says(void **state)
{
    (void)state;
    static const struct rights_rule rules[] = {{true, RIGHT_PUBLISH, "%{path}/#"}, {true, RIGHT_PUBLISH, "x/%{app}"}};
    struct rights *r = policy(rules, 2);
    assert_int_equal(check(r, RIGHT_PUBLISH, "acme/lyon/press-07/oil/temp"), MR_OK);
    assert_int_equal(check(r, RIGHT_PUBLISH, "acme/lyon/press-08/oil/temp"), MR_DENIED);
    assert_int_equal(check(r, RIGHT_PUBLISH, "x/oil"), MR_OK);
    assert_int_equal(check(r, RIGHT_SUBSCRIBE, "acme/lyon/press-07/oil/temp"), MR_DENIED);
    rights_free(r);
}

static void a_rule_whose_variable_has_no_value_gives_nothing(void **state)
{
    (void)state;
    static const struct rights_rule rules[] = {{true, RIGHT_PUBLISH, "%{path}/#"}};
    static const struct rights_subject nowhere = {.identity = "new", .path = "", .app = NULL};
    struct rights *r = policy(rules, 1);
    assert_int_equal(rights_check(r, &nowhere, RIGHT_PUBLISH, "a/b", NULL), MR_DENIED);
    rights_free(r);
}

static void deny_beats_allow_in_any_order(void **state)
{
    (void)state;
    static const struct rights_rule rules[] = {
        {false, RIGHT_PUBLISH, "a/secret/#"}, {true, RIGHT_PUBLISH, "a/#"}, {false, RIGHT_PUBLISH, "a/late"}};
    struct rights *r = policy(rules, 3);
    assert_int_equal(check(r, RIGHT_PUBLISH, "a/b"), MR_OK);
    assert_int_equal(check(r, RIGHT_PUBLISH, "a/secret"), MR_DENIED);
    assert_int_equal(check(r, RIGHT_PUBLISH, "a/late"), MR_DENIED);
    rights_free(r);
}

static void a_filter_must_be_covered_by_one_pattern(void **state)
{
    (void)state;
    static const struct rights_rule rules[] = {{true, RIGHT_SUBSCRIBE, "a/+"}, {true, RIGHT_SUBSCRIBE, "b/#"}};
    struct rights *r = policy(rules, 2);
    assert_int_equal(check(r, RIGHT_SUBSCRIBE, "a/+"), MR_OK);
    assert_int_equal(check(r, RIGHT_SUBSCRIBE, "a/x"), MR_OK);
    assert_int_equal(check(r, RIGHT_SUBSCRIBE, "b/+/c"), MR_OK);
    assert_int_equal(check(r, RIGHT_SUBSCRIBE, "a/#"), MR_DENIED);
    assert_int_equal(check(r, RIGHT_SUBSCRIBE, "#"), MR_DENIED);
    rights_free(r);
}

static void what_a_deny_only_overlaps_must_be_asked_again(void **state)
{
    (void)state;
    static const struct rights_rule rules[] = {{true, RIGHT_SUBSCRIBE, "#"}, {false, RIGHT_SUBSCRIBE, "a/secret/#"}};
    struct rights *r = policy(rules, 2);
    assert_int_equal(check(r, RIGHT_SUBSCRIBE, "a/#"), MR_OK);
    assert_true(rights_must_recheck(r, &press, "a/#"));
    assert_false(rights_must_recheck(r, &press, "b/#"));
    assert_int_equal(check(r, RIGHT_SUBSCRIBE, "a/secret/x"), MR_DENIED);
    rights_free(r);
}

static void the_open_policy_allows_all_but_dollar_roots(void **state)
{
    (void)state;
    struct rights *r;
    assert_int_equal(rights_new_open(&r, NULL), MR_OK);
    for (enum right right = RIGHT_PUBLISH; right < RIGHT_COUNT; right++)
        assert_int_equal(check(r, right, "any/where"), MR_OK);
    assert_int_equal(check(r, RIGHT_SUBSCRIBE, "#"), MR_OK);
    assert_int_equal(check(r, RIGHT_PUBLISH, "$sys/x"), MR_DENIED);
    assert_int_equal(check(r, RIGHT_SERVE, "$sys/who"), MR_DENIED);
    assert_int_equal(check(r, RIGHT_PUBLISH, "$agent/press-08/x"), MR_DENIED);
    assert_int_equal(check(r, RIGHT_PUBLISH, "$inbox/press-07/1"), MR_DENIED);
    assert_int_equal(check(r, RIGHT_SUBSCRIBE, "$inbox/press-08/#"), MR_DENIED);
    assert_int_equal(check(r, RIGHT_SUBSCRIBE, "$audit/#"), MR_DENIED);
    assert_int_equal(check(r, RIGHT_PUBLISH, "$agent/press-07/x"), MR_OK);
    assert_int_equal(check(r, RIGHT_REQUEST, "$sys/who"), MR_OK);
    rights_free(r);
}

static void a_denial_says_what_who_and_why(void **state)
{
    (void)state;
    static const struct rights_rule rules[] = {{true, RIGHT_PUBLISH, "%{path}/#"}, {false, RIGHT_PUBLISH, "secret/#"}};
    struct rights *r = policy(rules, 2);
    struct err err = {{0}};
    assert_int_equal(rights_check(r, &press, RIGHT_PUBLISH, "other/x", &err), MR_DENIED);
    assert_string_equal(err.text,
                        "denied: 'other/x' is outside acme/lyon/press-07/#, which policy 'machine' of 'press-07' "
                        "may publish");
    assert_int_equal(rights_check(r, &press, RIGHT_PUBLISH, "secret/x", &err), MR_DENIED);
    assert_non_null(strstr(err.text, "rule 'deny publish secret/#'"));
    assert_int_equal(rights_check(r, &press, RIGHT_PUBLISH, "$sys/x", &err), MR_DENIED);
    assert_non_null(strstr(err.text, "belongs to the bus"));
    assert_int_equal(rights_check(r, &press, RIGHT_SERVE, "a", &err), MR_DENIED);
    assert_non_null(strstr(err.text, "may serve nothing"));
    rights_free(r);
}

static void a_policy_that_is_not_sound_is_refused_with_the_rule(void **state)
{
    (void)state;
    struct rights *r = NULL;
    struct err err = {{0}};
    static const struct rights_rule bad_filter[] = {{true, RIGHT_PUBLISH, "a"}, {true, RIGHT_PUBLISH, "a/#/b"}};
    assert_int_equal(rights_new(&r, "p", bad_filter, 2, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "rule 2: 'a/#/b'"));
    static const struct rights_rule bad_variable[] = {{true, RIGHT_PUBLISH, "%{nothing}/#"}};
    assert_int_equal(rights_new(&r, "p", bad_variable, 1, &err), MR_INVALID);
    assert_int_equal(rights_new(&r, "p", NULL, 1025, &err), MR_TOO_BIG);
    assert_null(r);
}

static void failed_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    for (unsigned at = 1, failed = 1; failed; at++) {
        struct rights *r = NULL;
        mem_fail_at(at);
        enum mr_rc rc = rights_new_open(&r, NULL);
        failed = mem_fail_off();
        assert_int_equal(rc, failed ? MR_NO_MEMORY : MR_OK);
        rights_free(r);
        assert_int_equal(mem_outstanding(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_rule_everything_is_denied),
        cmocka_unit_test(a_variable_stands_for_what_the_registry_says),
        cmocka_unit_test(a_rule_whose_variable_has_no_value_gives_nothing),
        cmocka_unit_test(deny_beats_allow_in_any_order),
        cmocka_unit_test(a_filter_must_be_covered_by_one_pattern),
        cmocka_unit_test(what_a_deny_only_overlaps_must_be_asked_again),
        cmocka_unit_test(the_open_policy_allows_all_but_dollar_roots),
        cmocka_unit_test(a_denial_says_what_who_and_why),
        cmocka_unit_test(a_policy_that_is_not_sound_is_refused_with_the_rule),
        cmocka_unit_test(failed_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
