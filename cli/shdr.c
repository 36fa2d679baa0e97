/* shdr.c - see shdr.h. */
#include "cli/shdr.h"

#include <stdio.h>
#include <string.h>

#include "base/text_time.h"

static const char multiline[] = "--multiline--";

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char *skip_blanks(char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* The quoted field whose opening quote is at `at`: in it a backslash makes the character behind it, a pipe for one, a
 * plain one. False: it is not closed right before a pipe or the end, so its quote is a character as any other. */
static bool take_quoted(char *at, char *end, struct shdr_field *field, char **ret_end)
{
    char *close = at + 1;
    while (close < end && *close != '"' && *close != '|')
        close += *close == '\\' && close + 1 < end ? 2 : 1;
    if (close >= end || *close != '"')
        return false;
    char *stop = skip_blanks(close + 1, end);
    if (stop < end && *stop != '|')
        return false;
    char *out = at;
    for (const char *in = at + 1; in < close; in++) {
        in += *in == '\\';
        *out++ = *in;
    }
    *field = (struct shdr_field){.text = at, .len = (size_t)(out - at)};
    *out = '\0';
    *ret_end = stop;
    return true;
}

static void take_plain(char *at, char *end, struct shdr_field *field, char **ret_end)
{
    char *stop = memchr(at, '|', (size_t)(end - at));
    *ret_end = stop ? stop : end;
    char *last = *ret_end;
    while (last > at && is_blank(last[-1]))
        last--;
    *field = (struct shdr_field){.text = at, .len = (size_t)(last - at)};
}

static enum mr_rc split(char *text, size_t len, struct shdr_line *ret, struct err *err)
{
    char *at = text, *end = text + len, *stop = end;
    ret->n = 0;
    *end = '\0';
    for (;; at = stop + 1) {
        if (ret->n == SHDR_FIELDS_MAX) {
            err_set(err, "more than %d fields", SHDR_FIELDS_MAX);
            return MR_TOO_BIG;
        }
        struct shdr_field *field = &ret->fields[ret->n++];
        at = skip_blanks(at, end);
        if (at >= end || *at != '"' || !take_quoted(at, end, field, &stop))
            take_plain(at, end, field, &stop);
        bool is_last = stop >= end;
        at[field->len] = '\0'; /* the field begins at `at`, and what stood there is read */
        if (is_last)
            return MR_OK;
    }
}

/* "2026-03-01T12:00:00.1234567Z", perhaps with "@duration" behind it, or without Z; or nothing. */
static bool read_time(const struct shdr_field *field, int64_t *ret)
{
    char text[48];
    size_t len = strcspn(field->text, "@");
    *ret = MR_NO_TIME;
    if (len == 0)
        return true;
    if (len + 2 > sizeof text)
        return false;
    memcpy(text, field->text, len);
    text[len] = '\0';
    if (text_parse_time(text, ret) == MR_OK)
        return true;
    memcpy(text + len, "Z", 2);
    return text_parse_time(text, ret) == MR_OK;
}

static void drop_first(struct shdr_line *line)
{
    line->n--;
    memmove(line->fields, line->fields + 1, line->n * sizeof *line->fields);
}

static const struct {
    const char *word;
    enum shdr_kind kind;
    size_t fields; /* at least */
} specials[] = {
    {"@ASSET@", SHDR_ASSET, 3},
    {"@REMOVE_ASSET@", SHDR_REMOVE_ASSET, 1},
    {"@REMOVE_ALL_ASSETS@", SHDR_REMOVE_ALL_ASSETS, 0},
};

/* Which "@…@" it is. */
static enum mr_rc take_special(struct shdr_line *line, struct err *err)
{
    line->kind = SHDR_UNKNOWN;
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        if (strcmp(line->fields[0].text, specials[i].word) != 0)
            continue;
        line->kind = specials[i].kind;
        if (line->n <= specials[i].fields) {
            err_set(err, "%s needs %zu fields behind it", specials[i].word, specials[i].fields);
            return MR_INVALID;
        }
    }
    drop_first(line);
    return MR_OK;
}

static enum mr_rc take_fields(struct shdr_line *line, struct err *err)
{
    if (!read_time(&line->fields[0], &line->time_us)) {
        err_set(err, "'%.40s' is no timestamp", line->fields[0].text);
        return MR_INVALID;
    }
    if (line->n < 2) {
        err_set(err, "nothing stands behind the timestamp");
        return MR_INVALID;
    }
    drop_first(line);
    line->kind = SHDR_DATA;
    const struct shdr_field *first = &line->fields[0];
    bool is_special = first->len >= 2 && first->text[0] == '@' && first->text[first->len - 1] == '@';
    return is_special ? take_special(line, err) : MR_OK;
}

enum mr_rc shdr_parse(char *text, size_t len, struct shdr_line *ret, struct err *err)
{
    const char *first = skip_blanks(text, text + len);
    ret->kind = first == text + len ? SHDR_NOTHING : SHDR_COMMAND;
    ret->time_us = MR_NO_TIME;
    ret->n = 0;
    if (ret->kind == SHDR_NOTHING || *first == '*')
        return MR_OK;
    enum mr_rc rc = split(text, len, ret, err);
    return rc ? rc : take_fields(ret, err);
}

const char *shdr_end_of_asset(const struct shdr_line *line)
{
    const char *text = line->kind == SHDR_ASSET ? line->fields[2].text : "";
    return strncmp(text, multiline, sizeof multiline - 1) == 0 ? text : NULL;
}
