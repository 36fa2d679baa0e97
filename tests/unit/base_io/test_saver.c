/* test_saver.c - a file kept in step with a source: when it is written, what is told, and what a disk that fails changes. */
#include "base/buf.h"
#include "base/io/savefile.h"
#include "base/io/saver.h"
#include "base/mem.h"
#include "tests/unit/base_io/support.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DELAY_MS = 30, SLICES = 3, EVENTS = SAVER_WORKS + 1 };

/* A text in memory, written as SLICES slices of it, and what became of it. */
struct source {
    char text[64];
    uint64_t version, awaited, answered;
    unsigned begun, saves, refusals, restored; /* restored: times */
    unsigned slice;
    enum mr_rc next_rc, restore_rc;
};

struct fixture {
    struct loop *loop;
    char *folder;
    struct source source;
    struct saver_options options;
    struct saver *saver;
    unsigned events[EVENTS];
    char said[512];
};

static uint64_t version(void *user)
{
    return ((struct source *)user)->version;
}

static bool is_awaited(void *user)
{
    const struct source *s = user;
    return s->awaited > s->answered;
}

static void begin(void *user)
{
    struct source *s = user;
    s->begun++;
    s->slice = 0;
}

static enum mr_rc next(void *user, struct buf *out)
{
    struct source *s = user;
    if (s->next_rc)
        return s->next_rc;
    enum mr_rc rc = buf_append(out, s->text, strlen(s->text));
    return rc ? rc : ++s->slice == SLICES ? MR_NOT_FOUND : MR_OK;
}

static void done(void *user, uint64_t up_to, bool is_saved)
{
    struct source *s = user;
    s->answered = up_to;
    s->saves += is_saved;
    s->refusals += !is_saved;
}

static enum mr_rc restore(void *user, const uint8_t *data, size_t len, struct err *ret_note, struct err *err)
{
    struct source *s = user;
    s->restored++;
    if (s->restore_rc) {
        err_set(err, "as the test wants it");
        return s->restore_rc;
    }
    assert_true(len < sizeof s->text);
    memcpy(s->text, data, len);
    s->text[len] = '\0';
    err_set(ret_note, "%zu bytes", len);
    return MR_OK;
}

static const struct saved_source source = {
    .version = version, .is_awaited = is_awaited, .begin = begin, .next = next, .done = done, .restore = restore};

static void on_event(void *user, enum saver_event event, const char *path, const char *text)
{
    struct fixture *x = user;
    assert_non_null(strstr(path, "/values"));
    x->events[event]++;
    snprintf(x->said, sizeof x->said, "%s", text);
}

static void open_saver(struct fixture *x)
{
    assert_int_equal(saver_new(&x->saver, &x->options), MR_OK);
}

static int set_up(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    assert_non_null(x);
    assert_int_equal(loop_new(&x->loop), MR_OK);
    x->folder = support_folder();
    x->options = (struct saver_options){.loop = x->loop,
                                        .folder = x->folder,
                                        .name = "values",
                                        .max_bytes = 10000,
                                        .delay_ms = DELAY_MS,
                                        .interval_ms = DELAY_MS,
                                        .source = &source,
                                        .source_user = &x->source,
                                        .on_event = on_event,
                                        .user = x};
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    saver_free(x->saver);
    loop_free(x->loop);
    support_remove(x->folder);
    free(x);
    assert_int_equal(mem_outstanding(), 0);
    return 0;
}

static void change(struct fixture *x, const char *text)
{
    snprintf(x->source.text, sizeof x->source.text, "%s", text);
    x->source.version++;
}

static void expect_saved(struct fixture *x, unsigned saves)
{
    assert_true(support_turn_until_count(x->loop, &x->source.saves, saves, DEADLINE_MS));
}

/* The text three times, as it is on disk. */
static void expect_on_disk(struct fixture *x, const char *text)
{
    saver_free(x->saver);
    x->saver = NULL;
    x->source.text[0] = '\0';
    open_saver(x);
    assert_string_equal(x->source.text, text);
}

static void what_changed_is_saved_after_a_while_and_restored(void **state)
{
    struct fixture *x = *state;
    open_saver(x);
    assert_int_equal(x->source.restored, 0);
    change(x, "a");
    change(x, "b");
    loop_turn(x->loop, 0);
    assert_int_equal(x->source.begun, 0); /* not at once */
    expect_saved(x, 1);
    assert_true(x->source.answered == 2);
    expect_on_disk(x, "bbb");
    assert_int_equal(x->events[SAVER_RESTORED], 1);
    assert_string_equal(x->said, "3 bytes");
}

static void nothing_is_written_while_nothing_changes(void **state)
{
    struct fixture *x = *state;
    open_saver(x);
    support_turn_for(x->loop, QUIET_MS);
    assert_int_equal(x->source.begun, 0);
    change(x, "a");
    expect_saved(x, 1);
    support_turn_for(x->loop, QUIET_MS);
    assert_int_equal(x->source.begun, 1);
}

