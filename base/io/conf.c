/* conf.c - configuration files: checked, loaded by libcyaml, remembered by line, included. */
#include "base/io/conf.h"
#include "base/err.h"
#include "base/io/conf_check.h"
#include "base/io/fs.h"
#include "base/mem.h"
#include "base/text_units.h"
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct conf {
    char *name;
    const struct cyaml_schema_value *schema;
    void *data;
    struct conf_lines lines;
};

/* libcyaml frees by size 0, mem_resize() does not. */
static void *resize(void *context, void *ptr, size_t size)
{
    (void)context;
    if (size > 0)
        return mem_resize(ptr, size);
    mem_free(ptr);
    return NULL;
}

static const cyaml_config_t cyaml = {.mem_fn = resize, .flags = CYAML_CFG_NO_ALIAS};

/* What to do about a file that cannot be read. */
static enum mr_rc unreadable(const char *path, size_t max_bytes, enum mr_rc rc, struct err *err)
{
    struct stat status;
    if (rc == MR_NOT_FOUND)
        err_set(err, "there is no file %s: 'millrace init' makes one, or name the one you have", path);
    else if (rc == MR_DENIED)
        err_set(err, "cannot open %s: its rights forbid it: chown or chmod it for user %u", path, (unsigned)geteuid());
    else if (rc == MR_TOO_BIG)
        err_set(err, "%s is larger than a configuration may be, %zu bytes: is it the right file?", path, max_bytes);
    else if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        err_set(err, "%s is a folder: name the file in it", path);
    return rc;
}

/* -- loading --------------------------------------------------------------------------------------------------------- */
static enum mr_rc fill(struct conf *conf, const char *text, size_t len, struct err *err)
{
    bool is_empty = false;
    enum mr_rc rc = conf_check(conf->name, text, len, conf->schema, &conf->lines, &is_empty, err);
    if (rc == MR_OK && is_empty) { /* once more as a mapping: keys may be required */
        text = "{}";
        len = 2;
        rc = conf_check(conf->name, text, len, conf->schema, &conf->lines, &is_empty, err);
    }
    if (rc != MR_OK)
        return rc;
    cyaml_err_t failure = cyaml_load_data((const uint8_t *)text, len, &cyaml, conf->schema, &conf->data, NULL);
    if (failure == CYAML_OK)
        return MR_OK;
    err_set(err, "%s: %s", conf->name, failure == CYAML_ERR_OOM ? "out of memory" : cyaml_strerror(failure));
    return failure == CYAML_ERR_OOM ? MR_NO_MEMORY : MR_INVALID;
}

enum mr_rc conf_parse(const char *name, const char *text, size_t len, const struct cyaml_schema_value *schema,
                      struct conf **ret, void **ret_data, struct err *err)
{
    struct conf *conf = mem_calloc(1, sizeof *conf);
    if (conf)
        conf->name = mem_strndup(name, strlen(name));
    if (!conf || !conf->name) {
        mem_free(conf);
        err_set(err, "%s: out of memory", name);
        return MR_NO_MEMORY;
    }
    conf->schema = schema;
    conf_lines_init(&conf->lines);
    enum mr_rc rc = fill(conf, text, len, err);
    if (rc != MR_OK) {
        conf_free(conf);
        return rc;
    }
    *ret = conf;
    *ret_data = conf->data;
    return MR_OK;
}

enum mr_rc conf_load_up_to(const char *path, size_t max_bytes, const struct cyaml_schema_value *schema,
                           struct conf **ret, void **ret_data, struct err *err)
{
    char *text = NULL;
    size_t len = 0;
    enum mr_rc rc = fs_read(path, max_bytes, &text, &len, err);
    if (rc != MR_OK)
        return unreadable(path, max_bytes, rc, err);
    rc = conf_parse(path, text, len, schema, ret, ret_data, err);
    mem_free(text);
    return rc;
}

enum mr_rc conf_load(const char *path, const struct cyaml_schema_value *schema, struct conf **ret, void **ret_data,
                     struct err *err)
{
    return conf_load_up_to(path, CONF_FILE_MAX, schema, ret, ret_data, err);
}

