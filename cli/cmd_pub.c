/* cmd_pub.c - millrace pub: one value, raw or as a tag with its unit. */
#include <string.h>

#include "base/text.h"
#include "base/text_time.h"
#include "cli/client.h"
#include "cli/input.h"
#include "cli/report.h"
#include "proto/limits.h"
#include "proto/status.h"
#include "proto/unit.h"
#include "proto/value.h"

struct pub {
    const struct args *args;
    struct client *client;
    struct buf text; /* what the value points into */
    struct mr_pub record;
    enum mr_rc outcome;
};

/* -- the command line -- */
static int read_type(const struct args *args, uint32_t *ret)
{
    *ret = VALUE_AUTO;
    if (!args->type || value_type_by_name(args->type, ret) == MR_OK)
        return EXIT_DONE;
    return report_usage("pub", "--type is i64, u64, f32, f64, bool, string or bytes, not '%s'", args->type);
}

/* As bytes, unless it is to be text. */
static int read_file(struct pub *pub, uint32_t type)
{
    struct err err = {{0}};
    enum mr_rc rc = input_read_file(pub->args->file, &pub->text, &err);
    pub->record.value = (struct mr_value){.type = type == VALUE_AUTO ? MR_BYTES : type,
                                          .len = (uint32_t)pub->text.len,
                                          .as.ptr = pub->text.data ? (const char *)pub->text.data : ""};
    if (!rc)
        rc = value_check_large(&pub->record.value, &err);
    if (!rc && pub->args->keep && pub->text.len > VALUE_MAX_BYTES) {
        err_set(&err, "%s has %zu bytes: with --keep at most %d, for what is longer is never kept", pub->args->file,
                pub->text.len, VALUE_MAX_BYTES);
        rc = MR_TOO_BIG;
    }
    return rc ? report_local(rc, &err) : EXIT_DONE;
}

static int read_value(struct pub *pub)
{
    struct err err = {{0}};
    uint32_t type;
    const char *word = pub->args->n_words > 1 ? pub->args->words[1] : NULL;
    int code = read_type(pub->args, &type);
    if (!code && pub->args->file)
        return read_file(pub, type);
    if (code || !word)
        return code;
    enum mr_rc rc = input_read(word, &pub->text, &err);
    if (!rc)
        rc = value_parse(pub->text.data ? (const char *)pub->text.data : "", pub->text.len, type, &pub->record.value,
                         &err);
    if (!rc)
        return EXIT_DONE;
    return rc == MR_INVALID ? report_usage("pub", "%s", err.text) : report_failure("", rc, "%s", err.text);
}

static int read_marks(struct pub *pub)
{
    const struct args *args = pub->args;
    if (status_parse(args->quality, &pub->record.status) != MR_OK)
        return report_usage("pub",
                            "--quality is an OPC UA status such as Good, BadSensorFailure or 0x808C0000, not '%s'",
                            args->quality);
    pub->record.source_us = MR_NO_TIME;
    if (args->source && text_parse_time(args->source, &pub->record.source_us) != MR_OK)
        return report_usage("pub", "--source is a time such as 2026-03-01T12:00:00.5Z, not '%s'", args->source);
    pub->record.flags = (args->keep ? MR_KEEP : 0U) | (args->clear ? MR_CLEAR : 0U);
    return EXIT_DONE;
}

/* Which options go together. */
static int check_marks(const struct args *args)
{
    if (args->clear && (args->keep || args->unit || args->n_words > 1 || args->file))
        return report_usage("pub", "--clear removes a last value: it goes with no VALUE, --file, --keep or --unit");
    if (args->file && (args->unit || args->n_words > 1))
        return report_usage("pub", "--file is the value: it goes with no VALUE and no --unit");
    if (args->file && args->type && strcmp(args->type, "bytes") != 0 && strcmp(args->type, "string") != 0)
        return report_usage("pub", "--file goes with --type bytes or string, not '%s'", args->type);
    if (!args->clear && !args->file && args->n_words < 2 && strcmp(args->quality, "Good") == 0)
        return report_usage("pub",
                            "there is no VALUE; only a --quality that is not Good, or --clear, goes without one");
    return EXIT_DONE;
}

