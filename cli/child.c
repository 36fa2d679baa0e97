/* child.c - see child.h. */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
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

/* In the new process, until argv[0] is it; only what may follow a fork() of one thread among several. Returns errno. */
static int become(char *const *argv, pid_t parent, int in, int out, int err)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || setpgid(0, 0) || dup2(in, STDIN_FILENO) < 0 ||
        dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0 || sigprocmask(SIG_SETMASK, &none, NULL))
        return errno;
    if (getppid() != parent) /* it died before it could be noticed */
        return ESRCH;
    execvp(argv[0], argv);
    return errno;
}

/* The end of `told` is closed by a successful exec; else the reason comes through it. */
static int wait_for_exec(int told)
{
    int error = 0;
    ssize_t n;
    do
        n = read(told, &error, sizeof error);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof error ? error : 0;
}

/* fork() and not posix_spawn(), which cannot have the child end with us. All signals are blocked meanwhile, so that no handler
 * of ours runs in it. */
static int spawn(struct child *c, char *const *argv, int in, int out, int err)
{
    int told[2];
    sigset_t all, before;
    pid_t self = getpid();
    if (pipe2(told, O_CLOEXEC))
        return errno;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        int error = become(argv, self, in, out, err);
        ssize_t n = write(told[1], &error, sizeof error);
        _exit(n < 0 ? 127 : 126);
    }
    int error = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(told[1]);
    if (pid > 0)
        error = wait_for_exec(told[0]);
    close(told[0]);
    if (pid > 0 && error)
        waitpid(pid, NULL, 0);
    c->pid = error ? 0 : pid;
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
