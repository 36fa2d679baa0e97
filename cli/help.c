/* help.c - see help.h; bash is in help_bash.c. */
#include "cli/help.h"

#include <string.h>

enum { COLUMN = 26 }; /* where explanations begin */

struct exit_row {
    enum exit_code code;
    const char *meaning;
};

static const struct exit_row exit_rows[] = {
    {EXIT_DONE, "done"},
    {EXIT_FAILED, "it could not be done; the reason is on stderr"},
    {EXIT_USAGE, "the command line is wrong"},
    {EXIT_NOTHING, "nothing found, or nobody serves the topic"},
    {EXIT_TIMEOUT, "no answer in time"},
    {EXIT_INTERRUPTED, "ended by a signal before it was done"},
};

struct way {
    const char *name, *meaning;
};

/* In the order they are tried. */
static const struct way ways[] = {
    {"--context NAME", "the context ~/.config/millrace/contexts/NAME.yaml; with a '/' in it: that file"},
    {"--socket PATH", "the agent that listens there"},
    {"$MILLRACE_CONTEXT", "as --context"},
    {"$MILLRACE_SOCKET", "as --socket"},
    {"the agent of this user", "$XDG_RUNTIME_DIR/millrace/agent.sock"},
    {"the agent of this machine", "/run/millrace/agent.sock"},
    {"context 'default'", "if no agent is there and its file is"},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void print_opts(FILE *out, const struct opt *opts)
{
    for (; opts && opts->name; opts++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", opts->name, opts->value ? " " : "", opts->value ? opts->value : "");
        fprintf(out, "  %-*s%s", COLUMN, left, opts->help);
        fprintf(out, opts->preset ? " (default: %s)\n" : "\n", opts->preset);
    }
}

void help_print_command(FILE *out, const struct command *command)
{
    fprintf(out, "millrace %s%s%s [option]...\n", command->name, *command->arguments ? " " : "", command->arguments);
    fprintf(out, "  %s\n", command->help);
    if (command->details)
        fprintf(out, "  %s\n", command->details);
    fputs("\nOptions:\n", out);
    print_opts(out, command->opts);
    if (command->on_bus)
        print_opts(out, commands_bus_opts());
    print_opts(out, commands_common_opts());
}

void help_print(FILE *out)
{
    size_t n;
    const struct command *all = commands_all(&n);
    fputs("millrace: the command line of the plant's message bus\n\nCommands:\n", out);
    for (size_t i = 0; i < n; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", all[i].name, all[i].arguments);
        fprintf(out, "  %-*s%s\n", COLUMN + 12, left, all[i].help);
    }
    fputs("\n'millrace help COMMAND' says more. Where the bus is, the first that applies:\n", out);
    for (size_t i = 0; i < COUNT(ways); i++)
        fprintf(out, "  %-*s%s\n", COLUMN + 2, ways[i].name, ways[i].meaning);
    fputs("\nExit codes:\n", out);
    for (size_t i = 0; i < COUNT(exit_rows); i++)
        fprintf(out, "  %-5d%s\n", (int)exit_rows[i].code, exit_rows[i].meaning);
}

/* A text in a cell: '|' would end it. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void markdown_opts(FILE *out, const struct opt *opts)
{
    for (; opts && opts->name; opts++) {
        fprintf(out, "| `--%s%s%s` | ", opts->name, opts->value ? " " : "", opts->value ? opts->value : "");
        print_cell(out, opts->help);
        fprintf(out, " | %s%s%s |\n", opts->preset ? "`" : "", opts->preset ? opts->preset : "",
                opts->preset ? "`" : "");
    }
}

static void markdown_command(FILE *out, const struct command *c)
{
    fprintf(out, "\n## millrace %s\n`millrace %s%s%s`: %s.", c->name, c->name, *c->arguments ? " " : "", c->arguments,
            c->help);
    fprintf(out, c->details ? " %s\n" : "\n", c->details);
    if (!c->opts)
        return;
    fputs("\n| option | does | default |\n|---|---|---|\n", out);
    markdown_opts(out, c->opts);
}

void help_print_markdown(FILE *out)
{
    size_t n;
    const struct command *all = commands_all(&n);
    fputs("# The command line\n"
          "Made from the table in `cli/commands.c` by `tests/lint/cli_reference.py --write`; do not edit.\n\n"
          "| command | does |\n|---|---|\n",
          out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "| [`%s`](#millrace-%s) | ", all[i].name, all[i].name);
        print_cell(out, all[i].help);
        fputs(" |\n", out);
    }
    fputs("\n## Where the bus is\nThe first that applies:\n\n| way | is |\n|---|---|\n", out);
    for (size_t i = 0; i < COUNT(ways); i++)
        fprintf(out, "| %s | %s |\n", ways[i].name, ways[i].meaning);
    fputs("\nA context is a file with the keys `name`, `brokers`, `key` and `directory`, as in `agent.yaml`. With one, "
          "the\n"
          "command brings an agent of its own for as long as it runs. Every error names the way taken.\n\n"
          "| option | does | default |\n|---|---|---|\n",
          out);
    markdown_opts(out, commands_bus_opts());
    markdown_opts(out, commands_common_opts());
    fputs("\n## Exit codes\n| code | means |\n|---|---|\n", out);
    for (size_t i = 0; i < COUNT(exit_rows); i++)
        fprintf(out, "| %d | %s |\n", (int)exit_rows[i].code, exit_rows[i].meaning);
    for (size_t i = 0; i < n; i++)
        markdown_command(out, &all[i]);
}
