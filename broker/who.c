/* who.c - presence and sessions as JSON. */
#include "broker/who.h"
#include "base/buf.h"
#include "base/text_time.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- pieces ---------------------------------------------------------------------------------------------------------- */
static json_t *time_json(int64_t us)
{
    char text[TEXT_TIME_SIZE];
    text_format_time(text, us);
    return json_string(text);
}

static const char *clock_word(uint8_t state)
{
    return state == CLOCK_SYNCED ? "synced" : state == CLOCK_UNSYNCED ? "unsynced" : "unknown";
}

static void set_life(const struct who *w, json_t *to, const char *name, const struct life *life)
{
    bool lives = presence_lives(hub_presence(w->hub), life->publisher);
    json_object_set_new(to, "name", json_string(name));
    json_object_set_new(to, "alive", json_boolean(lives));
    json_object_set_new(to, "since", time_json(life->since_us));
    json_object_set_new(to, "why", json_string(lives || !life->reason ? "" : life->reason));
}

/* The machine's session with this broker, if it has one: only here its address and clock are known. */
static void set_session(const struct who *w, json_t *machine, const char *identity)
{
    struct port_stats port;
    uint32_t i = 1, max = hub_max_port(w->hub);
    while (i <= max &&
           !(hub_get_port(w->hub, i, &port) && port.kind == PORT_AGENT && strcmp(port.identity, identity) == 0))
        i++;
    if (i > max)
        return;
    json_object_set_new(machine, "address", json_string(port.address));
    json_object_set_new(machine, "clock",
                        json_pack("{s:s, s:I, s:I}", "state", clock_word(port.clock), "offset_us",
                                  (json_int_t)port.clock_offset_us, "error_us", (json_int_t)port.clock_error_us));
}

/* What lives on the machine. Names of apps have no '/': those of devices are topics. */
static json_t *parts_json(const struct who *w, uint32_t owner)
{
    json_t *parts = json_array();
    uint32_t cursor = 0;
    for (const struct life *life; (life = presence_walk(hub_presence(w->hub), &cursor));) {
        const struct publisher *who = names_get_publisher(hub_names(w->hub), life->publisher);
        if (who->owner != owner || who->id == owner)
            continue;
        json_t *part = json_object();
        set_life(w, part, who->part, life);
        json_object_set_new(part, "kind", json_string(strchr(who->part, '/') ? "device" : "app"));
        json_array_append_new(parts, part);
    }
    return parts;
}

static json_t *machine_json(const struct who *w, const struct publisher *who, const struct life *life)
{
    char birth[17];
    json_t *machine = json_object();
    set_life(w, machine, who->identity, life);
    const char *home = hub_home_of(w->hub, who->id);
    if (*home)
        json_object_set_new(machine, "broker", json_string(home));
    snprintf(birth, sizeof birth, "%016" PRIx64, life->birth);
    json_object_set_new(machine, "birth", json_string(birth));
    json_object_set_new(machine, "link", json_integer(life->link));
    set_session(w, machine, who->identity);
    json_object_set_new(machine, "parts", parts_json(w, who->id));
    return machine;
}

/* -- brokers --------------------------------------------------------------------------------------------------------- */
static bool is_broker(const struct who *w, const char *identity)
{
    bool is = strcmp(identity, w->broker) == 0;
    for (size_t i = 0; i < w->n_peers && !is; i++)
        is = strcmp(identity, w->peers[i]) == 0;
    return is;
}

static json_t *broker_json(const struct who *w, const char *name)
{
    static const struct life never = {.reason = "not reached yet"};
    const struct life *life = NULL;
    uint32_t publisher;
    json_t *broker = json_object();
    if (names_find_publisher(hub_names(w->hub), name, "", &publisher) == MR_OK)
        life = presence_get(hub_presence(w->hub), publisher);
    set_life(w, broker, name, life ? life : &never);
    if (!life)
        json_object_del(broker, "since");
    return broker;
}

