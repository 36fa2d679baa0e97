/* metrics.h - counters and gauges: a constant table per module, cells in the module's own object, no lock to count.
 *
 *   enum { UPLINK_FRAMES, UPLINK_BYTES, UPLINK_N };
 *   static const struct metric_def uplink_metrics[UPLINK_N] = {
 *       [UPLINK_FRAMES] = {"millrace_uplink_frames_total", "", "frames sent to the broker", METRIC_COUNTER}, ...};
 *   metrics_add_group(metrics, &uplink->group, uplink_metrics, UPLINK_N, uplink->cells, "link=\"1\"");
 *   metric_add(&uplink->cells[UPLINK_FRAMES], 1);
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H
#include "base/list.h"
#include "base/rc.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

/* One row of a module's constant table. */
struct metric_def {
    const char *name; /* as exported, [a-z0-9_]; a counter's ends in _total */
    const char *unit; /* "bytes", "seconds", ""; as in the name */
    const char *help; /* one line */
    enum metric_kind kind;
};

/* One number; any thread. */
struct metric {
    int64_t value;
};

/* The registry, owned by the wiring of a program. Groups are added, removed and walked by one thread. */
struct metrics {
    struct list groups;
};

/* Embedded in the module's object; private to metrics.c. */
struct metrics_group {
    struct list link;
    const struct metric_def *defs;
    const struct metric *cells;
    size_t n;
    const char *labels;
};

/* What a walk shows of one metric; borrowed until the callback returns. */
struct metric_view {
    const struct metric_def *def;
    const char *labels; /* "" or label="value",... in the form of Prometheus */
    int64_t value;
};

void metrics_init(struct metrics *metrics);

/* n rows and n cells, labels ("" = none): all borrowed until metrics_remove_group(). Allocates nothing. */
void metrics_add_group(struct metrics *metrics, struct metrics_group *group, const struct metric_def *defs, size_t n,
                       const struct metric *cells, const char *labels);

/* group must have been added or be zero. */
void metrics_remove_group(struct metrics_group *group);

/* Shows every metric, group by group in the order added, rows in the order of their table. */
void metrics_each(const struct metrics *metrics, void (*fn)(void *user, const struct metric_view *view), void *user);

/* No order between cells is promised: each is right, a sum over several may be in between. */
static inline void metric_add(struct metric *metric, int64_t n)
{
    (void)__atomic_fetch_add(&metric->value, n, __ATOMIC_RELAXED);
}

static inline void metric_set(struct metric *metric, int64_t value)
{
    __atomic_store_n(&metric->value, value, __ATOMIC_RELAXED);
}

static inline int64_t metric_get(const struct metric *metric)
{
    return __atomic_load_n(&metric->value, __ATOMIC_RELAXED);
}

#endif
