/* replay_pace.c - see replay_pace.h. */
#include "cli/replay_pace.h"

#include <millrace/millrace.h>
#include <string.h>

/* A factor as permille; *at moves behind it. -1: too large, or finer than a permille. */
static int64_t read_factor(const char **at)
{
    int64_t permille = 0, unit = 1000; /* of the digit read next */
    bool has_point = false;
    for (; (**at >= '0' && **at <= '9') || (**at == '.' && !has_point); (*at)++) {
        if (**at == '.') {
            has_point = true;
            continue;
        }
        unit = has_point ? unit / 10 : unit;
        permille = (has_point ? permille : permille * 10) + (**at - '0') * unit;
        if (unit == 0 || permille > PACE_PERMILLE_MAX)
            return -1;
    }
    return permille;
}

enum mr_rc pace_init(struct pace *pace, const char *speed)
{
    const char *end = speed;
    bool is_max = strcmp(speed, "max") == 0;
    int64_t permille = is_max || *speed == '.' ? 0 : read_factor(&end);
    bool is_factor = permille > 0 && end[-1] != '.' && (strcmp(end, "") == 0 || strcmp(end, "x") == 0);
    if (!is_max && !is_factor)
        return MR_INVALID;
    *pace = (struct pace){.permille = permille};
    return MR_OK;
}

/* Source time gone by when a record of this time comes. */
static void advance(struct pace *pace, int64_t source_us)
{
    if (source_us > pace->high_us)
        pace->spent_us += source_us - pace->high_us;
    if (source_us > pace->high_us || pace->high_us - source_us > PACE_SLACK_US)
        pace->high_us = source_us;
}

int64_t pace_due_ns(struct pace *pace, int64_t source_us, int64_t now_ns)
{
    if (pace->permille == 0 || source_us == MR_NO_TIME)
        return now_ns;
    if (!pace->is_begun) {
        *pace = (struct pace){.permille = pace->permille, .is_begun = true, .high_us = source_us, .begin_ns = now_ns};
        return now_ns;
    }
    advance(pace, source_us);
    /* µs * 1000 ns * 1000 permille, split so that centuries at 0.001x stay in range */
    int64_t whole = pace->spent_us / pace->permille, rest = pace->spent_us % pace->permille;
    if (whole > (INT64_MAX - pace->begin_ns) / 1000000 - 1000000)
        return INT64_MAX;
    return pace->begin_ns + whole * 1000000 + rest * 1000 / pace->permille * 1000 +
           rest * 1000 % pace->permille * 1000 / pace->permille;
}
