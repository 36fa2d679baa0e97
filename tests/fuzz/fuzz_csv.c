/* fuzz_csv.c - any bytes as a record of a CSV file: fields lie in the text one after the other, and what is whole for the one
 * question is not open for the other. */
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void check_fields(const struct csv_field *fields, size_t n, const char *text, size_t len)
{
    const char *at = text;
    expect(n >= 1);
    for (size_t i = 0; i < n; i++) {
        expect(fields[i].text >= at && fields[i].text + fields[i].len <= text + len);
        expect(fields[i].text[fields[i].len] == '\0');
        at = fields[i].text + fields[i].len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct csv_field fields[CSV_FIELDS_MAX];
    struct err err = {{0}};
    size_t n = 0;
    char delimiter = len % 2 ? ',' : ';';
    char *text = malloc(len + 1);
    if (!text)
        return 0;
    memcpy(text, data, len);
    bool is_whole = csv_is_whole(text, len, delimiter);
    enum mr_rc rc = csv_split(text, len, delimiter, fields, &n, &err);
    if (rc == MR_OK) {
        expect(is_whole);
        check_fields(fields, n, text, len);
    } else {
        expect(*err.text);
    }
    free(text);
    return 0;
}
