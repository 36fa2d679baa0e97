/* conf_check.c - a YAML document walked beside its schema. Depth is bounded before the walk, so recursion is too. */
#include "base/io/conf_check.h"
#include "base/err.h"
#include "base/io/conf.h"
#include "base/mem.h"
#include "base/text.h"
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define WHERE_MAX 256U /* bytes of "spool.max" and the like; deeper values are checked, but not noted */
#define KNOWN_MAX 64U  /* keys of one mapping that are considered for "did you mean" */

struct conf_line {
    unsigned line;
    char where[]; /* its key, without NUL */
};

struct checker {
    const char *name;
    yaml_document_t document;
    struct conf_lines *lines;
    struct err *err;
    char where[WHERE_MAX];
    size_t where_len;
};

/* -- lines ----------------------------------------------------------------------------------------------------------- */
static unsigned line_of(yaml_mark_t mark)
{
    return (unsigned)mark.line + 1;
}

static enum mr_rc note_line(struct checker *checker, unsigned line)
{
    struct conf_lines *lines = checker->lines;
    if (checker->where_len == 0)
        return MR_OK;
    struct conf_line *entry = mem_alloc(sizeof *entry + checker->where_len);
    void *before = NULL;
    if (!entry)
        return MR_NO_MEMORY;
    entry->line = line;
    memcpy(entry->where, checker->where, checker->where_len);
    enum mr_rc rc = map_put(&lines->by_where, entry->where, checker->where_len, entry, &before);
    mem_free(rc ? entry : before);
    return rc;
}

unsigned conf_lines_find(const struct conf_lines *lines, const char *where, size_t len)
{
    const struct conf_line *entry = map_get(&lines->by_where, where, len);
    return entry ? entry->line : 0;
}

void conf_lines_init(struct conf_lines *lines)
{
    const struct hash_key seed = {0, 0}; /* no secret: whoever writes our files needs no collisions to harm us */
    map_init(&lines->by_where, MAP_MAX_ENTRIES, &seed);
}

void conf_lines_fini(struct conf_lines *lines)
{
    uint32_t cursor = 0;
    for (void *entry; (entry = map_next(&lines->by_where, &cursor));)
        mem_free(entry);
    map_fini(&lines->by_where);
}

/* Appends to the place the walk is at; returns what the length was. */
static size_t enter(struct checker *checker, const char *format, ...) __attribute__((format(printf, 2, 3)));

static size_t enter(struct checker *checker, const char *format, ...)
{
    size_t before = checker->where_len;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(checker->where + before, WHERE_MAX - before, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < WHERE_MAX - before)
        checker->where_len += (size_t)len;
    checker->where[checker->where_len] = '\0';
    return before;
}

static void leave(struct checker *checker, size_t before)
{
    checker->where_len = before;
    checker->where[before] = '\0';
}

/* -- words ----------------------------------------------------------------------------------------------------------- */
static enum mr_rc wrong(const struct checker *checker, yaml_mark_t mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum mr_rc wrong(const struct checker *checker, yaml_mark_t mark, const char *format, ...)
{
    char words[384];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    err_set(checker->err, "%s:%u: %s", checker->name, line_of(mark), words);
    return MR_INVALID;
}

static enum mr_rc no_memory(const struct checker *checker)
{
    err_set(checker->err, "%s: out of memory", checker->name);
    return MR_NO_MEMORY;
}

static enum mr_rc wrong_value(const struct checker *checker, const yaml_node_t *node, const char *wanted)
{
    const char *where = checker->where_len > 0 ? checker->where : "the file";
    if (node->type != YAML_SCALAR_NODE)
        return wrong(checker, node->start_mark, "%s: expected %s", where, wanted);
    return wrong(checker, node->start_mark, "%s: expected %s, not '%.64s'", where, wanted,
                 (const char *)node->data.scalar.value);
}

/* ", a, b, c" without the first comma: what could have been written. */
static void list_words(char *ret_text, size_t size, const char *const *words, size_t n)
{
    size_t len = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < n && len < size; i++)
        len += (size_t)snprintf(ret_text + len, size - len, "%s%s", i > 0 ? ", " : "", words[i]);
}

