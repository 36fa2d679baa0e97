/* test_names.c - ids of topics and publishers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bus/names.h"

static struct names *make(uint32_t max_topics, uint32_t max_publishers)
{
    struct names *n;
    const struct names_limits limits = {max_topics, max_publishers};
    assert_int_equal(names_new(&n, &limits, 1), MR_OK);
    return n;
}

static uint32_t topic(struct names *n, const char *text)
{
    uint32_t id;
    assert_int_equal(names_topic(n, text, strlen(text), &id), MR_OK);
    return id;
}

static uint32_t publisher(struct names *n, const char *identity, const char *part)
{
    uint32_t id;
    assert_int_equal(names_publisher(n, identity, part, &id), MR_OK);
    return id;
}

static void topics_are_numbered_from_one_and_found_again(void **state)
{
    (void)state;
    struct names *n = make(10, 10);
    assert_int_equal(topic(n, "a/b"), 1);
    assert_int_equal(topic(n, "a/c"), 2);
    assert_int_equal(topic(n, "a/b"), 1);
    assert_string_equal(names_topic_text(n, 2), "a/c");
    assert_int_equal(names_find_topic(n, "a/c"), 2);
    assert_int_equal(names_find_topic(n, "a"), 0);
    assert_int_equal(names_topic_count(n), 2);
    names_free(n);
}

static void an_id_nobody_has_is_no_topic(void **state)
{
    (void)state;
    struct names *n = make(10, 10);
    assert_null(names_topic_text(n, 0));
    assert_null(names_topic_text(n, 1));
    assert_null(names_get_publisher(n, 0));
    assert_null(names_get_publisher(n, UINT32_MAX));
    names_free(n);
}

static void what_breaks_the_grammar_is_refused(void **state)
{
    (void)state;
    struct names *n = make(10, 10);
    static const char *const bad[] = {"", "/a", "a//b", "a/", "a/+", "#", "a\nb"};
    uint32_t id = 77;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(names_topic(n, bad[i], strlen(bad[i]), &id), MR_INVALID);
    assert_int_equal(id, 77);
    assert_int_equal(names_topic_count(n), 0);
    names_free(n);
}

static void the_table_takes_its_limit_and_no_more(void **state)
{
    (void)state;
    struct names *n = make(200, 3);
    char text[16];
    uint32_t id;
    for (int i = 1; i <= 200; i++) {
        snprintf(text, sizeof text, "t/%d", i);
        assert_int_equal(topic(n, text), i);
    }
    assert_int_equal(names_topic(n, "one/more", 8, &id), MR_TOO_BIG);
    assert_int_equal(topic(n, "t/200"), 200);
    publisher(n, "a", "");
    publisher(n, "b", "");
    publisher(n, "c", "");
    assert_int_equal(names_publisher(n, "d", "", &id), MR_TOO_BIG);
    names_free(n);
    n = make(0, 0);
    assert_int_equal(names_topic(n, "a", 1, &id), MR_TOO_BIG);
    names_free(n);
}

static void a_part_belongs_to_its_identity(void **state)
{
    (void)state;
    struct names *n = make(10, 10);
    uint32_t app = publisher(n, "press-07", "oil-app");
    uint32_t machine = publisher(n, "press-07", "");
    const struct publisher *p = names_get_publisher(n, app);
    assert_string_equal(p->identity, "press-07");
    assert_string_equal(p->part, "oil-app");
    assert_int_equal(p->owner, machine);
    assert_int_equal(names_get_publisher(n, machine)->owner, machine);
    assert_int_not_equal(publisher(n, "press-0", "7oil-app"), app);
    names_free(n);
}

static void a_publisher_without_identity_is_refused(void **state)
{
    (void)state;
    struct names *n = make(10, 10);
    uint32_t id;
    assert_int_equal(names_publisher(n, "", "app", &id), MR_INVALID);
    names_free(n);
}

static void failed_allocations_leave_the_table_as_it_was(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    for (unsigned at = 1, failed = 1; failed; at++) {
        mem_fail_at(at);
        struct names *n = NULL;
        const struct names_limits limits = {10, 10};
        uint32_t id;
        enum mr_rc rc = names_new(&n, &limits, 1);
        if (!rc)
            rc = names_topic(n, "a/b", 3, &id);
        if (!rc)
            rc = names_publisher(n, "machine", "app", &id);
        failed = mem_fail_off();
        assert_int_equal(rc, failed ? MR_NO_MEMORY : MR_OK);
        if (n && failed) {
            topic(n, "a/b");
            publisher(n, "machine", "app");
        }
        names_free(n);
        assert_int_equal(mem_outstanding(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_numbered_from_one_and_found_again),
        cmocka_unit_test(an_id_nobody_has_is_no_topic),
        cmocka_unit_test(what_breaks_the_grammar_is_refused),
        cmocka_unit_test(the_table_takes_its_limit_and_no_more),
        cmocka_unit_test(a_part_belongs_to_its_identity),
        cmocka_unit_test(a_publisher_without_identity_is_refused),
        cmocka_unit_test(failed_allocations_leave_the_table_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
