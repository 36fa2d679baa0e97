/* command.h - what a subcommand is: a row of one table, from which parsing, help, completion and docs/cli.md come. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the program returns; documented in `millrace help`. */
enum exit_code {
    EXIT_DONE = 0,          /* done */
    EXIT_FAILED = 1,        /* it could not be done; the reason is on stderr */
    EXIT_USAGE = 2,         /* the command line is wrong */
    EXIT_NOTHING = 3,       /* nothing found, or nobody serves it */
    EXIT_TIMEOUT = 4,       /* no answer in time */
    EXIT_INTERRUPTED = 130, /* ended by a signal before it was done */
};

enum opt_kind {
    OPT_FLAG,     /* bool */
    OPT_TEXT,     /* const char *, NULL where neither given nor with a default */
    OPT_COUNT,    /* uint64_t */
    OPT_DURATION, /* int, ms */
};

/* An option of a command. */
struct opt {
    const char *name; /* without the dashes */
    enum opt_kind kind;
    size_t at;          /* its field in struct args */
    const char *value;  /* what stands for its value in help: "FILE"; NULL for a flag */
    const char *preset; /* the default, as it would be given; NULL: zero or NULL */
    const char *help;   /* a line */
};

/* Every option there is, under the same name for all commands; and the arguments. Texts are borrowed from argv. */
struct args {
    char *const *words; /* arguments that are no options */
    size_t n_words;
    const struct command *command;
    /* where the bus is */
    const char *context, *socket;
    /* how it is shown */
    bool json, help, all_publishers, watch, no_snapshot, raw, dead;
    const char *form;
    /* how long, how much */
    int wait_ms, interval_ms;
    uint64_t count, seconds;
    /* what is published or answered */
    const char *unit, *type, *quality, *source, *file, *exec, *text;
    bool keep, clear;
    /* what is set up */
    const char *out, *dir, *name, *path, *broker, *address, *reach, *data;
    uint64_t brokers, agents, port;
    /* what is replayed */
    const char *to, *map, *units, *device, *speed, *from, *to_time, *confirm;
    bool dry_run;
};

struct command {
    const char *name;
    const char *arguments; /* in help: "TOPIC VALUE" */
    const char *help;      /* a line */
    const char *details;   /* further lines of its own help, or NULL */
    size_t min_words, max_words;
    const char *choices;    /* words that its first argument may be, split by spaces, or NULL: for completion */
    const struct opt *opts; /* ends with a name of NULL; NULL: none */
    bool on_bus;            /* takes --context and --socket too */
    int (*run)(const struct args *args); /* returns enum exit_code; has told the reason of a failure */
};

/* All commands, in the order of help. Static. */
const struct command *commands_all(size_t *ret_n);

/* NULL: there is none of this name. */
const struct command *commands_find(const char *name);

/* The command most like word, NULL: none is near. */
const char *commands_nearest(const char *word);

/* The options that every command on the bus has, and those that every command has; end with a name of NULL. Static. */
const struct opt *commands_bus_opts(void);
const struct opt *commands_common_opts(void);

/* NULL: the command has no such option. */
const struct opt *command_find_opt(const struct command *command, const char *name, size_t len);

int cmd_check(const struct args *args);
int cmd_dev(const struct args *args);
int cmd_get(const struct args *args);
int cmd_help(const struct args *args);
int cmd_init(const struct args *args);
int cmd_pub(const struct args *args);
int cmd_replay(const struct args *args);
int cmd_req(const struct args *args);
int cmd_serve(const struct args *args);
int cmd_sub(const struct args *args);
int cmd_version(const struct args *args);
int cmd_who(const struct args *args);
#endif
