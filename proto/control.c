/* control.c - reads and writes the control messages, as control_tables.c says what they are. */
#include "proto/control.h"

#include <string.h>

#include "proto/control_tables.h"
#include "proto/session.pb-c.h"

/* -- reading -- */

#define READ(name, type)                                                                                               \
    enum mr_rc control_read_##name(struct arena *a, const uint8_t *data, size_t len, type *ret, struct err *err)       \
    {                                                                                                                  \
        return fields_read(a, &name##_message, data, len, ret, NULL, err);                                             \
    }

READ(hello, struct control_hello)
READ(bye, struct control_bye)
READ(state, struct session_state)
READ(ping, struct control_ping)
READ(pong, struct control_pong)
READ(credit, struct control_credit)
READ(names, struct control_names)
READ(open, struct control_open)
READ(opened, struct control_opened)
READ(interest, struct control_interest)
READ(interest_ack, struct control_interest_ack)
READ(losses, struct control_losses)
READ(birth, struct session_birth)
READ(death, struct session_death)
READ(error, struct control_error)

/* Windows by lane; a lane that is none of ours, or told twice, is refused. */
static enum mr_rc take_windows(const Millrace__V1__Welcome *wire, uint32_t windows[LANE_COUNT])
{
    bool told[LANE_COUNT] = {false};

    for (size_t i = 0; i < wire->n_window; i++) {
        const Millrace__V1__Window *window = wire->window[i];

        if (window->lane >= LANE_COUNT || told[window->lane])
            return MR_INVALID;
        told[window->lane] = true;
        windows[window->lane] = window->bytes;
    }
    return MR_OK;
}

enum mr_rc control_read_welcome(struct arena *a, const uint8_t *data, size_t len, struct control_welcome *ret,
                                struct err *err)
{
    const ProtobufCMessage *wire = NULL;
    struct control_welcome welcome;
    enum mr_rc rc = fields_read(a, &welcome_message, data, len, &welcome, &wire, err);

    if (rc)
        return rc;
    rc = take_windows((const Millrace__V1__Welcome *)wire, welcome.window);
    if (rc) {
        err_set(err, "Welcome.window is not valid");
        return rc;
    }
    *ret = welcome;
    return MR_OK;
}

enum mr_rc control_read_snapshot_end(struct arena *a, const uint8_t *data, size_t len, uint32_t *ret_interest,
                                     struct err *err)
{
    struct control_snapshot_end end;
    enum mr_rc rc = fields_read(a, &snapshot_end_message, data, len, &end, NULL, err);

    if (rc)
        return rc;
    *ret_interest = end.interest;
    return MR_OK;
}

/* -- writing -- */

/* As a message of its own (number 0), or as an entry of the field with this number. */
static enum mr_rc write_fields(struct buf *out, unsigned number, const struct message *m, const void *plain)
{
    struct wire_message wire;
    enum mr_rc rc = fields_fill(m, plain, &wire);

    return rc ? rc : fields_append(out, number, &wire.of.base);
}

/* Sets what fields_fill() leaves out: `value` of `len` bytes at an offset of the protobuf-c struct. */
static void set_at(struct wire_message *wire, size_t offset, const void *value, size_t len)
{
    memcpy((uint8_t *)&wire->of + offset, value, len);
}

enum mr_rc control_write_hello(struct buf *out, const struct control_hello *hello)
{
    return write_fields(out, 0, &hello_message, hello);
}

enum mr_rc control_write_welcome(struct buf *out, const struct control_welcome *welcome)
{
    struct wire_message wire, state;
    enum mr_rc rc = fields_fill(&welcome_message, welcome, &wire);

    if (!rc)
        rc = fields_fill(&state_message, &welcome->welcome.state, &state);
    if (rc)
        return rc;

    Millrace__V1__Window windows[LANE_COUNT], *list[LANE_COUNT], **at = list;
    size_t n = 0;
    for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
        if (!welcome->window[lane])
            continue;
        millrace__v1__window__init(&windows[n]);
        windows[n].lane = lane;
        windows[n].bytes = welcome->window[lane];
        list[n] = &windows[n];
        n++;
    }
    const ProtobufCMessage *state_at = &state.of.base;
    set_at(&wire, offsetof(Millrace__V1__Welcome, state), &state_at, sizeof state_at);
    set_at(&wire, offsetof(Millrace__V1__Welcome, window), &at, sizeof at);
    set_at(&wire, offsetof(Millrace__V1__Welcome, n_window), &n, sizeof n);
    return fields_append(out, 0, &wire.of.base);
}

enum mr_rc control_write_bye(struct buf *out, const struct control_bye *bye)
{
    return write_fields(out, 0, &bye_message, bye);
}

enum mr_rc control_write_state(struct buf *out, const struct session_state *state)
{
    return write_fields(out, 0, &state_message, state);
}

enum mr_rc control_write_ping(struct buf *out, const struct control_ping *ping)
{
    return write_fields(out, 0, &ping_message, ping);
}

