/* zap.c - the ZAP handler: answers libzmq's question for each CURVE handshake, in the loop's thread. */
#include "base/io/zap.h"
#include "base/err.h"
#include "base/io/loop.h"
#include "base/io/zsock_internal.h"
#include "base/mem.h"
#include <errno.h>
#include <string.h>

#define ENDPOINT "inproc://zeromq.zap.01"
#define RANK 0 /* before every listener: no handshake waits for traffic */
#define REQUEST_ID_MAX 255U
#define ENVELOPE_FRAMES 2U /* routing id and an empty frame before the request */
#define MAX_FRAMES (ENVELOPE_FRAMES + ZAP_FRAMES)

enum { FRAME_VERSION, FRAME_REQUEST_ID, FRAME_DOMAIN, FRAME_ADDRESS, FRAME_IDENTITY, FRAME_MECHANISM, FRAME_KEY };

struct zap {
    struct loop *loop;
    struct zctx *ctx;
    void *socket; /* NULL: freed, waiting to be reaped */
    struct loop_source *source;
    zap_lookup_fn *lookup;
    void *user;
    struct zap_stats stats;
    struct loop_hook reap;
};

/* -- the request ----------------------------------------------------------------------------------------------------- */
static bool is_text(const struct zap_frame *frame, const char *text)
{
    return frame->len == strlen(text) && memcmp(frame->data, text, frame->len) == 0;
}

/* Copies a frame as a C string; false if it does not fit or has a NUL inside. */
static bool copy_text(const struct zap_frame *frame, char *ret_text, size_t size)
{
    if (frame->len >= size || memchr(frame->data, '\0', frame->len))
        return false;
    memcpy(ret_text, frame->data, frame->len);
    ret_text[frame->len] = '\0';
    return true;
}

enum mr_rc zap_parse(const struct zap_frame *frames, size_t n_frames, struct zap_question *ret)
{
    struct zap_question question;
    if (n_frames != ZAP_FRAMES || !is_text(&frames[FRAME_VERSION], "1.0") ||
        frames[FRAME_REQUEST_ID].len > REQUEST_ID_MAX || !is_text(&frames[FRAME_MECHANISM], "CURVE") ||
        frames[FRAME_KEY].len != ZAP_KEY_BYTES || frames[FRAME_DOMAIN].len == 0)
        return MR_INVALID;
    if (!copy_text(&frames[FRAME_DOMAIN], question.domain, sizeof question.domain) ||
        !copy_text(&frames[FRAME_ADDRESS], question.address, sizeof question.address))
        return MR_INVALID;
    memcpy(question.key, frames[FRAME_KEY].data, ZAP_KEY_BYTES);
    *ret = question;
    return MR_OK;
}

/* -- the answer ------------------------------------------------------------------------------------------------------ */
/* The user id for a well-formed question; "" refuses. */
static void decide(struct zap *zap, const struct zap_frame *frames, size_t n_frames, char ret_user_id[ZAP_USER_ID_SIZE])
{
    struct zap_question question;
    ret_user_id[0] = '\0';
    if (zap_parse(frames, n_frames, &question) != MR_OK) {
        zap->stats.malformed++;
        return;
    }
    struct zap_request request = {.domain = question.domain, .address = question.address, .key = question.key};
    bool is_admitted = zap->lookup(zap->user, &request, ret_user_id) && ret_user_id[0] != '\0' &&
                       memchr(ret_user_id, '\0', ZAP_USER_ID_SIZE);
    if (is_admitted) {
        zap->stats.admitted++;
    } else {
        zap->stats.refused++;
        ret_user_id[0] = '\0';
    }
}

static void send_frame(struct zap *zap, const void *data, size_t len, int flags)
{
    /* A failure can only mean that the handshake is gone already; unanswered it ends by its time limit. */
    (void)zmq_send(zap->socket, data, len, flags | ZMQ_DONTWAIT);
}

static void send_text(struct zap *zap, const char *text, int flags)
{
    send_frame(zap, text, strlen(text), flags);
}

/* 400 and not 300: a peer told 300 hears nothing and holds its connection until the time limit. */
static void answer(struct zap *zap, const struct zap_frame *frames, const char *user_id)
{
    bool is_admitted = user_id[0] != '\0';
    const struct zap_frame *request_id = &frames[ENVELOPE_FRAMES + FRAME_REQUEST_ID];
    send_frame(zap, frames[0].data, frames[0].len, ZMQ_SNDMORE);
    send_text(zap, "", ZMQ_SNDMORE);
    send_text(zap, "1.0", ZMQ_SNDMORE);
    send_frame(zap, request_id->data, request_id->len, ZMQ_SNDMORE);
    send_text(zap, is_admitted ? "200" : "400", ZMQ_SNDMORE);
    send_text(zap, is_admitted ? "OK" : "key not admitted", ZMQ_SNDMORE);
    send_text(zap, user_id, ZMQ_SNDMORE);
    send_text(zap, "", 0);
}

