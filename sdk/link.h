/* link.h - frames over a transport: u32 little-endian length, then the frame, both ways. */
#ifndef SDK_LINK_H
#define SDK_LINK_H
#include "base/buf.h"
#include "base/framing.h"
#include "proto/session.h"
#include "sdk/transport.h"

struct link {
    const struct transport *transport;
    struct connection *connection; /* NULL: closed */
    struct framing_reader in;
    struct buf out; /* what the transport has not taken yet */
};

void link_init(struct link *link, const struct transport *transport);
MUST enum mr_rc link_open(struct link *link, const char *address, struct err *err); /* as transport.connect */
void link_close(struct link *link);                                                 /* closed already is fine */

/* Sends what the session gives until either side has no more. MR_WOULD_BLOCK: the transport takes no more now.
 * MR_CLOSED: the connection is gone. MR_NO_MEMORY: likewise, it cannot go on. */
MUST enum mr_rc link_send(struct link *link, struct session *session, int64_t now_ns);

/* One read of the transport, its frames handed to the session. MR_WOULD_BLOCK: nothing came. MR_CLOSED: the connection is
 * gone, or the session ended over what came. */
MUST enum mr_rc link_receive(struct link *link, struct session *session, int64_t now_ns);

size_t link_unsent(const struct link *link); /* bytes taken from the session and not yet by the transport */
#endif
