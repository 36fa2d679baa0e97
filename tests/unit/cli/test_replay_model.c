/* test_replay_model.c - MTConnect's device model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/replay_model.h"
#include "files.h"

static const char two_devices[] =
    "<?xml version='1.0'?>\n"
    "<mt:MTConnectDevices xmlns:mt='urn:x'><Header/><mt:Devices>\n"
    "<mt:Device id='d1' name='LATHE' uuid='u1'><mt:DataItems>\n"
    "<mt:DataItem id='i1' name='speed' category='SAMPLE' type='ROTARY_VELOCITY' subType='ACTUAL' "
    "units='REVOLUTION/MINUTE'\n"
    " nativeUnits='REVOLUTION/SECOND'><mt:Source> drive_speed </mt:Source></mt:DataItem>\n"
    "<mt:DataItem id='speed2' category='EVENT' type='BLOCK' representation='TABLE'/>\n"
    "<mt:DataItem id='speed' category='CONDITION' type='SYSTEM'/>\n"
    "</mt:DataItems></mt:Device>\n"
    "<Device id='d2'><DataItem id='i1' category='EVENT' type='X'><Source dataItemId='q'/></DataItem></Device>\n"
    "</mt:Devices></mt:MTConnectDevices>\n";

static enum mr_rc parse(const char *text, struct model **ret, struct err *err)
{
    return model_parse("model.xml", text, strlen(text), ret, err);
}

static void items_are_found_by_name_then_id_then_source(void **state)
{
    struct model *model;
    struct err err;
    (void)state;
    assert_int_equal(parse(two_devices, &model, &err), MR_OK);
    const struct model_item *item = model_item(model, 0, "speed");
    assert_string_equal(item->id, "i1");
    assert_int_equal(item->category, MODEL_SAMPLE);
    assert_string_equal(item->type, "ROTARY_VELOCITY");
    assert_string_equal(item->sub_type, "ACTUAL");
    assert_string_equal(item->units, "REVOLUTION/MINUTE");
    assert_string_equal(item->native_units, "REVOLUTION/SECOND");
    assert_ptr_equal(model_item(model, 0, "i1"), item);
    assert_ptr_equal(model_item(model, 0, "drive_speed"), item);
    assert_string_equal(model_item(model, 0, "speed2")->representation, "TABLE");
    assert_string_equal(model_item(model, 0, "speed2")->name, "");
    assert_null(model_item(model, 0, "other"));
    assert_null(model_item(model, 0, ""));
    assert_int_equal(model_item(model, 1, "i1")->category, MODEL_EVENT);
    assert_null(model_item(model, 1, "speed"));
    model_free(model);
    model_free(NULL);
}

static void devices_are_found_by_name_id_or_uuid(void **state)
{
    struct model *model;
    struct err err;
    uint32_t n = 9;
    (void)state;
    assert_int_equal(parse(two_devices, &model, &err), MR_OK);
    assert_int_equal(model_count(model), 2);
    assert_int_equal(model_find(model, NULL, &n, &err), MR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(model_find(model, "d2", &n, &err), MR_OK);
    assert_int_equal(n, 1);
    assert_string_equal(model_name(model, 1), "d2");
    assert_int_equal(model_find(model, "u1", &n, &err), MR_OK);
    assert_string_equal(model_name(model, n), "LATHE");
    assert_int_equal(model_find(model, "MILL", &n, &err), MR_NOT_FOUND);
    assert_string_equal(err.text, "there is no device 'MILL', but: LATHE, d2");
    model_free(model);
}

static void what_is_no_model_is_refused_with_line_and_reason(void **state)
{
    static const struct {
        const char *text, *reason;
    } wrong[] = {
        {"", "model.xml:1: no element found"},
        {"<a>\n<b></a>", "model.xml:2: mismatched tag"},
        {"<a/>", "model.xml: no DataItem is in it; is it an MTConnectDevices document?"},
        {"<a>\n<DataItem id='x' category='EVENT'/></a>", "model.xml:2: a DataItem stands outside of every Device"},
        {"<Device><DataItem id='x' category='OTHER'/></Device>",
         "model.xml:1: the category of a DataItem is SAMPLE, EVENT or CONDITION"},
        {"<Device><DataItem id='x'/></Device>",
         "model.xml:1: the category of a DataItem is SAMPLE, EVENT or CONDITION"},
    };
    struct model *model;
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(parse(wrong[i].text, &model, &err), MR_INVALID);
        assert_string_equal(err.text, wrong[i].reason);
    }
}

/* A model with one attribute of n letters. */
static char *long_attribute(size_t n)
{
    static const char head[] = "<Device><DataItem category='EVENT' id='", tail[] = "'/></Device>";
    char *text = malloc(sizeof head + n + sizeof tail);
    strcpy(text, head);
    memset(text + sizeof head - 1, 'x', n);
    strcpy(text + sizeof head - 1 + n, tail);
    return text;
}

