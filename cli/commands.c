/* commands.c - the table of subcommands. */
#include <string.h>

#include "base/text.h"
#include "cli/command.h"

#define AT(field) offsetof(struct args, field)
#define END                                                                                                            \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

static const struct opt common_opts[] = {
    {"help", OPT_FLAG, AT(help), NULL, NULL, "show what the command does and takes"},
    END,
};

static const struct opt bus_opts[] = {
    {"context", OPT_TEXT, AT(context), "NAME", NULL, "the bus to talk to: a context, or a context's file"},
    {"socket", OPT_TEXT, AT(socket), "PATH", NULL, "the agent to talk to, by its socket"},
    END,
};

static const struct opt init_opts[] = {
    {"out", OPT_TEXT, AT(out), "DIR", "millrace", "where the files are made"},
    {"brokers", OPT_COUNT, AT(brokers), "N", NULL, "make a plant of 1 to 9 brokers"},
    {"agents", OPT_COUNT, AT(agents), "M", NULL, "make a plant of 1 to 100 agents"},
    {"port", OPT_COUNT, AT(port), "PORT", NULL,
     "a plant's first; default: 7420, or 7520 and so on, where all are free"},
    {"name", OPT_TEXT, AT(name), "NAME", NULL, "of this machine, default here; of a plant's agents, default agent"},
    {"path", OPT_TEXT, AT(path), "TOPIC", NULL, "place; default: demo/here, of a plant's agents demo/site"},
    {"broker", OPT_TEXT, AT(broker), "NAME", NULL, "name of the broker; default: mr1"},
    {"address", OPT_TEXT, AT(address), "ADDRESS", NULL,
     "where it listens, default 127.0.0.1:7420; '*:7420' is everywhere"},
    {"reach", OPT_TEXT, AT(reach), "ADDRESS", NULL,
     "where agents find the broker: 'mr1.plant.example:7420'; default: address"},
    {"data", OPT_TEXT, AT(data), "DIR", NULL, "what broker and agent write, beside the files; default: data"},
    {"socket", OPT_TEXT, AT(socket), "PATH", NULL, "the agent's socket; default: the agent's own default"},
    {"json", OPT_FLAG, AT(json), NULL, NULL, "what was made, one JSON object a line"},
    END,
};

static const struct opt dev_opts[] = {
    {"brokers", OPT_COUNT, AT(brokers), "N", "1", "from 2 to 9: so many, in a folder that is removed at the end"},
    {"dir", OPT_TEXT, AT(dir), "DIR", NULL, "files of the bus, made when missing; default: the user's state folder"},
    {"address", OPT_TEXT, AT(address), "ADDRESS", NULL, "where a new broker listens; default 127.0.0.1:7420"},
    {"interval", OPT_DURATION, AT(interval_ms), "TIME", NULL,
     "how often a new agent measures this machine; default 2 s"},
    {"seconds", OPT_COUNT, AT(seconds), "N", NULL, "end after so long; default: at Ctrl-C"},
    END,
};

static const struct opt get_opts[] = {
    {"all-publishers", OPT_FLAG, AT(all_publishers), NULL, NULL,
     "every publisher's value of a topic, not only the best"},
    {"watch", OPT_FLAG, AT(watch), NULL, NULL, "show the table again every second, until Ctrl-C"},
    {"wait", OPT_DURATION, AT(wait_ms), "TIME", "2 s", "the most to wait for the values"},
    {"json", OPT_FLAG, AT(json), NULL, NULL, "one JSON object a line"},
    END,
};

static const struct opt sub_opts[] = {
    {"count", OPT_COUNT, AT(count), "N", NULL, "end after so many values"},
    {"seconds", OPT_COUNT, AT(seconds), "N", NULL, "end after so long"},
    {"no-snapshot", OPT_FLAG, AT(no_snapshot), NULL, NULL, "no last values, live only"},
    {"confirm", OPT_TEXT, AT(confirm), "TOPIC", NULL,
     "confirm marks on this topic, so that replay --confirm waits for this subscriber"},
    {"raw", OPT_FLAG, AT(raw), NULL, NULL, "the values' bytes only, one a line"},
    {"json", OPT_FLAG, AT(json), NULL, NULL, "one JSON object a line"},
    END,
};

