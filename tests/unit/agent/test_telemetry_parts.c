/* test_telemetry_parts.c - the small parts of telemetry: labels, the roster of things that come and go, counters, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/telemetry/counter.h"
#include "agent/telemetry/label.h"
#include "agent/telemetry/procfile.h"
#include "agent/telemetry/roster.h"
#include "base/mem.h"
#include "base/rand.h"
#include "proto/topic.h"
#include "tests/unit/agent/telemetry_tree.h"

static void check_label(const char *name, const char *expected)
{
    char label[LABEL_MAX];
    label_make(name, strlen(name), label);
    assert_string_equal(label, expected);
}

/* The label begins so and ends in a hash. */
static void check_hashed(const char *name, const char *begin)
{
    char label[LABEL_MAX];
    label_make(name, strlen(name), label);
    assert_true(strncmp(label, begin, strlen(begin)) == 0);
    assert_int_equal(strlen(label), strlen(begin) + 9);
    assert_int_equal(label[strlen(begin)], '~');
}

static void ordinary_names_stay_readable(void **state)
{
    (void)state;
    check_label("eth0", "eth0");
    check_label("enp3s0.100", "enp3s0.100");
    check_label("eth0:1", "eth0:1");
    check_label("/", "root");
    check_label("/var/lib", "var.lib");
    check_label("/mnt/usb-stick", "mnt.usb-stick");
    check_label("Package id 0", "Package_id_0");
    check_label("/数据/盘", "数据.盘");
}

static void names_that_lose_something_get_a_hash(void **state)
{
    (void)state;
    check_hashed("", "");
    check_hashed("/root", "root");
    check_hashed("/var.lib", "var.lib");
    check_hashed("//", "_");
    check_hashed("/.", "_");
    check_hashed(".", "_");
    check_hashed("a+b", "a_b");
    check_hashed("a#b", "a_b");
    check_hashed("a/b", "a_b");
    check_hashed("$x", "_x");
    check_hashed("a\x01z", "a_z");
    check_hashed("a\xffz", "a_z");
    check_hashed("a\xc2\x85z", "a_z"); /* a C1 control character */
    check_hashed("0123456789012345678901234567890123456789012345678", "01234567890123456789012345678901234567");
}

static void a_long_name_is_cut_between_characters(void **state)
{
    char name[100] = "", label[LABEL_MAX];
    (void)state;
    for (int i = 0; i < 20; i++)
        strcat(name, "数");
    label_make(name, strlen(name), label);
    assert_true(strlen(label) < LABEL_MAX);
    assert_int_equal(topic_check(label, strlen(label), TOPIC_FULL), TOPIC_FINE);
}

static void every_byte_string_becomes_one_level_of_a_topic(void **state)
{
    struct rand_seeded seeded;
    const uint64_t seed = 20240229;
    (void)state;
    rand_seeded_init(&seeded, seed);
    for (int round = 0; round < 20000; round++) {
        char name[80], label[LABEL_MAX], again[LABEL_MAX];
        size_t len = rand_below(&seeded.source, sizeof name);
        for (size_t i = 0; i < len; i++)
            name[i] = (char)rand_below(&seeded.source, 256);
        label_make(name, len, label);
        label_make(name, len, again);
        if (topic_check(label, strlen(label), TOPIC_FULL) != TOPIC_FINE || strchr(label, '/') ||
            strcmp(label, again) != 0)
            fail_msg("seed %llu, round %d: label '%s'", (unsigned long long)seed, round, label);
    }
}

static void a_counter_needs_two_samples_with_time_between(void **state)
{
    struct counter counter = {0};
    double rate = -1;
    (void)state;
    assert_false(counter_rate(&counter, 100, 0, 1e9, &rate));
    assert_false(counter_rate(&counter, 200, 999999, 1e9, &rate)); /* less than a millisecond */
    assert_true(counter_rate(&counter, 200, SECOND_NS / 2, 1e9, &rate));
    assert_true(rate == 200);
    assert_true(counter_rate(&counter, 200, SECOND_NS, 1e9, &rate));
    assert_true(rate == 0);
}

static void a_counter_that_wraps_or_jumps_begins_anew(void **state)
{
    struct counter counter = {0};
    double rate = -1;
    (void)state;
    assert_false(counter_rate(&counter, UINT32_MAX, 0, 1e9, &rate));
    assert_false(counter_rate(&counter, 5, SECOND_NS, 1e9, &rate));
    assert_true(counter_rate(&counter, 15, 2 * SECOND_NS, 1e9, &rate));
    assert_true(rate == 10);
    assert_false(counter_rate(&counter, UINT64_MAX, 3 * SECOND_NS, 1e9, &rate));
    assert_false(counter_rate(&counter, 0, 2 * SECOND_NS, 1e9, &rate)); /* time went back */
    assert_true(counter_rate(&counter, 1000000000, 3 * SECOND_NS, 1e9, &rate));
    assert_false(counter_rate(&counter, 2000000001, 4 * SECOND_NS, 1e9, &rate)); /* one above the most */
    counter_reset(&counter);
    assert_false(counter_rate(&counter, 2000000002, 5 * SECOND_NS, 1e9, &rate));
    assert_true(rate == 1e9);
}

