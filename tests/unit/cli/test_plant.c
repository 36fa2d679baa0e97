/* test_plant.c - a plant's folder: whole or not there, limits, and that the programs can read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/conf.h"
#include "base/io/directory.h"
#include "base/io/fs.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/place.h"
#include "cli/plant.h"

enum { PATH_SIZE = 256, PORT = 17420 };

/* A folder of the test's own, and the plant's in it. */
struct world {
    char dir[64], plant[PATH_SIZE];
};

static int setup(void **state)
{
    static struct world w;
    strcpy(w.dir, "/tmp/millrace-unit-XXXXXX");
    if (!mkdtemp(w.dir))
        return -1;
    snprintf(w.plant, sizeof w.plant, "%s/plant", w.dir);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    const struct world *w = *state;
    plant_remove(w->dir);
    return access(w->dir, F_OK) == 0 || mem_outstanding() > 0;
}

static struct plant_wish wish_in(const struct world *w)
{
    return (struct plant_wish){
        .dir = w->plant, .name = "agent", .path = "demo/压机", .brokers = 3, .agents = 4, .port = PORT};
}

static size_t entries_of(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void expect_mode(const struct world *w, const char *name, mode_t mode)
{
    char path[PATH_SIZE + 64];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", w->plant, name);
    if (stat(path, &st) != 0)
        fail_msg("%s is missing", path);
    if ((st.st_mode & 0777) != mode)
        fail_msg("%s: %o", path, st.st_mode & 0777);
}

/* What brokers and agents both have in their folders. */
static void expect_folder(const struct world *w, const char *folder, const char *kind)
{
    char name[64];
    snprintf(name, sizeof name, "%s/%s.yaml", folder, kind);
    expect_mode(w, name, 0644);
    snprintf(name, sizeof name, "%s/%s.key", folder, kind);
    expect_mode(w, name, 0600);
    snprintf(name, sizeof name, "%s/directory.yaml", folder);
    expect_mode(w, name, 0644);
}

static char *text_of(const struct world *w, const char *name)
{
    char path[PATH_SIZE + 64], *text;
    size_t len;
    struct err err = {{0}};
    snprintf(path, sizeof path, "%s/%s", w->plant, name);
    assert_int_equal(fs_read(path, 1 << 20, &text, &len, &err), MR_OK);
    return text;
}

static void expect_in(const struct world *w, const char *name, const char *words)
{
    char *text = text_of(w, name);
    if (!strstr(text, words))
        fail_msg("'%s' is missing in %s: %s", words, name, text);
    mem_free(text);
}

static void make(const struct plant_wish *wish)
{
    struct plant *plant;
    struct err err = {{0}};
    if (plant_make(wish, &plant, &err) != MR_OK)
        fail_msg("%s", err.text);
    assert_int_equal(plant->n_brokers, wish->brokers);
    assert_int_equal(plant->n_agents, wish->agents);
    plant_free(plant);
}

static void expect_refused(const struct plant_wish *wish, enum mr_rc rc, const char *words)
{
    struct plant *plant;
    struct err err = {{0}};
    assert_int_equal(plant_make(wish, &plant, &err), rc);
    if (!strstr(err.text, words))
        fail_msg("'%s' is missing in: %s", words, err.text);
}

static void every_broker_and_agent_has_its_folder(void **state)
{
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    make(&wish);
    assert_int_equal(entries_of(w->dir), 1);
    assert_int_equal(entries_of(w->plant), 3 + 4 + 4);
    for (int i = 1; i <= 4; i++) {
        char folder[32];
        snprintf(folder, sizeof folder, "agent%d", i);
        expect_folder(w, folder, "agent");
    }
    for (int i = 1; i <= 3; i++) {
        char folder[32];
        snprintf(folder, sizeof folder, "mr%d", i);
        expect_folder(w, folder, "broker");
        strcat(folder, "/registry.yaml");
        expect_mode(w, folder, 0644);
    }
    expect_mode(w, "admin.key", 0600);
    expect_mode(w, "directory.yaml", 0644);
    expect_mode(w, "contexts/admin.yaml", 0644);
    expect_mode(w, "run", 0755);
    expect_mode(w, "", 0755);
}

static void the_programs_can_read_them(void **state)
{
    static struct agent_conf conf;
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    struct directory *directory = mem_alloc(sizeof *directory);
    struct err err = {{0}};
    char path[PATH_SIZE + 64];
    wish.interval_ms = 1500;
    make(&wish);
    snprintf(path, sizeof path, "%s/agent4/agent.yaml", w->plant);
    assert_int_equal(agent_conf_load(path, &conf, &err), MR_OK);
    assert_string_equal(conf.name, "agent4");
    assert_string_equal(conf.path, "demo/压机/agent4");
    assert_int_equal(conf.n_brokers, 3);
    assert_int_equal(conf.telemetry_ms, 1500);
    snprintf(path, sizeof path, "%s/contexts/admin.yaml", w->plant);
    assert_int_equal(place_load_context(path, &conf, &err), MR_OK);
    assert_int_equal(conf.n_brokers, 3);
    snprintf(path, sizeof path, "%s/mr2/directory.yaml", w->plant);
    assert_int_equal(directory_load(path, directory, &err), MR_OK);
    assert_int_equal(directory->n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(directory->brokers[i].address.port, PORT + 10 * i);
        assert_int_equal(directory->brokers[i].mesh.port, PORT + 10 * i + 1);
    }
    mem_free(directory);
    expect_in(w, "mr2/broker.yaml", "peers: [\"mr1\", \"mr3\"]");
    expect_in(w, "mr2/broker.yaml", "agents: \"127.0.0.1:17430\", mesh: \"127.0.0.1:17431\"");
    expect_in(w, "mr2/registry.yaml", "name: \"agent4\", kind: machine, path: \"demo/压机/agent4\"");
    expect_in(w, "mr2/registry.yaml", "name: \"admin\", kind: person, path: \"demo/people/admin\"");
}

static void a_broker_alone_has_no_peers(void **state)
{
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    wish.brokers = 1;
    make(&wish);
    char *text = text_of(w, "mr1/broker.yaml");
    assert_null(strstr(text, "peers"));
    assert_null(strstr(text, "mesh"));
    mem_free(text);
}

static void numbers_are_limited(void **state)
{
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    wish.brokers = 0;
    expect_refused(&wish, MR_INVALID, "1 to 9 brokers, not 0");
    wish.brokers = 10;
    expect_refused(&wish, MR_INVALID, "1 to 9 brokers, not 10");
    wish = wish_in(w);
    wish.agents = 0;
    expect_refused(&wish, MR_INVALID, "1 to 100 agents, not 0");
    wish.agents = 101;
    expect_refused(&wish, MR_INVALID, "1 to 100 agents, not 101");
    wish = wish_in(w);
    wish.port = 65535 - 20;
    expect_refused(&wish, MR_INVALID, "at most port 65514");
    wish.port = UINT64_MAX;
    expect_refused(&wish, MR_INVALID, "at most port 65514");
    assert_int_equal(entries_of(w->dir), 0);
    wish.port = 65514;
    make(&wish);
    expect_in(w, "directory.yaml", "mesh: \"127.0.0.1:65535\"");
}

static void the_largest_plant_is_made(void **state)
{
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    wish.brokers = 9;
    wish.agents = 100;
    make(&wish);
    assert_int_equal(entries_of(w->plant), 9 + 100 + 4);
    expect_in(w, "mr9/registry.yaml", "name: \"agent100\"");
}

static void names_and_paths_are_checked_first(void **state)
{
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    char name[64];
    wish.name = "Agent ";
    expect_refused(&wish, MR_INVALID, "a name is 1 to 63 of");
    wish.name = "mr";
    expect_refused(&wish, MR_INVALID, "name 'mr1' is taken by a broker");
    memset(name, 'a', 63);
    name[63] = '\0';
    wish.name = name;
    expect_refused(&wish, MR_INVALID, "a name is 1 to 63 of");
    wish = wish_in(w);
    wish.path = "demo//x";
    expect_refused(&wish, MR_INVALID, "has an empty level");
    wish.path = "demo/\"x";
    expect_refused(&wish, MR_INVALID, "no quotes");
    assert_int_equal(entries_of(w->dir), 0);
    name[62] = '\0';
    wish = wish_in(w);
    wish.name = name;
    make(&wish);
}

static void nothing_is_overwritten(void **state)
{
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    make(&wish);
    char *before = text_of(w, "mr1/broker.key");
    expect_refused(&wish, MR_INVALID, "is there already and stays as it is");
    char *after = text_of(w, "mr1/broker.key");
    assert_string_equal(before, after);
    assert_int_equal(entries_of(w->dir), 1);
    mem_free(before);
    mem_free(after);
}

static void an_empty_folder_is_taken_and_missing_ones_are_made(void **state)
{
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    char deep[PATH_SIZE + 64];
    assert_int_equal(mkdir(w->plant, 0700), 0);
    make(&wish);
    expect_mode(w, "", 0755);
    snprintf(deep, sizeof deep, "%s/a/b/plant///", w->dir);
    wish.dir = deep;
    make(&wish);
    snprintf(deep, sizeof deep, "%s/a/b", w->dir);
    assert_int_equal(entries_of(deep), 1);
}

static void a_folder_name_may_be_too_long(void **state)
{
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    char dir[2 * SETUP_FILE_SIZE];
    memset(dir, 'a', sizeof dir);
    dir[sizeof dir - 1] = '\0';
    wish.dir = dir;
    expect_refused(&wish, MR_TOO_BIG, "too long");
}

static int occupy(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        assert_int_equal(listen(fd, 1), 0);
    return fd; /* or somebody else has it, which is as good */
}

static void ports_in_use_are_left_alone(void **state)
{
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    int fd = occupy(PLANT_PORT + PLANT_PORT_STEP + 1); /* mesh of the second broker */
    wish.port = 0;
    make(&wish);
    close(fd);
    char *text = text_of(w, "directory.yaml");
    assert_null(strstr(text, "127.0.0.1:7420"));
    assert_non_null(strstr(text, "20\""));
    mem_free(text);
}

static void the_script_is_whole(void **state)
{
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    char command[PATH_SIZE + 64];
    make(&wish);
    char *text = text_of(w, "run");
    assert_memory_equal(text, "#!/bin/sh\n", 10);
    assert_null(strstr(text, "@BIN@"));
    mem_free(text);
    snprintf(command, sizeof command, "/bin/sh -n %s/run", w->plant);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "%s/run nobody 2>/dev/null", w->plant);
    assert_int_equal(WEXITSTATUS(system(command)), 2);
}