static const struct opt pub_opts[] = {
    {"unit", OPT_TEXT, AT(unit), "UNIT", NULL, "publish a tag, which has a unit and is kept as last value"},
    {"type", OPT_TEXT, AT(type), "TYPE", NULL,
     "i64, u64, f32, f64, bool, string or bytes; default: as the value looks"},
    {"quality", OPT_TEXT, AT(quality), "STATUS", "Good", "an OPC UA status, by name or as 0x80310000"},
    {"source", OPT_TEXT, AT(source), "TIME", NULL, "when the source saw it (RFC 3339); default: it has no clock"},
    {"keep", OPT_FLAG, AT(keep), NULL, NULL, "keep it as the topic's last value"},
    {"clear", OPT_FLAG, AT(clear), NULL, NULL, "remove the topic's last value; takes no VALUE"},
    {"file", OPT_TEXT, AT(file), "FILE", NULL, "publish the bytes of a file, up to 16 MiB, instead of a VALUE"},
    {"wait", OPT_DURATION, AT(wait_ms), "TIME", "2 s",
     "the most to wait until the agent has it; with --file at least 60 s"},
    END,
};

static const struct opt req_opts[] = {
    {"wait", OPT_DURATION, AT(wait_ms), "TIME", "5 s", "the most to wait for the answer"},
    {"json", OPT_FLAG, AT(json), NULL, NULL, "the answer as a JSON object"},
    END,
};

static const struct opt serve_opts[] = {
    {"exec", OPT_TEXT, AT(exec), "COMMAND", NULL, "run it for each request: data on its input, answer on its output"},
    {"text", OPT_TEXT, AT(text), "TEXT", NULL, "answer with this text"},
    {"count", OPT_COUNT, AT(count), "N", NULL, "end after so many requests"},
    {"wait", OPT_DURATION, AT(wait_ms), "TIME", "30 s", "the most COMMAND may take for one request"},
    END,
};

static const struct opt replay_opts[] = {
    {"map", OPT_TEXT, AT(map), "FILE", NULL, "CSV: the YAML file that says what the columns are"},
    {"units", OPT_TEXT, AT(units), "FILE", NULL, "MTConnect SHDR: the device model (XML) with types and units"},
    {"device", OPT_TEXT, AT(device), "NAME", NULL, "which device of the model it is; default: the first"},
    {"to", OPT_TEXT, AT(to), "TOPIC", "./", "below which topic the tags are published"},
    {"speed", OPT_TEXT, AT(speed), "SPEED", "1x", "1x as recorded, 10x, 0.5x, or max: as fast as the bus takes it"},
    {"from", OPT_TEXT, AT(from), "TIME", NULL, "leave out what the source saw before (RFC 3339)"},
    {"to-time", OPT_TEXT, AT(to_time), "TIME", NULL, "leave out what the source saw then or after (RFC 3339)"},
    {"confirm", OPT_TEXT, AT(confirm), "TOPIC", NULL,
     "never run ahead of the subscriber that confirms on this topic (sub --confirm)"},
    {"dry-run", OPT_FLAG, AT(dry_run), NULL, NULL, "publish nothing; show the tags, their units and first values"},
    {"json", OPT_FLAG, AT(json), NULL, NULL, "the summary as a JSON object; with --dry-run one a tag"},
    END,
};

static const struct opt who_opts[] = {
    {"dead", OPT_FLAG, AT(dead), NULL, NULL, "those too that died: since when, and why"},
    {"wait", OPT_DURATION, AT(wait_ms), "TIME", "2 s", "the most to wait for the broker"},
    {"json", OPT_FLAG, AT(json), NULL, NULL, "one JSON object a line"},
    END,
};

static const struct opt check_opts[] = {
    {"wait", OPT_DURATION, AT(wait_ms), "TIME", "2 s", "the most each step on the bus may take"},
    {"json", OPT_FLAG, AT(json), NULL, NULL, "one JSON object a line"},
    END,
};

static const struct opt version_opts[] = {
    {"json", OPT_FLAG, AT(json), NULL, NULL, "as a JSON object"},
    END,
};

static const struct opt help_opts[] = {
    {"form", OPT_TEXT, AT(form), "FORM", "text", "text, markdown (docs/cli.md) or bash (its completion)"},
    END,
};

