/* test_telemetry_parse.c - words and lines of /proc: formats of several kernels, limits, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/telemetry/procfs.h"

static struct words w(const char *text)
{
    return words_of(text, strlen(text));
}

static void a_line_without_its_newline_is_no_line(void **state)
{
    struct words text = w("one\n\ntwo"), line;
    (void)state;
    assert_true(words_line(&text, &line) && words_is(line, "one"));
    assert_true(words_line(&text, &line) && words_is(line, ""));
    assert_false(words_line(&text, &line));
}

static void words_are_what_stands_between_blanks(void **state)
{
    struct words line = w(" \t a  bc\r"), word;
    (void)state;
    assert_true(words_next(&line, &word) && words_is(word, "a"));
    assert_true(words_next(&line, &word) && words_is(word, "bc"));
    assert_false(words_next(&line, &word));
    line = w("a b c");
    assert_true(words_skip(&line, 2) && words_next(&line, &word) && words_is(word, "c"));
    assert_true(words_skip(&line, 0));
    assert_false(words_skip(&line, 1));
}

static void numbers_end_where_64_bits_end(void **state)
{
    uint64_t n = 7;
    (void)state;
    assert_true(words_number(w("18446744073709551615"), &n) && n == UINT64_MAX);
    assert_true(words_number(w("0"), &n) && n == 0);
    static const char *const refused[] = {
        "", "18446744073709551616", "99999999999999999999999", "-1", "+1", "1x", "0x1", "1."};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(words_number(w(refused[i]), &n));
    assert_int_equal(n, 0);
}

static void signed_numbers_end_at_their_own_limits(void **state)
{
    int64_t n = 7;
    struct words line = w("-40000 9223372036854775807 -9223372036854775807");
    (void)state;
    assert_true(words_i64(&line, &n) && n == -40000);
    assert_true(words_i64(&line, &n) && n == INT64_MAX);
    assert_true(words_i64(&line, &n) && n == -INT64_MAX);
    static const char *const refused[] = {"", "-", "--1", "9223372036854775808", "-9223372036854775808", "1.5"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        line = w(refused[i]);
        assert_false(words_i64(&line, &n));
    }
}

static void decimals_need_digits_and_one_point(void **state)
{
    double x = 7;
    struct words line = w("12 0.25 3. 1.12345678999999999999");
    (void)state;
    assert_true(words_f64(&line, &x) && x == 12);
    assert_true(words_f64(&line, &x) && x > 0.2499999 && x < 0.2500001);
    assert_true(words_f64(&line, &x) && x == 3);
    assert_true(words_f64(&line, &x) && x > 1.1234567 && x < 1.1234569);
    static const char *const refused[] = {"", ".5", "-1", "1.2.3", "1e3", "nan", "inf", "1,5", "18446744073709551616"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        line = w(refused[i]);
        assert_false(words_f64(&line, &x));
    }
}

static void a_cpu_line_tells_which_and_how_many_times(void **state)
{
    struct procfs_cpu cpu;
    (void)state;
    assert_true(procfs_cpu(w("cpu  1 2 3 4 5 6 7 8 9 10"), &cpu));
    assert_int_equal(cpu.core, PROCFS_ALL_CORES);
    assert_int_equal(cpu.n, 8);
    assert_int_equal(cpu.time[PROCFS_STEAL], 8);
    assert_true(procfs_cpu(w("cpu12 1 2 3 4"), &cpu));
    assert_int_equal(cpu.core, 12);
    assert_int_equal(cpu.n, 4);
    static const char *const refused[] = {"",
                                          "cpu",
                                          "cpu 1 2 3",
                                          "cpux 1 2 3 4",
                                          "cp 1 2 3 4",
                                          "cpu-1 1 2 3 4",
                                          "cpu2147483648 1 2 3 4",
                                          "cpu 1 x 3 4 5"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(procfs_cpu(w(refused[i]), &cpu));
}

static void a_named_number_may_have_a_colon_and_a_unit(void **state)
{
    struct procfs_number number;
    (void)state;
    assert_true(procfs_number(w("MemTotal:   24684092 kB"), &number));
    assert_true(words_is(number.name, "MemTotal") && number.value == 24684092);
    assert_true(procfs_number(w("ctxt 5"), &number) && words_is(number.name, "ctxt"));
    assert_true(procfs_number(w("Active(anon): 1 kB"), &number) && words_is(number.name, "Active(anon)"));
    assert_true(procfs_number(w(": 1"), &number) && words_is(number.name, ""));
    assert_false(procfs_number(w("MemTotal:"), &number));
    assert_false(procfs_number(w("MemTotal: -1 kB"), &number));
    assert_false(procfs_number(w(""), &number));
}

static void a_load_line_needs_all_its_parts(void **state)
{
    struct procfs_load load;
    (void)state;
    assert_true(procfs_load(w("0.12 0.03 0.01 1/90 5011"), &load));
    assert_int_equal(load.running, 1);
    assert_int_equal(load.total, 90);
    static const char *const refused[] = {
        "", "0.12 0.03", "0.12 0.03 0.01", "0.12 0.03 0.01 1", "0.12 0.03 0.01 /", "a b c 1/2"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(procfs_load(w(refused[i]), &load));
}

static void a_pressure_is_a_percentage(void **state)
{
    struct procfs_pressure pressure;
    (void)state;
    assert_true(procfs_pressure(w("some avg10=100.00 avg60=0 avg300=0 total=1"), &pressure) && !pressure.full);
    assert_true(procfs_pressure(w("full avg10=0.50"), &pressure) && pressure.full);
    static const char *const refused[] = {
        "", "some", "some avg60=1.00", "none avg10=1.00", "some avg10=100.01", "some avg10="};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(procfs_pressure(w(refused[i]), &pressure));
}

static void a_disk_line_of_any_kernel_since_2_6_is_read(void **state)
{
    struct procfs_disk disk;
    (void)state;
    assert_true(procfs_disk(w(" 8 0 sda 1 2 3 4 5 6 7 8 9 10 11"), &disk)); /* before 4.18 */
    assert_true(procfs_disk(w(" 8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"), &disk));
    assert_true(words_is(disk.name, "sda"));
    assert_int_equal(disk.reads, 1);
    assert_int_equal(disk.read_sectors, 3);
    assert_int_equal(disk.writes, 5);
    assert_int_equal(disk.written_sectors, 7);
    assert_int_equal(disk.busy_ms, 10);
    assert_false(procfs_disk(w(" 8 1 sda1 1 2 3 4"), &disk)); /* a partition before 2.6.25 */
    assert_false(procfs_disk(w(" 8 0 sda 1 2 3 4 5 6 7 8 9"), &disk));
    assert_false(procfs_disk(w(" 8 0 sda 1 2 -3 4 5 6 7 8 9 10"), &disk));
}

