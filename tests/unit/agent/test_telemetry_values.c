/* test_telemetry_values.c - the values themselves: rates, percentages, quality, names, on trees made by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "proto/status.h"
#include "tests/unit/agent/telemetry_tree.h"

static void collect(struct machine *f, int64_t second)
{
    seen_collect(&f->seen, f->telemetry, second * SECOND_NS);
}

static void values_that_need_no_second_sample_are_there_at_once(void **state)
{
    const struct seen *seen = &((struct machine *)*state)->seen;
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
    seen_not(&((struct machine *)*state)->seen, "pressure/cpu/full");
}

static void rates_are_absent_until_a_second_sample(void **state)
{
    const struct seen *seen = &((struct machine *)*state)->seen;
    static const char *const names[] = {"cpu/busy",    "cpu/core/0/busy",   "cpu/switches", "diskio/vda/read",
                                        "net/eth0/rx", "net/eth0/tx_drops", "agent/cpu",    "diskio/vda/busy"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        seen_not(seen, names[i]);
}

static void cpu_times_become_percentages(void **state)
{
    struct machine *f = *state;
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
    struct machine *f = *state;
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
    struct machine *f = *state;
    collect(f, 101);
    seen_not(&f->seen, "diskio/loop0/read");
    seen_not(&f->seen, "diskio/vda1/read");
    seen_not(&f->seen, "diskio/vdb/read");
    seen_not(&f->seen, "net/lo/rx");
}

static void a_counter_that_goes_back_leaves_the_old_rate_as_uncertain(void **state)
{
    struct machine *f = *state;
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
    struct machine *f = *state;
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
    struct machine *f = *state;
    tree_write(&f->tree, "proc/meminfo",
               "MemTotal:        18446744073709551616 kB\nMemFree:         1048576 kB\nMemAvailable:    -5 kB\n");
    collect(f, 101);
    seen_is(&f->seen, "mem/free", 1);
    seen_has_status(&f->seen, "mem/total", STATUS_BAD_NO_COMMUNICATION);
    seen_has_status(&f->seen, "mem/used", STATUS_BAD_NO_COMMUNICATION);
}

static void an_interface_that_goes_is_bad_and_comes_back_without_a_peak(void **state)
{
    struct machine *f = *state;
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
    struct machine *f = *state;
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

static void a_cpu_that_is_switched_off_is_not_connected(void **state)
{
    struct machine *f = *state;
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
    struct machine *f = *state;
    tree_write(&f->tree, "proc/stat", "cpu  1100 0 500 7990 300 50 50 0\n");
    collect(f, 101);
    seen_is(&f->seen, "cpu/busy", 100);
    seen_is(&f->seen, "cpu/idle", 0);
    seen_is(&f->seen, "cpu/iowait", 0);
}

static void no_tick_passed_tells_nothing_new(void **state)
{
    struct machine *f = *state;
    collect(f, 101);
    seen_not(&f->seen, "cpu/busy");
}

static void an_old_kernel_without_steal_and_available_shows_what_it_has(void **state)
{
    struct machine *f = *state;
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
    struct machine *f = *state;
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
    const struct seen *seen = &((struct machine *)*state)->seen;
    seen_is(seen, "clock/synced", 1);
    seen_is(seen, "clock/offset", -250);
    seen_is(seen, "clock/max_error", 1500);
    seen_is(seen, "clock/est_error", 40);
    assert_string_equal(seen_find(seen, "clock/state")->word, "synchronised");
}

static void a_clock_that_is_not_kept_has_no_offset_instead_of_zero(void **state)
{
    struct seen *seen = &((struct machine *)*state)->seen;
    see_clock(seen, unkept_clock);
    seen_is(seen, "clock/synced", 0);
    seen_not(seen, "clock/offset");
    seen_not(seen, "clock/max_error");
    seen_not(seen, "clock/est_error");
    assert_string_equal(seen_find(seen, "clock/state")->word, "unsynchronised");
}

static void a_clock_steered_by_a_daemon_shows_errors_but_no_offset(void **state)
{
    struct seen *seen = &((struct machine *)*state)->seen;
    see_clock(seen, leaping_clock);
    seen_is(seen, "clock/synced", 1);
    seen_not(seen, "clock/offset");
    seen_is(seen, "clock/max_error", 100);
    assert_string_equal(seen_find(seen, "clock/state")->word, "leap second to be inserted");
}

static void a_clock_that_may_not_be_read_is_absent(void **state)
{
    struct seen *seen = &((struct machine *)*state)->seen;
    see_clock(seen, forbidden_clock);
    seen_not(seen, "clock/synced");
    seen_not(seen, "clock/state");
}

static void sensors_of_zones_and_chips_get_names_of_their_own(void **state)
{
    struct machine *f = *state;
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
    struct machine *f = *state;
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
    struct machine *f = *state;
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

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_MACHINE(values_that_need_no_second_sample_are_there_at_once),
        ON_MACHINE(the_full_pressure_of_the_cpu_is_not_shown),
        ON_MACHINE(rates_are_absent_until_a_second_sample),
        ON_MACHINE(cpu_times_become_percentages),
        ON_MACHINE(counters_become_rates_per_second),
        ON_MACHINE(only_whole_disks_in_use_and_outer_interfaces_are_shown),
        ON_MACHINE(a_counter_that_goes_back_leaves_the_old_rate_as_uncertain),
        ON_MACHINE(a_jump_that_no_device_can_do_is_not_shown_as_a_rate),
        ON_MACHINE(a_number_too_large_for_64_bits_spoils_only_its_own_line),
        ON_MACHINE(an_interface_that_goes_is_bad_and_comes_back_without_a_peak),
        ON_MACHINE(new_interfaces_are_looked_for_every_thirty_seconds),
        ON_MACHINE(a_cpu_that_is_switched_off_is_not_connected),
        ON_MACHINE(idle_time_that_goes_back_is_no_time_and_never_negative),
        ON_MACHINE(no_tick_passed_tells_nothing_new),
        ON_MACHINE(an_old_kernel_without_steal_and_available_shows_what_it_has),
        ON_MACHINE(a_machine_without_swap_has_no_percentage_of_it),
        ON_MACHINE(a_clock_that_is_kept_shows_offset_and_errors),
        ON_MACHINE(a_clock_that_is_not_kept_has_no_offset_instead_of_zero),
        ON_MACHINE(a_clock_steered_by_a_daemon_shows_errors_but_no_offset),
        ON_MACHINE(a_clock_that_may_not_be_read_is_absent),
        ON_MACHINE(sensors_of_zones_and_chips_get_names_of_their_own),
        ON_MACHINE(a_broken_sensor_keeps_its_last_good_value),
        ON_MACHINE(mounts_are_shown_once_each_and_only_those_on_own_disks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
