/* json_line.h - one JSON object on one line (RFC 8259), written key by key to a stream. */
#ifndef CLI_JSON_LINE_H
#define CLI_JSON_LINE_H
#include <millrace/millrace.h>
#include <stdio.h>

struct json_line {
    FILE *out;
    bool is_first;
};

/* "{"; out is borrowed until json_end(). */
struct json_line json_begin(FILE *out);

/* "}" and the line's end. */
void json_end(struct json_line *line);

/* Keys are literals of plain letters. */
void json_text(struct json_line *line, const char *key, const char *text); /* NULL: null */
void json_u64(struct json_line *line, const char *key, uint64_t value);
void json_bool(struct json_line *line, const char *key, bool value);
void json_time(struct json_line *line, const char *key, int64_t us); /* RFC 3339; MR_NO_TIME: null */

/* A value as what JSON has for it: numbers (nan and inf as text), true and false, text; bytes as text if they are
 * UTF-8, else "0x…" whole; arrays as arrays of numbers; no value as null. */
void json_value(struct json_line *line, const char *key, const struct mr_value *value);
#endif
