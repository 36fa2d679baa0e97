/* procfs.c - see procfs.h. */
#include "agent/telemetry/procfs.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool begins_with_any(struct words w, const char *const *prefixes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (words_begins(w, prefixes[i]))
            return true;
    return false;
}

static bool is_any(struct words w, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (words_is(w, texts[i]))
            return true;
    return false;
}

bool procfs_cpu(struct words line, struct procfs_cpu *ret)
{
    struct words name;
    uint64_t core;
    struct procfs_cpu cpu = {.core = PROCFS_ALL_CORES};
    if (!words_next(&line, &name) || !words_begins(name, "cpu"))
        return false;
    name.at += strlen("cpu");
    if (words_len(name) > 0) {
        if (!words_number(name, &core) || core > INT32_MAX)
            return false;
        cpu.core = (int32_t)core;
    }
    while (cpu.n < PROCFS_CPU_TIMES && words_u64(&line, &cpu.time[cpu.n]))
        cpu.n++;
    if (cpu.n < PROCFS_CPU_MIN)
        return false;
    *ret = cpu;
    return true;
}

bool procfs_number(struct words line, struct procfs_number *ret)
{
    struct procfs_number number;
    if (!words_next(&line, &number.name))
        return false;
    if (number.name.end[-1] == ':')
        number.name.end--;
    if (!words_u64(&line, &number.value))
        return false;
    *ret = number;
    return true;
}

bool procfs_load(struct words line, struct procfs_load *ret)
{
    struct procfs_load load;
    struct words running;
    for (size_t i = 0; i < COUNT(load.avg); i++)
        if (!words_f64(&line, &load.avg[i]))
            return false;
    if (!words_until(&line, '/', &running) || !words_u64(&running, &load.running) || !words_u64(&line, &load.total))
        return false;
    *ret = load;
    return true;
}

bool procfs_pressure(struct words line, struct procfs_pressure *ret)
{
    struct words kind, avg10;
    struct procfs_pressure pressure;
    if (!words_next(&line, &kind) || !words_next(&line, &avg10) || !words_begins(avg10, "avg10="))
        return false;
    pressure.full = words_is(kind, "full");
    if (!pressure.full && !words_is(kind, "some"))
        return false;
    avg10.at += strlen("avg10=");
    if (!words_f64(&avg10, &pressure.avg10) || pressure.avg10 > 100)
        return false;
    *ret = pressure;
    return true;
}

bool procfs_disk(struct words line, struct procfs_disk *ret)
{
    enum {
        READS,
        READ_MERGES,
        READ_SECTORS,
        READ_MS,
        WRITES,
        WRITE_MERGES,
        WRITTEN_SECTORS,
        WRITE_MS,
        NOW,
        BUSY_MS,
        N
    };
    uint64_t numbers[N];
    struct words name;
    if (!words_skip(&line, 2) || !words_next(&line, &name))
        return false;
    for (size_t i = 0; i < N; i++)
        if (!words_u64(&line, &numbers[i]))
            return false;
    *ret = (struct procfs_disk){
        .name = name,
        .reads = numbers[READS],
        .read_sectors = numbers[READ_SECTORS],
        .writes = numbers[WRITES],
        .written_sectors = numbers[WRITTEN_SECTORS],
        .busy_ms = numbers[BUSY_MS],
    };
    return true;
}

/* True for "sda1" but not "sda": disks named by letters number their partitions. */
static bool is_numbered(struct words name)
{
    static const char *const lettered[] = {"sd", "hd", "vd", "xvd"};
    return begins_with_any(name, lettered, COUNT(lettered)) && is_digit(name.end[-1]);
}

/* True for "nvme0n1p2", "mmcblk0p1" and "mmcblk0boot0": disks named by numbers put a letter before the partition's. */
static bool is_part(struct words name)
{
    static const char *const numbered[] = {"nvme", "mmcblk", "md", "nbd"};
    if (!begins_with_any(name, numbered, COUNT(numbered)))
        return false;
    if (words_begins(name, "mmcblk")) {
        name.at += strlen("mmcblk");
        while (name.at < name.end && is_digit(*name.at))
            name.at++;
        return name.at < name.end;
    }
    const char *at = name.end;
    while (at > name.at && is_digit(at[-1]))
        at--;
    return at < name.end && at - name.at >= 2 && at[-1] == 'p' && is_digit(at[-2]);
}

