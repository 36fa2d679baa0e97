/* text_width.c - display width by two tables of ranges. */
#include "base/text_width.h"

#include "base/text.h"
#include "base/text_width_tables.h"

/* ranges in ascending order. */
static int is_in(const struct range *ranges, size_t n, uint32_t code_point)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code_point > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && code_point >= ranges[low].first;
}

unsigned text_width_of(uint32_t code_point)
{
    if (code_point < 0x7f)
        return code_point >= 0x20;
    if (text_is_control(code_point) || is_in(zero_width, sizeof zero_width / sizeof zero_width[0], code_point))
        return 0;
    return is_in(wide, sizeof wide / sizeof wide[0], code_point) ? 2 : 1;
}

/* Bytes and columns of the next character; len > 0. */
static size_t next_character(const char *text, size_t len, size_t *ret_columns)
{
    uint32_t code_point;
    size_t n = text_decode(text, len, &code_point);
    *ret_columns = n ? text_width_of(code_point) : 1;
    return n ? n : 1;
}

size_t text_width(const char *text, size_t len)
{
    size_t total = 0;
    size_t columns;
    for (size_t at = 0; at < len; total += columns)
        at += next_character(text + at, len - at, &columns);
    return total;
}

size_t text_width_cut(const char *text, size_t len, size_t columns)
{
    size_t at = 0;
    while (at < len) {
        size_t width;
        size_t n = next_character(text + at, len - at, &width);
        if (width > columns)
            break;
        columns -= width;
        at += n;
    }
    return at;
}
