/* terminal.h - what the output can show: colours, columns, progress. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H
#include <stdbool.h>
#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_RED, COLOUR_YELLOW, COLOUR_GREEN, COLOUR_DIM, COLOUR_BOLD };

struct terminal {
    FILE *out;
    bool is_tty;
    bool has_colours; /* a terminal that is not "dumb", and $NO_COLOR is not set (no-color.org) */
    size_t columns;   /* 0: no end */
};

/* What out is. */
struct terminal terminal_of(FILE *out);

/* The text that begins a colour, and the one that ends it: "" where there are none. Static. */
const char *terminal_begin(const struct terminal *t, enum colour colour);
const char *terminal_end(const struct terminal *t, enum colour colour);

/* A line on stderr about what is waited for, replaced by the next and taken away by NULL; nothing where stderr is no
 * terminal. */
void terminal_progress(const char *text);
#endif
