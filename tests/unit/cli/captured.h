/* captured.h - what a function printed to a stream, as text. */
#ifndef TESTS_UNIT_CLI_CAPTURED_H
#define TESTS_UNIT_CLI_CAPTURED_H
#include <stdio.h>

struct captured {
    FILE *out; /* print here */
    char *text;
    size_t len;
};

void captured_begin(struct captured *c);
const char *captured_end(struct captured *c); /* closes out; borrowed until captured_free() */
void captured_free(struct captured *c);

/* What fn printed to stderr; the caller frees it with free(). */
char *captured_stderr(void (*fn)(void *user), void *user);
#endif
