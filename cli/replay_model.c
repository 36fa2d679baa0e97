/* replay_model.c - see replay_model.h. */
#include "cli/replay_model.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/replay_lines.h"

enum { TEXT_MAX = 1024 }; /* bytes of an attribute, or of a Source's text */

struct device {
    char *name, *id, *uuid;
};

struct model {
    struct device devices[MODEL_DEVICES_MAX];
    size_t n_devices;
    struct model_item *items;
    size_t n, cap;
};

/* The reading of one file. */
struct reading {
    XML_Parser parser;
    struct model *made;
    bool is_in_item, is_in_source;
    char source[TEXT_MAX + 1]; /* text of the Source that is open */
    size_t source_len;
    enum mr_rc rc; /* why the reading was stopped */
    const char *why;
};

static void *adapt_alloc(size_t size)
{
    return mem_alloc(size);
}

static void *adapt_resize(void *block, size_t size)
{
    return mem_resize(block, size);
}

static void stop(struct reading *r, enum mr_rc rc, const char *why)
{
    r->rc = rc;
    r->why = why;
    XML_StopParser(r->parser, XML_FALSE);
}

/* -- elements -- */
/* "mt:DataItem" is a DataItem: the standard has one namespace for all. */
static bool is_element(const char *name, const char *wanted)
{
    const char *colon = strrchr(name, ':');
    return strcmp(colon ? colon + 1 : name, wanted) == 0;
}

static char *copy(struct reading *r, const char *text)
{
    size_t len = strlen(text);
    if (len > TEXT_MAX) {
        stop(r, MR_INVALID, "an attribute is longer than 1024 bytes");
        return NULL;
    }
    char *made = mem_strndup(text, len);
    if (!made)
        stop(r, MR_NO_MEMORY, "out of memory");
    return made;
}

/* A copy of an attribute, of "" where the element has none. NULL: the reading is stopped. */
static char *attribute(struct reading *r, const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(*attributes, name) == 0)
            return copy(r, attributes[1]);
    return copy(r, "");
}

static void begin_device(struct reading *r, const char **attributes)
{
    struct model *d = r->made;
    if (d->n_devices == MODEL_DEVICES_MAX) {
        stop(r, MR_TOO_BIG, "too many devices");
        return;
    }
    struct device *device = &d->devices[d->n_devices++];
    device->name = attribute(r, attributes, "name");
    device->id = attribute(r, attributes, "id");
    device->uuid = attribute(r, attributes, "uuid");
}

static struct model_item *new_item(struct reading *r)
{
    struct model *d = r->made;
    if (d->n == MODEL_ITEMS_MAX) {
        stop(r, MR_TOO_BIG, "too many data items");
        return NULL;
    }
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 128;
        struct model_item *items = mem_resize_array(d->items, cap, sizeof *items);
        if (!items) {
            stop(r, MR_NO_MEMORY, "out of memory");
            return NULL;
        }
        d->items = items;
        d->cap = cap;
    }
    struct model_item *item = &d->items[d->n++];
    *item = (struct model_item){.device = (uint32_t)d->n_devices - 1};
    return item;
}

static bool read_category(const char **attributes, enum model_category *ret)
{
    static const char *const names[] = {
        [MODEL_SAMPLE] = "SAMPLE", [MODEL_EVENT] = "EVENT", [MODEL_CONDITION] = "CONDITION"};
    for (; *attributes; attributes += 2)
        for (size_t i = 0; i < sizeof names / sizeof *names && strcmp(*attributes, "category") == 0; i++)
            if (strcmp(attributes[1], names[i]) == 0) {
                *ret = (enum model_category)i;
                return true;
            }
    return false;
}

static void begin_item(struct reading *r, const char **attributes)
{
    enum model_category category;
    if (r->made->n_devices == 0) {
        stop(r, MR_INVALID, "a DataItem stands outside of every Device");
        return;
    }
    if (!read_category(attributes, &category)) {
        stop(r, MR_INVALID, "the category of a DataItem is SAMPLE, EVENT or CONDITION");
        return;
    }
    struct model_item *item = new_item(r);
    if (!item)
        return;
    item->category = category;
    item->id = attribute(r, attributes, "id");
    item->name = attribute(r, attributes, "name");
    item->type = attribute(r, attributes, "type");
    item->sub_type = attribute(r, attributes, "subType");
    item->representation = attribute(r, attributes, "representation");
    item->units = attribute(r, attributes, "units");
    item->native_units = attribute(r, attributes, "nativeUnits");
    item->source = copy(r, "");
    r->is_in_item = true;
}

static void XMLCALL on_begin(void *user, const char *name, const char **attributes)
{
    struct reading *r = user;
    if (r->rc)
        return; /* expat finishes the element it is at */
    if (is_element(name, "Device"))
        begin_device(r, attributes);
    else if (is_element(name, "DataItem"))
        begin_item(r, attributes);
    else if (r->is_in_item && is_element(name, "Source")) {
        r->is_in_source = true;
        r->source_len = 0;
    }
}

static void end_source(struct reading *r)
{
    struct model_item *item = &r->made->items[r->made->n - 1];
    size_t begin = 0;
    r->source[r->source_len] = '\0';
    begin = strspn(r->source, " \t\r\n");
    size_t len = strcspn(r->source + begin, " \t\r\n");
    char *source = mem_strndup(r->source + begin, len);
    if (!source) {
        stop(r, MR_NO_MEMORY, "out of memory");
        return;
    }
    mem_free(item->source);
    item->source = source;
}