static enum mr_rc unknown_word(const struct checker *checker, yaml_mark_t mark, const char *what, const char *word,
                               const char *const *known, size_t n_known)
{
    char all[256];
    const char *nearest = text_nearest(word, known, n_known);
    if (nearest)
        return wrong(checker, mark, "unknown %s '%.64s'; did you mean '%s'?", what, word, nearest);
    list_words(all, sizeof all, known, n_known);
    return wrong(checker, mark, "unknown %s '%.64s'; known here: %s", what, word, all);
}

/* -- scalars --------------------------------------------------------------------------------------------------------- */
static bool fits_signed(const char *text, uint32_t bytes)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 0);
    long long most = (long long)(UINT64_MAX >> (64 - 8 * bytes + 1));
    return errno == 0 && end != text && *end == '\0' && value <= most && value >= -most - 1;
}

static bool fits_unsigned(const char *text, uint32_t bytes)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    return text[0] != '-' && errno == 0 && end != text && *end == '\0' && value <= UINT64_MAX >> (64 - 8 * bytes);
}

static bool is_float(const char *text)
{
    char *end = NULL;
    (void)strtod(text, &end);
    return end != text && *end == '\0';
}

/* libcyaml takes any word it does not know for true. */
static bool is_bool(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static enum mr_rc check_enum(const struct checker *checker, const yaml_node_t *node,
                             const struct cyaml_schema_value *schema)
{
    const char *known[KNOWN_MAX];
    const char *text = (const char *)node->data.scalar.value;
    size_t n = 0;
    for (uint32_t i = 0; i < schema->enumeration.count && n < KNOWN_MAX; i++) {
        known[n++] = schema->enumeration.strings[i].str;
        if (strcmp(text, known[n - 1]) == 0)
            return MR_OK;
    }
    return unknown_word(checker, node->start_mark, checker->where, text, known, n);
}

static enum mr_rc check_string(const struct checker *checker, const yaml_node_t *node,
                               const struct cyaml_schema_value *schema)
{
    size_t len = node->data.scalar.length;
    if (memchr(node->data.scalar.value, '\0', len))
        return wrong(checker, node->start_mark, "%s: a text cannot contain NUL", checker->where);
    if (len < schema->string.min && len == 0)
        return wrong(checker, node->start_mark, "%s: must not be empty", checker->where);
    if (len < schema->string.min)
        return wrong(checker, node->start_mark, "%s: must have at least %u bytes", checker->where, schema->string.min);
    if (len > schema->string.max)
        return wrong(checker, node->start_mark, "%s: must have at most %u bytes", checker->where, schema->string.max);
    return MR_OK;
}

static enum mr_rc check_scalar(const struct checker *checker, const yaml_node_t *node,
                               const struct cyaml_schema_value *schema)
{
    if (node->type != YAML_SCALAR_NODE)
        return wrong_value(checker, node, "a single value");
    const char *text = (const char *)node->data.scalar.value;
    switch (schema->type) {
    case CYAML_INT:
        return fits_signed(text, schema->data_size) ? MR_OK : wrong_value(checker, node, "a whole number in range");
    case CYAML_UINT:
        return fits_unsigned(text, schema->data_size)
                   ? MR_OK
                   : wrong_value(checker, node, "a whole number, not negative, in range");
    case CYAML_BOOL:
        return is_bool(text) ? MR_OK : wrong_value(checker, node, "true or false");
    case CYAML_FLOAT:
        return is_float(text) ? MR_OK : wrong_value(checker, node, "a number");
    case CYAML_ENUM:
        return check_enum(checker, node, schema);
    default:
        return check_string(checker, node, schema);
    }
}

/* -- the walk -------------------------------------------------------------------------------------------------------- */
static enum mr_rc check_node(struct checker *checker, int index, const struct cyaml_schema_value *schema);

static enum mr_rc check_sequence(struct checker *checker, const yaml_node_t *node,
                                 const struct cyaml_schema_value *schema)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return wrong_value(checker, node, "a list: [a, b] or lines that begin with '-'");
    size_t n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (n < schema->sequence.min || n > schema->sequence.max)
        return wrong(checker, node->start_mark, "%s: must have %u to %u entries, not %zu", checker->where,
                     schema->sequence.min, schema->sequence.max, n);
    for (size_t i = 0; i < n; i++) {
        size_t before = enter(checker, "[%zu]", i);
        enum mr_rc rc = check_node(checker, node->data.sequence.items.start[i], schema->sequence.entry);
        if (rc != MR_OK)
            return rc;
        leave(checker, before);
    }
    return MR_OK;
}