static enum roster_meeting meet(struct roster *roster, const char *key, int64_t now_ns, size_t *ret)
{
    struct words word = words_of(key, strlen(key));
    return roster_meet(roster, word, word, true, now_ns, ret);
}

static void a_thing_keeps_its_place_while_it_is_away(void **state)
{
    struct roster roster = {0};
    size_t a, b, again;
    (void)state;
    assert_int_equal(roster_init(&roster, 2, NULL), MR_OK);
    assert_int_equal(meet(&roster, "a", 1, &a), ROSTER_NEW);
    assert_int_equal(meet(&roster, "b", 1, &b), ROSTER_NEW);
    assert_int_equal(meet(&roster, "a", 2, &again), ROSTER_KNOWN);
    assert_int_equal(again, a);
    assert_int_equal(meet(&roster, "c", 2, &again), ROSTER_REFUSED);
    roster_begin(&roster);
    assert_int_equal(meet(&roster, "b", 3, &again), ROSTER_KNOWN);
    assert_true(roster_has_left(&roster, a));
    assert_false(roster_has_left(&roster, a));
    assert_false(roster_has_left(&roster, b));
    assert_int_equal(meet(&roster, "a", 4, &again), ROSTER_BACK);
    assert_int_equal(again, a);
    roster_fini(&roster);
}

static void the_thing_away_longest_gives_its_place(void **state)
{
    struct roster roster = {0};
    size_t a, b, c;
    (void)state;
    assert_int_equal(roster_init(&roster, 2, NULL), MR_OK);
    assert_int_equal(meet(&roster, "a", 5, &a), ROSTER_NEW);
    assert_int_equal(meet(&roster, "b", 4, &b), ROSTER_NEW);
    roster_begin(&roster);
    assert_true(roster_has_left(&roster, a));
    assert_true(roster_has_left(&roster, b));
    assert_int_equal(meet(&roster, "c", 6, &c), ROSTER_NEW);
    assert_int_equal(c, b);
    assert_int_equal(meet(&roster, "a", 7, &c), ROSTER_BACK);
    roster_fini(&roster);
}

static void unknown_things_wait_until_they_are_admitted(void **state)
{
    struct roster roster = {0};
    struct words key = words_of("a", 1);
    size_t place = 9;
    (void)state;
    assert_int_equal(roster_init(&roster, 1, NULL), MR_OK);
    assert_int_equal(roster_meet(&roster, key, key, false, 0, &place), ROSTER_REFUSED);
    assert_int_equal(place, 9);
    roster_fini(&roster);
}

static void labels_that_differ_only_in_case_are_made_distinct(void **state)
{
    struct roster roster = {0};
    size_t a, b;
    (void)state;
    assert_int_equal(roster_init(&roster, 2, NULL), MR_OK);
    assert_int_equal(meet(&roster, "/Data", 0, &a), ROSTER_NEW);
    assert_int_equal(meet(&roster, "/data", 0, &b), ROSTER_NEW);
    assert_string_equal(roster.places[a].label, "Data");
    assert_true(strncmp(roster.places[b].label, "data~", 5) == 0);
    roster_fini(&roster);
}

static void a_name_of_256_bytes_gets_no_place(void **state)
{
    struct roster roster = {0};
    char name[257];
    size_t place;
    (void)state;
    memset(name, 'x', sizeof name);
    assert_int_equal(roster_init(&roster, 1, NULL), MR_OK);
    name[256] = '\0';
    assert_int_equal(meet(&roster, name, 0, &place), ROSTER_REFUSED);
    name[255] = '\0';
    assert_int_equal(meet(&roster, name, 0, &place), ROSTER_NEW);
    roster_fini(&roster);
}

static void a_roster_without_memory_is_a_result(void **state)
{
    struct roster roster = {0};
    struct err err = {{0}};
    (void)state;
    mem_fail_at(1);
    assert_int_equal(roster_init(&roster, 4, &err), MR_NO_MEMORY);
    assert_true(mem_fail_off());
    assert_true(err.text[0] != '\0');
    roster_fini(&roster);
}

/* Room for 16 bytes, and a tree to read from. */
struct files {
    struct tree tree;
    struct procfile file;
    char bytes[16];
    struct procfile_scratch scratch;
};

static void files_init(struct files *files, const char *path)
{
    tree_init(&files->tree);
    assert_int_equal(procfile_init(&files->file, NULL, "%s/%s", files->tree.root, path), MR_OK);
    files->scratch = (struct procfile_scratch){.bytes = files->bytes, .size = sizeof files->bytes};
}

