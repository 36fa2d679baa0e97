/* test_refusal.c - who gets no session learns why, in a frame any client can read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "bus/refusal.h"
#include "proto/control.h"
#include "proto/frame.h"

static void it_is_a_bye_without_a_session(void **state)
{
    struct blob *blob = refusal_frame(MR_DENIED, "the registry does not know 'x'");
    struct frame_head head;
    struct control_bye bye;
    struct arena arena;
    struct err err;
    const uint8_t *payload;
    size_t len;
    (void)state;
    assert_non_null(blob);
    assert_int_equal(frame_read(blob->data, blob->len, &head, &payload, &len), MR_OK);
    assert_int_equal(head.kind, FRAME_BYE);
    assert_int_equal(head.session, 0);
    arena_init(&arena, 0);
    assert_int_equal(control_read_bye(&arena, payload, len, &bye, &err), MR_OK);
    assert_int_equal(bye.rc, MR_DENIED);
    assert_string_equal(bye.reason, "the registry does not know 'x'");
    arena_fini(&arena);
    blob_unref(blob);
    assert_int_equal(mem_outstanding(), 0);
}

static void a_reason_of_any_length_fits(void **state)
{
    char reason[5000];
    (void)state;
    memset(reason, 'x', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    struct blob *blob = refusal_frame(MR_INVALID, reason);
    assert_non_null(blob);
    blob_unref(blob);
    assert_int_equal(mem_outstanding(), 0);
}

static void without_memory_there_is_no_frame(void **state)
{
    (void)state;
    for (unsigned at = 1, failed = 1; failed; at++) {
        mem_fail_at(at);
        struct blob *blob = refusal_frame(MR_DENIED, "no");
        failed = mem_fail_off();
        assert_true(failed ? !blob : !!blob);
        blob_unref(blob);
        assert_int_equal(mem_outstanding(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_a_bye_without_a_session),
        cmocka_unit_test(a_reason_of_any_length_fits),
        cmocka_unit_test(without_memory_there_is_no_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
