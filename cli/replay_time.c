/* replay_time.c - see replay_time.h. */
#include "cli/replay_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text_time.h"

enum { TEXT_SIZE = 128, FRACTION_DIGITS = 9 };

#define US_PER_S INT64_C(1000000)
#define SECONDS_MAX INT64_C(253402300800) /* the year 10000 */

/* -- the zone -- */
/* Two digits; -1: there are none. */
static int read_pair(const char *at)
{
    bool is_pair = at[0] >= '0' && at[0] <= '9' && at[1] >= '0' && at[1] <= '9';
    return is_pair ? (at[0] - '0') * 10 + (at[1] - '0') : -1;
}

/* "+09:00", "-03:30". */
static bool read_offset(const char *text, int *ret_s)
{
    if ((text[0] != '+' && text[0] != '-') || strlen(text) != 6 || text[3] != ':')
        return false;
    int hours = read_pair(text + 1), minutes = read_pair(text + 4);
    if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59)
        return false;
    *ret_s = (hours * 60 + minutes) * 60 * (text[0] == '-' ? -1 : 1);
    return true;
}

/* The C library takes a name it does not know for UTC, without a word: so its file is looked for first. */
static bool is_known(const char *zone)
{
    char path[256];
    const char *dir = getenv("TZDIR");
    if (zone[0] == '/' || strstr(zone, ".."))
        return false;
    int n = snprintf(path, sizeof path, "%s/%s", dir && *dir ? dir : "/usr/share/zoneinfo", zone);
    return n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0;
}

static enum mr_rc set_zone(struct replay_time *time, const char *zone, struct err *err)
{
    if (!zone || !*zone || strcmp(zone, "UTC") == 0 || strcmp(zone, "Z") == 0 || read_offset(zone, &time->offset_s))
        return MR_OK;
    if (!is_known(zone)) {
        err_set(err,
                "'%s' is no time zone of this machine: give a name such as Asia/Seoul (Debian: package tzdata), "
                "an offset such as +09:00, or UTC",
                zone);
        return MR_INVALID;
    }
    if (setenv("TZ", zone, 1))
        return MR_NO_MEMORY;
    tzset();
    time->has_zone = true;
    return MR_OK;
}

static const struct {
    const char *name;
    uint32_t units_per_s;
} epochs[] = {{"s", 1}, {"ms", 1000}, {"us", 1000000}};

enum mr_rc replay_time_init(struct replay_time *time, const char *format, const char *zone, struct err *err)
{
    struct replay_time made = {.form = REPLAY_TIME_ISO};
    for (size_t i = 0; format && i < sizeof epochs / sizeof *epochs; i++)
        if (strcmp(format, epochs[i].name) == 0)
            made = (struct replay_time){.form = REPLAY_TIME_EPOCH, .units_per_s = epochs[i].units_per_s};
    if (made.form == REPLAY_TIME_ISO && format && strcmp(format, "iso") != 0) {
        if (!strchr(format, '%')) {
            err_set(err, "'%s' is no format of times: iso, s, ms, us, or one such as '%%d/%%m/%%Y %%H:%%M'", format);
            return MR_INVALID;
        }
        made.form = REPLAY_TIME_FORMAT;
        made.format = format;
    }
    enum mr_rc rc = set_zone(&made, zone, err);
    if (!rc)
        *time = made;
    return rc;
}

/* -- civil time to UTC -- */
static bool is_same(const struct tm *a, const struct tm *b)
{
    return a->tm_year == b->tm_year && a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday && a->tm_hour == b->tm_hour &&
           a->tm_min == b->tm_min && a->tm_sec == b->tm_sec;
}

/* What the C library makes of it must be what was written: it would make the 2nd of March of a 30th of February. */
static bool in_zone(const struct tm *civil, time_t *ret)
{
    static const time_t set_back_s[] = {7200, 3600, 1800};
    struct tm made = *civil;
    made.tm_isdst = -1;
    time_t s = mktime(&made);
    if (!is_same(civil, &made))
        return false;
    *ret = s;
    for (size_t i = 0; i < sizeof set_back_s / sizeof *set_back_s; i++) {
        time_t earlier = s - set_back_s[i];
        if (localtime_r(&earlier, &made) && is_same(civil, &made))
            *ret = earlier;
    }
    return true;
}

