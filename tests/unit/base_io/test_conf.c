/* test_conf.c - configuration files: what is loaded, and exactly what the errors say. */
#include "base/err.h"
#include "base/io/conf.h"
#include "base/mem.h"
#include "tests/unit/base_io/support.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct spool {
    char *max, *age;
    bool is_synced;
};

struct agent {
    char *name;
    char **brokers;
    unsigned n_brokers;
    struct spool *spool;
    int16_t offset;
    uint8_t level;
    int policy;
    double factor;
    char *include;
};

static const cyaml_strval_t policies[] = {{"refuse", 0}, {"drop_new", 1}, {"drop_old", 2}};
static const cyaml_schema_field_t spool_fields[] = {
    CYAML_FIELD_STRING_PTR("max", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct spool, max, 0, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("age", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct spool, age, 0, CYAML_UNLIMITED),
    CYAML_FIELD_BOOL("synced", CYAML_FLAG_OPTIONAL, struct spool, is_synced),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t broker_value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 20)};
static const cyaml_schema_field_t agent_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct agent, name, 1, 63),
    CYAML_FIELD_SEQUENCE_COUNT("brokers", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct agent, brokers, n_brokers,
                               &broker_value, 1, 3),
    CYAML_FIELD_MAPPING_PTR("spool", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct agent, spool, spool_fields),
    CYAML_FIELD_INT("offset", CYAML_FLAG_OPTIONAL, struct agent, offset),
    CYAML_FIELD_UINT("level", CYAML_FLAG_OPTIONAL, struct agent, level),
    CYAML_FIELD_ENUM("policy", CYAML_FLAG_OPTIONAL, struct agent, policy, policies, 3),
    CYAML_FIELD_FLOAT("factor", CYAML_FLAG_OPTIONAL, struct agent, factor),
    CYAML_FIELD_STRING_PTR("include", CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL, struct agent, include, 0, 255),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct agent, agent_fields)};

static const cyaml_schema_field_t optional_fields[] = {
    CYAML_FIELD_INT("offset", CYAML_FLAG_OPTIONAL, struct agent, offset),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t optional_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct agent, optional_fields)};

static const char whole[] = "# an agent\n"
                            "name: press-07\n"
                            "brokers: [mr1.plant.example, mr2]\n"
                            "spool: {max: 4 GiB, age: 7 d, synced: yes}\n"
                            "offset: -32768\n"
                            "level: 255\n"
                            "policy: drop_old\n"
                            "factor: 0.5\n"
                            "include: agent.d/*.yaml\n";

static struct conf *load(const char *text, void *ret_data)
{
    struct conf *conf = NULL;
    struct err err = {{0}};
    void *data = NULL;
    if (conf_parse("agent.yaml", text, strlen(text), &schema, &conf, &data, &err) != MR_OK)
        fail_msg("%s", err.text);
    memcpy(ret_data, &data, sizeof data);
    return conf;
}

static void a_whole_file_is_loaded(void **state)
{
    struct agent *agent;
    struct conf *conf = load(whole, &agent);
    (void)state;
    assert_string_equal(agent->name, "press-07");
    assert_int_equal(agent->n_brokers, 2);
    assert_string_equal(agent->brokers[0], "mr1.plant.example");
    assert_string_equal(agent->spool->max, "4 GiB");
    assert_true(agent->spool->is_synced);
    assert_int_equal(agent->offset, -32768);
    assert_int_equal(agent->level, 255);
    assert_int_equal(agent->policy, 2);
    assert_true(agent->factor > 0.49 && agent->factor < 0.51);
    assert_string_equal(agent->include, "agent.d/*.yaml");
    assert_string_equal(conf_name(conf), "agent.yaml");
    conf_free(conf);
    conf_free(NULL);
    assert_int_equal(mem_outstanding(), 0);
}

