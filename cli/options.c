/* options.c - see options.h. */
#include "cli/options.h"

#include <limits.h>
#include <string.h>

#include "base/text.h"
#include "base/text_units.h"

enum { NAMES_MAX = 32 }; /* options of one command */

/* Where the reading stands. */
struct reader {
    char **argv;
    int argc, next;
    struct args *args;
    struct err *err;
};

/* Before the command is known, only these are. */
static const struct command before_command = {.name = "", .on_bus = true};

static enum mr_rc unknown_command(const struct reader *r, const char *word)
{
    const char *near = commands_nearest(word);
    err_set(r->err, "there is no command '%s'%s%s%s", word, near ? "; did you mean '" : "", near ? near : "",
            near ? "'?" : "");
    return MR_INVALID;
}

static void add_names(const struct opt *opts, const char *names[NAMES_MAX], size_t *n)
{
    for (; opts && opts->name && *n < NAMES_MAX; opts++)
        names[(*n)++] = opts->name;
}

static enum mr_rc unknown_option(const struct reader *r, const struct command *command, const char *word)
{
    const char *names[NAMES_MAX];
    size_t n = 0;
    char bare[64];
    add_names(command->opts, names, &n);
    add_names(command->on_bus ? commands_bus_opts() : NULL, names, &n);
    add_names(commands_common_opts(), names, &n);
    const char *name = word + strspn(word, "-");
    size_t len = strcspn(name, "=");
    text_escape(bare, sizeof bare, name, len);
    const char *near = text_nearest(bare, names, n);
    err_set(r->err, "%s%s'%s' is no option%s%s%s", command->name, *command->name ? ": " : "", word,
            near ? "; did you mean '--" : "", near ? near : "", near ? "'?" : "");
    return MR_INVALID;
}

static enum mr_rc set_count(const struct reader *r, const struct opt *opt, const char *text, uint64_t *ret)
{
    uint64_t n = 0;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || n > (UINT32_MAX - 9) / 10) {
            n = 0;
            break;
        }
        n = n * 10 + (uint64_t)(*c - '0');
    }
    if (n == 0) {
        err_set(r->err, "--%s takes a number from 1 on, not '%s'", opt->name, text);
        return MR_INVALID;
    }
    *ret = n;
    return MR_OK;
}

static enum mr_rc set_duration(const struct reader *r, const struct opt *opt, const char *text, int *ret)
{
    int64_t ns;
    if (text_parse_duration(text, &ns) || ns / 1000000 > INT_MAX || ns < 1000000) {
        err_set(r->err, "--%s takes a time from 1 ms to 24 d, such as '500ms' or '2 s', not '%s'", opt->name, text);
        return MR_INVALID;
    }
    *ret = (int)(ns / 1000000);
    return MR_OK;
}

static enum mr_rc set(const struct reader *r, const struct opt *opt, const char *text)
{
    void *at = (char *)r->args + opt->at;
    switch (opt->kind) {
    case OPT_FLAG:
        *(bool *)at = true;
        return MR_OK;
    case OPT_COUNT:
        return set_count(r, opt, text, at);
    case OPT_DURATION:
        return set_duration(r, opt, text, at);
    case OPT_TEXT:
        *(const char **)at = text;
        break;
    }
    return MR_OK;
}

/* The option's value: behind '=' or, unless it is a flag, the next word. text: what stands behind '=', or NULL. */
static enum mr_rc take_value(struct reader *r, const struct opt *opt, const char *text)
{
    if (opt->kind == OPT_FLAG && text) {
        err_set(r->err, "--%s takes no value", opt->name);
        return MR_INVALID;
    }
    if (opt->kind != OPT_FLAG && !text) {
        if (r->next >= r->argc) {
            err_set(r->err, "--%s needs a %s", opt->name, opt->value);
            return MR_INVALID;
        }
        text = r->argv[r->next++];
    }
    return set(r, opt, text);
}

/* "--name", "--name value" or "--name=value"; "-h". */
static enum mr_rc take_option(struct reader *r, const struct command *command)
{
    const char *word = r->argv[r->next++];
    const char *name = strcmp(word, "-h") == 0 ? "--help" : word;
    size_t len = strcspn(name, "=");
    const struct opt *opt = len > 2 && name[1] == '-' ? command_find_opt(command, name + 2, len - 2) : NULL;
    if (!opt)
        return unknown_option(r, command, word);
    return take_value(r, opt, name[len] == '=' ? name + len + 1 : NULL);
}

static bool is_option(const char *word)
{
    if (word[0] != '-' || word[1] == '\0')
        return false;
    return word[1] == '-' || !strchr("0123456789.i", word[1]); /* -5, -.5 and -inf are values */
}

static enum mr_rc set_presets(const struct reader *r, const struct opt *opts)
{
    enum mr_rc rc = MR_OK;
    for (; opts && opts->name && !rc; opts++)
        if (opts->preset)
            rc = set(r, opts, opts->preset);
    return rc;
}

/* Up to and with the word that names the command. */
static enum mr_rc take_command(struct reader *r)
{
    enum mr_rc rc = MR_OK;
    while (!rc && r->next < r->argc && is_option(r->argv[r->next])) {
        if (strcmp(r->argv[r->next], "--version") == 0)
            break;
        rc = take_option(r, &before_command);
    }
    if (rc)
        return rc;
    const char *word = r->next < r->argc ? r->argv[r->next++] : "help";
    r->args->command = commands_find(strcmp(word, "--version") == 0 ? "version" : word);
    return r->args->command ? MR_OK : unknown_command(r, word);
}

/* The two ways to the bus: not both, and not before a command that does not go there. */
static enum mr_rc check_way(const struct reader *r)
{
    const struct args *a = r->args;
    const char *given = a->context ? "context" : "socket";
    if (a->context && a->socket) {
        err_set(r->err, "--context and --socket are two ways to the bus: give one");
        return MR_INVALID;
    }
    if ((a->context || a->socket) && !command_find_opt(a->command, given, strlen(given))) {
        err_set(r->err, "%s does not go to a bus: it takes no --%s", a->command->name, given);
        return MR_INVALID;
    }
    return MR_OK;
}

static enum mr_rc check_words(const struct reader *r)
{
    const struct args *a = r->args;
    const struct command *c = a->command;
    if (a->n_words > c->max_words) {
        err_set(r->err, "%s: '%s' is one argument too many; it takes %s", c->name, a->words[c->max_words],
                *c->arguments ? c->arguments : "none");
        return MR_INVALID;
    }
    if (a->n_words < c->min_words) {
        err_set(r->err, "%s needs %s", c->name, c->arguments);
        return MR_INVALID;
    }
    return check_way(r);
}

enum mr_rc options_parse(int argc, char **argv, struct args *ret, struct err *err)
{
    struct reader r = {.argv = argv, .argc = argc, .next = argc > 0 ? 1 : 0, .args = ret, .err = err};
    size_t n = 0;
    bool only_words = false;
    *ret = (struct args){.words = argv};
    enum mr_rc rc = take_command(&r);
    if (!rc)
        rc = set_presets(&r, ret->command->opts);
    while (!rc && r.next < argc) {
        if (only_words || !is_option(argv[r.next]))
            argv[n++] = argv[r.next++];
        else if (strcmp(argv[r.next], "--") == 0)
            only_words = r.next++ > 0;
        else
            rc = take_option(&r, ret->command);
    }
    ret->n_words = n;
    return rc || ret->help ? rc : check_words(&r);
}
