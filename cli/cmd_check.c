/* cmd_check.c - millrace check: what to look at, and how findings are told. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/check.h"
#include "cli/json_line.h"
#include "cli/report.h"

enum { WORDS_SIZE = 1024 };

static void tell_json(enum finding finding, const char *what, const char *words)
{
    static const char *const results[] = {[FINDING_OK] = "ok", [FINDING_WARN] = "warn", [FINDING_BAD] = "bad"};
    struct json_line line = json_begin(stdout);
    json_text(&line, "check", what);
    json_text(&line, "result", results[finding]);
    json_text(&line, "detail", words);
    json_end(&line);
}

void check_tell(struct checks *checks, enum finding finding, const char *what, const char *format, ...)
{
    static const char *const marks[] = {[FINDING_OK] = "ok  ", [FINDING_WARN] = "warn", [FINDING_BAD] = "BAD "};
    static const enum colour colours[] = {COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED};
    const struct terminal *t = &checks->terminal;
    char raw[WORDS_SIZE], words[WORDS_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(raw, sizeof raw, format, list);
    va_end(list);
    text_escape(words, sizeof words, raw, strlen(raw));
    checks->bad += finding == FINDING_BAD;
    if (checks->args->json)
        tell_json(finding, what, words);
    else
        fprintf(t->out, "%s%s%s  %s: %s\n", terminal_begin(t, colours[finding]), marks[finding],
                terminal_end(t, colours[finding]), what, words);
    fflush(t->out);
}

int cmd_check(const struct args *args)
{
    struct checks checks = {.args = args, .terminal = terminal_of(stdout)};
    const char *what = args->n_words ? args->words[0] : "";
    bool is_config = strcmp(what, "config") == 0;
    bool is_host = strcmp(what, "host") == 0, is_bus = strcmp(what, "bus") == 0;
    if (*what && !is_config && !is_host && !is_bus)
        return report_usage("check", "config, host or bus can be checked, not '%s'", what);
    if (args->n_words > 1 && !is_config)
        return report_usage("check", "%s takes no further argument", what);
    if (is_config)
        check_config(&checks, args->words + 1, args->n_words - 1);
    if (is_host || !*what)
        check_host(&checks);
    if (is_bus || !*what)
        check_bus(&checks);
    return checks.bad ? EXIT_FAILED : EXIT_DONE;
}
