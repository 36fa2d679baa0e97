/* check_config.c - configuration and key files, judged by who reads them: the programs by their --check, the rest here. */
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io/conf_parts.h"
#include "base/io/directory.h"
#include "base/io/keys.h"
#include "base/io/loop.h"
#include "base/mem.h"
#include "cli/check.h"
#include "cli/child.h"
#include "cli/place.h"

enum { PATH_SIZE = 4096, SAID_MAX = 2048 };

/* -- the programs' own --check -- */
struct program_run {
    struct loop *loop;
    struct buf said; /* both outputs */
    bool has_ended;
    int status;
};

static void on_output(void *user, bool is_err, const char *data, size_t len)
{
    struct program_run *run = user;
    (void)is_err;
    size_t room = SAID_MAX - run->said.len;
    if (buf_append(&run->said, data, len < room ? len : room))
        run->said.len = 0; /* no memory: its status alone tells */
}

static void on_end(void *user, int status)
{
    struct program_run *run = user;
    run->has_ended = true;
    run->status = status;
}

static enum mr_rc run_to_end(struct program_run *run, char *const *argv, struct err *err)
{
    static const struct child_events events = {on_output, on_end};
    struct child *child;
    enum mr_rc rc = loop_new(&run->loop);
    if (!rc)
        rc = child_new(run->loop, argv, NULL, 0, &events, run, &child, err);
    if (rc) {
        loop_free(run->loop);
        return rc;
    }
    while (!run->has_ended)
        loop_turn(run->loop, -1);
    child_free(child);
    loop_free(run->loop);
    return MR_OK;
}

/* What it said, without its own name or "ok" before it. */
static const char *said(struct program_run *run, const char *name)
{
    size_t len = strlen(name);
    while (run->said.len && run->said.data[run->said.len - 1] == '\n')
        run->said.len--;
    if (buf_append_u8(&run->said, '\0'))
        return "";
    const char *text = (const char *)run->said.data;
    if (strncmp(text, "ok: ", 4) == 0)
        return text + 4;
    return strncmp(text, name, len) == 0 && strncmp(text + len, ": ", 2) == 0 ? text + len + 2 : text;
}

static void check_by_program(struct checks *checks, const char *name, const char *config, const char *file)
{
    char program[PATH_SIZE], path[PATH_SIZE], words[128];
    char check[] = "--check", option[] = "--config";
    struct err err = {{0}};
    struct program_run run = {.status = 0};
    child_find_program(name, program, sizeof program);
    snprintf(path, sizeof path, "%s", config);
    char *const argv[] = {program, check, option, path, NULL};
    buf_init(&run.said, SAID_MAX + 1);
    enum mr_rc rc = run_to_end(&run, argv, &err);
    if (rc == MR_NOT_FOUND)
        check_tell(checks, FINDING_WARN, file, "not checked: %s is not installed here", name);
    else if (rc)
        check_tell(checks, FINDING_BAD, file, "%s", *err.text ? err.text : rc_text(rc));
    else if (WIFEXITED(run.status) && WEXITSTATUS(run.status) == 0)
        check_tell(checks, FINDING_OK, file, "%s", said(&run, name));
    else if (run.said.len)
        check_tell(checks, FINDING_BAD, file, "%s", said(&run, name));
    else
        check_tell(checks, FINDING_BAD, file, "%s %s", name, child_end_words(run.status, words, sizeof words));
    buf_fini(&run.said);
}

/* -- what is read here -- */
static void check_key(struct checks *checks, const char *file)
{
    struct err err = {{0}};
    struct key_pair *pair;
    char fingerprint[KEYS_FINGERPRINT_SIZE];
    enum mr_rc rc = keys_load(file, &pair, &err);
    if (rc) {
        check_tell(checks, FINDING_BAD, file, "%s", err.text);
        return;
    }
    keys_fingerprint(keys_public(pair), fingerprint);
    check_tell(checks, FINDING_OK, file, "key of '%s', fingerprint %s", keys_name(pair), fingerprint);
    keys_free(pair);
}

static void check_directory(struct checks *checks, const char *file)
{
    struct err err = {{0}};
    struct directory *directory = mem_alloc(sizeof *directory);
    if (!directory)
        check_tell(checks, FINDING_BAD, file, "%s", rc_text(MR_NO_MEMORY));
    else if (directory_load(file, directory, &err))
        check_tell(checks, FINDING_BAD, file, "%s", err.text);
    else
        check_tell(checks, FINDING_OK, file, "%zu broker%s", directory->n, directory->n == 1 ? "" : "s");
    mem_free(directory);
}

static void check_context(struct checks *checks, const char *file)
{
    struct err err = {{0}};
    struct agent_conf *conf = mem_alloc(sizeof *conf);
    if (!conf)
        check_tell(checks, FINDING_BAD, file, "%s", rc_text(MR_NO_MEMORY));
    else if (place_load_context(file, conf, &err))
        check_tell(checks, FINDING_BAD, file, "%s", err.text);
    else
        check_tell(checks, FINDING_OK, file, "context of '%s', %zu broker%s", conf->name, conf->n_brokers,
                   conf->n_brokers == 1 ? "" : "s");
    mem_free(conf);
}

/* A registry is read with the broker.yaml beside it, which names it. */
static void check_registry(struct checks *checks, const char *file)
{
    char broker[PATH_SIZE];
    conf_beside(file, "broker.yaml", broker, sizeof broker);
    if (access(broker, F_OK) == 0)
        check_by_program(checks, "millrace-broker", broker, file);
    else
        check_tell(checks, FINDING_WARN, file, "not checked: no broker.yaml beside it; check the one that names it");
}

/* -- which file is what -- */
static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void check_file(struct checks *checks, const char *file)
{
    const char *slash = strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;
    char parent[PATH_SIZE];
    snprintf(parent, sizeof parent, "/%.*s", slash ? (int)(slash - file) : 0, file);
    if (access(file, F_OK) != 0)
        check_tell(checks, FINDING_BAD, file, "there is no such file");
    else if (ends_with(name, ".key"))
        check_key(checks, file);
    else if (ends_with(parent, "/contexts"))
        check_context(checks, file);
    else if (strncmp(name, "agent", 5) == 0)
        check_by_program(checks, "millrace-agent", file, file);
    else if (strncmp(name, "broker", 6) == 0)
        check_by_program(checks, "millrace-broker", file, file);
    else if (strncmp(name, "registry", 8) == 0)
        check_registry(checks, file);
    else if (strncmp(name, "directory", 9) == 0)
        check_directory(checks, file);
    else
        check_tell(checks, FINDING_BAD, file,
                   "what it is shows in its name: agent*.yaml, broker*.yaml, registry*.yaml, "
                   "directory*.yaml, *.key, or contexts/*.yaml");
}

void check_config(struct checks *checks, char *const *files, size_t n)
{
    static const char everything[] = "/etc/millrace/{*.yaml,*.key}";
    glob_t found = {0};
    if (keys_init()) {
        check_tell(checks, FINDING_BAD, "system", "the kernel gives no random bytes");
        return;
    }
    for (size_t i = 0; i < n; i++)
        check_file(checks, files[i]);
    if (n)
        return;
    if (glob(everything, GLOB_BRACE, NULL, &found) != 0)
        check_tell(checks, FINDING_WARN, "/etc/millrace",
                   "no configuration there; name the files: millrace check config FILE...");
    for (size_t i = 0; i < found.gl_pathc; i++)
        check_file(checks, found.gl_pathv[i]);
    globfree(&found);
}
