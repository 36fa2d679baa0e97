/* conf_parts.c - names, files beside the file, the log section. */
#include "base/io/conf_parts.h"
#include "base/err.h"
#include "base/io/keys.h"
#include <sched.h>
#include <stdio.h>
#include <string.h>

static const cyaml_strval_t levels[] = {
    {"debug", LOG_LEVEL_DEBUG}, {"info", LOG_LEVEL_INFO}, {"warn", LOG_LEVEL_WARN}, {"error", LOG_LEVEL_ERROR}};
static const cyaml_strval_t formats[] = {{"text", LOG_TEXT}, {"json", LOG_JSON}};

const cyaml_schema_field_t conf_log_fields[] = {
    CYAML_FIELD_ENUM_PTR("level", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct conf_log, level,
                         levels, CYAML_ARRAY_LEN(levels)),
    CYAML_FIELD_ENUM_PTR("format", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct conf_log,
                         format, formats, CYAML_ARRAY_LEN(formats)),
    CYAML_FIELD_END,
};

bool conf_is_name(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > KEYS_NAME_MAX || strchr("._-", text[0]))
        return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

enum mr_rc conf_copy_name(const struct conf *conf, const char *where, const char *text, char *ret, size_t size,
                          struct err *err)
{
    if (!conf_is_name(text))
        return conf_fail(conf, where, err,
                         "'%s' is no name: 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit",
                         text);
    return conf_copy_text(conf, where, text, ret, size, err);
}

enum mr_rc conf_copy_text(const struct conf *conf, const char *where, const char *text, char *ret, size_t size,
                          struct err *err)
{
    if (!text)
        return MR_OK;
    size_t len = strlen(text);
    if (len >= size)
        return conf_fail(conf, where, err, "must have at most %zu bytes", size - 1);
    memcpy(ret, text, len + 1);
    return MR_OK;
}

void conf_beside(const char *file, const char *name, char *ret, size_t size)
{
    const char *slash = strrchr(file, '/');
    int folder_len = slash ? (int)(slash - file) + 1 : 0;
    snprintf(ret, size, "%.*s%s", folder_len, file, name);
}

enum mr_rc conf_copy_file(const struct conf *conf, const char *where, const char *text, char *ret, size_t size,
                          struct err *err)
{
    char beside[8192];
    if (!text)
        return MR_OK;
    if (text[0] == '\0')
        return conf_fail(conf, where, err, "is empty: give the name of a file");
    if (text[0] == '/')
        return conf_copy_text(conf, where, text, ret, size, err);
    conf_beside(conf_name(conf), text, beside, sizeof beside);
    return conf_copy_text(conf, where, beside, ret, size, err);
}

enum mr_rc conf_limit(const struct conf *conf, const char *where, const uint32_t *given, uint32_t most, uint32_t *ret,
                      struct err *err)
{
    if (!given)
        return MR_OK;
    if (*given < 1 || *given > most)
        return conf_fail(conf, where, err, "must be 1 to %u, not %u", most, *given);
    *ret = *given;
    return MR_OK;
}

enum mr_rc conf_check_cpu(const struct conf *conf, const char *where, int cpu, struct err *err)
{
    cpu_set_t mine;
    CPU_ZERO(&mine);
    if (cpu == -1)
        return MR_OK;
    if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof mine, &mine) != 0 ||
        !CPU_ISSET((size_t)cpu, &mine))
        return conf_fail(conf, where, err, "there is no CPU %d for this program; -1 leaves the choice to the system",
                         cpu);
    return MR_OK;
}