static int read_args(struct pub *pub)
{
    char unit[UNIT_MAX_BYTES + 1];
    int code = EXIT_DONE;
    const struct args *args = pub->args;
    if (client_check_topic(args, args->words[0], false, &code))
        return code;
    pub->record.topic = args->words[0];
    if (!code)
        code = check_marks(args);
    if (!code)
        code = read_marks(pub);
    if (!code)
        code = read_value(pub);
    if (code || !args->unit)
        return code;
    switch (unit_normalise(args->unit, strlen(args->unit), unit)) {
    case UNIT_UNKNOWN:
        report_note("'%s' is no unit that is known; it is published as it is", args->unit);
        break;
    case UNIT_TOO_LONG:
    case UNIT_NOT_TEXT:
        return report_usage("pub", "--unit is text of at most %d bytes, not '%s'", UNIT_MAX_BYTES, args->unit);
    case UNIT_KNOWN:
        break;
    }
    return EXIT_DONE;
}

/* -- publishing -- */
/* The agent takes a long value no faster than the link behind it. */
static int wait_ms(const struct args *args)
{
    enum { FILE_WAIT_MS = 60000 };
    return args->file && args->wait_ms < FILE_WAIT_MS ? FILE_WAIT_MS : args->wait_ms;
}

static int too_late(const struct pub *pub)
{
    return report_failure(client_where(pub->client), MR_TIMEOUT, "the agent has not confirmed it within %d ms",
                          wait_ms(pub->args));
}

/* As a tag. The agent's verdict comes with its answer: the call after that returns it. */
static int publish_tag(struct pub *pub)
{
    struct mr_bus *bus = client_bus(pub->client);
    const struct mr_value *value = pub->record.value.type ? &pub->record.value : NULL;
    struct mr_tag_def def = {.size = sizeof def, .topic = pub->record.topic, .unit = pub->args->unit};
    struct mr_tag *tag;
    struct mr_stats stats = {.size = sizeof stats};
    def.type = value ? value->type : MR_F64;
    enum mr_rc rc = mr_tag_open(bus, NULL, &def, &tag);
    if (!rc)
        rc = mr_tag_write(tag, value, pub->record.status, pub->record.source_us);
    if (!rc)
        rc = mr_flush(bus, MR_ACCEPTED, pub->args->wait_ms);
    if (rc == MR_TIMEOUT)
        return too_late(pub);
    mr_get_stats(bus, &stats);
    if (!rc && stats.refused)
        rc = mr_tag_write(tag, value, pub->record.status, pub->record.source_us);
    return rc ? client_fail(pub->client, rc) : EXIT_DONE;
}

static void on_ack(void *user, enum mr_rc rc, enum mr_level reached, uint64_t offset)
{
    struct pub *pub = user;
    (void)reached;
    (void)offset;
    pub->outcome = rc;
    client_done(pub->client);
}

/* Raw. A refusal is a code only; asked again, the call gives its reason. */
static int publish_raw(struct pub *pub)
{
    struct mr_bus *bus = client_bus(pub->client);
    pub->record.size = sizeof pub->record;
    pub->record.on_ack = on_ack;
    pub->record.user = pub;
    enum mr_rc rc = mr_publish_opt(bus, &pub->record);
    if (rc)
        return client_fail(pub->client, rc);
    switch (client_run(pub->client, wait_ms(pub->args))) {
    case CLIENT_DONE:
        break;
    case CLIENT_LATE:
        return too_late(pub);
    case CLIENT_INTERRUPTED:
        return EXIT_INTERRUPTED;
    case CLIENT_CLOSED:
        return EXIT_FAILED;
    }
    if (!pub->outcome)
        return EXIT_DONE;
    if (mr_publish_opt(bus, &pub->record) == pub->outcome)
        return client_fail(pub->client, pub->outcome);
    return report_failure(client_where(pub->client), pub->outcome, "'%s'", pub->record.topic);
}

int cmd_pub(const struct args *args)
{
    struct pub pub = {.args = args};
    buf_init(&pub.text, args->file ? TRANSFER_MAX_BYTES : VALUE_MAX_BYTES);
    int code = read_args(&pub);
    if (!code && client_open(args, &pub.client, &code) == MR_OK)
        code = args->unit ? publish_tag(&pub) : publish_raw(&pub);
    client_close(pub.client, args->wait_ms);
    buf_fini(&pub.text);
    return code;
}