static const struct cyaml_schema_field *find_field(const struct cyaml_schema_field *fields, const char *key)
{
    for (; fields->key; fields++)
        if (strcmp(fields->key, key) == 0)
            return fields;
    return NULL;
}

static enum mr_rc unknown_key(const struct checker *checker, const yaml_node_t *key,
                              const struct cyaml_schema_field *fields)
{
    const char *known[KNOWN_MAX];
    size_t n = 0;
    for (; fields->key && n < KNOWN_MAX; fields++)
        known[n++] = fields->key;
    return unknown_word(checker, key->start_mark, "key", (const char *)key->data.scalar.value, known, n);
}

static enum mr_rc check_pair(struct checker *checker, const yaml_node_pair_t *pair,
                             const struct cyaml_schema_field *fields)
{
    const yaml_node_t *key = yaml_document_get_node(&checker->document, pair->key);
    if (key->type != YAML_SCALAR_NODE)
        return wrong(checker, key->start_mark, "a key must be a word");
    const struct cyaml_schema_field *field = find_field(fields, (const char *)key->data.scalar.value);
    if (!field)
        return unknown_key(checker, key, fields);
    size_t before = enter(checker, "%s%s", checker->where_len > 0 ? "." : "", field->key);
    unsigned first = conf_lines_find(checker->lines, checker->where, checker->where_len);
    if (first > 0)
        return wrong(checker, key->start_mark, "%s: given twice; the first is in line %u", checker->where, first);
    enum mr_rc rc = note_line(checker, line_of(key->start_mark)) == MR_OK ? MR_OK : no_memory(checker);
    if (rc == MR_OK)
        rc = check_node(checker, pair->value, &field->value);
    leave(checker, before);
    return rc;
}

static enum mr_rc check_mapping(struct checker *checker, const yaml_node_t *node,
                                const struct cyaml_schema_value *schema)
{
    const struct cyaml_schema_field *fields = schema->mapping.fields;
    if (node->type != YAML_MAPPING_NODE)
        return wrong_value(checker, node, "keys with values below it, indented");
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        enum mr_rc rc = check_pair(checker, pair, fields);
        if (rc != MR_OK)
            return rc;
    }
    for (; fields->key; fields++) {
        size_t before = enter(checker, "%s%s", checker->where_len > 0 ? "." : "", fields->key);
        bool is_missing = !(fields->value.flags & CYAML_FLAG_OPTIONAL) &&
                          conf_lines_find(checker->lines, checker->where, checker->where_len) == 0;
        leave(checker, before);
        if (is_missing)
            return wrong(checker, node->start_mark, "key '%s' is missing: add it", fields->key);
    }
    return MR_OK;
}

static bool is_null_allowed(const yaml_node_t *node, const struct cyaml_schema_value *schema)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0 &&
           (schema->flags & CYAML_FLAG_POINTER_NULL) == CYAML_FLAG_POINTER_NULL;
}

static enum mr_rc check_node(struct checker *checker, int index, const struct cyaml_schema_value *schema)
{
    const yaml_node_t *node = yaml_document_get_node(&checker->document, index);
    if (checker->where_len > 0 && checker->where[checker->where_len - 1] == ']' &&
        note_line(checker, line_of(node->start_mark)) != MR_OK)
        return no_memory(checker);
    if (schema->type == CYAML_IGNORE || is_null_allowed(node, schema))
        return MR_OK;
    if (schema->type == CYAML_MAPPING)
        return check_mapping(checker, node, schema);
    if (schema->type == CYAML_SEQUENCE || schema->type == CYAML_SEQUENCE_FIXED)
        return check_sequence(checker, node, schema);
    return check_scalar(checker, node, schema);
}

