/* test_peers.c - who is a peer, what a new directory changes, and who is admitted at which listener. */
#include "base/mem.h"
#include "broker/admission.h"
#include "tests/support/folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A broker whose key is 32 bytes that are all `digit`. */
static struct directory_broker broker(const char *name, uint8_t digit)
{
    struct directory_broker made = {.address = {.host = "10.0.0.1", .port = 1},
                                    .mesh = {.host = "10.0.0.1", .port = 2}};
    snprintf(made.name, sizeof made.name, "%s", name);
    memset(made.public_key, digit, sizeof made.public_key);
    return made;
}

static struct peers two_peers(void)
{
    struct peers peers = {.n = 0};
    const struct directory_broker mr2 = broker("mr2", 2), mr3 = broker("mr3", 3);
    peers_add(&peers, &mr2);
    peers_add(&peers, &mr3);
    return peers;
}

static const uint8_t *key(uint8_t digit)
{
    static uint8_t bytes[KEYS_BYTES];
    memset(bytes, digit, sizeof bytes);
    return bytes;
}

static void peers_are_found_by_key_user_and_name(void **state)
{
    const struct peers peers = two_peers();
    (void)state;
    const struct peer *mr3 = peers_find_key(&peers, key(3));
    assert_non_null(mr3);
    assert_string_equal(mr3->broker.name, "mr3");
    assert_string_equal(mr3->path, "$broker/mr3");
    assert_memory_equal(mr3->user_id, "broker/mr3#", 11);
    assert_int_equal(strlen(mr3->user_id), 11 + KEYS_FINGERPRINT_SIZE - 1);
    assert_ptr_equal(peers_find_user(&peers, mr3->user_id), mr3);
    assert_ptr_equal(peers_find_name(&peers, "mr3"), mr3);
    assert_null(peers_find_key(&peers, key(4)));
    assert_null(peers_find_user(&peers, "broker/mr3#aaaaaaaaaaaaaaaa"));
    assert_null(peers_find_name(&peers, "mr4"));
    assert_int_equal(peers_count(&peers), 2);
}

static void a_new_directory_changes_keys_and_trust_but_not_who_they_are(void **state)
{
    struct directory directory = {.brokers = {broker("mr3", 33), broker("mr4", 4)}, .n = 2};
    const struct peers before = two_peers();
    struct peers after;
    (void)state;
    peers_renew(&before, &directory, &after);
    assert_int_equal(after.n, 2);
    assert_int_equal(peers_count(&after), 1);
    assert_false(peers_find_name(&after, "mr2")->is_trusted);
    assert_null(peers_find_key(&after, key(2)));
    assert_null(peers_find_user(&after, before.list[0].user_id));
    assert_null(peers_find_key(&after, key(3)));
    assert_string_equal(peers_find_key(&after, key(33))->broker.name, "mr3");
    assert_null(peers_find_name(&after, "mr4"));
    directory.brokers[0] = broker("mr2", 2);
    peers_renew(&after, &directory, &after);
    assert_string_equal(peers_find_key(&after, key(2))->broker.name, "mr2");
    assert_int_equal(peers_count(&after), 1);
}

/* -- admission ------------------------------------------------------------------------------------------------------- */
struct door {
    struct registry *registry;
    struct peers peers;
    struct admission admission;
};

/* press-07 with key 1, anna with key 5, and "odd" with the key of mr3. */
static int make_door(void **state)
{
    static struct door door;
    char *folder = folder_new();
    char text[1024] = "identities:\n", z85[KEYS_Z85_SIZE];
    static const struct {
        const char *name, *kind;
        uint8_t digit;
    } who[] = {{"press-07", "machine", 1}, {"anna", "person", 5}, {"odd", "machine", 3}};
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(text);
        keys_z85_encode(key(who[i].digit), z85);
        snprintf(text + len, sizeof text - len, "  - {name: %s, kind: %s, path: demo/%s, public: \"%s\"}\n",
                 who[i].name, who[i].kind, who[i].name, z85);
    }
    folder_write(folder_path(folder, "registry.yaml"), text);
    door = (struct door){.peers = two_peers()};
    enum mr_rc rc = registry_load(folder_path(folder, "registry.yaml"), rand_system(), &door.registry, NULL);
    folder_remove(folder);
    door.admission = (struct admission){.registry = door.registry, .peers = &door.peers};
    *state = &door;
    return rc != MR_OK;
}

