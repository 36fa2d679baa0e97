/* cmd_who.c - millrace who: brokers, machines and what runs on them, as the broker asked knows it ($sys/who). */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text_time.h"
#include "base/text_units.h"
#include "cli/client.h"
#include "cli/json_line.h"
#include "cli/report.h"
#include "cli/table.h"

enum { PAGES_MAX = 10000, CELL_SIZE = 160 };

struct who {
    const struct args *args;
    struct client *client;
    struct table *table;
    json_t *page;
    enum mr_rc rc;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

/* 0 when it is none, or none that can be counted in nanoseconds. */
static int64_t figure_of(const json_t *object, const char *key)
{
    int64_t n = json_integer_value(json_object_get(object, key));
    return n > INT64_MAX / 1000 || n < -INT64_MAX / 1000 ? 0 : n;
}

/* -- showing -- */
static void local_time(const char *rfc3339, char out[CELL_SIZE])
{
    int64_t us = 0;
    struct tm tm;
    snprintf(out, CELL_SIZE, "-");
    if (text_parse_time(rfc3339, &us) != MR_OK)
        return;
    time_t seconds = (time_t)(us / 1000000);
    if (localtime_r(&seconds, &tm))
        strftime(out, CELL_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
}

/* "synced, +12 µs ± 80 µs" */
static void clock_words(const json_t *machine, char out[CELL_SIZE])
{
    char offset[TEXT_UNITS_SIZE], error[TEXT_UNITS_SIZE];
    const json_t *clock = json_object_get(machine, "clock");
    int64_t us = figure_of(clock, "offset_us");
    text_show_duration(offset, us * 1000);
    text_show_duration(error, figure_of(clock, "error_us") * 1000);
    snprintf(out, CELL_SIZE, clock ? "%s, %s%s ± %s" : "-", text_of(clock, "state"), us >= 0 ? "+" : "", offset, error);
}

/* A line: a broker, a machine, or a part of it. */
struct row {
    const char *kind;
    const json_t *machine; /* or broker */
    const json_t *part;    /* NULL: none */
    const json_t *life;    /* of the part if there is one, else of the machine */
};

/* Where a machine is at home; how many of its peers a broker reaches. */
static void broker_words(const struct row *row, char out[CELL_SIZE])
{
    const json_t *peers = json_object_get(row->machine, "peers");
    snprintf(out, CELL_SIZE, "%s", row->part ? "" : text_of(row->machine, "broker"));
    if (json_integer_value(peers) > 0)
        snprintf(out, CELL_SIZE, "%" PRId64 " of %" PRId64 " peers up", figure_of(row->machine, "peers_up"),
                 figure_of(row->machine, "peers"));
}

static void json_figure(struct json_line *line, const char *key, const json_t *object, const char *from)
{
    struct mr_value value = mr_i64(figure_of(object, from));
    if (object)
        json_value(line, key, &value);
    else
        json_text(line, key, NULL);
}

static void json_row(const struct row *row)
{
    struct json_line line = json_begin(stdout);
    const json_t *clock = json_object_get(row->machine, "clock");
    bool has_peers = json_object_get(row->machine, "peers") != NULL;
    json_text(&line, "machine", text_of(row->machine, "name"));
    json_text(&line, "part", row->part ? text_of(row->part, "name") : NULL);
    json_text(&line, "kind", row->kind);
    json_bool(&line, "alive", json_is_true(json_object_get(row->life, "alive")));
    json_text(&line, "since", or_null(text_of(row->life, "since")));
    json_text(&line, "why", text_of(row->life, "why"));
    json_text(&line, "clock", or_null(text_of(clock, "state")));
    json_figure(&line, "clock_offset_us", clock, "offset_us");
    json_figure(&line, "clock_error_us", clock, "error_us");
    json_text(&line, "broker", or_null(text_of(row->machine, "broker")));
    json_text(&line, "address", or_null(text_of(row->machine, "address")));
    json_figure(&line, "peers", has_peers ? row->machine : NULL, "peers");
    json_figure(&line, "peers_up", has_peers ? row->machine : NULL, "peers_up");
    json_end(&line);
}

static enum mr_rc table_row(struct table *table, const struct row *row)
{
    char name[CELL_SIZE], state[CELL_SIZE], since[CELL_SIZE], clock[CELL_SIZE] = "", broker[CELL_SIZE];
    bool alive = json_is_true(json_object_get(row->life, "alive"));
    const char *why = text_of(row->life, "why");
    snprintf(name, sizeof name, "%s%s%s", text_of(row->machine, "name"), row->part ? "/" : "",
             row->part ? text_of(row->part, "name") : "");
    snprintf(state, sizeof state, "%s%s%s", alive ? "alive" : "gone", *why ? ": " : "", why);
    local_time(text_of(row->life, "since"), since);
    if (strcmp(row->kind, "machine") == 0)
        clock_words(row->machine, clock);
    broker_words(row, broker);
    const char *cells[TABLE_COLUMNS] = {name, row->kind, state, since, clock, broker};
    return table_add(table, alive ? COLOUR_NONE : COLOUR_YELLOW, cells);
}

/* A broker that is gone is always shown. */
static enum mr_rc show(struct who *who, const char *kind, const json_t *machine, const json_t *part)
{
    const struct row row = {.kind = kind, .machine = machine, .part = part, .life = part ? part : machine};
    bool alive = json_is_true(json_object_get(row.life, "alive"));
    if (!alive && !who->args->dead && strcmp(kind, "broker") != 0)
        return MR_OK;
    if (!who->args->json)
        return table_row(who->table, &row);
    json_row(&row);
    return MR_OK;
}

static enum mr_rc show_machine(struct who *who, const json_t *machine)
{
    const json_t *parts = json_object_get(machine, "parts");
    enum mr_rc rc = show(who, "machine", machine, NULL);
    for (size_t i = 0; i < json_array_size(parts) && !rc; i++) {
        const json_t *part = json_array_get(parts, i);
        rc = show(who, text_of(part, "kind"), machine, part);
    }
    return rc;
}

static enum mr_rc show_page(struct who *who)
{
    enum mr_rc rc = MR_OK;
    const json_t *brokers = json_object_get(who->page, "brokers");
    const json_t *machines = json_object_get(who->page, "machines");
    for (size_t i = 0; i < json_array_size(brokers) && !rc; i++)
        rc = show(who, "broker", json_array_get(brokers, i), NULL);
    for (size_t i = 0; i < json_array_size(machines) && !rc; i++)
        rc = show_machine(who, json_array_get(machines, i));
    return rc;
}

/* -- asking -- */
static void on_answer(void *user, enum mr_rc rc, const struct mr_msg *reply)
{
    struct who *who = user;
    who->rc = rc;
    if (rc == MR_OK)
        who->page = json_loadb(reply->value.as.ptr, reply->value.len, 0, NULL);
    client_done(who->client);
}

static int tell(const struct who *who, enum mr_rc rc)
{
    const char *where = client_where(who->client);
    switch (rc) {
    case MR_NO_RESPONDER:
    case MR_ISOLATED:
        client_note_isolation(who->client);
        return report_failure(where, rc, "no broker can be reached that knows who is there");
    case MR_TIMEOUT:
        return report_failure(where, rc, "the broker has not answered within %d ms", who->args->wait_ms);
    default:
        return client_fail(who->client, rc);
    }
}

/* One page of the list, from a cursor; the next cursor is in it. */
static int ask(struct who *who, int64_t from)
{
    char request[64];
    enum { SLACK_MS = 1000 };
    int wait_ms = who->args->wait_ms;
    int len = snprintf(request, sizeof request, "{\"from\":%" PRId64 "}", from);
    json_decref(who->page);
    who->page = NULL;
    enum mr_rc rc = mr_request(client_bus(who->client), "$sys/who", request, (size_t)len, wait_ms, on_answer, who);
    if (rc)
        return tell(who, rc);
    enum client_end end = client_run(who->client, wait_ms + SLACK_MS);
    if (end == CLIENT_INTERRUPTED)
        return EXIT_INTERRUPTED;
    if (end == CLIENT_CLOSED)
        return EXIT_FAILED;
    if (end == CLIENT_LATE || who->rc)
        return tell(who, end == CLIENT_LATE ? MR_TIMEOUT : who->rc);
    if (who->page)
        return EXIT_DONE;
    return report_failure(client_where(who->client), MR_INVALID, "the broker's answer is not JSON");
}

static int run(struct who *who)
{
    int64_t from = 0;
    int code = EXIT_DONE;
    for (int pages = 0; pages < PAGES_MAX && !code && (from || pages == 0); pages++) {
        code = ask(who, from);
        if (!code && show_page(who))
            code = report_failure(client_where(who->client), MR_NO_MEMORY, "too many machines");
        from = json_integer_value(json_object_get(who->page, "next"));
    }
    if (code || who->args->json)
        return code;
    const struct terminal terminal = terminal_of(stdout);
    table_print(who->table, &terminal);
    return EXIT_DONE;
}

int cmd_who(const struct args *args)
{
    static const char *const titles[] = {"NAME", "KIND", "STATE", "SINCE", "CLOCK", "BROKER"};
    struct who who = {.args = args};
    int code;
    enum mr_rc rc = table_new(titles, 6, &who.table);
    if (rc)
        return report_failure("", rc, "%s", rc_text(rc));
    if (client_open(args, &who.client, &code) == MR_OK)
        code = run(&who);
    json_decref(who.page);
    table_free(who.table);
    client_close(who.client, 0);
    return code;
}
