/* telemetry_tree.h - for the tests of telemetry: a /proc and a /sys in a folder of the test, and what was collected. */
#ifndef TESTS_TELEMETRY_TREE_H
#define TESTS_TELEMETRY_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/telemetry/telemetry.h"

#define SECOND_NS INT64_C(1000000000)

/* A folder of its own below the system's folder for such things. */
struct tree {
    char root[64];
    char proc[80];
    char sys[80];
    char fs[80]; /* stands for "/" of the machine */
};

void tree_init(struct tree *tree);
void tree_fini(struct tree *tree); /* removes everything */

/* Writes the whole content of a file, making its folders: tree_write(&tree, "proc/loadavg", …). */
void tree_write(const struct tree *tree, const char *path, const char *content);
void tree_write_bytes(const struct tree *tree, const char *path, const void *content, size_t len);
void tree_mkdir(const struct tree *tree, const char *path);

/* Takes a file away so that even who holds it open reads no more, as the kernel does. */
void tree_remove(const struct tree *tree, const char *path);

/* A small machine: two CPUs, one disk, one interface, no sensor; all that a plain Debian machine shows. */
void tree_write_machine(const struct tree *tree);

/* A collector of the tree, with all the defaults, both CPUs, and a clock that time services keep. */
struct telemetry *tree_telemetry(const struct tree *tree);

enum { SEEN_MAX = 1024, SEEN_TEXT_MAX = 160 };

/* The newest of each tag that was collected. */
struct seen_value {
    char name[SEEN_TEXT_MAX];
    char unit[40];
    char word[SEEN_TEXT_MAX];
    struct telemetry_value value; /* its texts are gone: they are in name, unit and word */
    unsigned count;               /* how often it was told in the last collection */
};
struct seen {
    struct seen_value values[SEEN_MAX];
    size_t n;
    unsigned told; /* in the last collection */
};

/* A telemetry_emit_fn for a struct seen; fails the test where a value breaks the contract of telemetry.h. */
void seen_emit(void *user, const struct telemetry_value *value);

/* Collects at an instant; what was seen before stays, with count 0. */
void seen_collect(struct seen *seen, struct telemetry *telemetry, int64_t now_ns);

/* NULL when the tag was never told. */
const struct seen_value *seen_find(const struct seen *seen, const char *name);

/* Fail the test unless the tag is there with this value and Good, with this status, or not at all. */
void seen_is(const struct seen *seen, const char *name, double value);
void seen_has_status(const struct seen *seen, const char *name, uint32_t status);
void seen_not(const struct seen *seen, const char *name);

/* How many tags are Good. */
size_t seen_good(const struct seen *seen);

/* What most tests start from: the small machine, collected once at second 100. setup and teardown are cmocka's. */
struct machine {
    struct tree tree;
    struct telemetry *telemetry;
    struct seen seen;
};
int machine_setup(void **state);
int machine_teardown(void **state);

#endif
