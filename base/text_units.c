/* text_units.c - sizes and durations, read and written exactly. */
#include "base/text_units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
    uint64_t shown_from; /* text_show_*() uses the unit for this value and above */
};

struct unit_table {
    const struct unit *units; /* first those that are written, the largest first; then other spellings */
    size_t n, n_written;
    const char *zero;
};

#define KI UINT64_C(1024)
#define MI (KI * KI)
#define GI (KI * MI)
#define TI (KI * GI)
#define SECOND UINT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct unit size_units[] = {
    {"TiB", TI, TI}, {"GiB", GI, GI}, {"MiB", MI, MI},    {"KiB", KI, KI},       {"B", 1, 0},
    {"", 1, 0},      {"kB", 1000, 0}, {"MB", 1000000, 0}, {"GB", 1000000000, 0}, {"TB", UINT64_C(1000000000000), 0},
};
static const struct unit_table size_table = {size_units, COUNT(size_units), 5, "0 B"};

/* µs with the micro sign is written; with the Greek letter is what some keyboards give. */
static const struct unit duration_units[] = {
    {"d", DAY, DAY},
    {"h", HOUR, HOUR},
    {"min", MINUTE, MINUTE},
    {"s", SECOND, SECOND / 10},
    {"ms", 1000000, 1000000},
    {"\xc2\xb5s", 1000, 1000},
    {"ns", 1, 0},
    {"\xce\xbcs", 1000, 0},
    {"us", 1000, 0},
};
static const struct unit_table duration_table = {duration_units, COUNT(duration_units), 7, "0 s"};

/* The factor of a unit's name, 0 if there is none. */
static uint64_t factor_of(const struct unit_table *table, const char *name)
{
    for (size_t i = 0; i < table->n; i++)
        if (strcmp(table->units[i].name, name) == 0)
            return table->units[i].factor;
    return 0;
}

/* Reads digits: how many there are. What exceeds max gives max and sets *ret_too_big. */
static size_t read_number(const char *text, uint64_t max, uint64_t *ret, bool *ret_too_big)
{
    size_t n = 0;
    *ret = 0;
    *ret_too_big = false;
    for (; text[n] >= '0' && text[n] <= '9'; n++) {
        uint64_t digit = (uint64_t)(text[n] - '0');
        *ret_too_big = *ret_too_big || *ret > (max - digit) / 10;
        *ret = *ret_too_big ? max : *ret * 10 + digit;
    }
    return n;
}

static enum mr_rc parse(const struct unit_table *table, const char *text, uint64_t max, uint64_t *ret)
{
    uint64_t number;
    bool is_too_big;
    size_t digits = read_number(text, max, &number, &is_too_big);
    const char *name = text + digits;
    if (*name == ' ' && name[1])
        name++;
    uint64_t factor = factor_of(table, name);
    if (digits == 0 || factor == 0)
        return MR_INVALID;
    if (is_too_big || number > max / factor)
        return MR_TOO_BIG;
    *ret = number * factor;
    return MR_OK;
}

/* In the largest unit that divides value. */
static void format_exact(const struct unit_table *table, char out[TEXT_UNITS_SIZE], uint64_t value)
{
    const struct unit *unit = table->units;
    while (value % unit->factor)
        unit++; /* ends at the unit of factor 1 */
    if (value == 0)
        (void)snprintf(out, TEXT_UNITS_SIZE, "%s", table->zero);
    else
        (void)snprintf(out, TEXT_UNITS_SIZE, "%" PRIu64 " %s", value / unit->factor, unit->name);
}

/* In the largest unit that value reaches, with one decimal unless that is 0. */
static void format_short(const struct unit_table *table, char out[TEXT_UNITS_SIZE], const char *sign, uint64_t value)
{
    const struct unit *unit = table->units;
    while (value < unit->shown_from)
        unit++; /* ends at the written unit that is shown from 0 */
    uint64_t whole = value / unit->factor;
    unsigned tenth = (unsigned)(value % unit->factor * 10 / unit->factor);
    if (value == 0)
        (void)snprintf(out, TEXT_UNITS_SIZE, "%s", table->zero);
    else if (tenth)
        (void)snprintf(out, TEXT_UNITS_SIZE, "%s%" PRIu64 ".%u %s", sign, whole, tenth, unit->name);
    else
        (void)snprintf(out, TEXT_UNITS_SIZE, "%s%" PRIu64 " %s", sign, whole, unit->name);
}

enum mr_rc text_parse_size(const char *text, uint64_t *ret_bytes)
{
    return parse(&size_table, text, UINT64_MAX, ret_bytes);
}

void text_format_size(char out[TEXT_UNITS_SIZE], uint64_t bytes)
{
    format_exact(&size_table, out, bytes);
}

void text_show_size(char out[TEXT_UNITS_SIZE], uint64_t bytes)
{
    format_short(&size_table, out, "", bytes);
}

enum mr_rc text_parse_duration(const char *text, int64_t *ret_ns)
{
    uint64_t ns = 0;
    enum mr_rc rc = strcmp(text, "0") == 0 ? MR_OK : parse(&duration_table, text, INT64_MAX, &ns);
    if (rc == MR_OK)
        *ret_ns = (int64_t)ns;
    return rc;
}

void text_format_duration(char out[TEXT_UNITS_SIZE], int64_t ns)
{
    format_exact(&duration_table, out, (uint64_t)ns);
}

void text_show_duration(char out[TEXT_UNITS_SIZE], int64_t ns)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    format_short(&duration_table, out, ns < 0 ? "-" : "", size);
}
