/* replay_out.c - see replay_out.h.
 *
 * Live has no back pressure from subscribers: who is slow loses, and is told (DESIGN: a slow subscriber slows nobody else).
 * A subscriber that must not lose confirms: every REPLAY_WINDOW_BYTES a mark, a number counting up, is published on
 * CONFIRM/mark, in order with the values; the subscriber publishes it again on CONFIRM/taken once it has it. */
#include "cli/replay_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/report.h"

enum {
    ROOM_WAIT_MS = 100,    /* between looks for a signal while there is no room */
    STOP_WAIT_MS = 2000,   /* for what is queued, when interrupted */
    CONFIRM_WAIT_MS = 500, /* then the mark is published again: it, or the answer, may have been lost */
    CONFIRM_NOTE_AT = 6,   /* marks published in vain before the user is told */
    TURN_RECORDS = 256,    /* between turns of the loop */
    UNCONFIRMED_MAX = 2,
};

struct replay_out {
    struct client *client;
    const char *to;
    struct mr_tag **tags; /* by number; NULL: not declared yet */
    size_t n_tags;
    size_t since_turn;
    uint64_t queued;   /* records and marks the SDK took, so far */
    bool is_confirmed; /* a subscriber confirms */
    bool is_unsure;    /* the agent went away with records it had not said to have */
    char mark_topic[TOPIC_MAX_BYTES + 1], taken_topic[TOPIC_MAX_BYTES + 1];
    uint64_t marks, taken; /* the last published; the highest confirmed. Begin at the time of day, in µs: what is
                              left of an earlier run is lower */
    size_t window_bytes;   /* since the last mark */
};

enum mr_rc replay_topic(const char *to, const char *topic, char *ret, size_t size)
{
    size_t len = strlen(to);
    while (len > 1 && to[len - 1] == '/')
        len--;
    int n = snprintf(ret, size, "%.*s/%s", (int)len, to, topic);
    return n > 0 && (size_t)n < size ? MR_OK : MR_TOO_BIG;
}

enum mr_rc replay_mark_topic(const char *confirm, const char *level, char ret[TOPIC_MAX_BYTES + 1])
{
    return replay_topic(confirm, level, ret, TOPIC_MAX_BYTES + 1);
}

/* -- waiting -- */
static enum replay_end turn_loop(struct replay_out *out, int wait_ms)
{
    switch (client_run(out->client, wait_ms)) {
    case CLIENT_INTERRUPTED:
        return REPLAY_INTERRUPTED;
    case CLIENT_CLOSED:
        return REPLAY_FAILED;
    default:
        return REPLAY_TAKEN;
    }
}

/* Moves bytes for a while, then looks for a signal. *ret: has the agent all? */
static enum replay_end flush(struct replay_out *out, bool *ret)
{
    enum mr_rc rc = mr_flush(client_bus(out->client), MR_ACCEPTED, ROOM_WAIT_MS);
    *ret = rc == MR_OK;
    if (rc == MR_UNKNOWN) { /* what the agent had not been handed is queued still */
        out->is_unsure = true;
    } else if (rc >= MR_INVALID) {
        client_fail(out->client, rc);
        return REPLAY_FAILED;
    }
    return turn_loop(out, rc == MR_ISOLATED ? ROOM_WAIT_MS : 0);
}

static enum replay_end wait_for_room(struct replay_out *out)
{
    bool has_all;
    return flush(out, &has_all);
}

static bool has_no_room(enum mr_rc rc)
{
    return rc == MR_WOULD_BLOCK || rc == MR_ISOLATED;
}

static enum replay_end publish(struct replay_out *out, const struct mr_pub *pub)
{
    enum mr_rc rc;
    while (has_no_room(rc = mr_publish_opt(client_bus(out->client), pub))) {
        enum replay_end end = wait_for_room(out);
        if (end)
            return end;
    }
    if (rc == MR_TOO_BIG)
        return REPLAY_TOO_BIG;
    out->queued += rc == MR_OK;
    if (rc)
        client_fail(out->client, rc);
    return rc ? REPLAY_FAILED : REPLAY_TAKEN;
}

/* -- confirming -- */
static void on_taken(void *user, const struct mr_msg *msg)
{
    struct replay_out *out = user;
    if (msg->kind != MR_DATA || msg->value.type != MR_U64 || msg->value.as.u64 <= out->taken ||
        msg->value.as.u64 > out->marks)
        return;
    out->taken = msg->value.as.u64;
    client_done(out->client);
}

