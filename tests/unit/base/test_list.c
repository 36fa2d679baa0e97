/* test_list.c - the intrusive list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct member {
    int value;
    struct list link;
};

static void members_come_in_the_order_of_insertion(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_null(list_first(&head));
    assert_null(list_take_first(&head));
    struct member a = {.value = 1}, b = {.value = 2}, c = {.value = 3};
    list_push_back(&head, &b.link);
    list_push_back(&head, &c.link);
    list_push_front(&head, &a.link);
    int expected = 1;
    struct list *at, *after;
    LIST_EACH(at, after, &head)
    assert_int_equal(container_of(at, struct member, link)->value, expected++);
    assert_int_equal(expected, 4);
}

static void the_current_member_may_go_during_a_walk(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    struct member members[5];
    for (int i = 0; i < 5; i++) {
        members[i].value = i;
        list_push_back(&head, &members[i].link);
    }
    struct list *at, *after;
    LIST_EACH(at, after, &head)
    {
        if (container_of(at, struct member, link)->value % 2 == 0)
            list_remove(at);
    }
    assert_int_equal(container_of(list_take_first(&head), struct member, link)->value, 1);
    assert_int_equal(container_of(list_take_first(&head), struct member, link)->value, 3);
    assert_true(list_is_empty(&head));
}

static void removing_twice_is_harmless(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    struct member a;
    list_push_back(&head, &a.link);
    assert_true(list_is_linked(&a.link));
    list_remove(&a.link);
    list_remove(&a.link);
    assert_false(list_is_linked(&a.link));
    assert_true(list_is_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_the_order_of_insertion),
        cmocka_unit_test(the_current_member_may_go_during_a_walk),
        cmocka_unit_test(removing_twice_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
