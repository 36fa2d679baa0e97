/* test_idmap.c - numbers kept beside ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bus/idmap.h"

static void an_id_never_set_reads_as_zero(void **state)
{
    (void)state;
    struct idmap m = {0};
    assert_int_equal(idmap_get(&m, 0), 0);
    assert_int_equal(idmap_get(&m, UINT32_MAX), 0);
    assert_int_equal(idmap_set(&m, 5, 50), MR_OK);
    assert_int_equal(idmap_get(&m, 6), 0);
    assert_int_equal(idmap_get(&m, IDMAP_PAGE), 0);
    idmap_fini(&m);
}

static void what_was_set_is_read_back_at_the_edges_of_pages(void **state)
{
    (void)state;
    static const uint32_t ids[] = {0, 1, IDMAP_PAGE - 1, IDMAP_PAGE, IDMAP_PAGE + 1, 1000000};
    struct idmap m = {0};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        assert_int_equal(idmap_set(&m, ids[i], UINT64_MAX - i), MR_OK);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        assert_true(idmap_get(&m, ids[i]) == UINT64_MAX - i);
    assert_int_equal(idmap_set(&m, 1, 0), MR_OK);
    assert_int_equal(idmap_get(&m, 1), 0);
    idmap_fini(&m);
    assert_int_equal(idmap_get(&m, IDMAP_PAGE), 0);
}

static void a_failed_allocation_changes_nothing(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    for (unsigned n = 1;; n++) {
        struct idmap m = {0};
        mem_fail_at(n);
        enum mr_rc rc = idmap_set(&m, 70000, 7);
        bool failed = mem_fail_off();
        assert_int_equal(rc, failed ? MR_NO_MEMORY : MR_OK);
        assert_int_equal(idmap_get(&m, 70000), failed ? 0 : 7);
        idmap_fini(&m);
        assert_int_equal(mem_outstanding(), before);
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_never_set_reads_as_zero),
        cmocka_unit_test(what_was_set_is_read_back_at_the_edges_of_pages),
        cmocka_unit_test(a_failed_allocation_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
