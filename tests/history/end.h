/* end.h - what the writer and the reader share: an SDK handle, commands on the standard input and a clock in one loop. */
#ifndef HISTORY_END_H
#define HISTORY_END_H
#include <stdint.h>

#include <millrace/millrace.h>

#include "recorder.h"

enum { END_LINE_MAX = 256 };

struct end {
    struct mr_bus *bus;
    struct recorder recorder;
    int loop, timer;
    unsigned max_calls;           /* callbacks in one mr_dispatch(); 0: all that are ready */
    int64_t flushed_ns, until_ns; /* until: end_run() returns then; 0: not by itself */
    size_t line_len;
    char line[END_LINE_MAX];
    void (*on_command)(void *user, const char *line); /* a line of the standard input */
    void (*on_tick)(void *user);                      /* NULL: none */
    void *user;
};

/* Ends the program with the SDK's reason. */
_Noreturn void end_fail(const struct end *end, const char *what);
/* A whole number from text, or the end of the program. */
uint64_t end_number(const char *text);
/* Opens the handle and the history; the callbacks are set by the caller before. tick_ms: how often on_tick runs, at most
 * RECORDER_FLUSH_MS. Says "state agent=0|1 cluster=0|1 degraded=0|1" on stderr whenever it changes. */
void end_init(struct end *end, const char *role, const char *socket, const char *name, const char *history,
              unsigned tick_ms);
/* Ends end_run() after so long; 0: not by itself. */
void end_after(struct end *end, uint64_t seconds);
void end_run(struct end *end); /* until the standard input ends, or its time is over */
void end_fini(struct end *end, int wait_ms);
#endif