static void errors_name_file_line_reason_and_remedy(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"name: a\n\nbroker: [mr1]\n", "agent.yaml:3: unknown key 'broker'; did you mean 'brokers'?"},
        {"name: a\nspool:\n  maxx: 1\n", "agent.yaml:3: unknown key 'maxx'; did you mean 'max'?"},
        {"name: a\nspool:\n  zzzzzzzz: 1\n", "agent.yaml:3: unknown key 'zzzzzzzz'; known here: max, age, synced"},
        {"brokers: [mr1]\n", "agent.yaml:1: key 'name' is missing: add it"},
        {"", "agent.yaml:1: key 'name' is missing: add it"},
        {"# nothing\n", "agent.yaml:1: key 'name' is missing: add it"},
        {"---\n", "agent.yaml:1: key 'name' is missing: add it"},
        {"name: a\nname: b\n", "agent.yaml:2: name: given twice; the first is in line 1"},
        {"name: ''\n", "agent.yaml:1: name: must not be empty"},
        {"name: [a]\n", "agent.yaml:1: name: expected a single value"},
        {"name: a\nbrokers: mr1\n",
         "agent.yaml:2: brokers: expected a list: [a, b] or lines that begin with '-', not 'mr1'"},
        {"name: a\nbrokers: []\n", "agent.yaml:2: brokers: must have 1 to 3 entries, not 0"},
        {"name: a\nbrokers: [a, b, c, d]\n", "agent.yaml:2: brokers: must have 1 to 3 entries, not 4"},
        {"name: a\nbrokers:\n- b\n- ccccccccccccccccccccc\n", "agent.yaml:4: brokers[1]: must have at most 20 bytes"},
        {"name: a\nspool: big\n", "agent.yaml:2: spool: expected keys with values below it, indented, not 'big'"},
        {"name: a\nspool: {synced: off}\n", "agent.yaml:2: spool.synced: expected true or false, not 'off'"},
        {"name: a\noffset: 32768\n", "agent.yaml:2: offset: expected a whole number in range, not '32768'"},
        {"name: a\noffset: -32769\n", "agent.yaml:2: offset: expected a whole number in range, not '-32769'"},
        {"name: a\noffset: 1x\n", "agent.yaml:2: offset: expected a whole number in range, not '1x'"},
        {"name: a\nlevel: 256\n", "agent.yaml:2: level: expected a whole number, not negative, in range, not '256'"},
        {"name: a\nlevel: -1\n", "agent.yaml:2: level: expected a whole number, not negative, in range, not '-1'"},
        {"name: a\nfactor: much\n", "agent.yaml:2: factor: expected a number, not 'much'"},
        {"name: a\npolicy: drop_olt\n", "agent.yaml:2: unknown policy 'drop_olt'; did you mean 'drop_old'?"},
        {"name: a\npolicy: wait\n", "agent.yaml:2: unknown policy 'wait'; known here: refuse, drop_new, drop_old"},
        {"name: &x a\n", "agent.yaml:1: anchors and aliases (& and *) are not used here: write it out, or quote it"},
        {"name: a\ninclude: *.yaml\n", "agent.yaml:2: a text that begins with '*' or '&' must stand in quotes"},
        {"name: a\ninclude: *x\n",
         "agent.yaml:2: anchors and aliases (& and *) are not used here: write it out, or quote it"},
        {"name: a\n---\nname: b\n", "agent.yaml:2: only one document per file: remove the second '---'"},
        {"name: a\nspool: [[[[[[[[[[[1]]]]]]]]]]]\n", "agent.yaml:2: nested more than 8 deep"},
        {"- a\n", "agent.yaml:1: the file: expected keys with values below it, indented"},
        {"just text\n", "agent.yaml:1: the file: expected keys with values below it, indented, not 'just text'"},
        {"? [a]\n: b\n", "agent.yaml:1: a key must be a word"},
        {"name: \"a\\0b\"\n", "agent.yaml:1: name: a text cannot contain NUL"},
        {"name: a\n  brokers: [\n",
         "agent.yaml:2: not YAML: mapping values are not allowed in this context; look at indentation, quotes and tabs "
         "around here"},
        {"name: \"a\x1b\"\n", "agent.yaml:1: not text in UTF-8: control characters are not allowed; save it as UTF-8"},
        {"name: \xff\n", "agent.yaml:1: not text in UTF-8: invalid leading UTF-8 octet; save it as UTF-8"},
        {"# one\n# two\nname: \xff\n",
         "agent.yaml:3: not text in UTF-8: invalid leading UTF-8 octet; save it as UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf *conf = NULL;
        void *data = NULL;
        struct err err = {{0}};
        assert_int_equal(conf_parse("agent.yaml", cases[i].text, strlen(cases[i].text), &schema, &conf, &data, &err),
                         MR_INVALID);
        assert_string_equal(err.text, cases[i].words);
        assert_null(conf);
        assert_null(data);
    }
    assert_int_equal(mem_outstanding(), 0);
}

