/* link.c - see link.h. */
#include "sdk/link.h"

enum {
    GATHERED_BYTES = 64 * 1024, /* of frames per call of the transport */
    OUT_MAX_BYTES = GATHERED_BYTES + AGENT_FRAME_MAX_BYTES + (int)FRAMING_PREFIX_BYTES
};

void link_init(struct link *link, const struct transport *transport)
{
    *link = (struct link){.transport = transport};
    framing_init(&link->in, AGENT_FRAME_MAX_BYTES);
    buf_init(&link->out, OUT_MAX_BYTES);
}

enum mr_rc link_open(struct link *link, const char *address, struct err *err)
{
    return link->transport->connect(link->transport->user, address, &link->connection, err);
}

void link_close(struct link *link)
{
    if (link->connection)
        link->transport->close(link->connection);
    link->connection = NULL;
    framing_fini(&link->in);
    buf_fini(&link->out);
}

size_t link_unsent(const struct link *link)
{
    return link->out.len;
}

static enum mr_rc append(struct buf *out, const struct blob *frame)
{
    uint8_t prefix[FRAMING_PREFIX_BYTES];
    framing_put_prefix(prefix, frame->len);
    enum mr_rc rc = buf_append(out, prefix, sizeof prefix);
    return rc ? rc : buf_append(out, frame->data, frame->len);
}

static enum mr_rc gather(struct link *link, struct session *session, int64_t now_ns)
{
    while (link->out.len < GATHERED_BYTES) {
        struct blob *frame = session_take(session, now_ns);
        if (!frame)
            return MR_OK;
        enum mr_rc rc = append(&link->out, frame);
        blob_unref(frame);
        if (rc)
            return MR_NO_MEMORY;
    }
    return MR_OK;
}

enum mr_rc link_send(struct link *link, struct session *session, int64_t now_ns)
{
    for (;;) {
        enum mr_rc rc = gather(link, session, now_ns);
        if (rc || link->out.len == 0)
            return rc;
        size_t n;
        rc = link->transport->send(link->connection, link->out.data, link->out.len, &n);
        if (rc)
            return rc;
        buf_consume(&link->out, n);
    }
}

static enum mr_rc take_frames(struct link *link, struct session *session, int64_t now_ns)
{
    const uint8_t *frame;
    size_t len;
    enum mr_rc rc;
    while ((rc = framing_next(&link->in, &frame, &len)) == MR_OK)
        if (session_input(session, frame, len, now_ns))
            return MR_CLOSED;
    return rc == MR_WOULD_BLOCK ? MR_OK : MR_CLOSED;
}

enum mr_rc link_receive(struct link *link, struct session *session, int64_t now_ns)
{
    uint8_t *space;
    size_t len, n;
    enum mr_rc rc = framing_space(&link->in, &space, &len);
    if (rc)
        return rc == MR_NO_MEMORY ? MR_CLOSED : rc;
    rc = link->transport->receive(link->connection, space, len, &n);
    if (rc)
        return rc;
    framing_fed(&link->in, n);
    return take_frames(link, session, now_ns);
}