/* -- YAML itself ----------------------------------------------------------------------------------------------------- */
/* The line of a byte that the reader stumbled over, for which it gives no mark. */
static unsigned line_at(const yaml_parser_t *parser, size_t offset)
{
    const unsigned char *text = parser->input.string.start;
    size_t len = (size_t)(parser->input.string.end - text);
    unsigned line = 1;
    for (size_t i = 0; i < offset && i < len; i++)
        line += text[i] == '\n';
    return line;
}

static enum mr_rc not_yaml(const struct checker *checker, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return no_memory(checker);
    if (parser->error == YAML_READER_ERROR) {
        err_set(checker->err, "%s:%u: not text in UTF-8: %s; save it as UTF-8", checker->name,
                line_at(parser, parser->problem_offset), parser->problem);
        return MR_INVALID;
    }
    if (parser->context && (strstr(parser->context, "alias") || strstr(parser->context, "anchor")))
        return wrong(checker, parser->problem_mark, "a text that begins with '*' or '&' must stand in quotes");
    return wrong(checker, parser->problem_mark, "not YAML: %s; look at indentation, quotes and tabs around here",
                 parser->problem ? parser->problem : "broken");
}

static bool is_opening(const yaml_event_t *event)
{
    return event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
}

static bool is_closing(const yaml_event_t *event)
{
    return event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT;
}

static bool has_anchor(const yaml_event_t *event)
{
    return (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor) ||
           (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor) ||
           (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.anchor);
}

/* What of YAML a configuration file may not use, because a small text then means an endless value. */
static enum mr_rc check_event(const struct checker *checker, const yaml_event_t *event, unsigned *depth,
                              unsigned *documents)
{
    if (event->type == YAML_ALIAS_EVENT || has_anchor(event))
        return wrong(checker, event->start_mark,
                     "anchors and aliases (& and *) are not used here: write it out, or quote it");
    if (event->type == YAML_DOCUMENT_START_EVENT && ++*documents > 1)
        return wrong(checker, event->start_mark, "only one document per file: remove the second '---'");
    if (is_closing(event))
        --*depth;
    if (is_opening(event) && ++*depth > CONF_DEPTH_MAX)
        return wrong(checker, event->start_mark, "nested more than %u deep", CONF_DEPTH_MAX);
    return MR_OK;
}

static enum mr_rc check_events(const struct checker *checker, yaml_parser_t *parser)
{
    unsigned depth = 0, documents = 0;
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return not_yaml(checker, parser);
        bool is_end = event.type == YAML_STREAM_END_EVENT;
        enum mr_rc rc = check_event(checker, &event, &depth, &documents);
        yaml_event_delete(&event);
        if (rc != MR_OK || is_end)
            return rc;
    }
}

static enum mr_rc check_document(struct checker *checker, yaml_parser_t *parser,
                                 const struct cyaml_schema_value *schema, bool *ret_is_empty)
{
    if (!yaml_parser_load(parser, &checker->document))
        return not_yaml(checker, parser);
    const yaml_node_t *root = yaml_document_get_root_node(&checker->document);
    bool is_empty = !root || (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0);
    enum mr_rc rc = is_empty ? MR_OK : check_node(checker, 1, schema); /* 1 is the root */
    yaml_document_delete(&checker->document);
    if (rc == MR_OK)
        *ret_is_empty = is_empty;
    return rc;
}

enum mr_rc conf_check(const char *name, const char *text, size_t len, const struct cyaml_schema_value *schema,
                      struct conf_lines *lines, bool *ret_is_empty, struct err *err)
{
    struct checker checker = {.name = name, .lines = lines, .err = err};
    enum mr_rc rc = MR_OK;
    for (int pass = 0; pass < 2 && rc == MR_OK; pass++) {
        yaml_parser_t parser;
        if (!yaml_parser_initialize(&parser))
            return no_memory(&checker);
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
        rc = pass == 0 ? check_events(&checker, &parser) : check_document(&checker, &parser, schema, ret_is_empty);
        yaml_parser_delete(&parser);
    }
    return rc;
}
