/* captured.c - see captured.h. */
#include "tests/unit/cli/captured.h"

#include <stdlib.h>
#include <unistd.h>

void captured_begin(struct captured *c)
{
    *c = (struct captured){.text = NULL};
    c->out = open_memstream(&c->text, &c->len);
    if (!c->out)
        abort();
}

const char *captured_end(struct captured *c)
{
    fclose(c->out);
    c->out = NULL;
    return c->text;
}

void captured_free(struct captured *c)
{
    free(c->text);
}

char *captured_stderr(void (*fn)(void *user), void *user)
{
    enum { MOST = 65536 };
    char *text = calloc(1, MOST);
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    if (!text || !file || before < 0)
        abort();
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    fn(user);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    if (fread(text, 1, MOST - 1, file) == 0)
        text[0] = '\0';
    fclose(file);
    return text;
}