static void whole_disks_are_told_from_partitions_by_name(void **state)
{
    static const char *const whole[] = {"sda",     "sdaa", "hdb",   "vda",  "xvdf", "nvme0n1",
                                        "mmcblk0", "md0",  "md127", "dm-3", "nbd0"};
    static const char *const other[] = {"",          "sda1",         "vdb12", "xvda1",       "nvme0n1p1",
                                        "mmcblk0p2", "mmcblk0boot0", "md0p1", "mmcblk1rpmb", "loop0",
                                        "ram1",      "zram0",        "sr0",   "fd0",         "nbd0p3"};
    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        assert_true(procfs_disk_is_whole(w(whole[i])));
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_false(procfs_disk_is_whole(w(other[i])));
}

static void an_interface_line_may_have_no_blank_behind_the_colon(void **state)
{
    struct procfs_net net;
    (void)state;
    assert_true(procfs_net(w("  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"), &net));
    assert_true(words_is(net.name, "eth0"));
    assert_int_equal(net.rx.bytes, 1);
    assert_int_equal(net.rx.drops, 4);
    assert_int_equal(net.tx.bytes, 9);
    assert_int_equal(net.tx.packets, 10);
    assert_int_equal(net.tx.errors, 11);
    assert_int_equal(net.tx.drops, 12);
    static const char *const refused[] = {"",
                                          "eth0",
                                          "eth0:",
                                          ": 1 2 3 4 5 6 7 8 9 10 11 12",
                                          "eth0: 1 2 3 4 5 6 7 8 9 10 11",
                                          " face |bytes    packets errs drop fifo frame compressed multicast|bytes"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(procfs_net(w(refused[i]), &net));
}

static void links_inside_the_machine_are_no_outer_interfaces(void **state)
{
    static const char *const outer[] = {"eth0", "enp3s0f1", "wlan0", "wwan0", "bond0", "br0", "tun0", "can0", "lo1"};
    static const char *const inner[] = {"", "lo", "veth12ab", "docker0", "br-4711", "virbr0", "ifb0", "dummy0", "cni0"};
    (void)state;
    for (size_t i = 0; i < sizeof outer / sizeof outer[0]; i++)
        assert_true(procfs_net_is_outer(w(outer[i])));
    for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++)
        assert_false(procfs_net_is_outer(w(inner[i])));
}