bool procfs_disk_is_whole(struct words name)
{
    static const char *const other[] = {"loop", "ram", "zram", "sr", "fd"};
    return words_len(name) > 0 && !begins_with_any(name, other, COUNT(other)) && !is_numbered(name) && !is_part(name);
}

static bool net_side(struct words *line, struct procfs_net_side *ret)
{
    return words_u64(line, &ret->bytes) && words_u64(line, &ret->packets) && words_u64(line, &ret->errors) &&
           words_u64(line, &ret->drops);
}

bool procfs_net(struct words line, struct procfs_net *ret)
{
    struct procfs_net net;
    struct words name;
    /* Older kernels print no blank behind the colon. */
    if (!words_until(&line, ':', &name) || !words_next(&name, &net.name))
        return false;
    if (!net_side(&line, &net.rx) || !words_skip(&line, 4) || !net_side(&line, &net.tx))
        return false;
    *ret = net;
    return true;
}

bool procfs_net_is_outer(struct words name)
{
    static const char *const inner[] = {"veth", "ifb", "dummy", "docker", "br-", "virbr", "cni", "cali", "flannel"};
    return words_len(name) > 0 && !words_is(name, "lo") && !begins_with_any(name, inner, COUNT(inner));
}

/* The character of "\040": three octal digits behind a backslash; -1 when `at` does not begin one. */
static int octal(struct words at)
{
    int value = 0;
    if (words_len(at) < 4 || at.at[0] != '\\')
        return -1;
    for (int i = 1; i < 4; i++) {
        if (at.at[i] < '0' || at.at[i] > '7')
            return -1;
        value = value * 8 + (at.at[i] - '0');
    }
    return value <= 0xff ? value : -1;
}

/* Undoes the escapes of a path; false when it has no room or would hold a NUL. */
static bool unescape(struct words from, char *to, size_t size)
{
    size_t n = 0;
    while (from.at < from.end && n + 1 < size) {
        int c = octal(from);
        from.at += c < 0 ? 1 : 4;
        to[n++] = c < 0 ? from.at[-1] : (char)c;
        if (to[n - 1] == '\0')
            return false;
    }
    to[n] = '\0';
    return from.at == from.end;
}

/* Takes any number of optional fields and the dash that ends them. */
static bool skip_options(struct words *line)
{
    struct words option;
    while (words_next(line, &option))
        if (words_is(option, "-"))
            return true;
    return false;
}

bool procfs_mount(struct words line, struct procfs_mount *ret)
{
    struct procfs_mount mount;
    struct words point;
    if (!words_skip(&line, 2) || !words_next(&line, &mount.device) || !words_next(&line, &mount.root) ||
        !words_next(&line, &point) || !words_skip(&line, 1) || !skip_options(&line) || !words_next(&line, &mount.type))
        return false;
    if (!unescape(point, mount.point, sizeof mount.point) || mount.point[0] != '/')
        return false;
    *ret = mount;
    return true;
}

bool procfs_mount_is_local(const struct procfs_mount *mount)
{
    static const char *const types[] = {"ext2", "ext3",  "ext4", "xfs",    "btrfs", "f2fs",     "vfat",  "exfat",
                                        "ntfs", "ntfs3", "jfs",  "nilfs2", "zfs",   "bcachefs", "ubifs", "jffs2"};
    /* A container's mounts of single files of the host, such as /etc/hosts. */
    static const char *const system[] = {"/proc/", "/sys/", "/dev/", "/etc/", "/run/", "/snap/"};
    struct words point = words_of(mount->point, strlen(mount->point));
    return is_any(mount->type, types, COUNT(types)) && !begins_with_any(point, system, COUNT(system));
}
