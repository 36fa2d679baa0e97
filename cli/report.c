/* report.c - see report.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/report.h"

enum { LINE_MAX_BYTES = 2048 };

const char *report_word(enum mr_rc rc)
{
    switch (rc) {
    case MR_WOULD_BLOCK:
        return "busy";
    case MR_TIMEOUT:
        return "timed out";
    case MR_ISOLATED:
        return "isolated";
    case MR_NO_RESPONDER:
        return "no responder";
    case MR_INVALID:
        return "not valid";
    case MR_DENIED:
        return "denied";
    case MR_TOO_BIG:
        return "too big";
    case MR_NOT_FOUND:
        return "not found";
    case MR_NO_MEMORY:
        return "out of memory";
    case MR_UNKNOWN:
        return "outcome unknown";
    case MR_CLOSED:
        return "closed";
    case MR_OK:
    case MR_MISUSE:
    case MR_FENCED:
        break;
    }
    return rc_text(rc);
}

int report_exit(enum mr_rc rc)
{
    switch (rc) {
    case MR_OK:
        return EXIT_DONE;
    case MR_NOT_FOUND:
    case MR_NO_RESPONDER:
        return EXIT_NOTHING;
    case MR_TIMEOUT:
        return EXIT_TIMEOUT;
    default:
        return EXIT_FAILED;
    }
}

/* Formats, and makes what peers and files said safe for a terminal. */
static void make_line(char out[LINE_MAX_BYTES], const char *format, va_list list)
{
    char raw[LINE_MAX_BYTES];
    vsnprintf(raw, sizeof raw, format, list);
    text_escape(out, LINE_MAX_BYTES, raw, strlen(raw));
}

int report_failure(const char *where, enum mr_rc rc, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list list;
    va_start(list, format);
    make_line(line, format, list);
    va_end(list);
    const char *word = report_word(rc);
    size_t len = strlen(word);
    bool has_word = strncmp(line, word, len) == 0 && line[len] == ':'; /* some reasons begin with it */
    fprintf(stderr, "millrace: %s%s%s", has_word ? "" : word, has_word || !*line ? "" : ": ", line);
    fprintf(stderr, *where ? " (%s)\n" : "\n", where);
    return report_exit(rc);
}

int report_local(enum mr_rc rc, const struct err *err)
{
    (void)report_failure("", rc, "%s", *err->text ? err->text : rc_text(rc));
    return EXIT_FAILED;
}

int report_usage(const char *command, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list list;
    va_start(list, format);
    make_line(line, format, list);
    va_end(list);
    fprintf(stderr, "millrace: %s\nSee: millrace help%s%s\n", line, command ? " " : "", command ? command : "");
    return EXIT_USAGE;
}

void report_note(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list list;
    va_start(list, format);
    make_line(line, format, list);
    va_end(list);
    fprintf(stderr, "millrace: %s\n", line);
}
