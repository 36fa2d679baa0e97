/* child.h - a program run beside the command: its input given, its output watched by the loop, its end reported. */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct child;
struct loop;

/* child_free() may be called inside of both. */
struct child_events {
    /* Output came; is_err: on stderr. data is borrowed until return. */
    void (*on_output)(void *user, bool is_err, const char *data, size_t len);
    /* It has ended and all its output was told; last of all callbacks. status as waitpid() gives it. */
    void (*on_end)(void *user, int status);
};

/* Starts argv[0] (found in $PATH if it has no '/') in a process group of its own, with default signals; it is killed when the
 * thread that called this ends, even by SIGKILL. input: len bytes for its standard input, copied. events and user are borrowed
 * until child_free(). MR_NOT_FOUND, MR_DENIED: the program; MR_NO_MEMORY and others as fs_rc(). */
MUST enum mr_rc child_new(struct loop *loop, char *const *argv, const void *input, size_t len,
                          const struct child_events *events, void *user, struct child **ret, struct err *err);

/* Sends a signal to it and to all it started, while it lives. */
void child_signal(const struct child *child, int number);

/* Kills it, and what it started, if it lives; no callback after it. NULL is fine. */
void child_free(struct child *child);

/* "ended with status 3", "was ended by signal 9 (Killed)". Returns out. */
const char *child_end_words(int status, char *out, size_t size);

/* A program of ours: beside this program's own file if it is there, else its name, to be found in $PATH. */
void child_find_program(const char *name, char *out, size_t size);
#endif
