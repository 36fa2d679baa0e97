/* test_report.c - every notice of the hub has its line in the log, with the id that operators search for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "agent/report.h"
#include "base/log.h"

static char said[512];

static void capture(void *user, const char *line, size_t len)
{
    (void)user;
    snprintf(said, sizeof said, "%.*s", (int)len, line);
}

static int listen(void **state)
{
    struct log_options options = log_defaults();
    (void)state;
    options.sink = capture;
    log_set_options(&options);
    return 0;
}

static void each_notice_has_its_id(void **state)
{
    static const char *const expected[HUB_NOTICE_COUNT] = {
        [HUB_NOTICE_PORT_UP] = "INFO AGENT-APP-UP app=it",
        [HUB_NOTICE_PORT_DOWN] = "INFO AGENT-APP-DOWN app=it",
        [HUB_NOTICE_DENIED] = "WARN AGENT-DENIED what=it",
        [HUB_NOTICE_CONFLICT] = "WARN AGENT-CONFLICT what=it",
        [HUB_NOTICE_SLOT_REFUSED] = "WARN AGENT-SLOT-REFUSED what=it",
        [HUB_NOTICE_UNIT_UNKNOWN] = "WARN AGENT-UNIT-UNKNOWN what=it",
        [HUB_NOTICE_DUPLICATE] = "WARN AGENT-DUPLICATE what=it",
        [HUB_NOTICE_FLAPPING] = "WARN AGENT-FLAPPING what=it",
    };
    (void)state;
    for (int i = 0; i < HUB_NOTICE_COUNT; i++) {
        said[0] = '\0';
        report_notice((enum hub_notice)i, "it");
        if (!expected[i] || !strstr(said, expected[i]))
            fail_msg("notice %d: '%s'", i, said);
    }
}

static void what_is_no_notice_says_nothing(void **state)
{
    (void)state;
    said[0] = '\0';
    report_notice(HUB_NOTICE_COUNT, "x");
    assert_string_equal(said, "");
}

static void a_goodbye_is_no_event(void **state)
{
    (void)state;
    said[0] = '\0';
    report_end(NULL, 1, MR_OK, "");
    report_end(NULL, 1, MR_CLOSED, "it said goodbye");
    assert_string_equal(said, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_notice_has_its_id),
        cmocka_unit_test(what_is_no_notice_says_nothing),
        cmocka_unit_test(a_goodbye_is_no_event),
    };
    return cmocka_run_group_tests(tests, listen, NULL);
}