static enum mr_rc to_utc(const struct replay_time *time, const struct tm *civil, int64_t *ret_s)
{
    time_t s;
    struct tm made = *civil;
    if (time->has_zone) {
        if (!in_zone(civil, &s))
            return MR_INVALID;
        *ret_s = s;
        return MR_OK;
    }
    s = timegm(&made);
    *ret_s = (int64_t)s - time->offset_s;
    return is_same(civil, &made) ? MR_OK : MR_INVALID;
}

/* -- forms -- */
/* 1 to 9 digits of a second as µs; NULL: none. Returns what stands behind them. */
static const char *read_fraction(const char *at, int64_t *ret_us)
{
    int n = 0;
    *ret_us = 0;
    for (int64_t scale = US_PER_S / 10; n < FRACTION_DIGITS && at[n] >= '0' && at[n] <= '9'; n++, scale /= 10)
        *ret_us += (at[n] - '0') * scale;
    return n ? at + n : NULL;
}

/* strptime() by parts, around each %f. */
static const char *read_civil(const char *format, const char *text, struct tm *tm, int64_t *us)
{
    char part[TEXT_SIZE];
    for (;;) {
        const char *mark = strstr(format, "%f");
        size_t len = mark ? (size_t)(mark - format) : strlen(format);
        if (len >= sizeof part)
            return NULL;
        memcpy(part, format, len);
        part[len] = '\0';
        text = strptime(text, part, tm);
        if (!text || !mark)
            return text;
        text = read_fraction(text, us);
        if (!text)
            return NULL;
        format = mark + 2;
    }
}

static enum mr_rc read_format(const struct replay_time *time, const char *text, int64_t *ret_us)
{
    struct tm tm = {.tm_mday = 1, .tm_year = 70};
    int64_t us = 0, s = 0;
    const char *end = read_civil(time->format, text, &tm, &us);
    if (!end || *end)
        return MR_INVALID;
    struct replay_time zone = *time;
    if (strstr(time->format, "%z")) {
        zone.has_zone = false;
        zone.offset_s = (int)tm.tm_gmtoff;
    }
    enum mr_rc rc = to_utc(&zone, &tm, &s);
    if (!rc)
        *ret_us = s * US_PER_S + us;
    return rc;
}

/* As it is, or with the zone where it has no offset. */
static enum mr_rc read_iso(const struct replay_time *time, const char *text, int64_t *ret_us)
{
    char with_z[TEXT_SIZE];
    int64_t us;
    if (text_parse_time(text, ret_us) == MR_OK)
        return MR_OK;
    if (snprintf(with_z, sizeof with_z, "%sZ", text) >= (int)sizeof with_z || text_parse_time(with_z, &us))
        return MR_INVALID;
    time_t s = (time_t)(us / US_PER_S - (us % US_PER_S < 0));
    struct tm civil;
    int64_t utc_s;
    if (!gmtime_r(&s, &civil) || to_utc(time, &civil, &utc_s))
        return MR_INVALID;
    *ret_us = utc_s * US_PER_S + (us - (int64_t)s * US_PER_S);
    return MR_OK;
}

/* Exact: digits, not floating point. */
static enum mr_rc read_epoch(const struct replay_time *time, const char *text, int64_t *ret_us)
{
    bool is_negative = *text == '-';
    const char *at = text + is_negative;
    int64_t whole = 0, fraction_us = 0;
    int64_t most = SECONDS_MAX * time->units_per_s;
    if (*at < '0' || *at > '9')
        return MR_INVALID;
    for (; *at >= '0' && *at <= '9'; at++) {
        whole = whole * 10 + (*at - '0');
        if (whole > most)
            return MR_INVALID;
    }
    if (*at == '.' && !(at = read_fraction(at + 1, &fraction_us)))
        return MR_INVALID;
    if (*at)
        return MR_INVALID;
    int64_t us = whole * (US_PER_S / time->units_per_s) + fraction_us / time->units_per_s;
    *ret_us = is_negative ? -us : us;
    return MR_OK;
}

enum mr_rc replay_time_read(const struct replay_time *time, const char *text, int64_t *ret_us)
{
    switch (time->form) {
    case REPLAY_TIME_EPOCH:
        return read_epoch(time, text, ret_us);
    case REPLAY_TIME_FORMAT:
        return read_format(time, text, ret_us);
    case REPLAY_TIME_ISO:
        break;
    }
    return read_iso(time, text, ret_us);
}
