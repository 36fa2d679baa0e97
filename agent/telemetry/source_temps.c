/* source_temps.c - temperatures: thermal zones and hwmon sensors of /sys/class. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/telemetry/roster.h"
#include "agent/telemetry/source.h"
#include "base/mem.h"
#include "proto/status.h"

/* Zones, chips and inputs are looked for by number, which gives the same order, and so the same labels, at each start. */
enum { ZONES_MAX = 64, CHIPS_MAX = 32, INPUTS_MAX = 40, SENSOR_NAME_MAX = 2 * LABEL_MAX };

static const struct tag_def def = {"", "Cel", "Temperature", -273.15, NAN};

static const double HOTTEST = 1000; /* °C; what drivers of broken sensors tell is above it */

struct temps {
    struct roster roster;    /* keyed by path below /sys/class */
    struct procfile *inputs; /* of each place */
    size_t first;
};

static enum mr_rc temps_open(void *self, const struct source_env *env, struct err *err)
{
    struct temps *temps = self;
    size_t n = env->conf->max_temps;
    temps->inputs = mem_calloc(n, sizeof *temps->inputs);
    if (!temps->inputs) {
        err_set(err, "out of memory for %zu sensors", n);
        return MR_NO_MEMORY;
    }
    enum mr_rc rc = roster_init(&temps->roster, n, err);
    if (rc == MR_OK)
        rc = tagset_reserve(env->tags, n, env->stale_ms, &temps->first, err);
    return rc;
}

/* The first line of /sys/class/<path>, cut to `size`; false when there is none. */
static bool read_line(const struct source_env *env, const char *path, char *ret, size_t size)
{
    struct procfile file;
    struct words line;
    if (procfile_init(&file, NULL, "%s/class/%s", env->conf->sys_root, path) != MR_OK ||
        procfile_read_once(&file, &env->scratch, &line) != MR_OK)
        return false;
    size_t len = words_len(line) < size ? words_len(line) : size - 1;
    snprintf(ret, size, "%.*s", (int)len, line.at);
    return ret[0] != '\0';
}

static struct words text_of(const char *text)
{
    const char *end = text;
    while (*end != '\0')
        end++;
    return (struct words){.at = text, .end = end};
}

/* There is a sensor at `path` with the name `name`. */
static void meet(struct temps *temps, const struct source_env *env, const char *path, const char *name, int64_t now_ns)
{
    size_t place;
    char where[LABEL_MAX + 8];
    enum roster_meeting meeting = roster_meet(&temps->roster, text_of(path), text_of(name), true, now_ns, &place);
    if (meeting == ROSTER_KNOWN || meeting == ROSTER_REFUSED)
        return;
    procfile_fini(&temps->inputs[place]);
    if (procfile_init(&temps->inputs[place], NULL, "%s/class/%s", env->conf->sys_root, path) != MR_OK)
        temps->inputs[place].retry_ns = INT64_MAX;
    if (meeting != ROSTER_NEW)
        return;
    snprintf(where, sizeof where, "temp/%s", temps->roster.places[place].label);
    tagset_define(env->tags, temps->first + place, where, &def);
}

static void discover_zones(struct temps *temps, const struct source_env *env, int64_t now_ns)
{
    char path[64], type[LABEL_MAX];
    for (unsigned zone = 0; zone < ZONES_MAX; zone++) {
        snprintf(path, sizeof path, "thermal/thermal_zone%u/type", zone);
        if (!read_line(env, path, type, sizeof type))
            continue;
        snprintf(path, sizeof path, "thermal/thermal_zone%u/temp", zone);
        meet(temps, env, path, type, now_ns);
    }
}

static void discover_chip(struct temps *temps, const struct source_env *env, unsigned chip, const char *name,
                          int64_t now_ns)
{
    char path[64], ignored[16], label[LABEL_MAX], sensor[SENSOR_NAME_MAX + 16];
    for (unsigned input = 1; input <= INPUTS_MAX; input++) {
        snprintf(path, sizeof path, "hwmon/hwmon%u/temp%u_input", chip, input);
        if (!read_line(env, path, ignored, sizeof ignored))
            continue;
        snprintf(path, sizeof path, "hwmon/hwmon%u/temp%u_label", chip, input);
        if (read_line(env, path, label, sizeof label))
            snprintf(sensor, sizeof sensor, "%s-%s", name, label);
        else
            snprintf(sensor, sizeof sensor, "%s-temp%u", name, input);
        snprintf(path, sizeof path, "hwmon/hwmon%u/temp%u_input", chip, input);
        meet(temps, env, path, sensor, now_ns);
    }
}

/* Most virtual machines have neither class: one question instead of a hundred. */
static bool has_class(const struct source_env *env, const char *name)
{
    char path[PROCFILE_ROOT_MAX + 32];
    snprintf(path, sizeof path, "%s/class/%s", env->conf->sys_root, name);
    return access(path, F_OK) == 0;
}

static void discover(struct temps *temps, const struct source_env *env, int64_t now_ns)
{
    char path[64], name[LABEL_MAX];
    roster_begin(&temps->roster);
    if (has_class(env, "thermal"))
        discover_zones(temps, env, now_ns);
    unsigned chips = has_class(env, "hwmon") ? CHIPS_MAX : 0;
    for (unsigned chip = 0; chip < chips; chip++) {
        snprintf(path, sizeof path, "hwmon/hwmon%u/name", chip);
        if (read_line(env, path, name, sizeof name))
            discover_chip(temps, env, chip, name, now_ns);
    }
    for (size_t i = 0; i < temps->roster.n; i++)
        if (roster_has_left(&temps->roster, i))
            tagset_lose(env->tags, temps->first + i, STATUS_BAD_NOT_CONNECTED);
}

static void collect_one(struct temps *temps, const struct source_env *env, size_t place, int64_t now_ns)
{
    struct words text, line;
    int64_t milli;
    size_t tag = temps->first + place;
    if (procfile_read(&temps->inputs[place], now_ns, &env->scratch, &text) != MR_OK || !words_line(&text, &line) ||
        !words_i64(&line, &milli))
        tagset_lose(env->tags, tag, STATUS_BAD_NO_COMMUNICATION);
    else if ((double)milli / 1000 < def.low || (double)milli / 1000 > HOTTEST)
        tagset_lose(env->tags, tag, STATUS_BAD_SENSOR_FAILURE);
    else
        tagset_put(env->tags, tag, (double)milli / 1000, now_ns);
}

static void temps_collect(void *self, const struct source_env *env, const struct source_tick *tick)
{
    struct temps *temps = self;
    if (tick->discover)
        discover(temps, env, tick->now_ns);
    for (size_t i = 0; i < temps->roster.n; i++)
        if (temps->roster.places[i].state == ROSTER_HERE)
            collect_one(temps, env, i, tick->now_ns);
}

static void temps_close(void *self)
{
    struct temps *temps = self;
    for (size_t i = 0; i < temps->roster.n; i++)
        procfile_fini(&temps->inputs[i]);
    roster_fini(&temps->roster);
    mem_free(temps->inputs);
}

const struct source source_temps = {
    .name = "temps",
    .min_interval_ms = 10000, /* some sensors are asked over a slow bus */
    .size = sizeof(struct temps),
    .open = temps_open,
    .collect = temps_collect,
    .close = temps_close,
};
