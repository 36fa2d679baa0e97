/* procfs.h - one line of a file of /proc at a time, as numbers. Pure: no file is opened here.
 *
 * Every parser takes a line as words_line() gives it and returns false, with *ret untouched, for a line that is not of
 * its kind. Fields that later kernels append are ignored. */
#ifndef AGENT_TELEMETRY_PROCFS_H
#define AGENT_TELEMETRY_PROCFS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/telemetry/words.h"

enum {
    PROCFS_ALL_CORES = -1,
    PROCFS_CPU_MIN = 4, /* user, nice, system, idle: all that the oldest kernels tell */
    PROCFS_CPU_TIMES = 8,
    PROCFS_PATH_MAX = 256,
};

enum procfs_cpu_time {
    PROCFS_USER,
    PROCFS_NICE,
    PROCFS_SYSTEM,
    PROCFS_IDLE,
    PROCFS_IOWAIT,
    PROCFS_IRQ,
    PROCFS_SOFTIRQ,
    PROCFS_STEAL, /* what follows in the line, guest time, is already part of user and nice */
};

/* "cpu …" or "cpu3 …" of /proc/stat, in clock ticks. */
struct procfs_cpu {
    int32_t core; /* or PROCFS_ALL_CORES */
    uint32_t n;   /* times the kernel tells: PROCFS_CPU_MIN..PROCFS_CPU_TIMES; the others are 0 */
    uint64_t time[PROCFS_CPU_TIMES];
};
bool procfs_cpu(struct words line, struct procfs_cpu *ret);

/* "NAME 123 …" of /proc/stat and /proc/vmstat, "NAME: 123 kB" of /proc/meminfo. */
struct procfs_number {
    struct words name; /* without the colon; borrowed from the line */
    uint64_t value;
};
bool procfs_number(struct words line, struct procfs_number *ret);

/* /proc/loadavg. */
struct procfs_load {
    double avg[3];           /* over 1, 5 and 15 minutes */
    uint64_t running, total; /* threads */
};
bool procfs_load(struct words line, struct procfs_load *ret);

/* "some avg10=1.23 …" of /proc/pressure. */
struct procfs_pressure {
    bool full;    /* all tasks were stalled, not only some */
    double avg10; /* percent of the last ten seconds */
};
bool procfs_pressure(struct words line, struct procfs_pressure *ret);

/* A line of /proc/diskstats. */
struct procfs_disk {
    struct words name;                                     /* borrowed from the line */
    uint64_t reads, read_sectors, writes, written_sectors; /* sectors are of 512 bytes on every device */
    uint64_t busy_ms;
};
bool procfs_disk(struct words line, struct procfs_disk *ret);

/* True for the name of a whole disk: no partition, loop, ram, floppy, CD-ROM or zram device. */
bool procfs_disk_is_whole(struct words name);

/* A line of /proc/net/dev. */
struct procfs_net_side {
    uint64_t bytes, packets, errors, drops;
};
struct procfs_net {
    struct words name; /* borrowed from the line */
    struct procfs_net_side rx, tx;
};
bool procfs_net(struct words line, struct procfs_net *ret);

/* True for the name of an interface that leads out of the machine: not the loopback, no container's or test's link. */
bool procfs_net_is_outer(struct words name);

/* A line of /proc/self/mountinfo. */
struct procfs_mount {
    struct words device;         /* "254:0"; borrowed from the line */
    struct words root;           /* what of the filesystem is mounted, "/" = all; escaped as in the file; borrowed */
    struct words type;           /* "ext4"; borrowed */
    char point[PROCFS_PATH_MAX]; /* with \040 and its like undone, NUL-terminated */
};
bool procfs_mount(struct words line, struct procfs_mount *ret);

/* True for a filesystem on a disk of this machine: statvfs() on it cannot hang on a server, and its space is real. */
bool procfs_mount_is_local(const struct procfs_mount *mount);

#endif
