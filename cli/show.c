/* show.c - see show.h. */
#include "cli/show.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/text_units.h"
#include "cli/json_line.h"
#include "proto/limits.h"
#include "proto/status.h"
#include "proto/unit.h"
#include "proto/value.h"

/* Six digits are enough to read; all of them are in --json. False: the exact text is as short. */
static bool show_rounded(char out[SHOW_VALUE_SIZE], const struct mr_value *value)
{
    enum { DIGITS = 6, SHORT = 9 };
    bool is_f64 = value->type == MR_F64;
    double x = is_f64 ? value->as.f64 : (double)value->as.f32;
    if ((!is_f64 && value->type != MR_F32) || !(fabs(x) >= 1e-3 && fabs(x) < 1e15))
        return false;
    if (mr_value_text(value, NULL, 0) <= SHORT)
        return false;
    int decimals = DIGITS - 1 - (int)floor(log10(fabs(x)));
    int len = snprintf(out, SHOW_VALUE_SIZE, "%.*f", decimals > 0 ? decimals : 0, x);
    while (decimals > 0 && out[len - 1] == '0')
        out[--len] = '\0';
    if (out[len - 1] == '.')
        out[len - 1] = '\0';
    return true;
}

/* Of a long text or of long bytes nobody reads the beginning. */
static bool show_size(char out[SHOW_VALUE_SIZE], const struct mr_value *value)
{
    if ((value->type != MR_BYTES && value->type != MR_STRING) || value->len <= VALUE_MAX_BYTES)
        return false;
    snprintf(out, SHOW_VALUE_SIZE, "%u bytes", (unsigned)value->len);
    return true;
}

void show_value(char out[SHOW_VALUE_SIZE], const struct mr_value *value)
{
    static const char mark[] = "\xe2\x80\xa6"; /* … */
    if (show_rounded(out, value) || show_size(out, value))
        return;
    int len = mr_value_text(value, out, SHOW_VALUE_SIZE);
    if (len < SHOW_VALUE_SIZE)
        return;
    mr_value_text(value, out, SHOW_VALUE_SIZE - (int)sizeof mark); /* cut between characters: not always full */
    memcpy(out + strlen(out), mark, sizeof mark);
}

const char *show_unit(const struct mr_tag_def *def)
{
    return def && def->unit ? unit_display(def->unit) : "";
}

void show_quality(char out[SHOW_QUALITY_SIZE], const struct mr_msg *msg)
{
    char status[STATUS_TEXT_BYTES];
    status_text(msg->status, status, sizeof status);
    snprintf(out, SHOW_QUALITY_SIZE, "%s%s%s%s", status, msg->flags & MR_STALE ? ", stale" : "",
             msg->flags & MR_FORCED ? ", forced" : "", msg->flags & MR_FUTURE ? ", future" : "");
}

void show_age(char out[SHOW_AGE_SIZE], const struct mr_msg *msg, int64_t now_us)
{
    int64_t at_us = msg->source_us != MR_NO_TIME ? msg->source_us : msg->agent_us;
    int64_t age_ns;
    char text[TEXT_UNITS_SIZE];
    if (at_us == MR_NO_TIME || __builtin_sub_overflow(now_us, at_us, &age_ns) ||
        __builtin_mul_overflow(age_ns, INT64_C(1000), &age_ns)) {
        snprintf(out, SHOW_AGE_SIZE, "-");
        return;
    }
    text_show_duration(text, age_ns);
    snprintf(out, SHOW_AGE_SIZE, "%s", text);
}

enum colour show_colour(const struct mr_msg *msg)
{
    if (status_is_bad(msg->status))
        return COLOUR_RED;
    return status_is_uncertain(msg->status) || msg->flags & MR_STALE ? COLOUR_YELLOW : COLOUR_NONE;
}

const char *show_cause(enum mr_cause cause)
{
    switch (cause) {
    case MR_SLOW_READER:
        return "slow reader";
    case MR_LINK:
        return "connection broke";
    case MR_BROKER:
        return "broker or agent stopped";
    case MR_SPOOL_FULL:
        return "spool full";
    case MR_EXPIRED:
        return "expired";
    case MR_TRIMMED:
        return "trimmed";
    case MR_CORRUPT:
        return "checksum wrong";
    case MR_RIGHTS:
        return "rights";
    }
    return "unknown cause";
}

void show_loss(FILE *out, const struct mr_msg *msg)
{
    char text[SHOW_VALUE_SIZE];
    const char *words = msg->text ? msg->text : "";
    text_escape(text, sizeof text, words, strlen(words));
    if (msg->count)
        fprintf(out, "lost: %" PRIu64 " message%s", msg->count, msg->count == 1 ? "" : "s");
    else
        fputs("lost: messages, how many is not known,", out);
    fprintf(out, " of %s: %s%s%s", msg->publisher ? msg->publisher : "any publisher", show_cause(msg->cause),
            *text ? ": " : "", text);
}

static void data_as_json(FILE *out, const struct mr_msg *msg, const struct mr_tag_def *def)
{
    char status[16];
    struct json_line line = json_begin(out);
    snprintf(status, sizeof status, "0x%08" PRIX32, msg->status);
    json_text(&line, "topic", msg->topic);
    json_value(&line, "value", &msg->value);
    json_text(&line, "type", msg->value.type ? value_type_name(msg->value.type) : NULL);
    if (msg->value.rate_hz > 0) {
        const struct mr_value rate = mr_f64(msg->value.rate_hz);
        json_value(&line, "rate_hz", &rate);
    }
    json_text(&line, "unit", *show_unit(def) ? show_unit(def) : NULL);
    json_text(&line, "quality", status_name(msg->status));
    json_text(&line, "status", status);
    json_time(&line, "source", msg->source_us);
    json_time(&line, "agent", msg->agent_us);
    json_time(&line, "broker", msg->broker_us);
    json_text(&line, "publisher", msg->publisher);
    json_bool(&line, "stale", msg->flags & MR_STALE);
    if (msg->flags & MR_CLEAR)
        json_bool(&line, "cleared", true);
    json_u64(&line, "seq", msg->seq);
    json_end(&line);
}

static void loss_as_json(FILE *out, const struct mr_msg *msg)
{
    struct json_line line = json_begin(out);
    json_text(&line, "loss", msg->topic);
    json_u64(&line, "count", msg->count);
    json_text(&line, "cause", show_cause(msg->cause));
    json_text(&line, "publisher", msg->publisher);
    json_text(&line, "text", msg->text);
    json_end(&line);
}

void show_json(FILE *out, const struct mr_msg *msg, const struct mr_tag_def *def)
{
    if (msg->kind == MR_DATA) {
        data_as_json(out, msg, def);
    } else if (msg->kind == MR_LOSS) {
        loss_as_json(out, msg);
    } else if (msg->kind == MR_SNAPSHOT_END) {
        struct json_line line = json_begin(out);
        json_text(&line, "snapshot_end", msg->topic);
        json_end(&line);
    }
}