static void attributes_have_a_limit(void **state)
{
    struct model *model;
    struct err err;
    (void)state;
    char *text = long_attribute(1024);
    assert_int_equal(parse(text, &model, &err), MR_OK);
    model_free(model);
    free(text);
    text = long_attribute(1025);
    assert_int_equal(parse(text, &model, &err), MR_INVALID);
    free(text);
}

/* A model of so many devices, each with so many items. */
static char *large(size_t devices, size_t items)
{
    static const char item[] = "<DataItem category='EVENT'/>";
    char *text = malloc(devices * 24 + items * sizeof item + 16);
    char *at = stpcpy(text, "<x>");
    for (size_t i = 0; i < devices; i++) {
        at = stpcpy(at, "<Device>");
        for (size_t k = 0; k < items && i == 0; k++)
            at = stpcpy(at, item);
        at = stpcpy(at, "</Device>");
    }
    strcpy(at, "</x>");
    return text;
}

static enum mr_rc parse_large(size_t devices, size_t items)
{
    struct model *model = NULL;
    struct err err;
    char *text = large(devices, items);
    enum mr_rc rc = parse(text, &model, &err);
    if (!rc)
        model_free(model);
    free(text);
    return rc;
}

static void devices_and_items_have_limits(void **state)
{
    (void)state;
    assert_int_equal(parse_large(MODEL_DEVICES_MAX, 1), MR_OK);
    assert_int_equal(parse_large(MODEL_DEVICES_MAX + 1, 1), MR_TOO_BIG);
    assert_int_equal(parse_large(1, MODEL_ITEMS_MAX), MR_OK);
    assert_int_equal(parse_large(1, MODEL_ITEMS_MAX + 1), MR_TOO_BIG);
}

static void entities_that_grow_without_end_are_refused(void **state)
{
    static const char laughs[] =
        "<?xml version='1.0'?><!DOCTYPE d [<!ENTITY a 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'>"
        "<!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>"
        "<!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'><!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;'>"
        "<!ENTITY f '&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;'><!ENTITY g '&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;'>"
        "]><d>&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;</d>";
    struct model *model;
    struct err err;
    (void)state;
    assert_int_equal(parse(laughs, &model, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "amplification"));
}

static void files_are_read_whole(void **state)
{
    struct model *model;
    struct err err;
    (void)state;
    assert_int_equal(model_load(files_write_text("model.xml", two_devices), &model, &err), MR_OK);
    model_free(model);
    assert_int_equal(model_load(files_missing(), &model, &err), MR_NOT_FOUND);
    assert_int_equal(model_load(files_write_text("empty.xml", ""), &model, &err), MR_INVALID);
    char *text = malloc(MODEL_FILE_MAX + 1);
    memset(text, ' ', MODEL_FILE_MAX + 1);
    assert_int_equal(model_load(files_write("big.xml", text, MODEL_FILE_MAX + 1), &model, &err), MR_TOO_BIG);
    assert_int_equal(model_parse("big.xml", text, MODEL_FILE_MAX + 1, &model, &err), MR_TOO_BIG);
    free(text);
}

static void every_failed_allocation_is_told(void **state)
{
    size_t before = mem_outstanding();
    bool has_failed;
    unsigned n = 0;
    (void)state;
    do {
        struct model *model = NULL;
        struct err err;
        mem_fail_at(++n);
        enum mr_rc rc = parse(two_devices, &model, &err);
        has_failed = mem_fail_off();
        assert_int_equal(rc, has_failed ? MR_NO_MEMORY : MR_OK);
        if (!rc)
            model_free(model);
        assert_int_equal(mem_outstanding(), before);
    } while (has_failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_found_by_name_then_id_then_source),
        cmocka_unit_test(devices_are_found_by_name_id_or_uuid),
        cmocka_unit_test(what_is_no_model_is_refused_with_line_and_reason),
        cmocka_unit_test(attributes_have_a_limit),
        cmocka_unit_test(devices_and_items_have_limits),
        cmocka_unit_test(entities_that_grow_without_end_are_refused),
        cmocka_unit_test(files_are_read_whole),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