static void an_empty_file_is_a_mapping_without_keys(void **state)
{
    static const char *const texts[] = {"", "\n", "# only a comment\n", "---\n", "{}\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct conf *conf = NULL;
        void *data = NULL;
        assert_int_equal(conf_parse("a.yaml", texts[i], strlen(texts[i]), &optional_schema, &conf, &data, NULL), MR_OK);
        assert_non_null(data);
        assert_int_equal(((struct agent *)data)->offset, 0);
        conf_free(conf);
    }
}

static void only_known_words_are_true_or_false(void **state)
{
    static const struct {
        const char *text;
        bool is_synced;
    } cases[] = {{"name: a\nspool: {synced: true}\n", true},
                 {"name: a\nspool: {synced: false}\n", false},
                 {"name: a\nspool: {synced: yes}\n", true},
                 {"name: a\nspool: {synced: no}\n", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct agent *agent;
        struct conf *conf = load(cases[i].text, &agent);
        assert_int_equal(agent->spool->is_synced, cases[i].is_synced);
        conf_free(conf);
    }
}

static void a_null_is_allowed_where_the_schema_says_so(void **state)
{
    struct agent *agent;
    struct conf *conf = load("name: a\ninclude:\n", &agent);
    (void)state;
    assert_null(agent->include);
    conf_free(conf);
}

static void what_only_the_caller_can_judge_is_told_with_its_line(void **state)
{
    struct agent *agent;
    struct err err = {{0}};
    uint64_t bytes = 7;
    int64_t ns = 7;
    struct conf *conf = load("name: a\nbrokers:\n- b\n- c\nspool:\n  max: 4 GB!\n  age: 7 d\n", &agent);
    (void)state;
    assert_int_equal(conf_line(conf, "brokers[1]"), 4);
    assert_int_equal(conf_line(conf, "brokers[2]"), 2);
    assert_int_equal(conf_line(conf, "spool.age"), 7);
    assert_int_equal(conf_line(conf, "spool.other"), 5);
    assert_int_equal(conf_line(conf, "other"), 1);
    assert_int_equal(conf_size(conf, "spool.max", agent->spool->max, &bytes, &err), MR_INVALID);
    assert_string_equal(err.text, "agent.yaml:6: spool.max: '4 GB!' is not a size; write it like 512 MiB or 4 GiB");
    assert_int_equal(conf_duration(conf, "spool.age", agent->spool->age, &ns, &err), MR_OK);
    assert_true(ns == INT64_C(7) * 86400 * 1000000000);
    assert_int_equal(conf_duration(conf, "spool.age", "7 w", &ns, &err), MR_INVALID);
    assert_string_equal(err.text,
                        "agent.yaml:7: spool.age: '7 w' is not a duration; write it like 250 ms, 30 s or 7 d");
    assert_int_equal(conf_size(conf, "spool.max", NULL, &bytes, NULL), MR_OK);
    assert_int_equal(bytes, 7);
    assert_int_equal(conf_fail(conf, "brokers[0]", &err, "'%s' is not an address", "b"), MR_INVALID);
    assert_string_equal(err.text, "agent.yaml:3: brokers[0]: 'b' is not an address");
    conf_free(conf);
}

/* -- files ----------------------------------------------------------------------------------------------------------- */
static enum mr_rc note_path(void *user, const char *path, struct err *err)
{
    char *log = user;
    const char *name = strrchr(path, '/');
    if (strcmp(name, "/bad.yaml") == 0) {
        err_set(err, "bad");
        return MR_DENIED;
    }
    strncat(log, name, 200 - strlen(log));
    return MR_OK;
}

static void included_files_come_in_order_from_the_folder_of_the_file(void **state)
{
    char *folder = support_folder(), path[256], log[256] = "";
    struct conf *conf = NULL;
    void *data = NULL;
    struct err err = {{0}};
    (void)state;
    snprintf(path, sizeof path, "%s", support_path(folder, "[agent].d")); /* as literal as it is */
    assert_int_equal(mkdir(path, 0700), 0);
    support_write(support_path(path, "20.yaml"), "");
    support_write(support_path(path, "10.yaml"), "");
    support_write(support_path(path, "30.txt"), "");
    support_write(support_path(path, "agent.yaml"), "name: a\ninclude: x\n");
    snprintf(path + strlen(path), 32, "/agent.yaml");
    assert_int_equal(conf_load(path, &schema, &conf, &data, NULL), MR_OK);
    assert_int_equal(conf_include(conf, "[0-9]*.yaml", note_path, log, &err), MR_OK);
    assert_string_equal(log, "/10.yaml/20.yaml");
    assert_int_equal(conf_include(conf, "*.conf", note_path, log, &err), MR_OK);
    assert_int_equal(conf_include(conf, "none.yaml", note_path, log, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "agent.yaml:2: include: there is no file 'none.yaml'"));
    assert_int_equal(conf_include(conf, "", note_path, log, &err), MR_INVALID);
    path[strlen(path) - strlen("agent.yaml")] = '\0';
    support_write(support_path(path, "bad.yaml"), "");
    assert_int_equal(conf_include(conf, "*.yaml", note_path, log, &err), MR_DENIED);
    assert_string_equal(err.text, "bad");
    conf_free(conf);
    support_remove(folder);
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
    char *folder = support_folder();
    static char large[CONF_FILE_MAX + 2];
    struct conf *conf = NULL;
    void *data = NULL;
    struct err err = {{0}};
    (void)state;
    assert_int_equal(conf_load(support_path(folder, "none.yaml"), &schema, &conf, &data, &err), MR_NOT_FOUND);
    assert_non_null(strstr(err.text, "none.yaml: 'millrace init' makes one"));
    assert_int_equal(conf_load(folder, &schema, &conf, &data, &err), MR_INVALID);
    assert_non_null(strstr(err.text, " is a folder: name the file in it"));
    memset(large, '#', sizeof large - 1);
    support_write(support_path(folder, "large.yaml"), large);
    assert_int_equal(conf_load(support_path(folder, "large.yaml"), &schema, &conf, &data, &err), MR_TOO_BIG);
    assert_non_null(strstr(err.text, "is it the right file?"));
    assert_int_equal(conf_load_up_to(support_path(folder, "large.yaml"), CONF_FILE_MAX, &schema, &conf, &data, &err),
                     MR_TOO_BIG);
    assert_int_equal(
        conf_load_up_to(support_path(folder, "large.yaml"), CONF_FILE_MAX + 1, &optional_schema, &conf, &data, &err),
        MR_OK);
    conf_free(conf);
    support_remove(folder);
}

static void every_failed_allocation_is_a_result(void **state)
{
    struct conf *conf = NULL;
    void *data = NULL;
    enum mr_rc rc = MR_NO_MEMORY;
    unsigned n = 1;
    (void)state;
    for (; rc == MR_NO_MEMORY; n++) {
        mem_fail_at(n);
        rc = conf_parse("agent.yaml", whole, strlen(whole), &schema, &conf, &data, NULL);
        (void)mem_fail_off();
        assert_int_equal(rc == MR_OK, conf != NULL);
    }
    assert_int_equal(rc, MR_OK);
    assert_true(n > 15);
    conf_free(conf);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_loaded),
        cmocka_unit_test(errors_name_file_line_reason_and_remedy),
        cmocka_unit_test(an_empty_file_is_a_mapping_without_keys),
        cmocka_unit_test(only_known_words_are_true_or_false),
        cmocka_unit_test(a_null_is_allowed_where_the_schema_says_so),
        cmocka_unit_test(what_only_the_caller_can_judge_is_told_with_its_line),
        cmocka_unit_test(included_files_come_in_order_from_the_folder_of_the_file),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told),
        cmocka_unit_test(every_failed_allocation_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
