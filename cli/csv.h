/* csv.h - one record of a CSV file (RFC 4180) into its fields, in place. Pure. */
#ifndef CLI_CSV_H
#define CLI_CSV_H
#include <stddef.h>

#include "base/err.h"

enum { CSV_FIELDS_MAX = 4096, CSV_RECORD_MAX = 1024 * 1024 /* bytes, line ends inside quotes included */ };

struct csv_field {
    const char *text; /* NUL-terminated */
    size_t len;
};

/* False: a quoted field is open at the end of text, so the record goes on in the next line. */
bool csv_is_whole(const char *text, size_t len, char delimiter);

/* Splits a whole record without its line end; text has room for a NUL at text[len], and is written to: fields point into
 * it. A field that begins with '"' ends at the next '"' that is not doubled; elsewhere '"' is a character as any other.
 * fields has room for CSV_FIELDS_MAX. An empty text is one empty field.
 * MR_INVALID: something stands behind a closing quote, or a quote is open. MR_TOO_BIG: too many fields. */
MUST enum mr_rc csv_split(char *text, size_t len, char delimiter, struct csv_field *fields, size_t *ret_n,
                          struct err *err);
#endif
