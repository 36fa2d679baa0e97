/* terminal.c - see terminal.h. */
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct terminal terminal_of(FILE *out)
{
    struct terminal t = {.out = out};
    const char *no_color = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    struct winsize size;
    int fd = fileno(out); /* -1: memory */
    if (fd < 0 || !isatty(fd))
        return t;
    t.is_tty = true;
    t.has_colours = !(no_color && *no_color) && kind && strcmp(kind, "dumb") != 0;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0)
        t.columns = size.ws_col;
    return t;
}

const char *terminal_begin(const struct terminal *t, enum colour colour)
{
    static const char *const codes[] = {
        [COLOUR_NONE] = "",          [COLOUR_RED] = "\033[31m", [COLOUR_YELLOW] = "\033[33m",
        [COLOUR_GREEN] = "\033[32m", [COLOUR_DIM] = "\033[2m",  [COLOUR_BOLD] = "\033[1m",
    };
    return t->has_colours ? codes[colour] : "";
}

const char *terminal_end(const struct terminal *t, enum colour colour)
{
    return t->has_colours && colour != COLOUR_NONE ? "\033[0m" : "";
}

void terminal_progress(const char *text)
{
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r\033[K%s", text ? text : "");
    fflush(stderr);
}
