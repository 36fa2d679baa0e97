/* fuzz_model.c - any bytes as MTConnect's device model: refused with a reason, or every item is found by what names it. */
#include <stdlib.h>
#include <string.h>

#include "cli/replay_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct model *model;
    struct err err = {{0}};
    uint32_t device;
    if (model_parse("fuzz", (const char *)data, len, &model, &err)) {
        expect(*err.text);
        return 0;
    }
    expect(model_count(model) >= 1);
    for (uint32_t i = 0; i < model_count(model); i++) {
        const char *name = model_name(model, i);
        expect(model_find(model, name, &device, &err) == MR_OK && device <= i);
        const struct model_item *item = model_item(model, i, "x");
        expect(!item || item->device == i);
    }
    model_free(model);
    return 0;
}
