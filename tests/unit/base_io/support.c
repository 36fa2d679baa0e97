/* support.c - what the tests of base/io share. */
#include "tests/unit/base_io/support.h"
#include "base/clock.h"
#include "base/io/loop.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *support_folder(void)
{
    char *folder = strdup("/tmp/millrace-test-XXXXXX");
    assert_non_null(folder);
    assert_non_null(mkdtemp(folder));
    return folder;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

void support_remove(char *folder)
{
    assert_int_equal(nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(folder);
}

const char *support_path(const char *folder, const char *name)
{
    static char paths[2][512];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void support_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) < 0, 0);
    assert_int_equal(fclose(file), 0);
}

static int64_t deadline_after(int ms)
{
    return clock_mono_ns(clock_system()) + ms * INT64_C(1000000);
}

static bool is_before(int64_t deadline_ns)
{
    return clock_mono_ns(clock_system()) < deadline_ns;
}

bool support_turn_until(struct loop *loop, const bool *is_done, int ms)
{
    for (int64_t deadline = deadline_after(ms); !*is_done && is_before(deadline);)
        loop_turn(loop, 10);
    return *is_done;
}

bool support_turn_until_count(struct loop *loop, const unsigned *counter, unsigned wanted, int ms)
{
    for (int64_t deadline = deadline_after(ms); *counter < wanted && is_before(deadline);)
        loop_turn(loop, 10);
    return *counter >= wanted;
}

void support_turn_for(struct loop *loop, int ms)
{
    for (int64_t deadline = deadline_after(ms); is_before(deadline);)
        loop_turn(loop, 10);
}
