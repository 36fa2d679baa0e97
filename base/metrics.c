/* metrics.c - the registry of metric groups. */
#include "base/metrics.h"

void metrics_init(struct metrics *metrics)
{
    list_init(&metrics->groups);
}

void metrics_add_group(struct metrics *metrics, struct metrics_group *group, const struct metric_def *defs, size_t n,
                       const struct metric *cells, const char *labels)
{
    *group = (struct metrics_group){.defs = defs, .cells = cells, .n = n, .labels = labels};
    list_push_back(&metrics->groups, &group->link);
}

void metrics_remove_group(struct metrics_group *group)
{
    if (group->link.next)
        list_remove(&group->link);
}

static void show_group(const struct metrics_group *group, void (*fn)(void *user, const struct metric_view *view),
                       void *user)
{
    for (size_t i = 0; i < group->n; i++) {
        const struct metric_view view = {
            .def = &group->defs[i], .labels = group->labels, .value = metric_get(&group->cells[i])};
        fn(user, &view);
    }
}

void metrics_each(const struct metrics *metrics, void (*fn)(void *user, const struct metric_view *view), void *user)
{
    for (const struct list *at = metrics->groups.next; at != &metrics->groups; at = at->next)
        show_group(container_of(at, const struct metrics_group, link), fn, user);
}