static enum replay_end publish_mark(struct replay_out *out)
{
    struct mr_pub pub = {.size = sizeof pub, .topic = out->mark_topic, .source_us = MR_NO_TIME};
    pub.value.type = MR_U64;
    pub.value.as.u64 = out->marks;
    return publish(out, &pub);
}

/* Until at most `open` marks are unconfirmed. */
static enum replay_end wait_for_taken(struct replay_out *out, uint64_t open)
{
    unsigned in_vain = 0;
    while (out->marks - out->taken > open) {
        enum replay_end end = REPLAY_TAKEN;
        switch (client_run(out->client, CONFIRM_WAIT_MS)) {
        case CLIENT_INTERRUPTED:
            return REPLAY_INTERRUPTED;
        case CLIENT_CLOSED:
            return REPLAY_FAILED;
        case CLIENT_LATE:
            if (++in_vain == CONFIRM_NOTE_AT)
                report_note(
                    "waiting for a subscriber that confirms: millrace sub --confirm TOPIC (its marks are on %s)",
                    out->mark_topic);
            end = publish_mark(out);
            break;
        case CLIENT_DONE:
            break;
        }
        if (end)
            return end;
    }
    return REPLAY_TAKEN;
}

static enum replay_end count_bytes(struct replay_out *out, size_t bytes)
{
    out->window_bytes += bytes + REPLAY_RECORD_BYTES;
    if (!out->is_confirmed || out->window_bytes < REPLAY_WINDOW_BYTES)
        return REPLAY_TAKEN;
    out->window_bytes = 0;
    out->marks++;
    enum replay_end end = publish_mark(out);
    return end ? end : wait_for_taken(out, UNCONFIRMED_MAX - 1);
}

/* -- tags -- */
static enum mr_rc grow(struct replay_out *out, size_t n)
{
    if (n <= out->n_tags)
        return MR_OK;
    struct mr_tag **tags = mem_resize_array(out->tags, n, sizeof(struct mr_tag *));
    if (!tags)
        return MR_NO_MEMORY;
    for (size_t i = out->n_tags; i < n; i++)
        tags[i] = NULL;
    out->tags = tags;
    out->n_tags = n;
    return MR_OK;
}

static enum mr_rc declare(struct replay_out *out, const struct replay_tag *tag, struct mr_tag **ret)
{
    char topic[TOPIC_MAX_BYTES + 1];
    if (replay_topic(out->to, tag->topic, topic, sizeof topic)) {
        report_failure(client_where(out->client), MR_TOO_BIG, "'%s/%s' is longer than %d bytes", out->to, tag->topic,
                       TOPIC_MAX_BYTES);
        return MR_TOO_BIG;
    }
    const struct mr_tag_def def = {
        .size = sizeof def, .topic = topic, .unit = tag->unit, .description = tag->description, .type = tag->type};
    enum mr_rc rc = mr_tag_open(client_bus(out->client), NULL, &def, ret);
    if (rc)
        client_fail(out->client, rc);
    return rc;
}

/* All tags known by now, so that those of a file with a header are declared before its first value. */
static enum mr_rc declare_all(struct replay_out *out, const struct replay_source *source)
{
    size_t before = out->n_tags;
    enum mr_rc rc = grow(out, source->tags.n);
    if (rc)
        report_failure(client_where(out->client), rc, "%zu tags", source->tags.n);
    for (size_t i = before; i < source->tags.n && !rc; i++)
        rc = declare(out, &source->tags.all[i], &out->tags[i]);
    return rc;
}

/* -- records -- */
/* A value too large for a tag goes as it is, and is not kept. No value, or a clear: with its own source time, which
 * mr_tag_write() without a value would not carry. */
static enum replay_end publish_plain(struct replay_out *out, const struct replay_source *source,
                                     const struct replay_record *record)
{
    char topic[TOPIC_MAX_BYTES + 1];
    struct mr_pub pub = {.size = sizeof pub,
                         .topic = topic,
                         .value = record->value,
                         .status = record->status,
                         .source_us = record->source_us};
    if (replay_topic(out->to, source->tags.all[record->tag].topic, topic, sizeof topic))
        return REPLAY_TOO_BIG;
    if (record->kind != REPLAY_VALUE) {
        pub.flags = record->kind == REPLAY_CLEAR ? MR_CLEAR : MR_KEEP;
        pub.value.type = MR_NO_VALUE;
    }
    return publish(out, &pub);
}

