/* link.c - the steps of a handshake, one function each. */
#include "link.h"
#include <string.h>

enum { MESSAGE_MAX_BYTES = 4 * 1024 * 1024 };

static const char socket_type[] = "DEALER";

void link_metadata_add(struct link_metadata *m, const char *name, const void *value, size_t len)
{
    m->len += curve_write_property(m->bytes + m->len, name, value, len);
}

static enum link_result why_not(const struct link *link)
{
    return link->wire.is_cut ? LINK_CUT : LINK_LATE;
}

/* -- steps --------------------------------------------------------------------------------------------------------- */
static enum link_result greet(struct link *link, int64_t until_ns)
{
    uint8_t greeting[WIRE_GREETING_BYTES];
    wire_write_greeting(greeting, "CURVE");
    if (wire_send(&link->wire, greeting, sizeof greeting, until_ns) && wire_receive_greeting(&link->wire, until_ns))
        return LINK_OK;
    return why_not(link);
}

static enum link_result say_hello(struct link *link, int64_t until_ns)
{
    uint8_t hello[CURVE_HELLO_BYTES];
    curve_write_hello(&link->curve, hello);
    return wire_send_frame(&link->wire, WIRE_COMMAND, hello, sizeof hello, until_ns) ? LINK_OK : why_not(link);
}

static bool is_error(const struct wire_frame *frame)
{
    return frame->len >= 6 && memcmp(frame->body, "\5ERROR", 6) == 0;
}

static enum link_result await_welcome(struct link *link, int64_t until_ns)
{
    struct wire_frame frame;
    if (!wire_receive_frame(&link->wire, &frame, until_ns))
        return why_not(link);
    if (is_error(&frame))
        return LINK_REFUSED;
    return curve_read_welcome(&link->curve, frame.body, frame.len) ? LINK_OK : LINK_STRANGE;
}

static enum link_result initiate(struct link *link, const struct link_metadata *metadata, int64_t until_ns)
{
    uint8_t body[CURVE_INITIATE_MAX_BYTES];
    struct link_metadata own = {.len = 0};
    if (!metadata)
        link_metadata_add(&own, "Socket-Type", socket_type, sizeof socket_type - 1);
    const struct link_metadata *said = metadata ? metadata : &own;
    size_t len = curve_write_initiate(&link->curve, said->bytes, said->len, body);
    return wire_send_frame(&link->wire, WIRE_COMMAND, body, len, until_ns) ? LINK_OK : why_not(link);
}

static enum link_result await_ready(struct link *link, int64_t until_ns)
{
    struct wire_frame frame;
    if (!wire_receive_frame(&link->wire, &frame, until_ns))
        return why_not(link);
    if (is_error(&frame))
        return LINK_REFUSED;
    return curve_is_ready(&link->curve, frame.body, frame.len) ? LINK_OK : LINK_STRANGE;
}

enum link_result link_go_on(struct link *link, enum link_step step, const struct link_metadata *metadata,
                            int64_t until_ns)
{
    switch (step) {
    case LINK_CONNECTED:
        return LINK_OK;
    case LINK_GREETED:
        return greet(link, until_ns);
    case LINK_HELLO_SENT:
        return say_hello(link, until_ns);
    case LINK_WELCOMED:
        return await_welcome(link, until_ns);
    case LINK_INITIATED:
        return initiate(link, metadata, until_ns);
    case LINK_READY:
        return await_ready(link, until_ns);
    }
    return LINK_STRANGE;
}

/* -- life ---------------------------------------------------------------------------------------------------------- */
enum link_result link_open(struct link *link, const struct link_target *target, enum link_step step,
                           const struct link_metadata *metadata, int64_t until_ns)
{
    enum link_result result = LINK_OK;
    buf_init(&link->sealed, MESSAGE_MAX_BYTES);
    buf_init(&link->opened, MESSAGE_MAX_BYTES);
    curve_begin(&link->curve, &target->keys);
    if (!wire_open(&link->wire, &target->address, until_ns))
        return LINK_UNREACHABLE;
    for (enum link_step next = LINK_GREETED; next <= step && result == LINK_OK; next++)
        result = link_go_on(link, next, metadata, until_ns);
    return result;
}

void link_close(struct link *link)
{
    wire_close(&link->wire);
    buf_fini(&link->sealed);
    buf_fini(&link->opened);
}

/* -- messages ------------------------------------------------------------------------------------------------------ */
bool link_seal(struct link *link, uint8_t flags, const void *data, size_t len, uint8_t **ret, size_t *ret_len)
{
    buf_clear(&link->sealed);
    if (buf_reserve(&link->sealed, len + CURVE_OVERHEAD_BYTES) != MR_OK)
        return false;
    curve_seal(&link->curve, flags, data, len, link->sealed.data);
    *ret = link->sealed.data;
    *ret_len = len + CURVE_OVERHEAD_BYTES;
    return true;
}

bool link_send(struct link *link, uint8_t flags, const void *data, size_t len, int64_t until_ns)
{
    uint8_t *sealed;
    size_t sealed_len;
    return link_seal(link, flags, data, len, &sealed, &sealed_len) &&
           wire_send_frame(&link->wire, 0, sealed, sealed_len, until_ns);
}

bool link_receive(struct link *link, uint8_t *ret_flags, const uint8_t **ret_data, size_t *ret_len, int64_t until_ns)
{
    struct wire_frame frame;
    if (!wire_receive_frame(&link->wire, &frame, until_ns))
        return false;
    buf_clear(&link->opened);
    if (buf_reserve(&link->opened, frame.len) != MR_OK)
        return false;
    return curve_open(&link->curve, frame.body, frame.len, link->opened.data, ret_flags, ret_data, ret_len);
}

bool link_is_cut_by(struct link *link, int64_t until_ns)
{
    return wire_is_cut_by(&link->wire, until_ns);
}
