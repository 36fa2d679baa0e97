/* fuzz_shdr.c - any bytes as a line of MTConnect's adapter protocol: fields lie in the text, and hold what a kind promises. */
#include <stdlib.h>
#include <string.h>

#include "cli/shdr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void check_line(const struct shdr_line *line, const char *text, size_t len)
{
    static const size_t least[] = {[SHDR_DATA] = 1, [SHDR_ASSET] = 3, [SHDR_REMOVE_ASSET] = 1, [SHDR_UNKNOWN] = 0};
    if (line->kind < sizeof least / sizeof *least)
        expect(line->n >= least[line->kind]);
    for (size_t i = 0; i < line->n; i++) {
        const struct shdr_field *field = &line->fields[i];
        expect(field->text >= text && field->text + field->len <= text + len);
        expect(field->text[field->len] == '\0');
    }
    const char *end = shdr_end_of_asset(line);
    expect(!end || line->kind == SHDR_ASSET);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct shdr_line line;
    struct err err = {{0}};
    char *text = malloc(len + 1);
    if (!text)
        return 0;
    memcpy(text, data, len);
    if (shdr_parse(text, len, &line, &err) == MR_OK)
        check_line(&line, text, len);
    else
        expect(*err.text);
    free(text);
    return 0;
}