enum mr_rc control_write_pong(struct buf *out, const struct control_pong *pong)
{
    return write_fields(out, 0, &pong_message, pong);
}

enum mr_rc control_write_credit(struct buf *out, const struct control_credit *credit)
{
    return write_fields(out, 0, &credit_message, credit);
}

enum mr_rc control_write_snapshot_end(struct buf *out, uint32_t interest)
{
    return write_fields(out, 0, &snapshot_end_message, &(struct control_snapshot_end){interest});
}

enum mr_rc control_write_death(struct buf *out, const struct session_death *death)
{
    return write_fields(out, 0, &death_message, death);
}

enum mr_rc control_write_error(struct buf *out, const struct control_error *error)
{
    return write_fields(out, 0, &error_message, error);
}

/* -- writing entry by entry; the numbers are those of the repeated fields in session.proto -- */

enum {
    NAMES_TOPIC = 1,
    NAMES_PUBLISHER = 2,
    OPEN_TOPIC = 1,
    OPENED_TOPIC = 1,
    LOSSES_LOSS = 1,
    INTEREST_ADD = 4,
    INTEREST_ACK_REFUSED = 3,
    BIRTH_TAG = 5
};

enum mr_rc control_write_topic(struct buf *out, const struct session_topic *topic)
{
    return write_fields(out, NAMES_TOPIC, &topic_message, topic);
}

enum mr_rc control_write_publisher(struct buf *out, const struct session_publisher *publisher)
{
    return write_fields(out, NAMES_PUBLISHER, &publisher_message, publisher);
}

enum mr_rc control_write_open(struct buf *out, const struct session_open *open)
{
    struct wire_message wire, tag;
    enum mr_rc rc = fields_fill(&open_topic_message, open, &wire);

    if (!rc && open->tag) {
        const ProtobufCMessage *tag_at = &tag.of.base;

        rc = fields_fill(&tag_message, open->tag, &tag);
        set_at(&wire, offsetof(Millrace__V1__OpenTopic, tag), &tag_at, sizeof tag_at);
    }
    return rc ? rc : fields_append(out, OPEN_TOPIC, &wire.of.base);
}

enum mr_rc control_write_opened(struct buf *out, const struct session_opened *opened)
{
    return write_fields(out, OPENED_TOPIC, &opened_topic_message, opened);
}

enum mr_rc control_write_loss(struct buf *out, const struct session_loss *loss)
{
    return write_fields(out, LOSSES_LOSS, &loss_message, loss);
}

enum mr_rc control_write_interest_head(struct buf *out, const struct control_interest_head *head)
{
    return write_fields(out, 0, &interest_message, &(struct control_interest){.head = *head});
}

enum mr_rc control_write_interest_entry(struct buf *out, const struct session_interest *entry)
{
    return write_fields(out, INTEREST_ADD, &entry_message, entry);
}

enum mr_rc control_write_interest_remove(struct buf *out, uint32_t id)
{
    Millrace__V1__Interest wire = MILLRACE__V1__INTEREST__INIT;

    if (!id)
        return MR_INVALID;
    wire.n_remove = 1;
    wire.remove = &id;
    return fields_append(out, 0, &wire.base);
}

enum mr_rc control_write_interest_ack(struct buf *out, const struct control_interest_ack *ack)
{
    return write_fields(out, 0, &interest_ack_message, ack);
}

enum mr_rc control_write_refusal(struct buf *out, const struct session_refusal *refusal)
{
    return write_fields(out, INTEREST_ACK_REFUSED, &refusal_message, refusal);
}

/* Adds up what the tags of a birth take, so that the room for all is there before the first is written. */
static enum mr_rc size_tags(const struct session_birth *birth, size_t *size)
{
    for (size_t i = 0; i < birth->n_tags; i++) {
        struct wire_message tag;
        enum mr_rc rc = fields_fill(&tag_message, &birth->tags[i], &tag);

        if (rc)
            return rc;
        *size += fields_entry_size(&tag.of.base);
    }
    return MR_OK;
}

enum mr_rc control_write_birth(struct buf *out, const struct session_birth *birth)
{
    struct wire_message head;
    enum mr_rc rc = fields_fill(&birth_message, birth, &head);

    if (rc || birth->n_tags > CONTROL_ENTRIES_MAX)
        return MR_INVALID;

    size_t size = protobuf_c_message_get_packed_size(&head.of.base);
    rc = size_tags(birth, &size);
    if (!rc)
        rc = buf_reserve(out, size);
    if (!rc)
        rc = fields_append(out, 0, &head.of.base);
    for (size_t i = 0; !rc && i < birth->n_tags; i++)
        rc = control_write_birth_tag(out, &birth->tags[i]);
    return rc;
}

enum mr_rc control_write_birth_tag(struct buf *out, const struct session_tag *tag)
{
    return write_fields(out, BIRTH_TAG, &tag_message, tag);
}