static void a_mount_may_have_any_number_of_optional_fields(void **state)
{
    struct procfs_mount mount;
    (void)state;
    assert_true(procfs_mount(w("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw"), &mount));
    assert_true(words_is(mount.device, "254:0") && words_is(mount.root, "/") && words_is(mount.type, "ext4"));
    assert_string_equal(mount.point, "/");
    assert_true(procfs_mount(w("27 1 0:9 /@ /a rw shared:1 master:2 x - btrfs d rw"), &mount));
    assert_string_equal(mount.point, "/a");
    static const char *const refused[] = {"", "27 1 254:0 / / rw", "27 1 254:0 / / rw -",
                                          "27 1 254:0 / x rw - ext4 d rw", "27 1 254:0 / /a\\000b rw - ext4 d rw"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(procfs_mount(w(refused[i]), &mount));
}

static void escapes_of_a_mount_point_are_undone(void **state)
{
    struct procfs_mount mount;
    (void)state;
    assert_true(procfs_mount(w("1 1 8:1 / /my\\040disk\\011\\134x rw - ext4 d rw"), &mount));
    assert_string_equal(mount.point, "/my disk\t\\x");
    assert_true(procfs_mount(w("1 1 8:1 / /a\\9\\04 rw - ext4 d rw"), &mount));
    assert_string_equal(mount.point, "/a\\9\\04");
    assert_true(procfs_mount(w("1 1 8:1 / /a\\777 rw - ext4 d rw"), &mount));
    assert_string_equal(mount.point, "/a\\777");
}

static void a_mount_point_is_read_up_to_255_bytes(void **state)
{
    char line[400] = "1 1 8:1 / /";
    struct procfs_mount mount;
    size_t at = strlen(line);
    (void)state;
    memset(line + at, 'x', 254);
    strcpy(line + at + 254, " rw - ext4 d rw");
    assert_true(procfs_mount(w(line), &mount));
    assert_int_equal(strlen(mount.point), 255);
    memset(line + at, 'x', 255);
    strcpy(line + at + 255, " rw - ext4 d rw");
    assert_false(procfs_mount(w(line), &mount));
}

static void only_filesystems_on_own_disks_are_local(void **state)
{
    struct procfs_mount mount;
    (void)state;
    assert_true(procfs_mount(w("1 1 8:1 / /data rw - xfs d rw"), &mount) && procfs_mount_is_local(&mount));
    static const char *const other[] = {"1 1 0:9 / /data rw - nfs4 s:/x rw",    "1 1 0:9 / /data rw - tmpfs t rw",
                                        "1 1 0:9 / /data rw - fuse.sshfs s rw", "1 1 0:9 / /data rw - autofs s rw",
                                        "1 1 8:1 / /etc/hosts rw - ext4 d rw",  "1 1 7:0 / /snap/x rw - squashfs d ro"};
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_true(procfs_mount(w(other[i]), &mount) && !procfs_mount_is_local(&mount));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_without_its_newline_is_no_line),
        cmocka_unit_test(words_are_what_stands_between_blanks),
        cmocka_unit_test(numbers_end_where_64_bits_end),
        cmocka_unit_test(signed_numbers_end_at_their_own_limits),
        cmocka_unit_test(decimals_need_digits_and_one_point),
        cmocka_unit_test(a_cpu_line_tells_which_and_how_many_times),
        cmocka_unit_test(a_named_number_may_have_a_colon_and_a_unit),
        cmocka_unit_test(a_load_line_needs_all_its_parts),
        cmocka_unit_test(a_pressure_is_a_percentage),
        cmocka_unit_test(a_disk_line_of_any_kernel_since_2_6_is_read),
        cmocka_unit_test(whole_disks_are_told_from_partitions_by_name),
        cmocka_unit_test(an_interface_line_may_have_no_blank_behind_the_colon),
        cmocka_unit_test(links_inside_the_machine_are_no_outer_interfaces),
        cmocka_unit_test(a_mount_may_have_any_number_of_optional_fields),
        cmocka_unit_test(escapes_of_a_mount_point_are_undone),
        cmocka_unit_test(a_mount_point_is_read_up_to_255_bytes),
        cmocka_unit_test(only_filesystems_on_own_disks_are_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