static void the_next_save_waits_for_the_interval(void **state)
{
    struct fixture *x = *state;
    x->options.interval_ms = 60000;
    open_saver(x);
    change(x, "a");
    expect_saved(x, 1);
    change(x, "b");
    support_turn_for(x->loop, QUIET_MS);
    assert_int_equal(x->source.begun, 1);
}

static void the_next_save_waits_for_its_share_of_the_day(void **state)
{
    struct fixture *x = *state;
    x->options.max_bytes_per_day = 100;
    open_saver(x);
    change(x, "a");
    expect_saved(x, 1);
    change(x, "b");
    support_turn_for(x->loop, QUIET_MS);
    assert_int_equal(x->source.begun, 1);
}

static void what_somebody_waits_for_is_saved_at_once(void **state)
{
    struct fixture *x = *state;
    x->options.delay_ms = x->options.interval_ms = 60000;
    open_saver(x);
    for (unsigned i = 1; i <= 3; i++) {
        change(x, "a");
        x->source.awaited = x->source.version;
        expect_saved(x, i);
        assert_false(is_awaited(&x->source));
    }
}

static void a_change_during_a_save_is_saved_by_the_next(void **state)
{
    struct fixture *x = *state;
    open_saver(x);
    change(x, "a");
    while (x->source.begun == 0)
        loop_turn(x->loop, 10);
    change(x, "b");
    expect_saved(x, 2);
    assert_true(x->source.answered == 2);
    expect_on_disk(x, "bbb");
}

static void note_end(void *user)
{
    *(bool *)user = true;
}

static void at_the_end_what_changed_is_saved_first(void **state)
{
    struct fixture *x = *state;
    bool is_over = false;
    x->options.delay_ms = 60000;
    open_saver(x);
    change(x, "a");
    saver_finish(x->saver, note_end, &is_over);
    assert_false(is_over); /* never from within */
    assert_true(support_turn_until(x->loop, &is_over, DEADLINE_MS));
    assert_int_equal(x->source.saves, 1);
    is_over = false;
    saver_finish(x->saver, note_end, &is_over);
    assert_true(support_turn_until(x->loop, &is_over, DEADLINE_MS));
    assert_int_equal(x->source.saves, 1); /* nothing was left to save */
}

static void the_end_waits_for_the_save_under_way_and_for_what_came_after(void **state)
{
    struct fixture *x = *state;
    bool is_over = false;
    open_saver(x);
    change(x, "a");
    while (x->source.begun == 0)
        loop_turn(x->loop, 10);
    change(x, "b");
    saver_finish(x->saver, note_end, &is_over);
    assert_true(support_turn_until(x->loop, &is_over, DEADLINE_MS));
    assert_int_equal(x->source.saves, 2);
    expect_on_disk(x, "bbb");
}

static void a_saver_may_be_freed_while_it_saves(void **state)
{
    struct fixture *x = *state;
    bool is_over = false;
    open_saver(x);
    change(x, "a");
    saver_finish(x->saver, note_end, &is_over);
    saver_free(x->saver);
    x->saver = NULL;
    support_turn_for(x->loop, QUIET_MS);
    assert_false(is_over);
    assert_int_not_equal(access(support_path(x->folder, "values.tmp"), F_OK), 0);
}

static void a_damaged_file_is_set_aside_and_another_begun(void **state)
{
    struct fixture *x = *state;
    support_write(support_path(x->folder, "values"), "MRSAVED1 and then nothing of it");
    open_saver(x);
    assert_int_equal(x->events[SAVER_DAMAGED], 1);
    assert_int_equal(x->source.restored, 0);
    assert_int_equal(access(support_path(x->folder, "values.bad"), F_OK), 0);
    change(x, "a");
    expect_saved(x, 1);
    expect_on_disk(x, "aaa");
}

static void what_the_source_does_not_take_is_set_aside(void **state)
{
    struct fixture *x = *state;
    open_saver(x);
    change(x, "a");
    expect_saved(x, 1);
    x->source.restore_rc = MR_TIMEOUT;
    expect_on_disk(x, "");
    assert_int_equal(x->events[SAVER_REFUSED], 1);
    assert_string_equal(x->said, "as the test wants it");
    assert_int_not_equal(access(support_path(x->folder, "values"), F_OK), 0);
    assert_int_equal(access(support_path(x->folder, "values.bad"), F_OK), 0); /* the next save would write over it */
    change(x, "b");
    expect_saved(x, 2);
    x->source.restore_rc = MR_INVALID;
    expect_on_disk(x, "");
    assert_int_equal(x->events[SAVER_DAMAGED], 1);
    assert_int_not_equal(access(support_path(x->folder, "values"), F_OK), 0);
}