static void XMLCALL on_end(void *user, const char *name)
{
    struct reading *r = user;
    if (r->rc)
        return;
    if (r->is_in_source && is_element(name, "Source")) {
        r->is_in_source = false;
        end_source(r);
    } else if (is_element(name, "DataItem")) {
        r->is_in_item = false;
    }
}

static void XMLCALL on_text(void *user, const char *text, int len)
{
    struct reading *r = user;
    size_t room = sizeof r->source - 1 - r->source_len;
    if (!r->is_in_source)
        return;
    size_t n = (size_t)len < room ? (size_t)len : room;
    memcpy(r->source + r->source_len, text, n);
    r->source_len += n;
}

/* -- the file -- */
static enum mr_rc failed(const struct reading *r, const char *name, struct err *err)
{
    enum XML_Error code = XML_GetErrorCode(r->parser);
    if (r->rc == MR_NO_MEMORY || code == XML_ERROR_NO_MEMORY)
        return MR_NO_MEMORY;
    err_set(err, "%s:%lu: %s", name, (unsigned long)XML_GetCurrentLineNumber(r->parser),
            r->rc ? r->why : XML_ErrorString(code));
    return r->rc ? r->rc : MR_INVALID;
}

enum mr_rc model_parse(const char *name, const char *text, size_t len, struct model **ret, struct err *err)
{
    static const XML_Memory_Handling_Suite memory = {adapt_alloc, adapt_resize, mem_free};
    struct reading r = {.made = mem_calloc(1, sizeof *r.made)};
    r.parser = r.made && len <= MODEL_FILE_MAX ? XML_ParserCreate_MM(NULL, &memory, NULL) : NULL;
    if (!r.parser) {
        model_free(r.made);
        err_set(err, "%s: a device model has at most %d bytes", name, MODEL_FILE_MAX);
        return len > MODEL_FILE_MAX ? MR_TOO_BIG : MR_NO_MEMORY;
    }
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_begin, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    enum mr_rc rc = MR_OK;
    if (XML_Parse(r.parser, text, (int)len, 1) != XML_STATUS_OK) {
        rc = failed(&r, name, err);
    } else if (r.made->n == 0) {
        err_set(err, "%s: no DataItem is in it; is it an MTConnectDevices document?", name);
        rc = MR_INVALID;
    }
    XML_ParserFree(r.parser);
    if (rc)
        model_free(r.made);
    else
        *ret = r.made;
    return rc;
}

static enum mr_rc read_file(const char *path, struct buf *ret, struct err *err)
{
    struct lines *lines;
    char *line;
    size_t len;
    enum mr_rc rc = lines_open(path, &lines, err);
    if (rc)
        return rc;
    while (!rc && (rc = lines_next(lines, &line, &len, err)) == MR_OK) {
        rc = buf_append(ret, line, len);
        if (!rc)
            rc = buf_append_u8(ret, '\n');
    }
    lines_free(lines);
    if (rc == MR_TOO_BIG)
        err_set(err, "%s: a device model has at most %d bytes", path, MODEL_FILE_MAX);
    return rc == MR_NOT_FOUND ? MR_OK : rc;
}

enum mr_rc model_load(const char *path, struct model **ret, struct err *err)
{
    struct buf text;
    buf_init(&text, MODEL_FILE_MAX);
    enum mr_rc rc = read_file(path, &text, err);
    if (!rc)
        rc = model_parse(path, text.data ? (const char *)text.data : "", text.len, ret, err);
    buf_fini(&text);
    return rc;
}

void model_free(struct model *model)
{
    struct model *d = model;
    if (!d)
        return;
    for (size_t i = 0; i < d->n_devices; i++) {
        mem_free(d->devices[i].name);
        mem_free(d->devices[i].id);
        mem_free(d->devices[i].uuid);
    }
    for (size_t i = 0; i < d->n; i++) {
        char *const texts[] = {d->items[i].id,    d->items[i].name,        d->items[i].source,
                               d->items[i].type,  d->items[i].sub_type,    d->items[i].representation,
                               d->items[i].units, d->items[i].native_units};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            mem_free(texts[k]);
    }
    mem_free(d->items);
    mem_free(d);
}

size_t model_count(const struct model *model)
{
    return model->n_devices;
}

const char *model_name(const struct model *model, uint32_t device)
{
    const struct device *d = &model->devices[device];
    return *d->name ? d->name : d->id;
}

enum mr_rc model_find(const struct model *model, const char *name, uint32_t *ret, struct err *err)
{
    char names[256] = "";
    for (uint32_t i = 0; i < model->n_devices; i++) {
        const struct device *d = &model->devices[i];
        if (!name || strcmp(d->name, name) == 0 || strcmp(d->id, name) == 0 || strcmp(d->uuid, name) == 0) {
            *ret = i;
            return MR_OK;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", model_name(model, i));
    }
    err_set(err, "there is no device '%s', but: %s", name, names);
    return MR_NOT_FOUND;
}

const struct model_item *model_item(const struct model *model, uint32_t device, const char *key)
{
    const struct model_item *by_id = NULL, *by_source = NULL;
    if (!*key)
        return NULL;
    for (size_t i = 0; i < model->n; i++) {
        const struct model_item *item = &model->items[i];
        if (item->device != device)
            continue;
        if (strcmp(item->name, key) == 0)
            return item;
        if (!by_id && strcmp(item->id, key) == 0)
            by_id = item;
        if (!by_source && strcmp(item->source, key) == 0)
            by_source = item;
    }
    return by_id ? by_id : by_source;
}
