/* test_telemetry.c - the collector on trees of /proc and /sys made by the test: values, rates, quality, bounds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proto/status.h"
#include "tests/unit/agent/telemetry_tree.h"

/* What most tests start from: the small machine, collected once at second 100. */
struct fixture {
    struct tree tree;
    struct telemetry *telemetry;
    struct seen seen;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    tree_init(&f->tree);
    tree_write_machine(&f->tree);
    f->telemetry = tree_telemetry(&f->tree);
    seen_collect(&f->seen, f->telemetry, 100 * SECOND_NS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    telemetry_free(f->telemetry);
    tree_fini(&f->tree);
    free(f);
    return 0;
}

static void collect(struct fixture *f, int64_t second)
{
    seen_collect(&f->seen, f->telemetry, second * SECOND_NS);
}

static void values_that_need_no_second_sample_are_there_at_once(void **state)
{
    const struct seen *seen = &((struct fixture *)*state)->seen;
    seen_is(seen, "mem/total", 8);
    seen_is(seen, "mem/available", 6);
    seen_is(seen, "mem/used", 2);
    seen_is(seen, "mem/used_percent", 25);
    seen_is(seen, "mem/free", 2);
    seen_is(seen, "mem/cached", 1);
    seen_is(seen, "mem/dirty", 2);
    seen_is(seen, "swap/total", 1);
    seen_is(seen, "swap/free", 0.75);
    seen_is(seen, "swap/used", 0.25);
    seen_is(seen, "swap/used_percent", 25);
    seen_is(seen, "load/1", 0.12);
    seen_is(seen, "load/5", 1.03);
    seen_is(seen, "load/15", 10.5);
    seen_is(seen, "load/running", 2);
    seen_is(seen, "load/threads", 90);
    seen_is(seen, "pressure/cpu/some", 1.31);
    seen_is(seen, "pressure/mem/some", 0.5);
    seen_is(seen, "pressure/mem/full", 0.25);
    seen_is(seen, "pressure/io/full", 5.98);
    seen_is(seen, "host/uptime", 597.51);
    seen_is(seen, "host/procs", 2);
    seen_is(seen, "host/fds", 521);
    seen_is(seen, "agent/rss_anon", 2);
    seen_is(seen, "agent/fds", 2);
    seen_is(seen, "net/eth0/carrier", 1);
    assert_string_equal(seen_find(seen, "host/boot_id")->word, "074f6ab1-f997-480d-989c-092928e0ec50");
    assert_string_equal(seen_find(seen, "mem/available")->unit, "GiB");
    assert_non_null(seen_find(seen, "disk/root/used"));
    assert_non_null(seen_find(seen, "disk/root/free"));
}

static void the_full_pressure_of_the_cpu_is_not_shown(void **state)
{
    seen_not(&((struct fixture *)*state)->seen, "pressure/cpu/full");
}

static void rates_are_absent_until_a_second_sample(void **state)
{
    const struct seen *seen = &((struct fixture *)*state)->seen;
    static const char *const names[] = {"cpu/busy",    "cpu/core/0/busy",   "cpu/switches", "diskio/vda/read",
                                        "net/eth0/rx", "net/eth0/tx_drops", "agent/cpu",    "diskio/vda/busy"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        seen_not(seen, names[i]);
}

static void the_second_collection_is_due_one_second_after_the_first(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(telemetry_next_ns(f->telemetry), 101 * SECOND_NS);
}

static void cpu_times_become_percentages(void **state)
{
    struct fixture *f = *state;
    tree_write(&f->tree, "proc/stat",
               "cpu  1030 10 520 8100 420 55 55 10 7 7\n"
               "cpu0 530 10 270 4000 200 30 30 10 7 7\n"
               "cpu1 500 0 250 4100 220 25 25 0 0 0\n"
               "ctxt 201000\n");
    collect(f, 101);
    /* 30 user, 10 nice, 20 system, 100 idle, 20 iowait, 5 irq, 5 softirq, 10 steal: 200 ticks */
    seen_is(&f->seen, "cpu/busy", 40);
    seen_is(&f->seen, "cpu/user", 20);
    seen_is(&f->seen, "cpu/system", 15);
    seen_is(&f->seen, "cpu/iowait", 10);
    seen_is(&f->seen, "cpu/steal", 5);
    seen_is(&f->seen, "cpu/idle", 50);
    seen_is(&f->seen, "cpu/core/0/busy", 100);
    seen_is(&f->seen, "cpu/core/1/busy", 0);
    seen_is(&f->seen, "cpu/switches", 1000);
}

static void counters_become_rates_per_second(void **state)
{
    struct fixture *f = *state;
    tree_write(&f->tree, "proc/diskstats",
               " 254 0 vda 30100 6384 2002000 6183 4050 3691 200400 749 0 3500 7184 4252 27 116936 223 858 28\n");
    tree_write(&f->tree, "proc/net/dev", "eth0:1002000 520 3 6 0 0 0 0 31000 310 7 12 0 0 0 0\n");
    collect(f, 102);
    seen_is(&f->seen, "diskio/vda/read", 512000);
    seen_is(&f->seen, "diskio/vda/write", 102400);
    seen_is(&f->seen, "diskio/vda/reads", 50);
    seen_is(&f->seen, "diskio/vda/writes", 25);
    seen_is(&f->seen, "diskio/vda/busy", 25);
    seen_is(&f->seen, "net/eth0/rx", 1000);
    seen_is(&f->seen, "net/eth0/tx", 500);
    seen_is(&f->seen, "net/eth0/rx_packets", 10);
    seen_is(&f->seen, "net/eth0/tx_packets", 5);
    seen_is(&f->seen, "net/eth0/rx_errors", 1);
    seen_is(&f->seen, "net/eth0/tx_errors", 2);
    seen_is(&f->seen, "net/eth0/rx_drops", 2);
    seen_is(&f->seen, "net/eth0/tx_drops", 4);
}

static void only_whole_disks_in_use_and_outer_interfaces_are_shown(void **state)
{
    struct fixture *f = *state;
    collect(f, 101);
    seen_not(&f->seen, "diskio/loop0/read");
    seen_not(&f->seen, "diskio/vda1/read");
    seen_not(&f->seen, "diskio/vdb/read");
    seen_not(&f->seen, "net/lo/rx");
}

static void a_counter_that_goes_back_leaves_the_old_rate_as_uncertain(void **state)
{
    struct fixture *f = *state;
    tree_write(&f->tree, "proc/net/dev", "eth0: 1001000 520 3 6 0 0 0 0 31000 310 7 12 0 0 0 0\n");
    collect(f, 101);
    tree_write(&f->tree, "proc/net/dev", "eth0: 10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0\n");
    collect(f, 111);
    const struct seen_value *rx = seen_find(&f->seen, "net/eth0/rx");
    assert_int_equal(rx->value.status, STATUS_UNCERTAIN_LAST_USABLE);
    assert_true(rx->value.value.as.f64 == 1000);
    assert_int_equal(rx->value.read_ns, 101 * SECOND_NS);
    tree_write(&f->tree, "proc/net/dev", "eth0: 110 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0\n");
    collect(f, 121);
    seen_is(&f->seen, "net/eth0/rx", 10);
}

static void a_jump_that_no_device_can_do_is_not_shown_as_a_rate(void **state)
{
    struct fixture *f = *state;
    tree_write(&f->tree, "proc/net/dev", "eth0: 18446744073709551615 520 3 6 0 0 0 0 31000 310 7 12 0 0 0 0\n");
    tree_write(&f->tree, "proc/diskstats",
               " 254 0 vda 30100 6384 18446744073709551615 6183 4050 3691 200400 749 0 18446744073709551615 7184\n");
    collect(f, 101);
    seen_not(&f->seen, "net/eth0/rx");
    seen_not(&f->seen, "diskio/vda/read");
    seen_not(&f->seen, "diskio/vda/busy");
}

static void a_number_too_large_for_64_bits_spoils_only_its_own_line(void **state)
{
    struct fixture *f = *state;
    tree_write(&f->tree, "proc/meminfo",
               "MemTotal:        18446744073709551616 kB\nMemFree:         1048576 kB\nMemAvailable:    -5 kB\n");
    collect(f, 101);
    seen_is(&f->seen, "mem/free", 1);
    seen_has_status(&f->seen, "mem/total", STATUS_BAD_NO_COMMUNICATION);
    seen_has_status(&f->seen, "mem/used", STATUS_BAD_NO_COMMUNICATION);
}

static void an_interface_that_goes_is_bad_and_comes_back_without_a_peak(void **state)
{
    struct fixture *f = *state;
    tree_write(&f->tree, "proc/net/dev", "eth0: 1001000 520 3 6 0 0 0 0 31000 310 7 12 0 0 0 0\n");
    collect(f, 101);
    tree_write(&f->tree, "proc/net/dev", "lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
    collect(f, 111);
    seen_has_status(&f->seen, "net/eth0/rx", STATUS_BAD_NOT_CONNECTED);
    seen_has_status(&f->seen, "net/eth0/carrier", STATUS_BAD_NOT_CONNECTED);
    collect(f, 121);
    assert_int_equal(seen_find(&f->seen, "net/eth0/rx")->count, 0); /* told once */
    /* The same name, but another interface: its count is higher and yet no rate. */
    tree_write(&f->tree, "proc/net/dev", "eth0: 9001000 520 3 6 0 0 0 0 31000 310 7 12 0 0 0 0\n");
    collect(f, 131);
    seen_has_status(&f->seen, "net/eth0/rx", STATUS_UNCERTAIN_LAST_USABLE);
    seen_is(&f->seen, "net/eth0/carrier", 1);
    tree_write(&f->tree, "proc/net/dev", "eth0: 9002000 520 3 6 0 0 0 0 31000 310 7 12 0 0 0 0\n");
    collect(f, 141);
    seen_is(&f->seen, "net/eth0/rx", 100);
}

static void new_interfaces_are_looked_for_every_thirty_seconds(void **state)
{
    struct fixture *f = *state;
    tree_write(&f->tree, "proc/net/dev",
               "eth0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\nwlan0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
    tree_write(&f->tree, "sys/class/net/wlan0/carrier", "0\n");
    collect(f, 101);
    collect(f, 111);
    collect(f, 121);
    seen_not(&f->seen, "net/wlan0/carrier");
    collect(f, 131);
    seen_is(&f->seen, "net/wlan0/carrier", 0);
}

static void a_file_that_goes_makes_its_values_bad_with_the_old_value(void **state)
{
    struct fixture *f = *state;
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

static void a_file_that_comes_back_is_found_within_ten_seconds(void **state)
{
    struct fixture *f = *state;
    tree_remove(&f->tree, "proc/meminfo");
    collect(f, 101);
    collect(f, 111);
    tree_write(&f->tree, "proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 1048576 kB\n");
    collect(f, 121);
    seen_is(&f->seen, "mem/available", 1);
}

static void all_files_gone_makes_every_value_bad_and_no_new_one(void **state)
{
    struct fixture *f = *state;
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

static void a_cpu_that_is_switched_off_is_not_connected(void **state)
{
    struct fixture *f = *state;
    tree_write(
        &f->tree, "proc/stat",
        "cpu  2000 0 500 8000 400 50 50 0\ncpu0 1000 0 250 4000 200 25 25 0\ncpu1 1000 0 250 4000 200 25 25 0\n");
    collect(f, 101);
    tree_write(&f->tree, "proc/stat", "cpu  3000 0 500 8000 400 50 50 0\ncpu0 1500 0 250 4000 200 25 25 0\n");
    collect(f, 111);
    seen_is(&f->seen, "cpu/core/0/busy", 100);
    seen_has_status(&f->seen, "cpu/core/1/busy", STATUS_BAD_NOT_CONNECTED);
}

static void idle_time_that_goes_back_is_no_time_and_never_negative(void **state)
{
    struct fixture *f = *state;
    tree_write(&f->tree, "proc/stat", "cpu  1100 0 500 7990 300 50 50 0\n");
    collect(f, 101);
    seen_is(&f->seen, "cpu/busy", 100);
    seen_is(&f->seen, "cpu/idle", 0);
    seen_is(&f->seen, "cpu/iowait", 0);
}

static void no_tick_passed_tells_nothing_new(void **state)
{
    struct fixture *f = *state;
    collect(f, 101);
    seen_not(&f->seen, "cpu/busy");
}

static void an_old_kernel_without_steal_and_available_shows_what_it_has(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    tree_write(&f->tree, "proc/stat", "cpu  100 0 100 800\ncpu0 100 0 100 800\nctxt 5\n");
    tree_write(&f->tree, "proc/meminfo", "MemTotal: 1048576 kB\nMemFree: 524288 kB\n");
    struct telemetry *telemetry = tree_telemetry(&f->tree);
    seen_collect(&seen, telemetry, 100 * SECOND_NS);
    tree_write(&f->tree, "proc/stat", "cpu  150 0 100 850\ncpu0 150 0 100 850\nctxt 9\n");
    seen_collect(&seen, telemetry, 101 * SECOND_NS);
    seen_is(&seen, "cpu/busy", 50);
    seen_not(&seen, "cpu/steal");
    seen_not(&seen, "cpu/iowait");
    seen_not(&seen, "mem/available");
    seen_not(&seen, "mem/used");
    seen_not(&seen, "swap/used");
    seen_is(&seen, "mem/total", 1);
    telemetry_free(telemetry);
}

static void a_machine_without_swap_has_no_percentage_of_it(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    tree_write(&f->tree, "proc/meminfo", "MemTotal: 8 kB\nMemAvailable: 9 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
    struct telemetry *telemetry = tree_telemetry(&f->tree);
    seen_collect(&seen, telemetry, 0);
    seen_is(&seen, "swap/total", 0);
    seen_is(&seen, "swap/used", 0);
    seen_not(&seen, "swap/used_percent");
    seen_not(&seen, "mem/used"); /* more available than there is */
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

static void garbage_in_every_file_gives_no_value(void **state)
{
    struct fixture *f = *state;
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

/* Takes away what only the clock test wants otherwise. */
static int unkept_clock(struct timex *clock)
{
    *clock = (struct timex){.status = STA_UNSYNC | STA_PLL, .maxerror = 16000000, .esterror = 16000000};
    return TIME_ERROR;
}

static int leaping_clock(struct timex *clock)
{
    *clock = (struct timex){.status = STA_INS, .offset = 7, .maxerror = 100, .esterror = 3};
    return TIME_INS;
}

static int forbidden_clock(struct timex *clock)
{
    (void)clock;
    return -1;
}

static struct seen *see_clock(struct seen *seen, int (*read_clock)(struct timex *))
{
    struct telemetry *telemetry;
    const struct telemetry_conf conf = {.proc_root = "/nowhere", .sys_root = "/nowhere", .read_clock = read_clock};
    *seen = (struct seen){0};
    assert_int_equal(telemetry_new(&telemetry, &conf, NULL), MR_OK);
    seen_collect(seen, telemetry, 0);
    telemetry_free(telemetry);
    return seen;
}

static void a_clock_that_is_kept_shows_offset_and_errors(void **state)
{
    const struct seen *seen = &((struct fixture *)*state)->seen;
    seen_is(seen, "clock/synced", 1);
    seen_is(seen, "clock/offset", -250);
    seen_is(seen, "clock/max_error", 1500);
    seen_is(seen, "clock/est_error", 40);
    assert_string_equal(seen_find(seen, "clock/state")->word, "synchronised");
}

static void a_clock_that_is_not_kept_has_no_offset_instead_of_zero(void **state)
{
    struct seen *seen = &((struct fixture *)*state)->seen;
    see_clock(seen, unkept_clock);
    seen_is(seen, "clock/synced", 0);
    seen_not(seen, "clock/offset");
    seen_not(seen, "clock/max_error");
    seen_not(seen, "clock/est_error");
    assert_string_equal(seen_find(seen, "clock/state")->word, "unsynchronised");
}

static void a_clock_steered_by_a_daemon_shows_errors_but_no_offset(void **state)
{
    struct seen *seen = &((struct fixture *)*state)->seen;
    see_clock(seen, leaping_clock);
    seen_is(seen, "clock/synced", 1);
    seen_not(seen, "clock/offset");
    seen_is(seen, "clock/max_error", 100);
    assert_string_equal(seen_find(seen, "clock/state")->word, "leap second to be inserted");
}

static void a_clock_that_may_not_be_read_is_absent(void **state)
{
    struct seen *seen = &((struct fixture *)*state)->seen;
    see_clock(seen, forbidden_clock);
    seen_not(seen, "clock/synced");
    seen_not(seen, "clock/state");
}

static void sensors_of_zones_and_chips_get_names_of_their_own(void **state)
{
    struct fixture *f = *state;
    seen_not(&f->seen, "temp/acpitz");
    tree_write(&f->tree, "sys/class/thermal/thermal_zone0/type", "acpitz\n");
    tree_write(&f->tree, "sys/class/thermal/thermal_zone0/temp", "27800\n");
    tree_write(&f->tree, "sys/class/thermal/thermal_zone3/type", "acpitz\n");
    tree_write(&f->tree, "sys/class/thermal/thermal_zone3/temp", "-5000\n");
    tree_write(&f->tree, "sys/class/hwmon/hwmon0/name", "coretemp\n");
    tree_write(&f->tree, "sys/class/hwmon/hwmon0/temp1_input", "41000\n");
    tree_write(&f->tree, "sys/class/hwmon/hwmon0/temp1_label", "Package id 0\n");
    tree_write(&f->tree, "sys/class/hwmon/hwmon0/temp7_input", "40000\n");
    tree_write(&f->tree, "sys/class/hwmon/hwmon5/name", "nvme\n");
    tree_write(&f->tree, "sys/class/hwmon/hwmon5/temp1_input", "30500\n");
    collect(f, 131);
    seen_is(&f->seen, "temp/acpitz", 27.8);
    seen_is(&f->seen, "temp/coretemp-temp7", 40);
    seen_is(&f->seen, "temp/nvme-temp1", 30.5);
    seen_is(&f->seen, "temp/coretemp-Package_id_0", 41);
    unsigned twins = 0;
    for (size_t i = 0; i < f->seen.n; i++)
        twins += strncmp(f->seen.values[i].name, "temp/acpitz~", 12) == 0 && f->seen.values[i].value.value.as.f64 == -5;
    assert_int_equal(twins, 1);
}

static void a_broken_sensor_keeps_its_last_good_value(void **state)
{
    struct fixture *f = *state;
    tree_write(&f->tree, "sys/class/thermal/thermal_zone0/type", "acpitz\n");
    tree_write(&f->tree, "sys/class/thermal/thermal_zone0/temp", "27800\n");
    collect(f, 131);
    tree_write(&f->tree, "sys/class/thermal/thermal_zone0/temp", "-274000\n");
    collect(f, 141);
    seen_has_status(&f->seen, "temp/acpitz", STATUS_BAD_SENSOR_FAILURE);
    assert_true(seen_find(&f->seen, "temp/acpitz")->value.value.as.f64 == 27.8);
    tree_write(&f->tree, "sys/class/thermal/thermal_zone0/temp", "soon\n");
    collect(f, 151);
    seen_has_status(&f->seen, "temp/acpitz", STATUS_BAD_NO_COMMUNICATION);
    tree_remove(&f->tree, "sys/class/thermal/thermal_zone0/type");
    collect(f, 171);
    seen_has_status(&f->seen, "temp/acpitz", STATUS_BAD_NOT_CONNECTED);
}

static void mounts_are_shown_once_each_and_only_those_on_own_disks(void **state)
{
    struct fixture *f = *state;
    tree_mkdir(&f->tree, "fs/data");
    tree_mkdir(&f->tree, "fs/mnt/my disk");
    tree_write(&f->tree, "proc/1/mountinfo",
               "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
               "28 27 254:0 /var/x /etc/hosts rw - ext4 /dev/vda rw\n"
               "29 27 254:0 / /again rw - ext4 /dev/vda rw\n"
               "30 27 0:50 / /net rw shared:7 - nfs4 server:/export rw\n"
               "31 27 254:16 / /data rw shared:7 master:1 - xfs /dev/vdb rw\n"
               "32 27 254:32 / /mnt/my\\040disk rw - ext4 /dev/vdc rw\n"
               "33 27 254:48 / /gone rw - ext4 /dev/vdd rw\n");
    collect(f, 131);
    assert_non_null(seen_find(&f->seen, "disk/data/used"));
    seen_not(&f->seen, "disk/again/used");
    seen_not(&f->seen, "disk/net/used");
    seen_not(&f->seen, "disk/etc.hosts/used");
    seen_not(&f->seen, "disk/gone/used"); /* listed, but statvfs fails */
    assert_non_null(seen_find(&f->seen, "disk/mnt.my_disk/free"));
    tree_write(&f->tree, "proc/1/mountinfo", "27 1 254:0 / / rw - ext4 /dev/vda rw\n");
    collect(f, 171);
    seen_has_status(&f->seen, "disk/data/used", STATUS_BAD_NOT_CONNECTED);
}

static void more_interfaces_than_allowed_are_passed_over_until_a_place_is_free(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    collect(f, 101);
    collect(f, 1000);
    assert_int_equal(telemetry_next_ns(f->telemetry), 1010 * SECOND_NS);
    seen_collect(&f->seen, f->telemetry, 1000 * SECOND_NS);
    assert_int_equal(f->seen.told, 0);
}

static void collecting_allocates_nothing(void **state)
{
    struct fixture *f = *state;
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

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_MACHINE(values_that_need_no_second_sample_are_there_at_once),
        ON_MACHINE(the_full_pressure_of_the_cpu_is_not_shown),
        ON_MACHINE(rates_are_absent_until_a_second_sample),
        ON_MACHINE(the_second_collection_is_due_one_second_after_the_first),
        ON_MACHINE(cpu_times_become_percentages),
        ON_MACHINE(counters_become_rates_per_second),
        ON_MACHINE(only_whole_disks_in_use_and_outer_interfaces_are_shown),
        ON_MACHINE(a_counter_that_goes_back_leaves_the_old_rate_as_uncertain),
        ON_MACHINE(a_jump_that_no_device_can_do_is_not_shown_as_a_rate),
        ON_MACHINE(a_number_too_large_for_64_bits_spoils_only_its_own_line),
        ON_MACHINE(an_interface_that_goes_is_bad_and_comes_back_without_a_peak),
        ON_MACHINE(new_interfaces_are_looked_for_every_thirty_seconds),
        ON_MACHINE(a_file_that_goes_makes_its_values_bad_with_the_old_value),
        ON_MACHINE(a_file_that_comes_back_is_found_within_ten_seconds),
        ON_MACHINE(all_files_gone_makes_every_value_bad_and_no_new_one),
        ON_MACHINE(a_cpu_that_is_switched_off_is_not_connected),
        ON_MACHINE(idle_time_that_goes_back_is_no_time_and_never_negative),
        ON_MACHINE(no_tick_passed_tells_nothing_new),
        ON_MACHINE(an_old_kernel_without_steal_and_available_shows_what_it_has),
        ON_MACHINE(a_machine_without_swap_has_no_percentage_of_it),
        cmocka_unit_test(an_empty_tree_tells_only_what_needs_no_file),
        ON_MACHINE(garbage_in_every_file_gives_no_value),
        ON_MACHINE(a_clock_that_is_kept_shows_offset_and_errors),
        ON_MACHINE(a_clock_that_is_not_kept_has_no_offset_instead_of_zero),
        ON_MACHINE(a_clock_steered_by_a_daemon_shows_errors_but_no_offset),
        ON_MACHINE(a_clock_that_may_not_be_read_is_absent),
        ON_MACHINE(sensors_of_zones_and_chips_get_names_of_their_own),
        ON_MACHINE(a_broken_sensor_keeps_its_last_good_value),
        ON_MACHINE(mounts_are_shown_once_each_and_only_those_on_own_disks),
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
