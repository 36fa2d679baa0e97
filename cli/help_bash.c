/* help_bash.c - the completion for bash, made from the table of commands. */
#include <string.h>

#include "cli/help.h"

static const char head[] =
    "# completion.bash - bash completion of millrace: commands, options, files and contexts.\n"
    "# Made from the table in cli/commands.c by tests/lint/cli_reference.py --write; do not edit.\n"
    "_millrace()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' opts='' words=''\n"
    "    local i\n"
    "    COMPREPLY=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "            --context | --socket) ((i++)) ;;\n"
    "            -*) ;;\n"
    "            *)\n"
    "                command=${COMP_WORDS[i]}\n"
    "                break\n"
    "                ;;\n"
    "        esac\n"
    "    done\n";

static const char contexts[] =
    "        --context)\n"
    "            words=$(cd \"${XDG_CONFIG_HOME:-$HOME/.config}/millrace/contexts\" 2>/dev/null && echo *.yaml)\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"${words//.yaml/}\" -- \"$current\")\n"
    "            return\n"
    "            ;;\n";

static const char tail[] = "    esac\n"
                           "    [[ $current == -* ]] && words=$opts\n"
                           "    if [[ $words ]]; then\n"
                           "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                           "    elif [[ $command == check ]]; then\n"
                           "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
                           "    fi\n"
                           "}\n"
                           "complete -F _millrace millrace\n";

/* What follows an option with this in its help. */
enum follows { FOLLOWS_NOTHING, FOLLOWS_FILE, FOLLOWS_DIR, FOLLOWS_OTHER };

static enum follows follows(const struct opt *opt)
{
    if (!opt->value)
        return FOLLOWS_NOTHING;
    if (strcmp(opt->value, "PATH") == 0 || strcmp(opt->value, "FILE") == 0)
        return FOLLOWS_FILE;
    return strcmp(opt->value, "DIR") == 0 ? FOLLOWS_DIR : FOLLOWS_OTHER;
}

static bool was_before(const struct command *all, size_t command, const struct opt *opt)
{
    for (size_t i = 0; i < command; i++)
        for (const struct opt *o = all[i].opts; o && o->name; o++)
            if (strcmp(o->name, opt->name) == 0)
                return true;
    return false;
}

/* "--out | --dir": every option that is followed by a kind of value, once. */
static void print_followed(FILE *out, enum follows kind)
{
    size_t n;
    const struct command *all = commands_all(&n);
    const char *separator = "        ";
    for (size_t i = 0; i < n; i++)
        for (const struct opt *o = all[i].opts; o && o->name; o++)
            if (follows(o) == kind && !was_before(all, i, o)) {
                fprintf(out, "%s--%s", separator, o->name);
                separator = " | ";
            }
    fputs(")\n", out);
}

static void print_names(FILE *out, const struct opt *opts)
{
    for (; opts && opts->name; opts++)
        fprintf(out, " --%s", opts->name);
}

static void print_command(FILE *out, const struct command *c)
{
    fprintf(out, "        %s)\n            opts='", c->name);
    fputs("--help", out);
    print_names(out, c->opts);
    print_names(out, c->on_bus ? commands_bus_opts() : NULL);
    fputs("'\n", out);
    if (c->choices)
        fprintf(out, "            ((i + 1 == COMP_CWORD)) && words='%s'\n", c->choices);
    if (strcmp(c->name, "help") == 0)
        fputs("            words=$commands\n", out);
    fputs("            ;;\n", out);
}

void help_print_bash(FILE *out)
{
    size_t n;
    const struct command *all = commands_all(&n);
    fputs(head, out);
    fputs("    local commands='", out);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "%s%s", i ? " " : "", all[i].name);
    fputs("'\n    case $previous in\n", out);
    fputs(contexts, out);
    print_followed(out, FOLLOWS_DIR);
    fputs("            mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n            return\n            ;;\n",
          out);
    print_followed(out, FOLLOWS_FILE);
    fputs("            mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n            return\n            ;;\n",
          out);
    print_followed(out, FOLLOWS_OTHER);
    fputs("            return\n            ;;\n    esac\n    case $command in\n", out);
    fputs("        '')\n            opts='--help --version", out);
    print_names(out, commands_bus_opts());
    fputs("'\n            words=$commands\n            ;;\n", out);
    for (size_t i = 0; i < n; i++)
        print_command(out, &all[i]);
    fputs(tail, out);
}
