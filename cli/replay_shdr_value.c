/* replay_shdr_value.c - see replay_shdr_value.h. */
#include "cli/replay_shdr_value.h"

#include <string.h>

#include "base/mem.h"
#include "proto/value.h"

enum mr_rc shape_room_init(struct shape_room *room)
{
    buf_init(&room->text, SHAPE_TEXT_MAX);
    room->elements = mem_calloc(SHAPE_ELEMENTS_MAX, sizeof *room->elements);
    return room->elements ? MR_OK : MR_NO_MEMORY;
}

void shape_room_fini(struct shape_room *room)
{
    buf_fini(&room->text);
    mem_free(room->elements);
}

/* -- shapes -- */
static bool is_whole_number(const struct model_item *item)
{
    static const char *const types[] = {"PART_COUNT",   "LINE_NUMBER",      "BLOCK_COUNT",        "CYCLE_COUNT",
                                        "LOAD_COUNT",   "ACTIVATION_COUNT", "DEACTIVATION_COUNT", "TRANSFER_COUNT",
                                        "UNLOAD_COUNT", "NETWORK_PORT"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(item->type, types[i]) == 0)
            return true;
    return false;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len >= n && strcmp(text + len - n, end) == 0;
}

enum shape shape_of(const struct model_item *item)
{
    if (item->category == MODEL_CONDITION)
        return SHAPE_CONDITION;
    if (strcmp(item->representation, "DATA_SET") == 0 || strcmp(item->representation, "TABLE") == 0)
        return SHAPE_TEXT;
    if (strcmp(item->representation, "TIME_SERIES") == 0)
        return SHAPE_SERIES;
    if (ends_with(item->units, "_3D"))
        return SHAPE_VECTOR;
    if (item->category == MODEL_SAMPLE || *item->units)
        return SHAPE_NUMBER;
    if (strcmp(item->type, "MESSAGE") == 0)
        return SHAPE_MESSAGE;
    return is_whole_number(item) ? SHAPE_WHOLE : SHAPE_TEXT;
}

uint32_t shape_type(enum shape shape)
{
    static const uint32_t types[] = {
        [SHAPE_TEXT] = MR_STRING,      [SHAPE_NUMBER] = MR_F64,       [SHAPE_WHOLE] = MR_I64,
        [SHAPE_VECTOR] = MR_F64_ARRAY, [SHAPE_SERIES] = MR_F64_ARRAY, [SHAPE_CONDITION] = MR_STRING,
        [SHAPE_MESSAGE] = MR_STRING,
    };
    return types[shape];
}

size_t shape_fields(enum shape shape)
{
    return shape == SHAPE_CONDITION ? 5 : shape == SHAPE_MESSAGE ? 2 : shape == SHAPE_SERIES ? 3 : 1;
}

bool shape_is_unavailable(enum shape shape, const struct shdr_field *fields, size_t n)
{
    size_t looked_at = shape == SHAPE_CONDITION ? 1 : n;
    for (size_t i = 0; i < looked_at; i++)
        if (strcmp(fields[i].text, "UNAVAILABLE") == 0)
            return true;
    return false;
}

bool shape_is_empty(enum shape shape, const struct shdr_field *fields, size_t n)
{
    return shape_type(shape) != MR_STRING && fields[n - 1].len == 0;
}

/* -- values -- */
/* Joins fields by '|'; empty ones at the end are left away. */
static enum mr_rc join(struct shape_room *room, const struct shdr_field *fields, size_t n, struct mr_value *ret)
{
    enum mr_rc rc = MR_OK;
    while (n && fields[n - 1].len == 0)
        n--;
    buf_clear(&room->text);
    for (size_t i = 0; i < n && !rc; i++) {
        if (i)
            rc = buf_append_u8(&room->text, '|');
        if (!rc)
            rc = buf_append(&room->text, fields[i].text, fields[i].len);
    }
    *ret = (struct mr_value){.type = MR_STRING, .len = (uint32_t)room->text.len};
    ret->as.ptr = room->text.len ? (const char *)room->text.data : "";
    return rc;
}

/* Numbers split by blanks. */
static enum mr_rc read_elements(struct shape_room *room, const struct shdr_field *field, struct mr_value *ret,
                                struct err *err)
{
    size_t n = 0;
    for (const char *at = field->text + strspn(field->text, " "); *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        struct mr_value element;
        if (n == SHAPE_ELEMENTS_MAX) {
            err_set(err, "more than %zu elements", (size_t)SHAPE_ELEMENTS_MAX);
            return MR_TOO_BIG;
        }
        enum mr_rc rc = value_parse(at, len, MR_F64, &element, err);
        if (rc)
            return rc;
        room->elements[n++] = element.as.f64;
        at += len;
    }
    *ret = (struct mr_value){.type = MR_F64_ARRAY, .len = (uint32_t)(n * sizeof(double)), .as.ptr = room->elements};
    return MR_OK;
}

/* count|rate|values; a rate of 0 is one not known. */
static enum mr_rc read_series(struct shape_room *room, const struct shdr_field *fields, struct mr_value *ret,
                              struct err *err)
{
    struct mr_value count, rate;
    enum mr_rc rc = value_parse(fields[0].text, fields[0].len, MR_U64, &count, err);
    if (!rc)
        rc = fields[1].len ? value_parse(fields[1].text, fields[1].len, MR_F64, &rate, err) : MR_OK;
    if (!rc)
        rc = read_elements(room, &fields[2], ret, err);
    if (rc)
        return rc;
    ret->rate_hz = fields[1].len ? rate.as.f64 : 0;
    if (count.as.u64 == ret->len / sizeof(double))
        return MR_OK;
    err_set(err, "%llu samples are announced, %zu are there", (unsigned long long)count.as.u64,
            ret->len / sizeof(double));
    return MR_INVALID;
}

static enum mr_rc read_condition(struct shape_room *room, const struct shdr_field *fields, size_t n,
                                 struct mr_value *ret, uint32_t *ret_status, struct err *err)
{
    static const struct {
        const char *word;
        uint32_t status;
    } levels[] = {{"NORMAL", MR_STATUS_GOOD}, {"WARNING", MR_STATUS_UNCERTAIN}, {"FAULT", MR_STATUS_BAD}};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(fields[0].text, levels[i].word) != 0)
            continue;
        *ret_status = levels[i].status;
        return join(room, fields, n, ret);
    }
    err_set(err, "'%.40s' is no level of a condition", fields[0].text);
    return MR_INVALID;
}

enum mr_rc shape_read(struct shape_room *room, enum shape shape, const struct shdr_field *fields, size_t n,
                      struct mr_value *ret, uint32_t *ret_status, struct err *err)
{
    enum mr_rc rc = MR_OK;
    uint32_t status = MR_STATUS_GOOD;
    switch (shape) {
    case SHAPE_CONDITION:
        rc = read_condition(room, fields, n, ret, &status, err);
        break;
    case SHAPE_MESSAGE:
        rc = fields[0].len ? join(room, fields, n, ret) : join(room, fields + 1, n - 1, ret);
        break;
    case SHAPE_SERIES:
        rc = read_series(room, fields, ret, err);
        break;
    case SHAPE_VECTOR:
        rc = read_elements(room, &fields[0], ret, err);
        break;
    default:
        rc = value_parse(fields[0].text, fields[0].len, shape_type(shape), ret, err);
        break;
    }
    if (!rc)
        rc = value_check(ret, err);
    if (!rc)
        *ret_status = status;
    return rc;
}
