/* fuzz_text.c - the text parsers of base: whatever they accept is written back and read again as the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/text_time.h"
#include "base/text_units.h"
#include "base/text_width.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): it must hold in release builds too. */
static void check(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

static void try_units(const char *text)
{
    char out[TEXT_UNITS_SIZE];
    uint64_t bytes, bytes_again;
    int64_t ns, ns_again;
    if (text_parse_size(text, &bytes) == MR_OK) {
        text_format_size(out, bytes);
        check(text_parse_size(out, &bytes_again) == MR_OK && bytes_again == bytes, "size comes back");
        text_show_size(out, bytes);
    }
    if (text_parse_duration(text, &ns) == MR_OK) {
        check(ns >= 0, "duration is not negative");
        text_format_duration(out, ns);
        check(text_parse_duration(out, &ns_again) == MR_OK && ns_again == ns, "duration comes back");
        text_show_duration(out, -ns);
    }
}

static void try_time(const char *text)
{
    char out[TEXT_TIME_SIZE];
    int64_t us, again;
    if (text_parse_time(text, &us) != MR_OK)
        return;
    text_format_time(out, us);
    if (strcmp(out, "-") != 0) /* an offset may carry it out of the years that can be written */
        check(text_parse_time(out, &again) == MR_OK && again == us, "time comes back");
}

static void try_characters(const char *text, size_t len)
{
    char out[64], again[64];
    size_t used = text_escape(out, sizeof out, text, len);
    check(used < sizeof out && strlen(out) == used, "escaped text fits");
    check(text_is_utf8(out, used), "escaped text is UTF-8");
    check(text_escape(again, sizeof again, out, used) == used && strcmp(out, again) == 0, "escaping is done once");
    size_t cut = text_width_cut(text, len, 10);
    check(cut <= len && text_width(text, cut) <= 10, "cut text fits its columns");
}

static void try_hex(const char *text, size_t len)
{
    uint8_t bytes[32];
    char out[65];
    size_t n = len / 2 > sizeof bytes ? sizeof bytes : len / 2;
    if (text_unhex(text, len, bytes, n) != MR_OK)
        return;
    text_hex(out, bytes, n);
    for (size_t i = 0; i < len; i++)
        check((out[i] | 0x20) == (text[i] | 0x20), "hex comes back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* An exact copy, so that reading one byte beyond is seen; and one with a NUL for what takes strings. */
    char *bytes = malloc(size ? size : 1);
    char *text = malloc(size + 1);
    if (bytes && text) {
        memcpy(bytes, data, size);
        memcpy(text, data, size);
        text[size] = '\0';
        try_characters(bytes, size);
        try_hex(bytes, size);
        try_units(text);
        try_time(text);
        (void)text_nearest(text, (const char *const[]){"brokers", "spool", text}, 3);
    }
    free(bytes);
    free(text);
    return 0;
}
