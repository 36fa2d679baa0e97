/* csv.c - see csv.h. */
#include "cli/csv.h"

#include <string.h>

/* The closing quote of a field whose text begins at `at`, behind its opening one; NULL: it is open at the end. */
static char *find_quote(char *at, const char *end)
{
    while (at < end) {
        char *quote = memchr(at, '"', (size_t)(end - at));
        if (!quote || quote + 1 >= end || quote[1] != '"')
            return quote;
        at = quote + 2;
    }
    return NULL;
}

bool csv_is_whole(const char *text, size_t len, char delimiter)
{
    const char *end = text + len;
    for (const char *at = text; at < end; at++) {
        if (*at == '"') {
            do { /* a pair of quotes inside is one that closes and one that opens again */
                at = memchr(at + 1, '"', (size_t)(end - at) - 1);
                if (!at)
                    return false;
                at++;
            } while (at < end && *at == '"');
        }
        at = at < end ? memchr(at, delimiter, (size_t)(end - at)) : NULL;
        if (!at)
            return true;
    }
    return true;
}

/* Takes the quoted field whose opening quote is at `at`; *ret_end: the character behind its closing one. */
static enum mr_rc take_quoted(char *at, const char *end, struct csv_field *field, char **ret_end)
{
    char *out = at + 1;
    char *close = find_quote(out, end);
    if (!close)
        return MR_INVALID;
    field->text = out;
    for (const char *in = out; in < close; in++) {
        *out++ = *in;
        in += *in == '"'; /* the second of a pair */
    }
    field->len = (size_t)(out - field->text);
    *out = '\0';
    *ret_end = close + 1;
    return MR_OK;
}

static void take_plain(char *at, char *end, char delimiter, struct csv_field *field, char **ret_end)
{
    char *stop = memchr(at, delimiter, (size_t)(end - at));
    *ret_end = stop ? stop : end;
    *field = (struct csv_field){.text = at, .len = (size_t)(*ret_end - at)};
}

enum mr_rc csv_split(char *text, size_t len, char delimiter, struct csv_field *fields, size_t *ret_n, struct err *err)
{
    char *at = text, *end = text + len, *stop = end;
    size_t n = 0;
    *end = '\0';
    for (;; at = stop + 1) {
        if (n == CSV_FIELDS_MAX) {
            err_set(err, "more than %d fields", CSV_FIELDS_MAX);
            return MR_TOO_BIG;
        }
        if (at < end && *at == '"') {
            if (take_quoted(at, end, &fields[n], &stop)) {
                err_set(err, "the quote of field %zu is not closed", n + 1);
                return MR_INVALID;
            }
        } else {
            take_plain(at, end, delimiter, &fields[n], &stop);
        }
        n++;
        if (stop < end && *stop != delimiter) {
            err_set(err, "field %zu goes on behind its closing quote", n);
            return MR_INVALID;
        }
        if (stop >= end)
            break;
        *stop = '\0';
    }
    *ret_n = n;
    return MR_OK;
}