static enum replay_end write_tag(struct replay_out *out, const struct replay_source *source,
                                 const struct replay_record *record)
{
    enum mr_rc rc;
    struct mr_tag *tag = out->tags[record->tag];
    while (has_no_room(rc = mr_tag_write(tag, &record->value, record->status, record->source_us))) {
        enum replay_end end = wait_for_room(out);
        if (end)
            return end;
    }
    if (rc == MR_TOO_BIG)
        return publish_plain(out, source, record);
    out->queued += rc == MR_OK;
    if (rc)
        client_fail(out->client, rc);
    return rc ? REPLAY_FAILED : REPLAY_TAKEN;
}

static enum replay_end turn(struct replay_out *out)
{
    if (++out->since_turn < TURN_RECORDS)
        return REPLAY_TAKEN;
    out->since_turn = 0;
    return turn_loop(out, 0);
}

enum replay_end replay_out_write(struct replay_out *out, const struct replay_source *source,
                                 const struct replay_record *record)
{
    if (out->n_tags < source->tags.n && declare_all(out, source))
        return REPLAY_FAILED;
    enum replay_end end = turn(out);
    if (end)
        return end;
    end = record->kind == REPLAY_VALUE ? write_tag(out, source, record) : publish_plain(out, source, record);
    return end ? end : count_bytes(out, record->kind == REPLAY_VALUE ? record->value.len : 0);
}

/* Was every record that the SDK took published? */
static enum replay_end check_taken(const struct replay_out *out)
{
    struct mr_stats stats = {.size = sizeof stats};
    mr_get_stats(client_bus(out->client), &stats);
    if (stats.refused)
        report_failure(client_where(out->client), MR_DENIED, "the agent has refused %" PRIu64 " records",
                       stats.refused);
    else if (out->is_unsure)
        report_failure(client_where(out->client), MR_UNKNOWN,
                       "the agent went away meanwhile; what it was handed right before may be lost");
    return stats.refused || out->is_unsure ? REPLAY_FAILED : REPLAY_TAKEN;
}

enum replay_end replay_out_finish(struct replay_out *out)
{
    enum replay_end end = REPLAY_TAKEN;
    for (bool has_all = false; !end && !has_all;)
        end = flush(out, &has_all);
    if (!end)
        end = check_taken(out);
    if (end || !out->is_confirmed)
        return end;
    out->marks++;
    end = publish_mark(out);
    return end ? end : wait_for_taken(out, 0);
}

uint64_t replay_out_stop(struct replay_out *out)
{
    struct mr_stats stats = {.size = sizeof stats};
    if (mr_flush(client_bus(out->client), MR_ACCEPTED, STOP_WAIT_MS) == MR_OK && !out->is_unsure)
        return 0;
    mr_get_stats(client_bus(out->client), &stats);
    uint64_t left = out->queued > stats.sent ? out->queued - stats.sent : 0;
    report_note("the agent has not confirmed all: %" PRIu64
                " records at least did not reach it, and what it was handed "
                "right before may be lost",
                left);
    return left;
}

static enum mr_rc begin_confirm(struct replay_out *out, const char *confirm)
{
    out->is_confirmed = true;
    enum mr_rc rc = replay_mark_topic(confirm, REPLAY_MARK_LEVEL, out->mark_topic);
    if (!rc)
        rc = replay_mark_topic(confirm, REPLAY_TAKEN_LEVEL, out->taken_topic);
    if (rc) {
        report_failure(client_where(out->client), rc, "'%s' is too long", confirm);
        return rc;
    }
    const struct mr_sub_opt opt = {.size = sizeof opt, .no_snapshot = true};
    rc = mr_subscribe(client_bus(out->client), out->taken_topic, &opt, on_taken, out, NULL);
    if (rc)
        client_fail(out->client, rc);
    return rc;
}

enum mr_rc replay_out_new(struct client *client, const char *to, const char *confirm, struct replay_out **ret,
                          int *ret_exit)
{
    struct replay_out *out = mem_calloc(1, sizeof *out);
    enum mr_rc rc = out ? MR_OK : MR_NO_MEMORY;
    if (rc)
        report_failure(client_where(client), rc, "replay");
    if (!rc) {
        out->client = client;
        out->to = to;
        out->marks = out->taken = (uint64_t)clock_real_us(clock_system());
        rc = confirm ? begin_confirm(out, confirm) : MR_OK;
    }
    if (rc) {
        *ret_exit = EXIT_FAILED;
        replay_out_free(out);
        return rc;
    }
    *ret = out;
    return MR_OK;
}

void replay_out_free(struct replay_out *out)
{
    if (!out)
        return;
    mem_free(out->tags);
    mem_free(out);
}
