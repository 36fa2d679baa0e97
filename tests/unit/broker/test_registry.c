/* test_registry.c - whom a broker knows: looked up by key and user id; mistakes are told with their lines. */
#include "base/mem.h"
#include "broker/registry.h"
#include "tests/support/folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Z85 of 32 bytes that are all `digit`. */
static const char *key_text(uint8_t digit)
{
    static char texts[4][KEYS_Z85_SIZE];
    static unsigned next;
    uint8_t key[KEYS_BYTES];
    memset(key, digit, sizeof key);
    next = (next + 1) % 4;
    keys_z85_encode(key, texts[next]);
    return texts[next];
}

static enum mr_rc load(const char *text, struct registry **ret, struct err *err)
{
    char *folder = folder_new();
    folder_write(folder_path(folder, "registry.yaml"), text);
    enum mr_rc rc = registry_load(folder_path(folder, "registry.yaml"), rand_system(), ret, err);
    folder_remove(folder);
    return rc;
}

static const char *two_identities(void)
{
    static char text[1024];
    snprintf(text, sizeof text,
             "identities:\n"
             "  - {name: press-07, kind: machine, path: acme/press-07, public: \"%s\"}\n"
             "  - {name: anna, kind: person, path: acme/anna, public: \"%s\"}\n",
             key_text(1), key_text(2));
    return text;
}

static void identities_are_found_by_key_and_by_user_id(void **state)
{
    struct registry *r = NULL;
    struct err err = {{0}};
    uint8_t key[KEYS_BYTES];
    (void)state;
    assert_int_equal(load(two_identities(), &r, &err), MR_OK);
    assert_int_equal(registry_count(r), 2);
    memset(key, 2, sizeof key);
    const struct registry_identity *anna = registry_find_key(r, key);
    assert_non_null(anna);
    assert_string_equal(anna->name, "anna");
    assert_int_equal(anna->kind, REGISTRY_PERSON);
    assert_string_equal(anna->path, "acme/anna");
    assert_memory_equal(anna->user_id, "person/anna#", 12);
    assert_int_equal(strlen(anna->user_id), 12 + KEYS_FINGERPRINT_SIZE - 1);
    assert_ptr_equal(registry_find_user(r, anna->user_id), anna);
    assert_null(registry_find_user(r, "person/anna#aaaaaaaaaaaaaaaa"));
    memset(key, 3, sizeof key);
    assert_null(registry_find_key(r, key));
    registry_free(r);
    registry_free(NULL);
    assert_int_equal(mem_outstanding(), 0);
}

static void an_empty_list_knows_nobody(void **state)
{
    struct registry *r = NULL;
    struct err err = {{0}};
    uint8_t key[KEYS_BYTES] = {0};
    (void)state;
    assert_int_equal(load("identities: []\n", &r, &err), MR_OK);
    assert_int_equal(registry_count(r), 0);
    assert_null(registry_find_key(r, key));
    registry_free(r);
}

static void mistakes_are_told_with_their_lines(void **state)
{
    static const struct {
        const char *name, *kind, *path;
        uint8_t key;
        const char *words;
    } cases[] = {
        {"press-07", "machine", "acme/x", 3,
         "registry.yaml:3: identities[1].name: 'press-07' and 'press-07' have the same name"},
        {"other", "machine", "acme/x", 1,
         "registry.yaml:3: identities[1].public: 'press-07' and 'other' have the same public key"},
        {"anna~2", "person", "acme/x", 3, "'anna~2' is no name"},
        {"-a", "machine", "acme/x", 3, "'-a' is no name"},
        {"a", "robot", "acme/x", 3, "registry.yaml:3: unknown identities[1].kind 'robot'; known here: machine, person"},
        {"a", "machine", "/acme", 3, "'/acme' begins with '/'"},
        {"a", "machine", "acme/#", 3, "'acme/#' contains a wildcard"},
        {"a", "machine", "$agent/a", 3, "belongs to the bus"},
        {"a", "machine", "./a", 3, "relative to one's own path"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        struct registry *r = NULL;
        struct err err = {{0}};
        snprintf(text, sizeof text,
                 "identities:\n  - {name: press-07, kind: machine, path: acme/press-07, public: \"%s\"}\n"
                 "  - {name: %s, kind: %s, path: \"%s\", public: \"%s\"}\n",
                 key_text(1), cases[i].name, cases[i].kind, cases[i].path, key_text(cases[i].key));
        assert_int_equal(load(text, &r, &err), MR_INVALID);
        if (!strstr(err.text, cases[i].words))
            fail_msg("'%s' is not in '%s'", cases[i].words, err.text);
        assert_null(r);
    }
    assert_int_equal(mem_outstanding(), 0);
}

static void a_file_that_is_not_there_is_told(void **state)
{
    struct registry *r = NULL;
    struct err err = {{0}};
    (void)state;
    assert_int_equal(registry_load("/nowhere/registry.yaml", rand_system(), &r, &err), MR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nowhere/registry.yaml"));
}

static void every_failed_allocation_is_a_result(void **state)
{
    char *folder = folder_new();
    struct registry *r = NULL;
    unsigned n = 0;
    enum mr_rc rc;
    (void)state;
    folder_write(folder_path(folder, "registry.yaml"), two_identities());
    do {
        struct err err = {{0}};
        mem_fail_at(++n);
        rc = registry_load(folder_path(folder, "registry.yaml"), rand_system(), &r, &err);
        assert_true(rc == MR_OK || rc == MR_NO_MEMORY);
        if (rc)
            assert_int_equal(mem_outstanding(), 0);
    } while (mem_fail_off());
    assert_int_equal(rc, MR_OK);
    assert_true(n > 10);
    registry_free(r);
    folder_remove(folder);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities_are_found_by_key_and_by_user_id),
        cmocka_unit_test(an_empty_list_knows_nobody),
        cmocka_unit_test(mistakes_are_told_with_their_lines),
        cmocka_unit_test(a_file_that_is_not_there_is_told),
        cmocka_unit_test(every_failed_allocation_is_a_result),
    };
    if (keys_init() != MR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
