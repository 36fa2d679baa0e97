/* test_agent_conf.c - agent.yaml: defaults, every key, and what the brokers' names mean. */
#include "agent/conf.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define KEY_1 "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY_2 "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"

static const char directory_text[] = "brokers:\n"
                                     "  - {name: mr1, address: mr1.plant.example, public: \"" KEY_1 "\"}\n"
                                     "  - {name: mr2, address: \"10.0.0.2:7430\", public: \"" KEY_2 "\"}\n";

static int make_folder(void **state)
{
    *state = folder_new();
    folder_write(folder_path(*state, "directory.yaml"), directory_text);
    return 0;
}

static int remove_folder(void **state)
{
    folder_remove(*state);
    return mem_outstanding() > 0;
}

static enum mr_rc load(const char *folder, const char *text, struct agent_conf *ret, struct err *err)
{
    folder_write(folder_path(folder, "agent.yaml"), text);
    return agent_conf_load(folder_path(folder, "agent.yaml"), ret, err);
}

static void two_lines_are_a_configuration(void **state)
{
    struct agent_conf conf;
    struct err err = {{0}};
    if (load(*state, "name: press-07\nbrokers: [mr1]\n", &conf, &err) != MR_OK)
        fail_msg("%s", err.text);
    assert_string_equal(conf.name, "press-07");
    assert_int_equal(conf.n_brokers, 1);
    assert_string_equal(conf.brokers[0].address.host, "mr1.plant.example");
    assert_int_equal(conf.brokers[0].address.port, DIRECTORY_AGENTS_PORT);
    assert_string_equal(conf.path, "");
    assert_string_equal(conf.data, "/var/lib/millrace-agent");
    assert_string_equal(conf.key_file, folder_path(*state, "agent.key"));
    assert_string_equal(conf.socket_path, "/run/millrace/agent.sock");
    assert_int_equal(conf.socket_mode, 0660);
    assert_true(conf.has_telemetry);
    assert_int_equal(conf.telemetry_ms, 10000);
    assert_true(conf.spool_max_bytes == UINT64_C(4) << 30);
    assert_int_equal(conf.log_level, LOG_LEVEL_INFO);
    assert_int_equal(conf.max_apps, APPS_PER_AGENT);
    assert_int_equal(conf.max_filters, FILTERS_PER_AGENT);
    assert_int_equal(conf.log_format, LOG_TEXT);
    assert_int_equal(conf.pin_cpu, -1);
}

static void every_key_is_taken(void **state)
{
    struct agent_conf conf;
    struct err err = {{0}};
    if (load(*state,
             "name: a\nbrokers: [\"10.0.0.2:7430\", mr1.plant.example]\npath: demo/here\ndata: data\nkey: /k\n"
             "socket: {path: s.sock, mode: \"600\"}\nspool: {max: 1 MiB, age: 1 h}\n"
             "telemetry: {interval: 1 s, enabled: false}\nlimits: {apps: 1024, filters: 1}\n"
             "log: {level: warn, format: json}\npin_cpu: -1\n",
             &conf, &err) != MR_OK)
        fail_msg("%s", err.text);
    assert_int_equal(conf.n_brokers, 2);
    assert_string_equal(conf.brokers[0].name, "mr2");
    assert_string_equal(conf.brokers[1].name, "mr1");
    assert_string_equal(conf.path, "demo/here");
    assert_string_equal(conf.data, folder_path(*state, "data"));
    assert_string_equal(conf.key_file, "/k");
    assert_string_equal(conf.socket_path, folder_path(*state, "s.sock"));
    assert_int_equal(conf.socket_mode, 0600);
    assert_false(conf.has_telemetry);
    assert_int_equal(conf.telemetry_ms, 1000);
    assert_int_equal(conf.max_apps, 1024);
    assert_int_equal(conf.max_filters, 1);
    assert_true(conf.spool_max_bytes == 1 << 20 && conf.spool_age_ns == INT64_C(3600) * 1000000000);
    assert_int_equal(conf.log_level, LOG_LEVEL_WARN);
    assert_int_equal(conf.log_format, LOG_JSON);
}

