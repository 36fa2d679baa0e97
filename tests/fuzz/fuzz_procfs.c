/* fuzz_procfs.c - arbitrary bytes as files of /proc and as names of things: every parser of telemetry, and the labels. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/telemetry/label.h"
#include "agent/telemetry/procfs.h"
#include "proto/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* A piece that a parser hands out lies within the line it was given. */
static bool is_within(struct words piece, struct words line)
{
    return piece.at >= line.at && piece.end <= line.end && piece.at <= piece.end;
}

static void try_numbers(struct words line)
{
    struct procfs_cpu cpu;
    struct procfs_number number;
    struct procfs_load load;
    struct procfs_pressure pressure;
    int64_t whole;
    struct words rest = line;
    if (procfs_cpu(line, &cpu))
        check(cpu.core >= PROCFS_ALL_CORES && cpu.n >= PROCFS_CPU_MIN && cpu.n <= PROCFS_CPU_TIMES);
    if (procfs_number(line, &number))
        check(is_within(number.name, line));
    if (procfs_load(line, &load))
        check(isfinite(load.avg[0]) && load.avg[0] >= 0 && isfinite(load.avg[2]));
    if (procfs_pressure(line, &pressure))
        check(pressure.avg10 >= 0 && pressure.avg10 <= 100);
    while (words_i64(&rest, &whole))
        check(whole > INT64_MIN);
    check(is_within(rest, line));
}

static void try_things(struct words line)
{
    struct procfs_disk disk;
    struct procfs_net net;
    struct procfs_mount mount;
    if (procfs_disk(line, &disk)) {
        check(is_within(disk.name, line));
        (void)procfs_disk_is_whole(disk.name);
    }
    if (procfs_net(line, &net)) {
        check(is_within(net.name, line));
        (void)procfs_net_is_outer(net.name);
    }
    if (procfs_mount(line, &mount)) {
        check(is_within(mount.device, line) && is_within(mount.type, line));
        check(strlen(mount.point) < PROCFS_PATH_MAX && mount.point[0] == '/');
        (void)procfs_mount_is_local(&mount);
    }
    (void)procfs_disk_is_whole(line);
    (void)procfs_net_is_outer(line);
}

/* Whatever the name, its label is one level of a topic. */
static void try_label(struct words name)
{
    char label[LABEL_MAX];
    label_make(name.at, words_len(name), label);
    check(topic_check(label, strlen(label), TOPIC_FULL) == TOPIC_FINE && !strchr(label, '/'));
    label_make_distinct(name.at, words_len(name), "key", label);
    check(topic_check(label, strlen(label), TOPIC_FULL) == TOPIC_FINE && !strchr(label, '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct words text = words_of((const char *)data, len), line;
    try_label(text);
    while (words_line(&text, &line)) {
        try_numbers(line);
        try_things(line);
        try_label(line);
    }
    return 0;
}
