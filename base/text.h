/* text.h - small questions about text: is it UTF-8, how is it shown safely, what was probably meant. No locale.
 * Widths for columns: text_width.h. Sizes and durations: text_units.h. Points in time: text_time.h. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H
#include "base/rc.h"

/* True for well-formed UTF-8 (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF); NUL is a character. */
bool text_is_utf8(const char *text, size_t len);

/* One character from text (len > 0): its length 1..4 with *ret the code point, or 0 where it is not well-formed. */
size_t text_decode(const char *text, size_t len, uint32_t *ret);

/* Code points that a terminal or a log line must not get raw: C0, DEL, C1, line and paragraph separators, and the
 * bidirectional controls that reorder what is shown. */
bool text_is_control(uint32_t code_point);

/* True for well-formed UTF-8 without a control character: it can be shown as it is. */
bool text_is_plain(const char *text, size_t len);

/* Copies text to out (size bytes, at least 1) NUL-terminated. A control character becomes \n, \r, \t or \u{HEX}, a byte
 * that is not UTF-8 \xHH; escaping twice changes nothing more. What does not fit is cut between characters. Returns the
 * bytes written without the NUL; out may not overlap text. */
size_t text_escape(char *out, size_t size, const char *text, size_t len);

/* Writes 2 * len lower-case digits and a NUL: out has 2 * len + 1 bytes. */
void text_hex(char *out, const void *data, size_t len);

/* Reads exactly 2 * len hex digits (either case) into len bytes. MR_INVALID: another length or another character. */
MUST enum mr_rc text_unhex(const char *text, size_t text_len, void *ret, size_t len);

/* Edits between two words (insert, delete, replace, swap two neighbours; bytes), for words up to 64 bytes;
 * longer ones give UINT_MAX. */
unsigned text_distance(const char *a, const char *b);

/* The candidate nearest to word, if it is near enough to be worth "did you mean": at most a third of the longer word's
 * length away, and at least 1. NULL otherwise. Of equals the first. */
const char *text_nearest(const char *word, const char *const *candidates, size_t n);

#endif