void conf_free(struct conf *conf)
{
    if (!conf)
        return;
    if (conf->data)
        cyaml_free(&cyaml, conf->schema, conf->data, 0);
    conf_lines_fini(&conf->lines);
    mem_free(conf->name);
    mem_free(conf);
}

const char *conf_name(const struct conf *conf)
{
    return conf->name;
}

/* -- errors of the caller -------------------------------------------------------------------------------------------- */
/* The length of "spool" in "spool.max", of "brokers" in "brokers[1]"; 0 where nothing encloses it. */
static size_t enclosing(const char *where, size_t len)
{
    while (len > 0 && where[len - 1] != '.' && where[len - 1] != '[')
        len--;
    return len > 0 ? len - 1 : 0;
}

unsigned conf_line(const struct conf *conf, const char *where)
{
    for (size_t len = strlen(where); len > 0; len = enclosing(where, len)) {
        unsigned line = conf_lines_find(&conf->lines, where, len);
        if (line > 0)
            return line;
    }
    return 1;
}

enum mr_rc conf_fail(const struct conf *conf, const char *where, struct err *err, const char *format, ...)
{
    char words[384];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    err_set(err, "%s:%u: %s: %s", conf->name, conf_line(conf, where), where, words);
    return MR_INVALID;
}

enum mr_rc conf_size(const struct conf *conf, const char *where, const char *text, uint64_t *ret_bytes, struct err *err)
{
    if (!text || text_parse_size(text, ret_bytes) == MR_OK)
        return MR_OK;
    return conf_fail(conf, where, err, "'%.64s' is not a size; write it like 512 MiB or 4 GiB", text);
}

enum mr_rc conf_duration(const struct conf *conf, const char *where, const char *text, int64_t *ret_ns, struct err *err)
{
    if (!text || text_parse_duration(text, ret_ns) == MR_OK)
        return MR_OK;
    return conf_fail(conf, where, err, "'%.64s' is not a duration; write it like 250 ms, 30 s or 7 d", text);
}

/* -- include --------------------------------------------------------------------------------------------------------- */
/* The pattern seen from conf's folder, whose own name is taken literally. False: too long. */
static bool anchor_pattern(const struct conf *conf, const char *pattern, char ret_pattern[PATH_MAX])
{
    size_t len = 0;
    const char *slash = strrchr(conf->name, '/');
    const char *folder_end = slash && pattern[0] != '/' ? slash + 1 : conf->name;
    for (const char *c = conf->name; c < folder_end && len < PATH_MAX - 2; c++) {
        if (strchr("\\*?[", *c))
            ret_pattern[len++] = '\\';
        ret_pattern[len++] = *c;
    }
    int rest = snprintf(ret_pattern + len, PATH_MAX - len, "%s", pattern);
    return rest >= 0 && (size_t)rest < PATH_MAX - len;
}

enum mr_rc conf_include(const struct conf *conf, const char *pattern, conf_include_fn *fn, void *user, struct err *err)
{
    char anchored[PATH_MAX];
    glob_t found = {0};
    if (pattern[0] == '\0' || !anchor_pattern(conf, pattern, anchored))
        return conf_fail(conf, "include", err, "the pattern is %s", pattern[0] ? "too long" : "empty");
    int failure = glob(anchored, 0, NULL, &found);
    enum mr_rc rc = MR_OK;
    if (failure == GLOB_NOSPACE) {
        err_set(err, "%s: out of memory", conf->name);
        rc = MR_NO_MEMORY;
    } else if (failure == GLOB_ABORTED) {
        rc = conf_fail(conf, "include", err, "cannot read the folder of '%s'", pattern);
    } else if (failure == GLOB_NOMATCH && !strpbrk(pattern, "*?[")) {
        rc = conf_fail(conf, "include", err, "there is no file '%s'", pattern);
    }
    for (size_t i = 0; failure == 0 && i < found.gl_pathc && rc == MR_OK; i++)
        rc = fn(user, found.gl_pathv[i], err);
    globfree(&found);
    return rc;
}
