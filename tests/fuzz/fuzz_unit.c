/* fuzz_unit.c - any bytes as a unit: what passes is short, and normalising it again changes nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char once[UNIT_MAX_BYTES + 1];
    char twice[UNIT_MAX_BYTES + 1];
    enum unit_kind kind = unit_normalise((const char *)data, len, once);
    if (kind != UNIT_KNOWN && kind != UNIT_UNKNOWN)
        return 0;
    expect(strnlen(once, sizeof once) <= UNIT_MAX_BYTES);
    expect(unit_normalise(once, strlen(once), twice) == kind && strcmp(once, twice) == 0);
    const char *shown = unit_display(once);
    expect(unit_normalise(shown, strlen(shown), twice) == kind && strcmp(once, twice) == 0);
    return 0;
}
