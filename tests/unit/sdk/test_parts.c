/* test_parts.c - the small parts: budget, reason, messages, settings, helpers of the public header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sdk/budget.h"
#include "sdk/message.h"
#include "sdk/reason.h"
#include "sdk/settings.h"

static void a_budget_gives_what_it_has_and_no_more(void **unused)
{
    struct budget b = {.max = 100};
    (void)unused;
    assert_true(budget_take(&b, 60));
    assert_false(budget_take(&b, 41));
    assert_true(budget_take(&b, 40));
    assert_true(budget_take(&b, 0));
    assert_false(budget_take(&b, SIZE_MAX));
    budget_give(&b, 100);
    assert_int_equal(budget_used(&b), 0);
    assert_null(budget_alloc(&b, 101));
    char *p = budget_alloc(&b, 100);
    assert_int_equal(p[99], 0);
    budget_free(&b, p, 100);
    budget_free(&b, NULL, 5);
    assert_int_equal(budget_used(&b), 0);
    mem_fail_at(1);
    assert_null(budget_alloc(&b, 1));
    assert_true(mem_fail_off());
    assert_int_equal(budget_used(&b), 0);
}

static void a_reason_is_the_last_one_and_may_quote_itself(void **unused)
{
    (void)unused;
    assert_int_equal(reason_set(MR_DENIED, "%d apples", 3), MR_DENIED);
    assert_string_equal(mr_reason(NULL), "3 apples");
    assert_int_equal(reason_set(MR_INVALID, "not %s", reason_get()), MR_INVALID);
    assert_string_equal(mr_reason(NULL), "not 3 apples");
    assert_int_equal(reason_plain(MR_NO_MEMORY), MR_NO_MEMORY);
    assert_string_equal(mr_reason(NULL), mr_strerror(MR_NO_MEMORY));
}

static void a_kept_message_owns_all_it_points_to_and_gives_it_back(void **unused)
{
    struct budget b = {.max = 4096};
    size_t before = mem_outstanding();
    const float samples[3] = {1, 2, 3};
    struct message view = {.topic = text_new("a/b", 3),
                           .msg = {.kind = MR_DEATH,
                                   .value = {.type = MR_F32_ARRAY, .len = sizeof samples, .as.ptr = samples},
                                   .text = "why"}};
    (void)unused;
    view.msg.topic = text_of(view.topic);
    struct message *kept = message_keep(&view, &b);
    assert_non_null(kept);
    blob_unref(view.topic);
    assert_string_equal(kept->msg.topic, "a/b");
    assert_string_equal(kept->msg.text, "why");
    assert_memory_equal(kept->msg.value.as.ptr, samples, sizeof samples);
    assert_int_equal((uintptr_t)kept->msg.value.as.ptr % sizeof(double), 0);
    assert_true(budget_used(&b) > sizeof *kept);
    assert_ptr_equal(message_keep(kept, &b), kept);
    message_unref(kept, &b);
    message_unref(kept, &b);
    assert_int_equal(budget_used(&b), 0);
    assert_int_equal(mem_outstanding(), before);
}

static void a_message_that_does_not_fit_is_not_kept(void **unused)
{
    struct budget b = {.max = sizeof(struct message)};
    const struct message view = {.msg = {.kind = MR_DATA}};
    (void)unused;
    assert_null(message_keep(&view, &b));
    b.max = 4096;
    mem_fail_at(1);
    assert_null(message_keep(&view, &b));
    assert_true(mem_fail_off());
    assert_int_equal(budget_used(&b), 0);
}

static void the_socket_is_given_or_named_by_the_environment_or_the_machines(void **unused)
{
    struct mr_options opt = {.size = sizeof opt, .socket = "/given"};
    struct settings s;
    struct err err;
    (void)unused;
    setenv("MILLRACE_SOCKET", "/env", 1);
    setenv("XDG_RUNTIME_DIR", "/does/not/exist", 1);
    assert_int_equal(settings_read(&s, &opt, &err), MR_OK);
    assert_string_equal(s.socket, "/given");
    opt.socket = "";
    assert_int_equal(settings_read(&s, &opt, &err), MR_OK);
    assert_string_equal(s.socket, "/env");
    unsetenv("MILLRACE_SOCKET");
    assert_int_equal(settings_read(&s, NULL, &err), MR_OK);
    assert_string_equal(s.socket, "/run/millrace/agent.sock");
    assert_string_equal(s.app, "unit_sdk_parts");
    assert_int_equal(s.max_bytes, 32 * 1024 * 1024);
}

/* Counts what is out, in the 16 bytes before each block. */
static size_t now_out, most_out;

