/* test_conf.c - broker.yaml: defaults, every key, and which brokers are peers. */
#include "base/err.h"
#include "base/mem.h"
#include "broker/conf.h"
#include "tests/support/folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_SIZE = 4096 };

/* directory.yaml with mr1 to mr<n>, each at a host of its own name. */
static void write_directory(const char *folder, unsigned n)
{
    char text[TEXT_SIZE] = "brokers:\n";
    for (unsigned i = 1; i <= n; i++) {
        uint8_t key[KEYS_BYTES];
        char z85[KEYS_Z85_SIZE];
        size_t len = strlen(text);
        memset(key, (int)i, sizeof key);
        keys_z85_encode(key, z85);
        snprintf(text + len, sizeof text - len, "  - {name: mr%u, address: mr%u.plant.example, public: \"%s\"}\n", i, i,
                 z85);
    }
    folder_write(folder_path(folder, "directory.yaml"), text);
}

static int make_folder(void **state)
{
    *state = folder_new();
    write_directory(*state, BROKERS_MAX);
    return 0;
}

static int remove_folder(void **state)
{
    folder_remove(*state);
    return mem_outstanding() > 0;
}

static enum mr_rc load(const char *folder, const char *text, struct broker_conf *ret, struct err *err)
{
    folder_write(folder_path(folder, "broker.yaml"), text);
    return broker_conf_load(folder_path(folder, "broker.yaml"), ret, err);
}

static void a_name_is_a_configuration(void **state)
{
    struct broker_conf conf;
    struct err err = {{0}};
    if (load(*state, "name: mr1\n", &conf, &err) != MR_OK)
        fail_msg("%s", err.text);
    assert_string_equal(conf.name, "mr1");
    assert_string_equal(conf.data, "/var/lib/millrace");
    assert_string_equal(conf.key_file, folder_path(*state, "broker.key"));
    assert_string_equal(conf.registry_file, folder_path(*state, "registry.yaml"));
    assert_string_equal(conf.directory_file, folder_path(*state, "directory.yaml"));
    assert_string_equal(conf.listen_agents, "*:7420");
    assert_string_equal(conf.listen_mesh, "*:7421");
    assert_int_equal(conf.peers.n, 0);
    assert_int_equal(conf.max_sessions, SESSIONS_PER_BROKER);
    assert_int_equal(conf.max_unauthenticated, UNAUTHENTICATED_MAX);
    assert_int_equal(conf.max_records_per_s + conf.max_bytes_per_s, 0);
    assert_int_equal(conf.max_filters, FILTERS_PER_BROKER);
    assert_int_equal(conf.max_topics, BROKER_TOPICS);
    assert_int_equal(conf.max_slots, SLOTS_PER_SITE);
    assert_int_equal(conf.max_credit_bytes, CREDIT_POOL_BYTES);
    assert_int_equal(conf.log_level, LOG_LEVEL_INFO);
    assert_int_equal(conf.pin_cpu, -1);
}

static void every_key_is_taken(void **state)
{
    struct broker_conf conf;
    struct err err = {{0}};
    if (load(*state,
             "name: mr1\ndata: d\nkey: /k\nregistry: r.yaml\ndirectory: directory.yaml\n"
             "peers: [mr2, \"mr3.plant.example:7420\", mr4.plant.example]\n"
             "listen: {agents: \"127.0.0.1:1\", mesh: \"[::1]:2\"}\n"
             "limits: {sessions: 1, unauthenticated: 7, filters: 2, topics: 3, slots: 4, credit: 1 MiB, rate: 5, "
             "bytes_rate: 3 MiB}\nlog: {level: warn, format: json}\npin_cpu: -1\n",
             &conf, &err) != MR_OK)
        fail_msg("%s", err.text);
    assert_string_equal(conf.data, folder_path(*state, "d"));
    assert_string_equal(conf.key_file, "/k");
    assert_string_equal(conf.listen_agents, "127.0.0.1:1");
    assert_string_equal(conf.listen_mesh, "[::1]:2");
    assert_int_equal(conf.max_sessions + conf.max_filters + conf.max_topics + conf.max_slots, 10);
    assert_int_equal(conf.max_credit_bytes, CREDIT_MAX_BYTES);
    assert_int_equal(conf.max_unauthenticated, 7);
    assert_int_equal(conf.max_records_per_s, 5);
    assert_int_equal(conf.max_bytes_per_s, 3 * 1024 * 1024);
    assert_int_equal(conf.peers.n, 3);
    assert_string_equal(conf.peers.list[0].broker.name, "mr2");
    assert_string_equal(conf.peers.list[1].broker.name, "mr3");
    assert_string_equal(conf.peers.list[2].broker.name, "mr4");
    assert_string_equal(conf.peers.list[2].broker.mesh.host, "mr4.plant.example");
    assert_int_equal(conf.peers.list[2].broker.mesh.port, DIRECTORY_MESH_PORT);
}