static void the_last_included_file_wins(void **state)
{
    struct agent_conf conf;
    struct err err = {{0}};
    assert_int_equal(mkdir(folder_path(*state, "agent.d"), 0700), 0);
    folder_write(folder_path(*state, "agent.d/10.yaml"), "path: demo/ten\nbrokers: [mr2]\n");
    folder_write(folder_path(*state, "agent.d/20.yaml"), "path: demo/twenty\n");
    if (load(*state, "name: a\nbrokers: [mr1]\npath: demo/main\ninclude: agent.d/*.yaml\n", &conf, &err) != MR_OK)
        fail_msg("%s", err.text);
    assert_string_equal(conf.path, "demo/twenty");
    assert_string_equal(conf.brokers[0].name, "mr2");
    folder_write(folder_path(*state, "agent.d/30.yaml"), "brokers: [mr3]\n");
    assert_int_equal(load(*state, "name: a\nbrokers: [mr1]\ninclude: agent.d/*.yaml\n", &conf, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "agent.d/30.yaml:1: brokers[0]: no key is known for 'mr3'"));
    folder_write(folder_path(*state, "agent.d/30.yaml"), "include: x\n");
    assert_int_equal(load(*state, "name: a\nbrokers: [mr1]\ninclude: agent.d/*.yaml\n", &conf, &err), MR_INVALID);
}

static void limits_are_taken_at_their_bounds_and_refused_above_and_at_zero(void **state)
{
    static const struct {
        const char *limits, *words; /* NULL: they are taken */
    } cases[] = {
        {"apps: 1, filters: 4096", NULL},
        {"apps: 0", "agent.yaml:3: limits.apps: must be 1 to 1024, not 0"},
        {"apps: 1025", "limits.apps: must be 1 to 1024, not 1025"},
        {"filters: 0", "limits.filters: must be 1 to 4096, not 0"},
        {"filters: 4097", "limits.filters: must be 1 to 4096, not 4097"},
        {"sessions: 5", "unknown key 'sessions'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128];
        struct agent_conf conf;
        struct err err = {{0}};
        snprintf(text, sizeof text, "name: a\nbrokers: [mr1]\nlimits: {%s}\n", cases[i].limits);
        enum mr_rc rc = load(*state, text, &conf, &err);
        if (rc != (cases[i].words ? MR_INVALID : MR_OK) || (rc && !strstr(err.text, cases[i].words)))
            fail_msg("%s: %s '%s'", cases[i].limits, rc_text(rc), err.text);
    }
}

static void limits_of_the_interval_hold(void **state)
{
    static const struct {
        const char *interval;
        enum mr_rc rc;
    } cases[] = {{"1 s", MR_OK}, {"999 ms", MR_INVALID}, {"0 s", MR_INVALID}, {"1 h", MR_OK}, {"3601 s", MR_INVALID}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128];
        struct agent_conf conf;
        struct err err = {{0}};
        snprintf(text, sizeof text, "name: a\nbrokers: [mr1]\ntelemetry: {interval: %s}\n", cases[i].interval);
        assert_int_equal(load(*state, text, &conf, &err), cases[i].rc);
    }
}

static void every_failed_allocation_is_a_result(void **state)
{
    unsigned n = 0;
    enum mr_rc rc;
    folder_write(folder_path(*state, "agent.yaml"), "name: a\nbrokers: [mr1, mr2]\nsocket: {mode: \"0600\"}\n");
    do {
        struct agent_conf conf;
        struct err err = {{0}};
        mem_fail_at(++n);
        rc = agent_conf_load(folder_path(*state, "agent.yaml"), &conf, &err);
        assert_true(rc == MR_OK || rc == MR_NO_MEMORY);
        assert_int_equal(mem_outstanding(), 0);
    } while (mem_fail_off());
    assert_int_equal(rc, MR_OK);
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_lines_are_a_configuration, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(every_key_is_taken, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_last_included_file_wins, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(limits_are_taken_at_their_bounds_and_refused_above_and_at_zero, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(limits_of_the_interval_hold, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(every_failed_allocation_is_a_result, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