static void *counting_resize(void *ptr, size_t size)
{
    size_t *old = ptr ? (size_t *)((char *)ptr - 16) : NULL;
    size_t before = old ? *old : 0;
    if (size == 0) {
        now_out -= before;
        free(old);
        return NULL;
    }
    size_t *block = realloc(old, size + 16);
    if (!block)
        return NULL;
    *block = size;
    now_out += size - before;
    most_out = now_out > most_out ? now_out : most_out;
    return (char *)block + 16;
}

static void an_allocator_is_the_whole_librarys(void **unused)
{
    const struct mr_options opt = {.size = sizeof opt, .resize = counting_resize};
    struct mr_bus *bus, *other;
    (void)unused;
    assert_int_equal(mr_open(&bus, &opt), MR_OK);
    assert_int_equal(mr_open(&other, &opt), MR_OK);
    mr_close(other, 0);
    mr_close(bus, 0);
    mem_set_resize(NULL);
    assert_int_equal(mr_open(&bus, NULL), MR_OK);
    assert_int_equal(mr_open(&other, &opt), MR_INVALID);
    mr_close(bus, 0);
}

/* promise: bounded-memory */
static void a_handle_never_holds_more_than_it_may(void **unused)
{
    const struct mr_options opt = {
        .size = sizeof opt, .resize = counting_resize, .max_bytes = 1024 * 1024, .socket = "/does/not/exist"};
    struct mr_bus *bus;
    char topic[32];
    (void)unused;
    for (size_t len = 0; len <= 4096; len += 2048) { /* small records weigh most by what is around them */
        static char data[4096];
        enum mr_rc rc = MR_OK;
        most_out = now_out = 0;
        assert_int_equal(mr_open(&bus, &opt), MR_OK);
        for (int i = 0; rc == MR_OK; i++) {
            snprintf(topic, sizeof topic, "topic/%d", i % 3000);
            rc = mr_publish(bus, topic, data, len);
        }
        assert_int_equal(rc, MR_ISOLATED);
        assert_in_range(most_out, opt.max_bytes / 3, opt.max_bytes);
        mr_close(bus, 0);
        assert_int_equal(now_out, 0);
    }
    mem_set_resize(NULL);
}

static void helpers_answer_without_a_handle(void **unused)
{
    const char *rule = NULL;
    char text[32];
    const struct mr_value v = mr_f64(48.2);
    (void)unused;
    assert_int_equal(mr_topic_check("./a", false, NULL), MR_OK);
    assert_int_equal(mr_topic_check("a/+", false, &rule), MR_INVALID);
    assert_non_null(rule);
    assert_int_equal(mr_topic_check("a/+", true, NULL), MR_OK);
    assert_int_equal(mr_topic_check(NULL, true, &rule), MR_INVALID);
    char long_text[514];
    memset(long_text, 'x', 513);
    long_text[513] = '\0';
    assert_int_equal(mr_topic_check(long_text, false, &rule), MR_TOO_BIG);
    assert_true(mr_topic_match("a/#", "a/b"));
    assert_false(mr_topic_match("a/#", "b"));
    assert_false(mr_topic_match("a/#/", "a"));
    assert_false(mr_topic_match(NULL, "a"));
    assert_int_equal(mr_value_text(&v, text, sizeof text), 4);
    assert_string_equal(text, "48.2");
    assert_string_equal(mr_status_text(MR_STATUS_GOOD), "Good");
    assert_int_equal(strspn(mr_version(), "0123456789."), strlen(mr_version()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_budget_gives_what_it_has_and_no_more),
        cmocka_unit_test(a_reason_is_the_last_one_and_may_quote_itself),
        cmocka_unit_test(a_kept_message_owns_all_it_points_to_and_gives_it_back),
        cmocka_unit_test(a_message_that_does_not_fit_is_not_kept),
        cmocka_unit_test(the_socket_is_given_or_named_by_the_environment_or_the_machines),
        cmocka_unit_test(an_allocator_is_the_whole_librarys),
        cmocka_unit_test(a_handle_never_holds_more_than_it_may),
        cmocka_unit_test(helpers_answer_without_a_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
