/* refusal.h - says no in words to a connection that gets no session. */
#ifndef BUS_REFUSAL_H
#define BUS_REFUSAL_H
#include "base/blob.h"

/* A BYE under session 0 (docs/protocol.md), the caller owns the reference; NULL: no memory, the peer then learns no reason. */
struct blob *refusal_frame(enum mr_rc rc, const char *reason);
#endif
