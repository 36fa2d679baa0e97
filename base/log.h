/* log.h - the event log of the programs: fixed ids and key=value pairs, one line each, on stderr.
 *
 *   log_event(WARN, "AGENT-UPLINK-LOST", "broker=%s retry_ms=%u", name, retry_ms);
 *   2026-03-01T12:00:00.123456Z WARN AGENT-UPLINK-LOST broker=mr1 retry_ms=250
 *
 * Libraries return, programs log. Every id is in docs/events.md, generated from the calls: it must be a literal. */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include "base/clock.h"
#include "base/rc.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_format { LOG_TEXT, LOG_JSON };

/* Takes one finished line without line end, borrowed until it returns. Called under the log's lock, from any thread:
 * it must not log. */
typedef void log_sink(void *user, const char *line, size_t len);

struct log_options {
    enum log_level level; /* what is below is not written */
    enum log_format format;
    uint32_t burst;            /* lines of one id at once, at most 1,000,000; 0 = no limit */
    uint32_t per_minute;       /* and from then on as many per minute, at least 1 */
    const struct clock *clock; /* NULL: the system's. Borrowed until the next log_set_options() */
    log_sink *sink;            /* NULL: stderr */
    void *user;                /* handed to sink */
};

/* Text on stderr from INFO, a burst of 20, then 60 a minute. */
struct log_options log_defaults(void);

/* Any thread; the counts of the rate limit begin again. Until the first call log_defaults() holds. */
void log_set_options(const struct log_options *options);

/* level: DEBUG, INFO, WARN or ERROR. id: a string literal, capitals, digits and '-'. format: a literal too, "" or
 * "key=%s other=%u", pairs separated by spaces; conversions d i u x c s with length modifiers, zero-padded width,
 * precision of s; no floating point. A value with spaces, quotes or '=' is written in quotes; control characters and
 * broken UTF-8 are escaped. A value above 512 bytes and a line above 2 KiB are cut; such a line ends in "cut=1". Any
 * thread. */
#define log_event(level, id, ...) log_write(LOG_LEVEL_##level, "" id, " " __VA_ARGS__)

/* True when a line of this level would be written: for what is costly to gather. */
bool log_is_on(enum log_level level);

/* Writes "suppressed=N" of the ids that fell silent while limited. Call it now and then, and at exit. */
void log_flush(void);

/* Called by log_event() only: the list of ids is made from its calls. */
void log_write(enum log_level level, const char *id, const char *format, ...) FORMAT_CHECKED(3, 4);

#endif
