/* child.c - see child.h. */
#include "cli/child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io/fs.h"
#include "base/io/loop.h"
#include "base/mem.h"

enum { OUT, ERR, END, WATCHES };

struct watch {
    struct child *child;
    int fd;
    struct loop_fd *on;
};

struct child {
    struct loop *loop;
    const struct child_events *events;
    void *user;
    pid_t pid; /* 0: reaped */
    int status;
    struct watch watches[WATCHES]; /* stdout, stderr, the pidfd */
};

static void drop(struct watch *w)
{
    loop_fd_free(w->on);
    w->on = NULL;
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

/* Its end is told when all three are over: what it wrote last may come after it. The callee may free it. */
static void end_if_over(const struct child *c)
{
    if (c->pid == 0 && c->watches[OUT].fd < 0 && c->watches[ERR].fd < 0)
        c->events->on_end(c->user, c->status);
}

static void on_output(void *user, unsigned ready)
{
    struct watch *w = user;
    struct child *c = w->child;
    char data[16384];
    (void)ready;
    ssize_t n = read(w->fd, data, sizeof data);
    if (n > 0) {
        c->events->on_output(c->user, w == &c->watches[ERR], data, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        drop(w);
        end_if_over(c);
    }
}

static void on_exit_ready(void *user, unsigned ready)
{
    struct watch *w = user;
    struct child *c = w->child;
    (void)ready;
    if (waitpid(c->pid, &c->status, WNOHANG) != c->pid)
        return;
    c->pid = 0;
    drop(w);
    end_if_over(c);
}

/* A file in memory: unlike a pipe, it takes all at once and raises no signal when nobody reads it. */
static int make_input(const void *input, size_t len)
{
    int fd = memfd_create("millrace-input", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    if ((len && write(fd, input, len) != (ssize_t)len) || lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int spawn(struct child *c, char *const *argv, int in, int out, int err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int error = posix_spawnp(&c->pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error)
        c->pid = 0;
    return error;
}

static int start(struct child *c, char *const *argv, const void *input, size_t len)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    int in = make_input(input, len);
    int error = in < 0 || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ? errno : 0;
    if (!error)
        error = spawn(c, argv, in, out[1], err[1]);
    c->watches[OUT].fd = out[0];
    c->watches[ERR].fd = err[0];
    for (size_t i = 0; i < 3; i++) {
        const int ends[] = {in, out[1], err[1]};
        if (ends[i] >= 0)
            close(ends[i]);
    }
    if (error)
        return error;
    c->watches[END].fd = pidfd_open(c->pid, 0);
    return c->watches[END].fd < 0 ? errno : 0;
}

static enum mr_rc watch_all(struct child *c)
{
    enum mr_rc rc = MR_OK;
    for (size_t i = 0; i < WATCHES && !rc; i++) {
        struct watch *w = &c->watches[i];
        rc = loop_fd_new(c->loop, w->fd, LOOP_READ, i == END ? on_exit_ready : on_output, w, &w->on);
    }
    return rc;
}

enum mr_rc child_new(struct loop *loop, char *const *argv, const void *input, size_t len,
                     const struct child_events *events, void *user, struct child **ret, struct err *err)
{
    struct child *c = mem_calloc(1, sizeof *c);
    if (!c)
        return MR_NO_MEMORY;
    c->loop = loop;
    c->events = events;
    c->user = user;
    for (size_t i = 0; i < WATCHES; i++)
        c->watches[i] = (struct watch){.child = c, .fd = -1};
    int error = start(c, argv, input, len);
    enum mr_rc rc = error ? fs_rc(error) : watch_all(c);
    if (error)
        err_set(err, "%s: %s", argv[0], strerror(error));
    if (rc) {
        child_free(c);
        return rc;
    }
    *ret = c;
    return MR_OK;
}

void child_signal(const struct child *child, int number)
{
    if (child->pid > 0)
        kill(-child->pid, number);
}

void child_free(struct child *child)
{
    if (!child)
        return;
    if (child->pid > 0) {
        kill(-child->pid, SIGKILL);
        waitpid(child->pid, &child->status, 0);
    }
    for (size_t i = 0; i < WATCHES; i++)
        drop(&child->watches[i]);
    mem_free(child);
}

const char *child_end_words(int status, char *out, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(out, size, "was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(out, size, "ended with status %d", WEXITSTATUS(status));
    return out;
}

void child_find_program(const char *name, char *out, size_t size)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) {
        *slash = '\0';
        int len = snprintf(out, size, "%s/%s", self, name);
        if (len > 0 && (size_t)len < size && access(out, X_OK) == 0)
            return;
    }
    snprintf(out, size, "%s", name);
}