/* Receives the parts of one request into messages; returns how many there are, which may be more than were kept. */
static size_t receive_parts(struct zap *zap, zmq_msg_t messages[MAX_FRAMES], size_t *ret_kept)
{
    size_t parts = 0;
    bool more = true;
    while (more && parts < MAX_FRAMES) {
        zmq_msg_init(&messages[parts]);
        if (zmq_msg_recv(&messages[parts], zap->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&messages[parts]);
            break;
        }
        more = zmq_msg_more(&messages[parts++]);
    }
    *ret_kept = parts;
    return parts == MAX_FRAMES && more ? parts + zsock_skip_parts(zap->socket) : parts;
}

/* Answers one request; false: there is none. */
static bool serve(struct zap *zap)
{
    zmq_msg_t messages[MAX_FRAMES];
    struct zap_frame frames[MAX_FRAMES];
    char user_id[ZAP_USER_ID_SIZE];
    size_t kept = 0;
    size_t parts = receive_parts(zap, messages, &kept);
    for (size_t i = 0; i < kept; i++)
        frames[i] = (struct zap_frame){.data = zmq_msg_data(&messages[i]), .len = zmq_msg_size(&messages[i])};
    if (kept > ENVELOPE_FRAMES + FRAME_REQUEST_ID) {
        decide(zap, frames + ENVELOPE_FRAMES, parts - ENVELOPE_FRAMES, user_id);
        if (zap->socket)
            answer(zap, frames, user_id);
    } else if (kept > 0) {
        zap->stats.malformed++;
    }
    for (size_t i = 0; i < kept; i++)
        zmq_msg_close(&messages[i]);
    return kept > 0;
}

static void drain(void *user)
{
    struct zap *zap = user;
    for (unsigned n = 0; n < LOOP_DRAIN_MESSAGES && zap->socket; n++)
        if (!serve(zap))
            break;
}

static bool is_ready(void *user)
{
    const struct zap *zap = user;
    return zsock_events(zap->socket) & ZMQ_POLLIN;
}

static const struct loop_source_ops source_ops = {.is_ready = is_ready, .drain = drain};

/* -- life ------------------------------------------------------------------------------------------------------------ */
static enum mr_rc bind_handler(struct zap *zap, struct err *err)
{
    const struct zsock_option list[] = {{.name = ZMQ_LINGER, .number = 0}};
    enum mr_rc rc = zsock_open(zap->ctx, ZMQ_ROUTER, list, sizeof list / sizeof list[0], &zap->socket, err);
    if (rc != MR_OK)
        return rc;
    if (zmq_bind(zap->socket, ENDPOINT) != 0) {
        err_set(err, "cannot bind the ZAP handler: %s", zmq_strerror(errno));
        return MR_MISUSE;
    }
    rc = loop_source_new(zap->loop, zsock_wake_fd(zap->socket), RANK, &source_ops, zap, &zap->source);
    if (rc != MR_OK)
        err_set(err, "out of memory for the ZAP handler");
    return rc;
}

enum mr_rc zap_new(struct loop *loop, struct zctx *ctx, zap_lookup_fn *lookup, void *user, struct zap **ret,
                   struct err *err)
{
    struct zap *zap = mem_alloc(sizeof *zap);
    if (!zap) {
        err_set(err, "out of memory for the ZAP handler");
        return MR_NO_MEMORY;
    }
    *zap = (struct zap){.loop = loop, .ctx = ctx, .lookup = lookup, .user = user};
    enum mr_rc rc = bind_handler(zap, err);
    if (rc != MR_OK) {
        zsock_close(zap->socket);
        mem_free(zap);
        return rc;
    }
    ctx->has_zap = true;
    *ret = zap;
    return MR_OK;
}

void zap_free(struct zap *zap)
{
    if (!zap || !zap->socket)
        return;
    loop_source_free(zap->source);
    zsock_close(zap->socket);
    zap->socket = NULL;
    zap->ctx->has_zap = false;
    loop_defer(zap->loop, &zap->reap, mem_free, zap);
}

void zap_get_stats(const struct zap *zap, struct zap_stats *ret)
{
    *ret = zap->stats;
}
