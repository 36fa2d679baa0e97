/* unit.h - one spelling per unit: what machines and people write, as UCUM on the wire, and back for people.
 *
 * A unit is any UTF-8 text of at most UNIT_MAX_BYTES without control characters. Spellings of the table become UCUM
 * codes (ucum.org, case-sensitive form): "°C", "degC" and MTConnect's "CELSIUS" are all "Cel". Others pass. */
#ifndef PROTO_UNIT_H
#define PROTO_UNIT_H

#include <stddef.h>

#include "proto/limits.h"

enum unit_kind {
    UNIT_KNOWN,    /* of the table: out is its UCUM code; or empty */
    UNIT_UNKNOWN,  /* fine, but not of the table: out is the text unchanged; worth one warning */
    UNIT_TOO_LONG, /* refused: more than UNIT_MAX_BYTES */
    UNIT_NOT_TEXT, /* refused: not UTF-8, or a control character */
};

/* Blanks around the text do not count. out is NUL-terminated, and written only for UNIT_KNOWN and UNIT_UNKNOWN.
 * Normalising twice gives the same as once. */
enum unit_kind unit_normalise(const char *text, size_t len, char out[UNIT_MAX_BYTES + 1]);

/* How people write a UCUM code: "Cel" → "°C"; what needs no other spelling is returned as it came. Borrowed from the
 * argument or static. unit_normalise gives back the code. */
const char *unit_display(const char *ucum);

/* A row of the table, for documentation and tests. */
struct unit_row {
    const char *spelling;
    const char *ucum;
};

/* All rows, sorted by the bytes of spelling; every UCUM code is also a spelling of itself. Static. */
const struct unit_row *unit_rows(size_t *ret_n);

#endif
