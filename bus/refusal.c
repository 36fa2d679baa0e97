/* refusal.c - a BYE for who gets no session. */
#include "bus/refusal.h"
#include "base/buf.h"
#include "proto/control.h"
#include "proto/frame.h"
#include <string.h>

struct blob *refusal_frame(enum mr_rc rc, const char *reason)
{
    enum { REASON_ROOM = 1024 };
    const struct control_bye bye = {.rc = rc, .reason = reason};
    const struct frame_head head = {.kind = FRAME_BYE, .lane = LANE_CONTROL};
    struct buf payload;
    buf_init(&payload, REASON_ROOM);
    struct blob *frame = control_write_bye(&payload, &bye) == MR_OK ? blob_new(FRAME_HEAD_BYTES + payload.len) : NULL;
    if (frame) {
        frame_write_head(frame->data, &head);
        memcpy(frame->data + FRAME_HEAD_BYTES, payload.data, payload.len);
    }
    buf_fini(&payload);
    return frame;
}
