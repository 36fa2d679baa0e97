/* telemetry_tree.c - see telemetry_tree.h. */
#include "tests/unit/agent/telemetry_tree.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/status.h"
#include "proto/topic.h"
#include "proto/unit.h"

void tree_init(struct tree *tree)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(tree->root, sizeof tree->root, "%s/telemetry-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(tree->root));
    snprintf(tree->proc, sizeof tree->proc, "%s/proc", tree->root);
    snprintf(tree->sys, sizeof tree->sys, "%s/sys", tree->root);
    snprintf(tree->fs, sizeof tree->fs, "%s/fs", tree->root);
    tree_mkdir(tree, "proc");
    tree_mkdir(tree, "sys");
    tree_mkdir(tree, "fs");
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void tree_fini(struct tree *tree)
{
    assert_int_equal(nftw(tree->root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Makes the folders that lead to the file. */
static void make_way(char *path)
{
    for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        *at = '/';
    }
}

void tree_write_bytes(const struct tree *tree, const char *path, const void *content, size_t len)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", tree->root, path);
    make_way(full);
    FILE *file = fopen(full, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

void tree_write(const struct tree *tree, const char *path, const char *content)
{
    tree_write_bytes(tree, path, content, strlen(content));
}

void tree_mkdir(const struct tree *tree, const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s/", tree->root, path);
    make_way(full);
}

void tree_remove(const struct tree *tree, const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", tree->root, path);
    assert_int_equal(truncate(full, 0), 0);
    assert_int_equal(unlink(full), 0);
}

void tree_write_machine(const struct tree *tree)
{
    tree_write(tree, "proc/stat",
               "cpu  1000 0 500 8000 400 50 50 0 0 0\n"
               "cpu0 500 0 250 4000 200 25 25 0 0 0\n"
               "cpu1 500 0 250 4000 200 25 25 0 0 0\n"
               "intr 109474 0 0 1 2\n"
               "ctxt 200000\n"
               "btime 1795362930\n"
               "processes 5011\n");
    tree_write(tree, "proc/meminfo",
               "MemTotal:        8388608 kB\n"
               "MemFree:         2097152 kB\n"
               "MemAvailable:    6291456 kB\n"
               "Buffers:           17884 kB\n"
               "Cached:          1048576 kB\n"
               "SwapTotal:       1048576 kB\n"
               "SwapFree:         786432 kB\n"
               "Dirty:              2048 kB\n"
               "HugePages_Total:       0\n");
    tree_write(tree, "proc/loadavg", "0.12 1.03 10.50 2/90 5011\n");
    tree_write(tree, "proc/pressure/cpu",
               "some avg10=1.31 avg60=1.06 avg300=0.39 total=3698037\n"
               "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    tree_write(tree, "proc/pressure/memory",
               "some avg10=0.50 avg60=0.00 avg300=0.00 total=10\n"
               "full avg10=0.25 avg60=0.00 avg300=0.00 total=5\n");
    tree_write(tree, "proc/pressure/io",
               "some avg10=6.13 avg60=2.53 avg300=0.60 total=2420942\n"
               "full avg10=5.98 avg60=2.45 avg300=0.58 total=2309241\n");
    tree_write(tree, "proc/uptime", "597.51 1165.69\n");
    tree_write(tree, "proc/sys/kernel/random/boot_id", "074f6ab1-f997-480d-989c-092928e0ec50\n");
    tree_write(tree, "proc/sys/fs/file-nr", "521\t0\t2466177\n");
    tree_write(tree, "proc/self/statm", "1000 600 88 5 0 300 0\n");
    tree_write(tree, "proc/self/fd/0", "");
    tree_write(tree, "proc/self/fd/11", "");
    tree_mkdir(tree, "proc/1");
    tree_mkdir(tree, "proc/4711");
    tree_write(tree, "proc/1/mountinfo",
               "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
               "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n");
    tree_write(tree, "proc/diskstats",
               "   7       0 loop0 9 0 9 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
               " 254       0 vda 30000 6384 2000000 6183 4000 3691 200000 749 0 3000 7184 4252 27 116936 223 858 28\n"
               " 254       1 vda1 30000 6384 2000000 6183 4000 3691 200000 749 0 3000 7184 0 0 0 0 0 0\n"
               " 254      16 vdb 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
    tree_write(
        tree, "proc/net/dev",
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo "
        "colls carrier compressed\n"
        "    lo:    3267      29    0    0    0     0          0         0     3267      29    0    0    0     0 "
        "      0          0\n"
        "  eth0: 1000000     500    1    2    0     0          0         0    30000     300    3    4    0     0 "
        "      0          0\n");
    tree_write(tree, "sys/class/net/eth0/carrier", "1\n");
}

static int kept_clock(struct timex *clock)
{
    *clock = (struct timex){.status = STA_PLL | STA_NANO, .offset = -250000, .maxerror = 1500, .esterror = 40};
    return TIME_OK;
}

struct telemetry *tree_telemetry(const struct tree *tree)
{
    struct telemetry *telemetry = NULL;
    const struct telemetry_conf conf = {
        .proc_root = tree->proc,
        .sys_root = tree->sys,
        .fs_root = tree->fs,
        .read_clock = kept_clock,
        .per_core = true,
    };
    assert_int_equal(telemetry_new(&telemetry, &conf, NULL), MR_OK);
    return telemetry;
}

/* The place of a tag in seen->values, seen->n when it has none. */
static size_t place_of(const struct seen *seen, const char *name)
{
    size_t i = 0;
    while (i < seen->n && strcmp(seen->values[i].name, name) != 0)
        i++;
    return i;
}

/* What telemetry.h promises of every value. */
static void check(const struct telemetry_value *value)
{
    char unit[UNIT_MAX_BYTES + 1];
    assert_int_equal(topic_check(value->name, strlen(value->name), TOPIC_FULL), TOPIC_FINE);
    assert_true(strlen(value->name) <= 128);
    assert_int_equal(unit_normalise(value->unit, strlen(value->unit), unit), UNIT_KNOWN);
    assert_true(strlen(value->description) > 0);
    assert_true(value->stale_ms > 0);
    if (value->value.type == MR_F64) {
        assert_true(isfinite(value->value.as.f64));
        assert_false(value->value.as.f64 < value->low);
        assert_false(value->value.as.f64 > value->high);
    } else {
        assert_true(value->value.type == MR_BOOL || value->value.type == MR_STRING);
        assert_true(isnan(value->low) && isnan(value->high));
    }
}

void seen_emit(void *user, const struct telemetry_value *value)
{
    struct seen *seen = user;
    check(value);
    size_t place = place_of(seen, value->name);
    struct seen_value *slot = &seen->values[place];
    if (place == seen->n) {
        assert_true(value->first);
        assert_true(seen->n++ < SEEN_MAX);
    } else if (!value->first) {
        assert_int_equal(slot->value.index, value->index);
    }
    slot->value = *value;
    slot->count++;
    seen->told++;
    snprintf(slot->name, sizeof slot->name, "%s", value->name);
    snprintf(slot->unit, sizeof slot->unit, "%s", value->unit);
    if (value->value.type == MR_STRING)
        snprintf(slot->word, sizeof slot->word, "%.*s", (int)value->value.len, (const char *)value->value.as.ptr);
}

void seen_collect(struct seen *seen, struct telemetry *telemetry, int64_t now_ns)
{
    seen->told = 0;
    for (size_t i = 0; i < seen->n; i++)
        seen->values[i].count = 0;
    telemetry_collect(telemetry, now_ns, seen_emit, seen);
    for (size_t i = 0; i < seen->n; i++)
        assert_true(seen->values[i].count <= 1);
}

const struct seen_value *seen_find(const struct seen *seen, const char *name)
{
    size_t place = place_of(seen, name);
    return place < seen->n ? &seen->values[place] : NULL;
}

static const struct seen_value *must_find(const struct seen *seen, const char *name)
{
    size_t place = place_of(seen, name);
    if (place == seen->n)
        fail_msg("%s was never told", name);
    return &seen->values[place];
}

void seen_is(const struct seen *seen, const char *name, double value)
{
    const struct seen_value *found = must_find(seen, name);
    double is = found->value.value.type == MR_BOOL ? found->value.value.as.b : found->value.value.as.f64;
    if (found->value.status != STATUS_GOOD || fabs(is - value) > 1e-6 * (1 + fabs(value)))
        fail_msg("%s is %.9g with status 0x%08x, not %.9g", name, is, found->value.status, value);
}

void seen_has_status(const struct seen *seen, const char *name, uint32_t status)
{
    const struct seen_value *found = must_find(seen, name);
    if (found->value.status != status)
        fail_msg("%s has status 0x%08x, not 0x%08x", name, found->value.status, status);
}

void seen_not(const struct seen *seen, const char *name)
{
    if (seen_find(seen, name))
        fail_msg("%s was told", name);
}

size_t seen_good(const struct seen *seen)
{
    size_t n = 0;
    for (size_t i = 0; i < seen->n; i++)
        n += seen->values[i].value.status == STATUS_GOOD;
    return n;
}

int machine_setup(void **state)
{
    struct machine *f = calloc(1, sizeof *f);
    assert_non_null(f);
    tree_init(&f->tree);
    tree_write_machine(&f->tree);
    f->telemetry = tree_telemetry(&f->tree);
    seen_collect(&f->seen, f->telemetry, 100 * SECOND_NS);
    *state = f;
    return 0;
}

int machine_teardown(void **state)
{
    struct machine *f = *state;
    telemetry_free(f->telemetry);
    tree_fini(&f->tree);
    free(f);
    return 0;
}
