/* replay_pace.c - see replay_pace.h. */
#include "cli/replay_pace.h"

#include <millrace/millrace.h>
#include <string.h>

enum mr_rc pace_init(struct pace *pace, const char *speed)
{
    int64_t permille = 0, scale = 1000;
    const char *at = speed;
    bool has_point = false;
    *pace = (struct pace){.permille = 0};
    if (strcmp(speed, "max") == 0)
        return MR_OK;
    for (; (*at >= '0' && *at <= '9') || (*at == '.' && !has_point && at > speed); at++) {
        if (*at == '.') {
            has_point = true;
            continue;
        }
        if (has_point && (scale /= 10) == 0)
            return MR_INVALID;
        permille = has_point ? permille + (*at - '0') * scale : permille * 10 + (*at - '0') * 1000;
        if (permille > PACE_PERMILLE_MAX)
            return MR_INVALID;
    }
    if (permille < 1 || at[-1] == '.' || (strcmp(at, "") != 0 && strcmp(at, "x") != 0))
        return MR_INVALID;
    pace->permille = permille;
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
