/* text_time.c - RFC 3339 in UTC; days by the civil calendar arithmetic of Howard Hinnant, in 400-year eras. */
#include "base/text_time.h"

#include <stdio.h>
#include <string.h>

#define US_PER_S INT64_C(1000000)
#define S_PER_DAY INT64_C(86400)
#define FIRST_US (INT64_C(-62167219200) * US_PER_S)    /* 0000-01-01T00:00:00Z */
#define LAST_US (INT64_C(253402300800) * US_PER_S - 1) /* 9999-12-31T23:59:59.999999Z */
#define DAYS_PER_ERA 146097                            /* 400 years */
#define DAYS_TO_1970 719468                            /* from 0000-03-01, where the arithmetic counts from */

struct date {
    int year, month, day; /* month and day from 1 */
};

/* Years are taken to begin in March, so that the leap day is their last. day counts from 1970-01-01, year >= 0. */
static struct date date_of(int64_t day)
{
    day += DAYS_TO_1970 + DAYS_PER_ERA; /* one era more, so that January and February of year 0 are not negative */
    int era = (int)(day / DAYS_PER_ERA) - 1;
    int of_era = (int)(day % DAYS_PER_ERA);
    int year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (5 * of_year + 2) / 153;
    int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    return (struct date){.year = era * 400 + year_of_era + (month <= 2),
                         .month = month,
                         .day = of_year - (153 * month_from_march + 2) / 5 + 1};
}

static int64_t day_of(struct date date)
{
    int year = date.year + 400 - (date.month <= 2);
    int year_of_era = year % 400;
    int of_year = (153 * (date.month > 2 ? date.month - 3 : date.month + 9) + 2) / 5 + date.day - 1;
    int of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    return ((int64_t)(year / 400) - 1) * DAYS_PER_ERA + of_era - DAYS_TO_1970;
}

void text_format_time(char out[TEXT_TIME_SIZE], int64_t us)
{
    if (us < FIRST_US || us > LAST_US) {
        memcpy(out, "-", 2);
        return;
    }
    int64_t since_first = us - FIRST_US;
    int64_t day = since_first / (S_PER_DAY * US_PER_S);
    int64_t of_day = since_first % (S_PER_DAY * US_PER_S);
    struct date date = date_of(day + FIRST_US / US_PER_S / S_PER_DAY);
    int s = (int)(of_day / US_PER_S);
    char text[96]; /* more than the compiler thinks the numbers could need */
    (void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", date.year, date.month, date.day, s / 3600,
                   s / 60 % 60, s % 60, (int)(of_day % US_PER_S));
    memcpy(out, text, TEXT_TIME_SIZE - 1);
    out[TEXT_TIME_SIZE - 1] = '\0';
}

/* Exactly n digits at *at, first <= value <= last; moves *at behind them. */
static bool read_digits(const char **at, int n, int first, int last, int *ret)
{
    int value = 0;
    for (int i = 0; i < n; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        value = value * 10 + (**at - '0');
    }
    *ret = value;
    return value >= first && value <= last;
}

/* One character of the set; moves *at behind it. */
static bool read_one_of(const char **at, const char *set)
{
    if (**at == '\0' || !strchr(set, **at))
        return false;
    (*at)++;
    return true;
}

static bool exists(struct date date)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    return date.day <= lengths[date.month - 1] + (is_leap && date.month == 2);
}

static bool read_date(const char **at, struct date *ret)
{
    return read_digits(at, 4, 0, 9999, &ret->year) && read_one_of(at, "-") && read_digits(at, 2, 1, 12, &ret->month) &&
           read_one_of(at, "-") && read_digits(at, 2, 1, 31, &ret->day) && exists(*ret);
}

static bool read_time(const char **at, int *ret_s)
{
    int hour, minute, second;
    if (!read_digits(at, 2, 0, 23, &hour) || !read_one_of(at, ":") || !read_digits(at, 2, 0, 59, &minute) ||
        !read_one_of(at, ":") || !read_digits(at, 2, 0, 60, &second))
        return false;
    *ret_s = hour * 3600 + minute * 60 + second;
    return true;
}

/* Nothing, or a point and 1 to 9 digits. */
static bool read_fraction(const char **at, int *ret_us)
{
    *ret_us = 0;
    if (!read_one_of(at, "."))
        return true;
    int scale = 100000;
    int n = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++, n++, scale /= 10)
        *ret_us += (**at - '0') * scale;
    return n >= 1 && n <= 9;
}

/* Z, or + or - hh:mm; *ret_s: what UTC is behind. */
static bool read_offset(const char **at, int *ret_s)
{
    *ret_s = 0;
    if (read_one_of(at, "Zz"))
        return true;
    bool is_west = **at == '-';
    int hour, minute;
    if (!read_one_of(at, "+-") || !read_digits(at, 2, 0, 23, &hour) || !read_one_of(at, ":") ||
        !read_digits(at, 2, 0, 59, &minute))
        return false;
    *ret_s = (hour * 3600 + minute * 60) * (is_west ? -1 : 1);
    return true;
}

enum mr_rc text_parse_time(const char *text, int64_t *ret_us)
{
    struct date date;
    int s, fraction_us, offset_s;
    if (!read_date(&text, &date) || !read_one_of(&text, "Tt ") || !read_time(&text, &s) ||
        !read_fraction(&text, &fraction_us) || !read_offset(&text, &offset_s) || *text)
        return MR_INVALID;
    *ret_us = (day_of(date) * S_PER_DAY + s - offset_s) * US_PER_S + fraction_us;
    return MR_OK;
}
