/* test_directory.c - directory.yaml: who the brokers are, where agents and peers find them, and what is a mistake. */
#include "base/err.h"
#include "base/io/directory.h"
#include "base/mem.h"
#include "tests/support/folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_SIZE = 4096 };

/* One more entry; key: 32 bytes that are all this. */
static void add(char text[TEXT_SIZE], const char *fields, uint8_t key)
{
    uint8_t bytes[KEYS_BYTES];
    char z85[KEYS_Z85_SIZE];
    memset(bytes, key, sizeof bytes);
    keys_z85_encode(bytes, z85);
    size_t len = strlen(text);
    snprintf(text + len, TEXT_SIZE - len, "%s  - {%s, public: \"%s\"}\n", len ? "" : "brokers:\n", fields, z85);
}

static enum mr_rc load(const char *text, struct directory *ret, struct err *err)
{
    char *folder = folder_new();
    folder_write(folder_path(folder, "directory.yaml"), text);
    enum mr_rc rc = directory_load(folder_path(folder, "directory.yaml"), ret, err);
    folder_remove(folder);
    return rc;
}

static void a_broker_has_two_addresses(void **state)
{
    char text[TEXT_SIZE] = "";
    struct directory d;
    struct err err = {{0}};
    (void)state;
    add(text, "name: mr1, address: mr1.plant.example", 1);
    add(text, "name: mr2, address: \"10.0.0.2:7430\", mesh: 10.1.0.2", 2);
    add(text, "name: mr3, address: \"10.0.0.3:7430\", mesh: \"10.0.0.3:7431\"", 3);
    if (load(text, &d, &err) != MR_OK)
        fail_msg("%s", err.text);
    assert_int_equal(d.n, 3);
    assert_int_equal(d.brokers[0].address.port, DIRECTORY_AGENTS_PORT);
    assert_string_equal(d.brokers[0].mesh.host, "mr1.plant.example");
    assert_int_equal(d.brokers[0].mesh.port, DIRECTORY_MESH_PORT);
    assert_string_equal(d.brokers[1].mesh.host, "10.1.0.2");
    assert_int_equal(d.brokers[1].mesh.port, DIRECTORY_MESH_PORT);
    assert_int_equal(d.brokers[2].mesh.port, 7431);
}

static void a_broker_is_found_by_name_address_and_key(void **state)
{
    char text[TEXT_SIZE] = "";
    struct directory d;
    struct err err = {{0}};
    uint8_t key[KEYS_BYTES];
    (void)state;
    add(text, "name: mr1, address: mr1.plant.example", 1);
    add(text, "name: mr2, address: \"10.0.0.2:7430\"", 2);
    assert_int_equal(load(text, &d, &err), MR_OK);
    assert_string_equal(directory_find(&d, "mr2")->name, "mr2");
    assert_string_equal(directory_find(&d, "mr1.plant.example:7420")->name, "mr1");
    assert_string_equal(directory_find(&d, "10.0.0.2:7430")->name, "mr2");
    assert_null(directory_find(&d, "10.0.0.2"));
    assert_null(directory_find(&d, "not an address"));
    memset(key, 2, sizeof key);
    assert_string_equal(directory_find_key(&d, key)->name, "mr2");
    memset(key, 3, sizeof key);
    assert_null(directory_find_key(&d, key));
}

static void mistakes_are_told_with_their_lines(void **state)
{
    static const struct {
        const char *fields;
        uint8_t key;
        const char *words;
    } cases[] = {
        {"name: mr1, address: b", 2, "directory.yaml:3: brokers[1].name: the same name is in line 2 already"},
        {"name: mr2, address: a", 2, "directory.yaml:3: brokers[1].address: the same address is in line 2 already"},
        {"name: mr2, address: b, mesh: \"a:7\"", 2, "brokers[1].mesh: the same mesh is in line 2 already"},
        {"name: mr2, address: b", 1, "brokers[1].public: the same public key is in line 2 already"},
        {"name: MR, address: b", 2, "'MR' is no name"},
        {"name: mr2, address: \"b:x\"", 2, "'b:x' is no address like mr1.plant.example:7420"},
        {"name: mr2, address: \"b:0\"", 2, "'b:0' is no address"},
        {"name: mr2, address: b, mesh: \"b:0\"", 2, "brokers[1].mesh: 'b:0' is no address like mr1.plant.example:7421"},
        {"name: mr2, address: b, mash: c", 2, "did you mean 'mesh'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[TEXT_SIZE] = "";
        struct directory d;
        struct err err = {{0}};
        add(text, "name: mr1, address: a, mesh: \"a:7\"", 1);
        add(text, cases[i].fields, cases[i].key);
        assert_int_equal(load(text, &d, &err), MR_INVALID);
        if (!strstr(err.text, cases[i].words))
            fail_msg("'%s' is not in '%s'", cases[i].words, err.text);
    }
    assert_int_equal(mem_outstanding(), 0);
}

static void two_brokers_of_one_host_need_no_mesh_for_agents(void **state)
{
    char text[TEXT_SIZE] = "";
    struct directory d;
    struct err err = {{0}};
    (void)state;
    add(text, "name: mr1, address: \"127.0.0.1:7420\"", 1);
    add(text, "name: mr2, address: \"127.0.0.1:7430\"", 2);
    assert_int_equal(load(text, &d, &err), MR_OK);
}

static void as_many_brokers_as_the_limit_says(void **state)
{
    struct directory d;
    struct err err = {{0}};
    (void)state;
    for (int n = DIRECTORY_MAX; n <= DIRECTORY_MAX + 1; n++) {
        char text[TEXT_SIZE] = "", fields[64];
        for (int i = 0; i < n; i++) {
            snprintf(fields, sizeof fields, "name: mr%d, address: mr%d", i, i);
            add(text, fields, (uint8_t)(i + 1));
        }
        assert_int_equal(load(text, &d, &err), n == DIRECTORY_MAX ? MR_OK : MR_INVALID);
    }
    assert_int_equal(load("brokers: []\n", &d, &err), MR_INVALID);
}

static void every_failed_allocation_is_a_result(void **state)
{
    char *folder = folder_new();
    char text[TEXT_SIZE] = "";
    unsigned n = 0;
    enum mr_rc rc;
    (void)state;
    add(text, "name: mr1, address: a, mesh: b", 1);
    folder_write(folder_path(folder, "directory.yaml"), text);
    do {
        struct directory d;
        struct err err = {{0}};
        mem_fail_at(++n);
        rc = directory_load(folder_path(folder, "directory.yaml"), &d, &err);
        assert_true(rc == MR_OK || rc == MR_NO_MEMORY);
        assert_int_equal(mem_outstanding(), 0);
    } while (mem_fail_off());
    assert_int_equal(rc, MR_OK);
    assert_true(n > 5);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broker_has_two_addresses),
        cmocka_unit_test(a_broker_is_found_by_name_address_and_key),
        cmocka_unit_test(mistakes_are_told_with_their_lines),
        cmocka_unit_test(two_brokers_of_one_host_need_no_mesh_for_agents),
        cmocka_unit_test(as_many_brokers_as_the_limit_says),
        cmocka_unit_test(every_failed_allocation_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
