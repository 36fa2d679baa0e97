/* test_telemetry.c - the collector: when it collects, what it holds to, and what it does when files are gone or odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proto/status.h"
#include "tests/unit/agent/telemetry_tree.h"

static void collect(struct machine *f, int64_t second)
{
    seen_collect(&f->seen, f->telemetry, second * SECOND_NS);
}

static void garbage_in_every_file_gives_no_value(void **state)
{
    struct machine *f = *state;
    struct seen seen = {0};
    static const char garbage[] =
        "\xff\x00 cpu x\n: : :\ncpu99999999999999999999 1 2 3 4\nMemTotal: x\n\n   \n-1 -1 -1 -/-\n"
        "some avg10=nan\nfull avg10=1e9\nsome avg10=100.01\nfull\n12 12 sda x\neth0:\n:::\n%s%n";
    static const char *const files[] = {
        "proc/stat",
        "proc/meminfo",
        "proc/loadavg",
        "proc/pressure/cpu",
        "proc/pressure/memory",
        "proc/pressure/io",
        "proc/uptime",
        "proc/diskstats",
        "proc/net/dev",
        "proc/self/statm",
        "proc/1/mountinfo",
        "proc/sys/fs/file-nr",
        "proc/sys/kernel/random/boot_id",
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        tree_write_bytes(&f->tree, files[i], garbage, sizeof garbage);
    struct telemetry *telemetry = tree_telemetry(&f->tree);
    for (int second = 0; second < 40; second++)
        seen_collect(&seen, telemetry, second * SECOND_NS);
    seen_not(&seen, "mem/total");
    seen_not(&seen, "load/1");
    seen_not(&seen, "host/uptime");
    seen_not(&seen, "host/boot_id");
    seen_not(&seen, "pressure/io/some");
    telemetry_free(telemetry);
}

static void an_empty_tree_tells_only_what_needs_no_file(void **state)
{
    struct seen seen = {0};
    struct tree tree;
    (void)state;
    tree_init(&tree);
    struct telemetry *telemetry = tree_telemetry(&tree);
    for (int second = 0; second < 40; second++)
        seen_collect(&seen, telemetry, second * SECOND_NS);
    for (size_t i = 0; i < seen.n; i++)
        assert_true(strncmp(seen.values[i].name, "clock/", 6) == 0 ||
                    strncmp(seen.values[i].name, "disk/root/", 10) == 0 ||
                    strcmp(seen.values[i].name, "agent/cpu") == 0);
    telemetry_free(telemetry);
    tree_fini(&tree);
}

static void all_files_gone_makes_every_value_bad_and_no_new_one(void **state)
{
    struct machine *f = *state;
    static const char *const files[] = {
        "proc/stat",
        "proc/meminfo",
        "proc/loadavg",
        "proc/pressure/cpu",
        "proc/pressure/memory",
        "proc/pressure/io",
        "proc/uptime",
        "proc/diskstats",
        "proc/net/dev",
        "proc/self/statm",
        "sys/class/net/eth0/carrier",
        "proc/sys/kernel/random/boot_id",
        "proc/sys/fs/file-nr",
    };
    collect(f, 101);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        tree_remove(&f->tree, files[i]);
    collect(f, 111);
    static const char *const names[] = {"cpu/busy", "cpu/core/1/busy",  "cpu/switches",     "mem/total",
                                        "load/1",   "net/eth0/rx",      "net/eth0/carrier", "diskio/vda/busy",
                                        "host/fds", "pressure/io/some", "host/boot_id",     "agent/rss_anon"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_true(!seen_find(&f->seen, names[i]) || status_is_bad(seen_find(&f->seen, names[i])->value.status) ||
                    seen_find(&f->seen, names[i])->value.status == STATUS_UNCERTAIN_LAST_USABLE);
    seen_has_status(&f->seen, "mem/total", STATUS_BAD_NO_COMMUNICATION);
    seen_has_status(&f->seen, "net/eth0/carrier", STATUS_BAD_NO_COMMUNICATION);
    seen_has_status(&f->seen, "host/boot_id", STATUS_BAD_NO_COMMUNICATION);
}

static void a_file_that_comes_back_is_found_within_ten_seconds(void **state)
{
    struct machine *f = *state;
    tree_remove(&f->tree, "proc/meminfo");
    collect(f, 101);
    collect(f, 111);
    tree_write(&f->tree, "proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 1048576 kB\n");
    collect(f, 121);
    seen_is(&f->seen, "mem/available", 1);
}

static void a_file_that_goes_makes_its_values_bad_with_the_old_value(void **state)
{
    struct machine *f = *state;
    tree_remove(&f->tree, "proc/meminfo");
    tree_remove(&f->tree, "proc/uptime");
    collect(f, 101);
    const struct seen_value *available = seen_find(&f->seen, "mem/available");
    assert_int_equal(available->value.status, STATUS_BAD_NO_COMMUNICATION);
    assert_true(available->value.value.as.f64 == 6);
    assert_int_equal(available->value.read_ns, 100 * SECOND_NS);
    assert_int_equal(available->count, 1);
    seen_has_status(&f->seen, "host/uptime", STATUS_BAD_NO_COMMUNICATION);
    collect(f, 111);
    assert_int_equal(seen_find(&f->seen, "mem/available")->count, 0);
}

static void the_second_collection_is_due_one_second_after_the_first(void **state)
{
    const struct machine *f = *state;
    assert_int_equal(telemetry_next_ns(f->telemetry), 101 * SECOND_NS);
}

static void more_interfaces_than_allowed_are_passed_over_until_a_place_is_free(void **state)
{
    struct machine *f = *state;
    struct seen seen = {0};
    struct telemetry *telemetry;
    const struct telemetry_conf conf = {.proc_root = f->tree.proc, .sys_root = f->tree.sys, .max_nets = 2};
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "sys/class/net/en%d/carrier", i);
        tree_write(&f->tree, path, "1\n");
    }
    tree_write(&f->tree, "proc/net/dev",
               "en0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\nen1: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
               "en2: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
    assert_int_equal(telemetry_new(&telemetry, &conf, NULL), MR_OK);
    seen_collect(&seen, telemetry, 0);
    seen_is(&seen, "net/en0/carrier", 1);
    seen_is(&seen, "net/en1/carrier", 1);
    seen_not(&seen, "net/en2/carrier");
    tree_write(&f->tree, "proc/net/dev", "en1: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
    seen_collect(&seen, telemetry, 10 * SECOND_NS);
    tree_write(&f->tree, "proc/net/dev",
               "en1: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\nen2: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
    seen_collect(&seen, telemetry, 31 * SECOND_NS);
    seen_is(&seen, "net/en2/carrier", 1);
    assert_true(seen_find(&seen, "net/en2/carrier")->value.first);
    assert_int_equal(seen_find(&seen, "net/en2/carrier")->value.index,
                     seen_find(&seen, "net/en0/carrier")->value.index);
    telemetry_free(telemetry);
}

static void indices_stay_below_the_maximum_and_first_is_told_once(void **state)
{
    struct machine *f = *state;
    size_t max = telemetry_max_tags(f->telemetry);
    for (size_t i = 0; i < f->seen.n; i++) {
        assert_true(f->seen.values[i].value.index < max);
        assert_true(f->seen.values[i].value.first);
        for (size_t k = 0; k < i; k++)
            assert_true(f->seen.values[i].value.index != f->seen.values[k].value.index);
    }
    collect(f, 101);
    assert_false(seen_find(&f->seen, "mem/total")->value.first);
}

static void each_tells_every_tag_again_as_new(void **state)
{
    struct machine *f = *state;
    struct seen again = {0};
    size_t n = f->seen.n;
    telemetry_each(f->telemetry, seen_emit, &again);
    assert_int_equal(again.n, n);
    assert_true(seen_find(&again, "mem/total")->value.first);
    seen_is(&again, "mem/total", 8);
    assert_string_equal(seen_find(&again, "host/boot_id")->word, "074f6ab1-f997-480d-989c-092928e0ec50");
}

static void every_source_keeps_its_own_interval(void **state)
{
    struct machine *f = *state;
    struct telemetry *telemetry;
    struct seen seen = {0};
    const struct telemetry_conf conf = {.proc_root = f->tree.proc, .sys_root = f->tree.sys, .interval_ms = 500};
    unsigned told_mem = 0, told_load = 0, told_host = 0;
    assert_int_equal(telemetry_new(&telemetry, &conf, NULL), MR_OK);
    assert_int_equal(telemetry_next_ns(telemetry), INT64_MIN);
    for (int64_t now_ns = 0; now_ns < 20 * SECOND_NS; now_ns = telemetry_next_ns(telemetry)) {
        seen_collect(&seen, telemetry, now_ns);
        told_mem += seen_find(&seen, "mem/total")->count;
        told_load += seen_find(&seen, "load/1")->count;
        told_host += seen_find(&seen, "host/uptime")->count;
    }
    assert_int_equal(told_mem, 40);
    assert_int_equal(told_load, 5);
    assert_int_equal(told_host, 3);
    assert_int_equal(seen_find(&seen, "mem/total")->value.stale_ms, 1500);
    assert_int_equal(seen_find(&seen, "load/1")->value.stale_ms, 15000);
    telemetry_free(telemetry);
}

static void a_collection_that_comes_late_does_not_catch_up(void **state)
{
    struct machine *f = *state;
    collect(f, 101);
    collect(f, 1000);
    assert_int_equal(telemetry_next_ns(f->telemetry), 1010 * SECOND_NS);
    seen_collect(&f->seen, f->telemetry, 1000 * SECOND_NS);
    assert_int_equal(f->seen.told, 0);
}

static void collecting_allocates_nothing(void **state)
{
    struct machine *f = *state;
    size_t before = mem_outstanding();
    mem_fail_at(1);
    for (int second = 101; second < 200; second++)
        collect(f, second);
    assert_false(mem_fail_off());
    assert_int_equal(mem_outstanding(), before);
}

static void every_failed_allocation_is_a_result_and_leaks_nothing(void **state)
{
    size_t before = mem_outstanding();
    bool failed = true;
    (void)state;
    for (unsigned n = 1; failed; n++) {
        struct telemetry *telemetry = NULL;
        struct err err = {{0}};
        const struct telemetry_conf conf = {.per_core = true};
        mem_fail_at(n);
        enum mr_rc rc = telemetry_new(&telemetry, &conf, &err);
        failed = mem_fail_off();
        assert_int_equal(rc, failed ? MR_NO_MEMORY : MR_OK);
        assert_true(failed == (telemetry == NULL));
        assert_true(failed == (err.text[0] != '\0'));
        telemetry_free(telemetry);
        assert_int_equal(mem_outstanding(), before);
    }
}

static void check_conf(const struct telemetry_conf *conf, enum mr_rc expected)
{
    struct telemetry *telemetry = NULL;
    struct err err = {{0}};
    assert_int_equal(telemetry_new(&telemetry, conf, &err), expected);
    assert_true((expected == MR_OK) == (telemetry != NULL));
    assert_true((expected == MR_OK) == (err.text[0] == '\0'));
    telemetry_free(telemetry);
}

static void fields_of_conf_are_held_to_their_ranges(void **state)
{
    char root[202];
    (void)state;
    memset(root, 'x', sizeof root);
    root[201] = '\0';
    check_conf(NULL, MR_OK);
    check_conf(&(struct telemetry_conf){.interval_ms = 100}, MR_OK);
    check_conf(&(struct telemetry_conf){.interval_ms = 99}, MR_INVALID);
    check_conf(&(struct telemetry_conf){.interval_ms = 3600 * 1000}, MR_OK);
    check_conf(&(struct telemetry_conf){.interval_ms = 3600 * 1000 + 1}, MR_INVALID);
    check_conf(&(struct telemetry_conf){.max_cores = 1024, .per_core = true}, MR_OK);
    check_conf(&(struct telemetry_conf){.max_cores = 1025}, MR_INVALID);
    check_conf(&(struct telemetry_conf){.max_disks = 1}, MR_OK);
    check_conf(&(struct telemetry_conf){.max_disks = 256}, MR_OK);
    check_conf(&(struct telemetry_conf){.max_disks = 257}, MR_INVALID);
    check_conf(&(struct telemetry_conf){.max_nets = 257}, MR_INVALID);
    check_conf(&(struct telemetry_conf){.max_temps = 257}, MR_INVALID);
    check_conf(&(struct telemetry_conf){.proc_root = root}, MR_TOO_BIG);
    check_conf(&(struct telemetry_conf){.sys_root = root}, MR_TOO_BIG);
    check_conf(&(struct telemetry_conf){.fs_root = root}, MR_TOO_BIG);
    check_conf(&(struct telemetry_conf){.fs_root = root + 1, .proc_root = root + 1, .sys_root = root + 1}, MR_OK);
    telemetry_free(NULL);
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_MACHINE(garbage_in_every_file_gives_no_value),
        cmocka_unit_test(an_empty_tree_tells_only_what_needs_no_file),
        ON_MACHINE(all_files_gone_makes_every_value_bad_and_no_new_one),
        ON_MACHINE(a_file_that_comes_back_is_found_within_ten_seconds),
        ON_MACHINE(a_file_that_goes_makes_its_values_bad_with_the_old_value),
        ON_MACHINE(the_second_collection_is_due_one_second_after_the_first),
        ON_MACHINE(more_interfaces_than_allowed_are_passed_over_until_a_place_is_free),
        ON_MACHINE(indices_stay_below_the_maximum_and_first_is_told_once),
        ON_MACHINE(each_tells_every_tag_again_as_new),
        ON_MACHINE(every_source_keeps_its_own_interval),
        ON_MACHINE(a_collection_that_comes_late_does_not_catch_up),
        ON_MACHINE(collecting_allocates_nothing),
        cmocka_unit_test(every_failed_allocation_is_a_result_and_leaks_nothing),
        cmocka_unit_test(fields_of_conf_are_held_to_their_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