static void a_file_above_the_limit_is_refused(void **state)
{
    struct fixture *x = *state;
    open_saver(x);
    change(x, "a");
    expect_saved(x, 1);
    x->options.max_bytes = 10;
    expect_on_disk(x, "");
    assert_int_equal(x->events[SAVER_REFUSED], 1);
}

static void a_disk_that_fails_is_told_once_and_lets_go_who_waits(void **state)
{
    struct fixture *x = *state;
    x->options.name = "dir/values"; /* its folder is not there: openat fails */
    open_saver(x);
    assert_int_equal(x->events[SAVER_REFUSED] + x->events[SAVER_FAILED], 0);
    for (unsigned i = 1; i <= 3; i++) {
        change(x, "a");
        x->source.awaited = x->source.version;
        assert_true(support_turn_until_count(x->loop, &x->source.refusals, i, DEADLINE_MS));
        assert_false(is_awaited(&x->source));
    }
    assert_int_equal(x->events[SAVER_FAILED], 1);
    change(x, "b");
    support_turn_for(x->loop, QUIET_MS);
    assert_int_equal(x->source.begun, 3); /* what nobody waits for is tried again later */
    assert_int_equal(mkdir(support_path(x->folder, "dir"), 0700), 0);
    x->source.awaited = x->source.version;
    expect_saved(x, 1);
    assert_int_equal(x->events[SAVER_WORKS], 1);
}

static void a_folder_that_cannot_be_opened_is_told_and_tried_again(void **state)
{
    struct fixture *x = *state;
    struct savefile *other;
    assert_int_equal(savefile_open(&other, x->folder, "values", NULL), MR_OK);
    open_saver(x);
    assert_int_equal(x->events[SAVER_FAILED], 1);
    savefile_free(other);
    change(x, "a");
    expect_saved(x, 1);
    assert_int_equal(x->events[SAVER_WORKS], 1);
}

/* A pipe nobody reads, in the place of the temporary file: to open it takes for ever. */
static void a_disk_that_hangs_keeps_nobody_waiting(void **state)
{
    struct fixture *x = *state;
    open_saver(x);
    assert_int_equal(mkfifo(support_path(x->folder, "values.tmp"), 0600), 0);
    change(x, "a");
    x->source.awaited = x->source.version;
    assert_true(support_turn_until_count(x->loop, &x->source.refusals, 1, SAVER_LATE_MS + DEADLINE_MS));
    assert_int_equal(x->events[SAVER_LATE], 1);
    change(x, "b");
    x->source.awaited = x->source.version; /* and who comes later does not wait at all */
    assert_true(support_turn_until_count(x->loop, &x->source.refusals, 2, SAVER_LATE_MS / 2));
    assert_int_equal(x->events[SAVER_LATE], 1);
    int reader = open(support_path(x->folder, "values.tmp"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    assert_true(support_turn_until_count(x->loop, &x->events[SAVER_FAILED], 1, DEADLINE_MS)); /* a pipe has no fsync */
    close(reader);
}

static void a_source_that_fails_gives_up_the_save(void **state)
{
    struct fixture *x = *state;
    bool is_over = false;
    open_saver(x);
    x->source.next_rc = MR_NO_MEMORY;
    change(x, "a");
    saver_finish(x->saver, note_end, &is_over);
    assert_true(support_turn_until(x->loop, &is_over, DEADLINE_MS));
    assert_int_equal(x->source.saves, 0);
    assert_int_equal(x->events[SAVER_FAILED], 1);
    assert_int_not_equal(access(support_path(x->folder, "values.tmp"), F_OK), 0);
}

static void a_saver_needs_memory(void **state)
{
    struct fixture *x = *state;
    enum mr_rc rc = MR_NO_MEMORY;
    for (unsigned n = 1; rc; n++) {
        memset(x->events, 0, sizeof x->events);
        mem_fail_at(n);
        rc = saver_new(&x->saver, &x->options);
        bool is_told = x->events[SAVER_FAILED]; /* without memory for the file it begins all the same */
        assert_int_equal(mem_fail_off(), rc == MR_NO_MEMORY || is_told);
        if (is_told) {
            saver_free(x->saver);
            x->saver = NULL;
            rc = MR_NO_MEMORY;
        }
    }
    saver_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_changed_is_saved_after_a_while_and_restored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_written_while_nothing_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_save_waits_for_the_interval, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_save_waits_for_its_share_of_the_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_somebody_waits_for_is_saved_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_change_during_a_save_is_saved_by_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_the_end_what_changed_is_saved_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_waits_for_the_save_under_way_and_for_what_came_after, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_saver_may_be_freed_while_it_saves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_set_aside_and_another_begun, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_source_does_not_take_is_set_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_above_the_limit_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_fails_is_told_once_and_lets_go_who_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_opened_is_told_and_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_hangs_keeps_nobody_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_source_that_fails_gives_up_the_save, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_saver_needs_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
