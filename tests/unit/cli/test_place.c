/* test_place.c - which way to the bus is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/place.h"

struct world {
    char dir[64], user_socket[128], other_socket[128];
    int user_fd, other_fd; /* who listens on them; -1: nobody */
};

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static int begin(void **state)
{
    static struct world w;
    char path[128];
    strcpy(w.dir, "/tmp/millrace-unit-XXXXXX");
    if (!mkdtemp(w.dir))
        return -1;
    snprintf(path, sizeof path, "%s/millrace", w.dir);
    mkdir(path, 0700);
    snprintf(w.user_socket, sizeof w.user_socket, "%s/millrace/agent.sock", w.dir);
    snprintf(w.other_socket, sizeof w.other_socket, "%s/other.sock", w.dir);
    w.user_fd = listen_on(w.user_socket);
    w.other_fd = listen_on(w.other_socket);
    setenv("XDG_RUNTIME_DIR", w.dir, 1);
    setenv("XDG_CONFIG_HOME", w.dir, 1);
    unsetenv("MILLRACE_CONTEXT");
    unsetenv("MILLRACE_SOCKET");
    *state = &w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    char path[128];
    close(w->user_fd);
    close(w->other_fd);
    unlink(w->user_socket);
    unlink(w->other_socket);
    snprintf(path, sizeof path, "%s/millrace", w->dir);
    rmdir(path);
    return rmdir(w->dir);
}

static struct place find(struct args args)
{
    struct place place;
    struct err err = {{0}};
    assert_int_equal(place_find(&args, &place, &err), MR_OK);
    return place;
}

static void the_agent_of_this_user_is_found(void **state)
{
    struct world *w = *state;
    struct place place = find((struct args){0});
    assert_int_equal(place.kind, PLACE_SOCKET);
    assert_string_equal(place.socket, w->user_socket);
    assert_non_null(strstr(place.words, w->user_socket));
}

static void what_is_said_goes_before_what_is_found(void **state)
{
    struct world *w = *state;
    setenv("MILLRACE_SOCKET", w->other_socket, 1);
    assert_string_equal(find((struct args){0}).socket, w->other_socket);
    setenv("MILLRACE_CONTEXT", "plant", 1);
    struct place place = find((struct args){0});
    assert_int_equal(place.kind, PLACE_CONTEXT);
    assert_string_equal(place.words, "context plant");
    assert_string_equal(find((struct args){.socket = w->user_socket}).socket, w->user_socket);
    assert_string_equal(find((struct args){.context = "lab"}).words, "context lab");
    unsetenv("MILLRACE_SOCKET");
    setenv("MILLRACE_CONTEXT", "", 1); /* as not set */
    assert_string_equal(find((struct args){0}).socket, w->user_socket);
}

static void a_socket_without_an_agent_says_how_to_start_one(void **state)
{
    struct place place;
    struct err err = {{0}};
    char path[300];
    const struct args args = {.socket = "/nowhere/agent.sock"};
    (void)state;
    assert_int_equal(place_find(&args, &place, &err), MR_NOT_FOUND);
    assert_non_null(strstr(err.text, "millrace dev"));
    assert_string_equal(place.words, "socket /nowhere/agent.sock");
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(place_find(&(struct args){.socket = path}, &place, &err), MR_TOO_BIG);
}

static void a_context_is_a_name_or_a_file(void **state)
{
    struct world *w = *state;
    char file[AGENT_FILE_SIZE], expected[256], name[AGENT_FILE_SIZE + 1];
    struct err err = {{0}};
    assert_int_equal(place_context_file("plant", file, &err), MR_OK);
    snprintf(expected, sizeof expected, "%s/millrace/contexts/plant.yaml", w->dir);
    assert_string_equal(file, expected);
    assert_int_equal(place_context_file("./x/y.yaml", file, &err), MR_OK);
    assert_string_equal(file, "./x/y.yaml");
    memset(name, 'x', sizeof name);
    name[AGENT_FILE_SIZE] = '\0';
    assert_int_equal(place_context_file(name, file, &err), MR_TOO_BIG);
}

static void a_wrong_context_says_file_and_line(void **state)
{
    struct world *w = *state;
    static struct agent_conf conf;
    struct err err = {{0}};
    char path[128];
    snprintf(path, sizeof path, "%s/c.yaml", w->dir);
    assert_int_equal(place_load_context(path, &conf, &err), MR_NOT_FOUND);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("name: anna\nbroker: [mr1]\nkey: a.key\n", file);
    fclose(file);
    assert_int_equal(place_load_context(path, &conf, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "c.yaml:2"));
    assert_non_null(strstr(err.text, "did you mean 'brokers'?"));
    unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_agent_of_this_user_is_found),
        TEST(what_is_said_goes_before_what_is_found),
        TEST(a_socket_without_an_agent_says_how_to_start_one),
        TEST(a_context_is_a_name_or_a_file),
        TEST(a_wrong_context_says_file_and_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