static void limits_are_taken_at_their_bounds_and_refused_above_and_at_zero(void **state)
{
    static const struct {
        const char *limits, *words; /* NULL: they are taken */
    } cases[] = {
        {"sessions: 10000, filters: 100000000, topics: 100000000, slots: 100000000, credit: 1 TiB", NULL},
        {"sessions: 1, filters: 1, topics: 1, slots: 1, credit: 1 MiB", NULL},
        {"sessions: 10001", "broker.yaml:2: limits.sessions: must be 1 to 10000, not 10001"},
        {"filters: 100000001", "limits.filters: must be 1 to 100000000, not 100000001"},
        {"topics: 100000001", "limits.topics: must be 1 to 100000000, not 100000001"},
        {"slots: 100000001", "limits.slots: must be 1 to 100000000, not 100000001"},
        {"unauthenticated: 65536", NULL},
        {"unauthenticated: 65537", "limits.unauthenticated: must be 1 to 65536, not 65537"},
        {"unauthenticated: 1", NULL},
        {"unauthenticated: 0", "limits.unauthenticated: must be 1 to 65536, not 0"},
        {"rate: 1, bytes_rate: 1 MiB", NULL},
        {"rate: 100000000, bytes_rate: 1024 GiB", NULL},
        {"rate: 100000001", "limits.rate: must be 1 to 100000000, not 100000001"},
        {"rate: 0", "limits.rate: must be 1 to 100000000, not 0"},
        {"bytes_rate: 1025 GiB", "limits.bytes_rate: must be 1 MiB to 1 TiB, not '1025 GiB'"},
        {"bytes_rate: 0 B", "limits.bytes_rate: must be 1 MiB to 1 TiB, not '0 B'"},
        {"credit: 1025 GiB", "limits.credit: must be 1 MiB to 1 TiB, not '1025 GiB'"},
        {"sessions: 0", "limits.sessions: must be 1 to 10000, not 0"},
        {"filters: 0", "limits.filters: must be 1 to 100000000, not 0"},
        {"topics: 0", "limits.topics: must be 1 to 100000000, not 0"},
        {"slots: 0", "limits.slots: must be 1 to 100000000, not 0"},
        {"credit: 0 B", "limits.credit: must be 1 MiB to 1 TiB, not '0 B'"},
        {"credit: 1023 KiB", "limits.credit: must be 1 MiB to 1 TiB, not '1023 KiB'"},
        {"credit: lots", "limits.credit: 'lots' is not a size"},
        {"apps: 5", "unknown key 'apps'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct broker_conf conf;
        struct err err = {{0}};
        char text[256];
        snprintf(text, sizeof text, "name: mr1\nlimits: {%s}\n", cases[i].limits);
        enum mr_rc rc = load(*state, text, &conf, &err);
        if (rc != (cases[i].words ? MR_INVALID : MR_OK) || (rc && !strstr(err.text, cases[i].words)))
            fail_msg("%s: %s '%s'", cases[i].limits, rc_text(rc), err.text);
    }
}

static void without_peers_no_directory_is_read(void **state)
{
    struct broker_conf conf;
    struct err err = {{0}};
    assert_int_equal(load(*state, "name: mr1\npeers: []\ndirectory: none.yaml\n", &conf, &err), MR_OK);
    assert_int_equal(load(*state, "name: mr1\npeers: [mr2]\ndirectory: none.yaml\n", &conf, &err), MR_NOT_FOUND);
    assert_non_null(strstr(err.text, "no peer can be trusted without a directory"));
    assert_non_null(strstr(err.text, "none.yaml"));
}

static void a_cluster_has_as_many_brokers_as_the_limit_says(void **state)
{
    struct broker_conf conf;
    struct err err = {{0}};
    assert_int_equal(load(*state, "name: mr1\npeers: [mr2, mr3, mr4, mr5, mr6, mr7, mr8, mr9]\n", &conf, &err), MR_OK);
    assert_int_equal(conf.peers.n, PEERS_MAX);
    assert_int_equal(load(*state, "name: mr0\npeers: [mr1, mr2, mr3, mr4, mr5, mr6, mr7, mr8, mr9]\n", &conf, &err),
                     MR_INVALID);
    assert_non_null(strstr(err.text, "broker.yaml:2: peers: 9 are too many: a cluster has at most 9 brokers"));
}

static void mistakes_are_told_with_their_lines(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"name: mr1\npeers:\n  - mr2\n  - mr99\n", "broker.yaml:4: peers[1]: no key is known for 'mr99': add its name"},
        {"name: mr1\npeers: [mr2, mr1]\n", "broker.yaml:2: peers[1]: 'mr1' is this broker itself"},
        {"name: mr1\npeers: [mr1.plant.example]\n", "peers[0]: 'mr1.plant.example' is this broker itself"},
        {"name: mr1\npeers: [mr2, mr3, mr2.plant.example]\n", "peers[2]: 'mr2.plant.example' is peers[0] already"},
        {"name: mr1\npeers: [\"mr2.plant.example:7421\"]\n", "no key is known for 'mr2.plant.example:7421'"},
        {"name: mr1\nlisten: {mesh: mr1.plant.example}\n", "listen.mesh: "},
        {"name: mr1\nlisten: {mesh: \"mr1.plant.example:1\"}\n", "listen.mesh: 'mr1.plant.example:1' is a name"},
        {"name: mr1\nlisten: {agents: \"7420\"}\n", "listen.agents: "},
        {"name: mr1\nlimits: {slots: 0}\n", "limits.slots: must be 1 to 100000000, not 0"},
        {"name: mr1\npears: [mr2]\n", "broker.yaml:2: unknown key 'pears'; did you mean 'peers'?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct broker_conf conf;
        struct err err = {{0}};
        assert_int_equal(load(*state, cases[i].text, &conf, &err), MR_INVALID);
        if (!strstr(err.text, cases[i].words))
            fail_msg("'%s' is not in '%s'", cases[i].words, err.text);
    }
}