static int free_door(void **state)
{
    struct door *door = *state;
    registry_free(door->registry);
    return mem_outstanding() > 0;
}

static void each_listener_admits_its_own(void **state)
{
    const struct admission *a = &((struct door *)*state)->admission;
    struct guest guest;
    assert_true(admission_find_key(a, "agents", key(1), &guest));
    assert_string_equal(guest.name, "press-07");
    assert_string_equal(guest.kind, "machine");
    assert_int_equal(guest.max_sessions, SESSIONS_PER_MACHINE);
    assert_true(admission_find_key(a, "agents", key(5), &guest));
    assert_string_equal(guest.kind, "person");
    assert_true(guest.is_numbered);
    assert_int_equal(guest.max_sessions, SESSIONS_PER_PERSON);
    assert_true(admission_find_key(a, "mesh", key(2), &guest));
    assert_string_equal(guest.name, "mr2");
    assert_string_equal(guest.path, "$broker/mr2");
    assert_string_equal(guest.kind, "broker");
    assert_false(guest.is_numbered);
    assert_int_equal(guest.max_sessions, SESSIONS_PER_PEER);
}

/* promise: closed */
static void no_key_opens_another_listener(void **state)
{
    const struct admission *a = &((struct door *)*state)->admission;
    static const char *const elsewhere[] = {"", "mesh ", "Agents", "enrol"};
    struct guest guest;
    assert_false(admission_find_key(a, "mesh", key(1), &guest));
    assert_false(admission_find_key(a, "agents", key(2), &guest));
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        for (uint8_t digit = 1; digit <= 6; digit++)
            assert_false(admission_find_key(a, elsewhere[i], key(digit), &guest));
    for (int i = 0; i < 2; i++) /* of odd and of mr3: it would not say who it is */
        assert_false(admission_find_key(a, i ? "mesh" : "agents", key(3), &guest));
    assert_false(admission_find_key(a, "mesh", key(9), &guest));
}

static void a_proof_is_good_at_its_own_listener_only(void **state)
{
    struct door *door = *state;
    const struct admission *a = &door->admission;
    struct guest press, mr2, again;
    assert_true(admission_find_key(a, "agents", key(1), &press));
    assert_true(admission_find_key(a, "mesh", key(2), &mr2));
    assert_true(admission_find_user(a, PORT_AGENT, press.user_id, &again));
    assert_string_equal(again.name, "press-07");
    assert_true(admission_find_user(a, PORT_MESH_IN, mr2.user_id, &again));
    assert_string_equal(again.name, "mr2");
    assert_false(admission_find_user(a, PORT_MESH_IN, press.user_id, &again));
    assert_false(admission_find_user(a, PORT_AGENT, mr2.user_id, &again));
    door->peers.list[0].is_trusted = false;
    assert_false(admission_find_user(a, PORT_MESH_IN, mr2.user_id, &again));
    assert_false(admission_find_key(a, "mesh", key(2), &again));
}

static void a_refused_key_is_told_where_it_belongs(void **state)
{
    const struct admission *a = &((struct door *)*state)->admission;
    static const struct {
        const char *domain;
        uint8_t digit;
        const char *words;
    } cases[] = {{"agents", 9, "add its public key to the registry"}, {"agents", 2, "the key of a broker"},
                 {"agents", 3, "in the registry and the directory"},  {"mesh", 9, "name it in 'peers'"},
                 {"mesh", 1, "the key of a machine or person"},       {"mesh", 3, "in the registry and the directory"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_non_null(strstr(admission_remedy(a, cases[i].domain, key(cases[i].digit)), cases[i].words));
}

#define AT_DOOR(function) cmocka_unit_test_setup_teardown(function, make_door, free_door)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_are_found_by_key_user_and_name),
        cmocka_unit_test(a_new_directory_changes_keys_and_trust_but_not_who_they_are),
        AT_DOOR(each_listener_admits_its_own),
        AT_DOOR(no_key_opens_another_listener),
        AT_DOOR(a_proof_is_good_at_its_own_listener_only),
        AT_DOOR(a_refused_key_is_told_where_it_belongs),
    };
    if (keys_init() != MR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
