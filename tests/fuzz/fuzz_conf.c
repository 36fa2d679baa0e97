/* Configuration: any text is refused with words or loads into the struct, and frees without a trace. */
#include "base/err.h"
#include "base/io/conf.h"
#include "base/mem.h"
#include <stdlib.h>

struct spool {
    char *max;
    bool is_synced;
};

struct program {
    char *name, **brokers;
    unsigned n_brokers;
    struct spool *spool;
    int16_t offset;
    double factor;
    int policy;
};

static const cyaml_strval_t policies[] = {{"refuse", 0}, {"drop_old", 1}};
static const cyaml_schema_field_t spool_fields[] = {
    CYAML_FIELD_STRING_PTR("max", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct spool, max, 0, 32),
    CYAML_FIELD_BOOL("synced", CYAML_FLAG_OPTIONAL, struct spool, is_synced),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t broker_value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 20)};
static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL, struct program, name, 0, 63),
    CYAML_FIELD_SEQUENCE_COUNT("brokers", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct program, brokers, n_brokers,
                               &broker_value, 0, 9),
    CYAML_FIELD_MAPPING_PTR("spool", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct program, spool, spool_fields),
    CYAML_FIELD_INT("offset", CYAML_FLAG_OPTIONAL, struct program, offset),
    CYAML_FIELD_FLOAT("factor", CYAML_FLAG_OPTIONAL, struct program, factor),
    CYAML_FIELD_ENUM("policy", CYAML_FLAG_OPTIONAL, struct program, policy, policies, 2),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct program, fields)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct conf *conf = NULL;
    void *loaded = NULL;
    struct err err = {{0}};
    size_t before = mem_outstanding();
    if (len > 4096)
        return 0;
    enum mr_rc rc = conf_parse("fuzz.yaml", (const char *)data, len, &schema, &conf, &loaded, &err);
    if ((rc == MR_OK) != (loaded != NULL) || (rc != MR_OK && err.text[0] == '\0'))
        abort();
    conf_free(conf);
    if (mem_outstanding() != before)
        abort();
    return 0;
}