static void two_peers_at_one_mesh_address_are_a_mistake(void **state)
{
    struct broker_conf conf;
    struct err err = {{0}};
    folder_write(folder_path(*state, "directory.yaml"),
                 "brokers:\n"
                 "  - {name: a, address: \"10.0.0.1:1\", public: \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"}\n"
                 "  - {name: b, address: \"10.0.0.1:2\", public: \"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"}\n");
    assert_int_equal(load(*state, "name: c\npeers: [a, b]\n", &conf, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "peers[1]: 'a' and 'b' would both be at 10.0.0.1:7421: say a 'mesh' address"));
}

static void every_failed_allocation_is_a_result(void **state)
{
    unsigned n = 0;
    enum mr_rc rc;
    folder_write(folder_path(*state, "broker.yaml"), "name: mr1\npeers: [mr2, mr3]\nlisten: {mesh: \"*:1\"}\n");
    do {
        struct broker_conf conf;
        struct err err = {{0}};
        mem_fail_at(++n);
        rc = broker_conf_load(folder_path(*state, "broker.yaml"), &conf, &err);
        assert_true(rc == MR_OK || rc == MR_NO_MEMORY);
        assert_int_equal(mem_outstanding(), 0);
    } while (mem_fail_off());
    assert_int_equal(rc, MR_OK);
    assert_true(n > 10);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name_is_a_configuration),
        TEST(every_key_is_taken),
        TEST(limits_are_taken_at_their_bounds_and_refused_above_and_at_zero),
        TEST(a_cluster_has_as_many_brokers_as_the_limit_says),
        TEST(without_peers_no_directory_is_read),
        TEST(a_cluster_has_as_many_brokers_as_the_limit_says),
        TEST(mistakes_are_told_with_their_lines),
        TEST(two_peers_at_one_mesh_address_are_a_mistake),
        TEST(every_failed_allocation_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