/* This one, with how many of its peers it reaches, then the peers as it sees them. */
static json_t *brokers_json(const struct who *w)
{
    struct hub_stats stats;
    json_t *brokers = json_array();
    json_t *self = broker_json(w, w->broker);
    hub_get_stats(w->hub, &stats);
    json_object_set_new(self, "peers", json_integer(stats.peers));
    json_object_set_new(self, "peers_up", json_integer(stats.peers_up));
    json_array_append_new(brokers, self);
    for (size_t i = 0; i < w->n_peers; i++)
        json_array_append_new(brokers, broker_json(w, w->peers[i]));
    return brokers;
}

/* -- the answer ------------------------------------------------------------------------------------------------------ */
static uint32_t asked_from(const void *data, size_t len)
{
    json_t *request = json_loadb(data, len, 0, NULL);
    json_int_t from = json_integer_value(json_object_get(request, "from"));
    json_decref(request);
    return from > 0 && from < UINT32_MAX ? (uint32_t)from : 0;
}

static enum mr_rc append_json(struct buf *answer, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    enum mr_rc rc = text ? buf_append(answer, text, strlen(text)) : MR_NO_MEMORY;
    free(text);
    return rc;
}

/* Machines from *cursor on while they fit; leaves *cursor at the first that does not, 0 when all did. */
static enum mr_rc append_machines(const struct who *w, struct buf *answer, uint32_t *cursor)
{
    enum { TAIL_ROOM = 64 };
    const char *comma = "";
    answer->max -= TAIL_ROOM;
    enum mr_rc rc = MR_OK;
    for (uint32_t at = *cursor; rc == MR_OK; *cursor = at) {
        const struct life *life = presence_walk(hub_presence(w->hub), &at);
        const struct publisher *who = life ? names_get_publisher(hub_names(w->hub), life->publisher) : NULL;
        if (!who) {
            *cursor = 0;
            break;
        }
        if (who->owner != who->id || is_broker(w, who->identity))
            continue;
        size_t before = answer->len;
        json_t *machine = machine_json(w, who, life);
        rc = buf_append(answer, comma, strlen(comma));
        if (!rc)
            rc = append_json(answer, machine);
        json_decref(machine);
        if (rc)
            answer->len = before;
        else
            comma = ",";
        if (rc)
            break;
    }
    answer->max += TAIL_ROOM;
    return rc == MR_TOO_BIG && *comma ? MR_OK : rc; /* one machine alone that does not fit has no remedy here */
}

/* Up to the machines; the brokers stand on the first page. */
static enum mr_rc append_head(const struct who *w, struct buf *answer, bool is_first)
{
    char text[256], now[TEXT_TIME_SIZE];
    text_format_time(now, clock_real_us(w->clock));
    int n = snprintf(text, sizeof text, "{\"broker\":\"%s\",\"now\":\"%s\",\"brokers\":", w->broker, now);
    json_t *brokers = is_first ? brokers_json(w) : json_array();
    enum mr_rc rc = buf_append(answer, text, (size_t)n);
    if (!rc)
        rc = append_json(answer, brokers);
    json_decref(brokers);
    return rc ? rc : buf_append(answer, ",\"machines\":[", strlen(",\"machines\":["));
}

static enum mr_rc answer_who(void *user, const char *topic, const void *data, size_t len, struct buf *answer)
{
    const struct who *w = user;
    char text[64];
    uint32_t cursor = asked_from(data, len);
    (void)topic;
    enum mr_rc rc = append_head(w, answer, cursor == 0);
    if (!rc)
        rc = append_machines(w, answer, &cursor);
    int n = snprintf(text, sizeof text, "],\"next\":%" PRIu32 "}", cursor);
    return rc ? rc : buf_append(answer, text, (size_t)n);
}

enum mr_rc who_serve(struct who *w)
{
    return hub_serve(w->hub, "$sys/who", answer_who, w);
}
