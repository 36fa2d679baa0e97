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

static void config(struct checks *checks)
{
    check_config(checks, checks->args->words + 1, checks->args->n_words - 1);
}

/* What can be checked; by_itself: also when nothing is named. */
static const struct area {
    const char *name;
    void (*check)(struct checks *checks);
    bool by_itself, takes_files;
} areas[] = {
    {"config", config, false, true},
    {"host", check_host, true, false},
    {"bus", check_bus, true, false},
};

int cmd_check(const struct args *args)
{
    struct checks checks = {.args = args, .terminal = terminal_of(stdout)};
    const char *named = args->n_words ? args->words[0] : NULL;
    bool is_known = !named;
    for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
        const struct area *area = &areas[i];
        if (named ? strcmp(named, area->name) != 0 : !area->by_itself)
            continue;
        if (args->n_words > 1 && !area->takes_files)
            return report_usage("check", "%s takes no further argument", named);
        is_known = true;
        area->check(&checks);
    }
    if (!is_known)
        return report_usage("check", "config, host or bus can be checked, not '%s'", named);
    return checks.bad ? EXIT_FAILED : EXIT_DONE;
}
