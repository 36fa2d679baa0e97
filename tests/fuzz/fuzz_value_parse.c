/* fuzz_value_parse.c - any bytes as a value's text, the first byte choosing the type: what is accepted can be carried,
 * shown, and read back as the same number. */
#include <stdlib.h>
#include <string.h>

#include "proto/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { SHOWN_BYTES = 256 };

static void expect(bool holds)
{
    if (!holds)
        abort();
}

/* Shown text is cut to the room it has, NUL-terminated, and its length does not depend on the room. */
static void check_text(const struct mr_value *v)
{
    char shown[SHOWN_BYTES];
    int whole = value_text(v, shown, sizeof shown);
    expect(whole >= 0 && whole == value_text(v, NULL, 0));
    size_t written = strnlen(shown, sizeof shown);
    expect(written < sizeof shown && written <= (size_t)whole);
    if (value_has_bytes(v->type) || (size_t)whole >= sizeof shown)
        return;
    struct mr_value back;
    expect(value_parse(shown, written, v->type, &back, NULL) == MR_OK);
    expect(value_equal(v, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint32_t types[] = {VALUE_AUTO, MR_I64,    MR_U64,   MR_F32,    MR_F64,
                                     MR_BOOL,    MR_STRING, MR_BYTES, VALUE_NONE};
    if (len == 0)
        return 0;
    uint32_t type = types[data[0] % (sizeof types / sizeof types[0])];
    struct mr_value v;
    if (value_parse((const char *)data + 1, len - 1, type, &v, NULL) != MR_OK)
        return 0;
    expect(type == VALUE_AUTO || v.type == type);
    expect(value_check(&v, NULL) == MR_OK);
    expect(value_equal(&v, &v));
    check_text(&v);
    return 0;
}
