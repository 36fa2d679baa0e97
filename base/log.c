/* log.c - level, rate limit per id, and the sink. */
#include "base/log.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/logline.h"

#define MAX_IDS 512 /* more than the programs have; an id beyond is not limited */
#define MAX_BURST 1000000
#define NS_PER_MINUTE INT64_C(60000000000)
#define DEFAULTS                                                                                                       \
    {                                                                                                                  \
        .level = LOG_LEVEL_INFO, .format = LOG_TEXT, .burst = 20, .per_minute = 60                                     \
    }

/* The rate limit of one id: lines may come while paid_ns, the time up to which they are paid for, is not further ahead
 * than a burst allows (the "generic cell rate" form of a token bucket: one number, no refilling). */
struct limit {
    const char *id; /* a literal: lives for ever */
    int64_t paid_ns;
    uint64_t suppressed;
    enum log_level level; /* of the last line suppressed */
};

/* The one log of the process. */
static struct {
    pthread_mutex_t lock;
    struct log_options options;
    struct limit limits[MAX_IDS]; /* filled from the start */
    size_t n_limits;
} log_state = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .options = DEFAULTS,
};

/* Apart from the options, so that what is not written takes no lock. */
static enum log_level lowest = LOG_LEVEL_INFO;

struct log_options log_defaults(void)
{
    return (struct log_options)DEFAULTS;
}

void log_set_options(const struct log_options *options)
{
    (void)pthread_mutex_lock(&log_state.lock);
    log_state.options = *options;
    if (options->burst > MAX_BURST)
        log_state.options.burst = MAX_BURST;
    log_state.n_limits = 0;
    __atomic_store_n(&lowest, options->level, __ATOMIC_RELAXED);
    (void)pthread_mutex_unlock(&log_state.lock);
}

bool log_is_on(enum log_level level)
{
    return level >= __atomic_load_n(&lowest, __ATOMIC_RELAXED);
}

/* One write per line, so that lines of several processes do not mix. A stderr that is gone is nobody's to tell. */
static void write_stderr(char *line, size_t len)
{
    line[len] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len + 1);
    line[len] = '\0';
    (void)written;
}

/* Under the lock. */
static void emit_args(enum log_level level, const char *id, const char *format, va_list args) FORMAT_CHECKED(3, 0);

static void emit_args(enum log_level level, const char *id, const char *format, va_list args)
{
    const struct log_options *options = &log_state.options;
    const struct clock *clock = options->clock ? options->clock : clock_system();
    const struct logline_head head = {.real_us = clock_real_us(clock), .level = level, .id = id};
    char line[LOGLINE_SIZE];
    size_t len = logline_render(line, options->format, &head, format, args);
    if (options->sink)
        options->sink(options->user, line, len);
    else
        write_stderr(line, len);
}

static void emit(enum log_level level, const char *id, const char *format, ...) FORMAT_CHECKED(3, 4);

static void emit(enum log_level level, const char *id, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    emit_args(level, id, format, args);
    va_end(args);
}

/* The id's limit, NULL when the table is full. Linear: most ids differ in their pointers, and log lines are rare. */
static struct limit *limit_of(const char *id)
{
    for (size_t i = 0; i < log_state.n_limits; i++)
        if (strcmp(log_state.limits[i].id, id) == 0)
            return &log_state.limits[i];
    if (log_state.n_limits == MAX_IDS)
        return NULL;
    struct limit *limit = &log_state.limits[log_state.n_limits++];
    *limit = (struct limit){.id = id, .paid_ns = INT64_MIN};
    return limit;
}

static void tell_suppressed(struct limit *limit)
{
    if (limit->suppressed == 0)
        return;
    emit(limit->level, limit->id, "suppressed=%ju", (uintmax_t)limit->suppressed);
    limit->suppressed = 0;
}

/* Pays for one line of the id; false when it must be suppressed. */
static bool pay(struct limit *limit)
{
    const struct log_options *options = &log_state.options;
    int64_t now_ns = clock_mono_ns(options->clock ? options->clock : clock_system());
    int64_t price_ns = NS_PER_MINUTE / (options->per_minute ? options->per_minute : 1);
    int64_t paid_ns = limit->paid_ns > now_ns ? limit->paid_ns : now_ns;
    if (paid_ns - now_ns > price_ns * ((int64_t)options->burst - 1))
        return false;
    limit->paid_ns = paid_ns + price_ns;
    return true;
}

/* Under the lock: whether the line is to be written; counts it if not. */
static bool passes_limit(enum log_level level, const char *id)
{
    struct limit *limit = log_state.options.burst ? limit_of(id) : NULL;
    if (!limit)
        return true;
    if (pay(limit)) {
        tell_suppressed(limit);
        return true;
    }
    limit->suppressed++;
    limit->level = level;
    return false;
}

void log_flush(void)
{
    (void)pthread_mutex_lock(&log_state.lock);
    for (size_t i = 0; i < log_state.n_limits; i++)
        tell_suppressed(&log_state.limits[i]);
    (void)pthread_mutex_unlock(&log_state.lock);
}

void log_write(enum log_level level, const char *id, const char *format, ...)
{
    if (!log_is_on(level))
        return;
    va_list args;
    va_start(args, format);
    (void)pthread_mutex_lock(&log_state.lock);
    if (passes_limit(level, id))
        emit_args(level, id, format, args);
    (void)pthread_mutex_unlock(&log_state.lock);
    va_end(args);
}