static void every_failed_allocation_leaves_nothing_behind(void **state)
{
    const struct world *w = *state;
    struct plant_wish wish = wish_in(w);
    for (unsigned n = 1;; n++) {
        struct plant *plant;
        struct err err = {{0}};
        mem_fail_at(n);
        enum mr_rc rc = plant_make(&wish, &plant, &err);
        if (!mem_fail_off()) {
            assert_int_equal(rc, MR_OK);
            plant_free(plant);
            return;
        }
        assert_int_equal(rc, MR_NO_MEMORY);
        assert_int_equal(entries_of(w->dir), 0);
    }
}

static void the_folder_needs_a_name(void **state)
{
    static const char *const without[] = {".", "..", "./", "/", "some/.."};
    struct plant_wish wish = wish_in(*state);
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        wish.dir = without[i];
        expect_refused(&wish, MR_INVALID, "the folder of a plant is made anew: give its name");
    }
}

static void the_longest_path_of_a_socket_fits(void **state)
{
    enum { MOST = 107, BELOW = sizeof "/agent4/agent.sock" - 1 };
    struct world *w = *state;
    const struct plant_wish wish = wish_in(w);
    size_t len = strlen(w->plant);
    memset(w->plant + len, 'x', MOST - BELOW - len);
    w->plant[MOST - BELOW] = '\0';
    make(&wish);
    w->plant[MOST - BELOW] = 'x';
    w->plant[MOST - BELOW + 1] = '\0';
    expect_refused(&wish, MR_TOO_BIG, "has at most 107 bytes");
}

static void who_interrupts_finds_nothing_left_behind(void **state)
{
    const struct world *w = *state;
    const struct plant_wish wish = wish_in(w);
    sigset_t waiting;
    int number;
    interrupt_hold();
    raise(SIGHUP);
    expect_refused(&wish, MR_CLOSED, "interrupted");
    assert_int_equal(entries_of(w->dir), 0);
    sigemptyset(&waiting);
    sigaddset(&waiting, SIGHUP);
    assert_int_equal(sigwait(&waiting, &number), 0);
    interrupt_release();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_broker_and_agent_has_its_folder),
        TEST(the_programs_can_read_them),
        TEST(a_broker_alone_has_no_peers),
        TEST(numbers_are_limited),
        TEST(the_largest_plant_is_made),
        TEST(names_and_paths_are_checked_first),
        TEST(nothing_is_overwritten),
        TEST(an_empty_folder_is_taken_and_missing_ones_are_made),
        TEST(a_folder_name_may_be_too_long),
        TEST(ports_in_use_are_left_alone),
        TEST(the_script_is_whole),
        TEST(the_folder_needs_a_name),
        TEST(the_longest_path_of_a_socket_fits),
        TEST(who_interrupts_finds_nothing_left_behind),
        TEST(every_failed_allocation_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
