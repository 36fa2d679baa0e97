/* err.c - reasons: formatted, escaped, wrapped. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Longer than err.text, so that where vsnprintf() cuts a character in two is never what is kept. */
#define RAW_SIZE 1024

/* The escaped text in out; returns its length. */
static size_t put_formatted(char *out, size_t size, const char *format, va_list args) FORMAT_CHECKED(3, 0);

static size_t put_formatted(char *out, size_t size, const char *format, va_list args)
{
    char raw[RAW_SIZE];
    if (vsnprintf(raw, sizeof raw, format, args) < 0)
        raw[0] = '\0';
    return text_escape(out, size, raw, strlen(raw));
}

void err_set(struct err *err, const char *format, ...)
{
    if (!err)
        return;
    va_list args;
    va_start(args, format);
    (void)put_formatted(err->text, sizeof err->text, format, args);
    va_end(args);
}

void err_wrap(struct err *err, const char *format, ...)
{
    if (!err)
        return;
    const struct err inner = *err;
    va_list args;
    va_start(args, format);
    size_t len = put_formatted(err->text, sizeof err->text, format, args);
    va_end(args);
    len += text_escape(err->text + len, sizeof err->text - len, ": ", 2);
    (void)text_escape(err->text + len, sizeof err->text - len, inner.text, strlen(inner.text));
}