static const struct command table[] = {
    {.name = "dev",
     .arguments = "",
     .help = "run a whole bus on this machine: broker, agent, its own values",
     .details = "Makes keys and files on first use, starts a broker and an agent, and ends both at Ctrl-C. Of several "
                "brokers one may be lost: the others go on.",
     .opts = dev_opts,
     .run = cmd_dev},
    {.name = "init",
     .arguments = "",
     .help = "make keys and files for a broker, an agent and a person; or a whole plant to try",
     .details =
         "With --brokers or --agents (one where not given): a plant on this machine, a folder for each broker mr1, "
         "mr2, ... and agent NAME1, NAME2, ..., and the script DIR/run, which starts all or those named until "
         "Ctrl-C. Brokers listen on 127.0.0.1: for agents on PORT, PORT + 10, ..., for each other one above. Agents "
         "live at TOPIC/NAME1, ... Never overwrites a file.",
     .opts = init_opts,
     .run = cmd_init},
    {.name = "get",
     .arguments = "[FILTER...]",
     .help = "show current values",
     .details = "Without a filter: all. AGE is the time since the source, or else the agent, saw the value.",
     .max_words = 256,
     .opts = get_opts,
     .on_bus = true,
     .run = cmd_get},
    {.name = "sub",
     .arguments = "FILTER...",
     .help = "show values as they come: last values first, then live",
     .details = "What was lost on the way stands in its place, with its cause.",
     .min_words = 1,
     .max_words = 256,
     .opts = sub_opts,
     .on_bus = true,
     .run = cmd_sub},
    {.name = "pub",
     .arguments = "TOPIC [VALUE|-]",
     .help = "publish a value",
     .details = "./x is x under this machine's own path. VALUE - is read from standard input.",
     .min_words = 1,
     .max_words = 2,
     .opts = pub_opts,
     .on_bus = true,
     .run = cmd_pub},
    {.name = "req",
     .arguments = "TOPIC [DATA|-]",
     .help = "ask who serves a topic, and show the answer",
     .details = "DATA - is read from standard input.",
     .min_words = 1,
     .max_words = 2,
     .opts = req_opts,
     .on_bus = true,
     .run = cmd_req},
    {.name = "serve",
     .arguments = "TOPIC",
     .help = "answer requests, by a command or with a text",
     .details =
         "COMMAND is run by /bin/sh -c. When it fails, the answer is 'error: ' and the first line it wrote to stderr.",
     .min_words = 1,
     .max_words = 1,
     .opts = serve_opts,
     .on_bus = true,
     .run = cmd_serve},
    {.name = "replay",
     .arguments = "FILE",
     .help = "publish a recorded machine: a CSV file, or an MTConnect SHDR stream",
     .details = "Times, units and values are published as they were recorded; how files are mapped: docs/replay.md. "
                "What is wrong in the file is told, left out, and makes the exit code 1.",
     .min_words = 1,
     .max_words = 1,
     .opts = replay_opts,
     .on_bus = true,
     .run = cmd_replay},
    {.name = "who",
     .arguments = "",
     .help = "show which brokers, machines, devices and apps are there",
     .details = "CLOCK is a machine's clock beside its broker's, known for those of the broker that answers. BROKER is "
                "where a machine is at home.",
     .opts = who_opts,
     .on_bus = true,
     .run = cmd_who},
    {.name = "check",
     .arguments = "[config FILE... | host | bus]",
     .help = "look for what is wrong, and say what to do",
     .details = "config: configuration and key files; host: this machine; bus: publish, read back, ask. Without: host "
                "and bus.",
     .max_words = 64,
     .choices = "config host bus",
     .opts = check_opts,
     .on_bus = true,
     .run = cmd_check},
    {.name = "version", .arguments = "", .help = "show the version", .opts = version_opts, .run = cmd_version},
    {.name = "help",
     .arguments = "[COMMAND]",
     .help = "show what a command does and takes",
     .max_words = 1,
     .opts = help_opts,
     .run = cmd_help},
};

const struct command *commands_all(size_t *ret_n)
{
    *ret_n = sizeof table / sizeof *table;
    return table;
}

const struct command *commands_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

const char *commands_nearest(const char *word)
{
    const char *names[sizeof table / sizeof *table];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        names[i] = table[i].name;
    return text_nearest(word, names, sizeof table / sizeof *table);
}

const struct opt *commands_bus_opts(void)
{
    return bus_opts;
}

const struct opt *commands_common_opts(void)
{
    return common_opts;
}

static const struct opt *find_in(const struct opt *opts, const char *name, size_t len)
{
    for (; opts && opts->name; opts++)
        if (strlen(opts->name) == len && memcmp(opts->name, name, len) == 0)
            return opts;
    return NULL;
}

const struct opt *command_find_opt(const struct command *command, const char *name, size_t len)
{
    const struct opt *found = find_in(command->opts, name, len);
    if (!found && command->on_bus)
        found = find_in(bus_opts, name, len);
    return found ? found : find_in(common_opts, name, len);
}
