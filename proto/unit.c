/* unit.c - one spelling per unit, see unit.h. */
#include "proto/unit.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "proto/unit_table.h"

/* Without the blanks around it. Returns the new start. */
static const char *trim(const char *text, size_t *len)
{
    for (; *len > 0 && text[0] == ' '; text++)
        --*len;
    while (*len > 0 && text[*len - 1] == ' ')
        --*len;
    return text;
}

enum unit_kind unit_normalise(const char *text, size_t len, char out[UNIT_MAX_BYTES + 1])
{
    text = trim(text, &len);
    if (len > UNIT_MAX_BYTES)
        return UNIT_TOO_LONG;
    if (!text_is_plain(text, len))
        return UNIT_NOT_TEXT;
    char spelling[UNIT_MAX_BYTES + 1];
    if (len > 0)
        memcpy(spelling, text, len);
    spelling[len] = '\0';
    const char *ucum = unit_table_ucum(spelling);
    strcpy(out, ucum ? ucum : spelling);
    return ucum || len == 0 ? UNIT_KNOWN : UNIT_UNKNOWN;
}

const char *unit_display(const char *ucum)
{
    const char *shown = unit_table_display(ucum);
    return shown ? shown : ucum;
}
