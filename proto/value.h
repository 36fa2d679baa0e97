/* value.h - what a value is, whether two are equal, and values as text for people and from people.
 *
 * A value's type is a number of Sparkplug B 3.0 (chapter 6.4.16); struct mr_value carries nine of them, a birth may
 * name any. Text is independent of the program's locale: the decimal point is '.'. */
#ifndef PROTO_VALUE_H
#define PROTO_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/millrace.h>

#include "base/rc.h"

struct err;

/* The type number of "no value": only the quality is told. A struct mr_value of all zeros. */
enum { VALUE_NONE = 0 };

/* For value_parse: let the text decide. Not a Sparkplug number. */
#define VALUE_AUTO UINT32_MAX

/* Can a struct mr_value carry this type? VALUE_NONE included. */
bool value_type_carried(uint32_t type);

/* True for STRING, BYTES and the arrays: as.ptr and len are in use. */
bool value_has_bytes(uint32_t type);

/* Sparkplug's name of a type number 0..34 ("Unknown", "Int8" … "DateTimeArray"), NULL for other numbers. */
const char *value_type_name(uint32_t type);

/* The number of a type: Sparkplug's name in any case, or one of i64 u64 f32 f64 bool string bytes. MR_NOT_FOUND. */
MUST enum mr_rc value_type_by_name(const char *name, uint32_t *ret);

/* Is this a value a record may carry? Bytes: at most VALUE_MAX_BYTES behind a non-NULL pointer, a string is UTF-8
 * without NUL, an array a whole number of elements; rate_hz is finite, not negative, and 0 but for arrays.
 * MR_INVALID, MR_TOO_BIG. */
MUST enum mr_rc value_check(const struct mr_value *v, struct err *err);
/* The same, of at most TRANSFER_MAX_BYTES: what may be published. */
MUST enum mr_rc value_check_large(const struct mr_value *v, struct err *err);

/* Same type, same content. Two NaN are equal, 0.0 and -0.0 are not: it answers "did it change?", not arithmetic. */
bool value_equal(const struct mr_value *a, const struct mr_value *b);

/* A value for people to read, as snprintf: returns the length the whole text has, writes at most size bytes with a
 * terminating zero (none when size is 0; buf may then be NULL), cut between characters.
 *   numbers  as few digits as read back as the same number: 48.2, 1e+300, nan, inf
 *   bool     true, false            no value  -
 *   strings  safe for a terminal: control characters, backslashes and bytes that are not UTF-8 as text_escape() does
 *   bytes    as a string if they are one without control characters, else 0x00ff10 (3 bytes)
 *   arrays   [1, 2.5, 3, … 1021 more at 25600 Hz] */
int value_text(const struct mr_value *v, char *buf, size_t size);

enum {
    VALUE_TEXT_ELEMENTS = 8,   /* of an array; the rest is counted */
    VALUE_TEXT_HEX_BYTES = 32, /* of bytes that are no text; then "…" and the count */
};

/* A value from a person's text. VALUE_AUTO: true and false are bool; what JSON calls a number is i64, else u64 if it is
 * too large for that, else f64; everything else, "007" and "nan" included, is a string. A type given is obeyed: numbers
 * then may have a '+' and leading zeros, floats may be nan, inf, -inf; STRING and BYTES take the text as it is.
 * ret->as.ptr is borrowed from text. MR_INVALID: not of that type, out of its range, or a type text cannot express.
 * MR_TOO_BIG: above VALUE_MAX_BYTES. */
MUST enum mr_rc value_parse(const char *text, size_t len, uint32_t type, struct mr_value *ret, struct err *err);

#endif