static void files_fini(struct files *files)
{
    procfile_fini(&files->file);
    tree_fini(&files->tree);
}

static void a_file_is_opened_again_at_most_every_ten_seconds(void **state)
{
    struct files f;
    struct words text;
    (void)state;
    files_init(&f, "x");
    assert_int_equal(procfile_read(&f.file, 0, &f.scratch, &text), MR_NOT_FOUND);
    tree_write(&f.tree, "x", "1\n");
    assert_int_equal(procfile_read(&f.file, 10 * SECOND_NS - 1, &f.scratch, &text), MR_NOT_FOUND);
    assert_int_equal(procfile_read(&f.file, 10 * SECOND_NS, &f.scratch, &text), MR_OK);
    assert_true(words_is(text, "1\n"));
    tree_write(&f.tree, "x", "23\n");
    assert_int_equal(procfile_read(&f.file, 10 * SECOND_NS, &f.scratch, &text), MR_OK);
    assert_true(words_is(text, "23\n"));
    tree_remove(&f.tree, "x");
    assert_int_equal(procfile_read(&f.file, 10 * SECOND_NS, &f.scratch, &text), MR_NOT_FOUND);
    assert_false(f.file.is_open);
    files_fini(&f);
}

static void a_file_longer_than_the_scratch_is_cut(void **state)
{
    struct files f;
    struct words text, line;
    (void)state;
    files_init(&f, "x");
    tree_write(&f.tree, "x", "0123456789\n0123456789\n");
    assert_int_equal(procfile_read(&f.file, 0, &f.scratch, &text), MR_OK);
    assert_int_equal(words_len(text), 16);
    assert_true(words_line(&text, &line));
    assert_false(words_line(&text, &line));
    files_fini(&f);
}

static void a_fifo_in_place_of_a_file_does_not_block(void **state)
{
    struct files f;
    struct words text;
    (void)state;
    files_init(&f, "fifo");
    assert_int_equal(mkfifo(f.file.path, 0600), 0);
    assert_int_equal(procfile_read(&f.file, 0, &f.scratch, &text), MR_NOT_FOUND);
    files_fini(&f);
}

static void a_folder_is_counted_and_not_read(void **state)
{
    struct files f;
    struct words text;
    char bytes[4096];
    size_t n = 9;
    (void)state;
    files_init(&f, "dir");
    assert_int_equal(procfile_count(&f.file, 0, &f.scratch, &n), MR_NOT_FOUND);
    tree_write(&f.tree, "dir/1", "");
    tree_write(&f.tree, "dir/22", "");
    tree_write(&f.tree, "dir/a3", "");
    f.scratch = (struct procfile_scratch){.bytes = bytes, .size = sizeof bytes};
    assert_int_equal(procfile_count(&f.file, 10 * SECOND_NS, &f.scratch, &n), MR_OK);
    assert_int_equal(n, 2);
    tree_write(&f.tree, "dir/333", "");
    assert_int_equal(procfile_count(&f.file, 10 * SECOND_NS, &f.scratch, &n), MR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(procfile_read(&f.file, 10 * SECOND_NS, &f.scratch, &text), MR_NOT_FOUND);
    files_fini(&f);
}

static void a_path_of_512_bytes_is_too_long(void **state)
{
    struct procfile file;
    struct err err = {{0}};
    (void)state;
    assert_int_equal(procfile_init(&file, &err, "/%0510d", 0), MR_OK);
    assert_int_equal(procfile_init(&file, &err, "/%0511d", 0), MR_TOO_BIG);
    assert_true(err.text[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_names_stay_readable),
        cmocka_unit_test(names_that_lose_something_get_a_hash),
        cmocka_unit_test(a_long_name_is_cut_between_characters),
        cmocka_unit_test(every_byte_string_becomes_one_level_of_a_topic),
        cmocka_unit_test(a_counter_needs_two_samples_with_time_between),
        cmocka_unit_test(a_counter_that_wraps_or_jumps_begins_anew),
        cmocka_unit_test(a_thing_keeps_its_place_while_it_is_away),
        cmocka_unit_test(the_thing_away_longest_gives_its_place),
        cmocka_unit_test(unknown_things_wait_until_they_are_admitted),
        cmocka_unit_test(labels_that_differ_only_in_case_are_made_distinct),
        cmocka_unit_test(a_name_of_256_bytes_gets_no_place),
        cmocka_unit_test(a_roster_without_memory_is_a_result),
        cmocka_unit_test(a_file_is_opened_again_at_most_every_ten_seconds),
        cmocka_unit_test(a_file_longer_than_the_scratch_is_cut),
        cmocka_unit_test(a_fifo_in_place_of_a_file_does_not_block),
        cmocka_unit_test(a_folder_is_counted_and_not_read),
        cmocka_unit_test(a_path_of_512_bytes_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
