/* selfcheck.c - three strangers knock at a listener with the real settings. */
#include "broker/selfcheck.h"
#include "base/io/keys.h"
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum verdict { WAITING, REFUSED, ADMITTED };

/* ZMTP 3.0 (ZeroMQ RFC 23): signature, version, mechanism NULL, as client; then READY as a DEALER, then a message. */
enum { GREETING_BYTES = 64, READY_BYTES = 30, MESSAGE_BYTES = 3 };
#define READY "\4\34\5READY\13Socket-Type\0\0\0\6DEALER"
static const uint8_t null_greeting[GREETING_BYTES] = {
    [0] = 0xff, [8] = 1, [9] = 0x7f, [10] = 3, [12] = 'N', [13] = 'U', [14] = 'L', [15] = 'L'};
static_assert(sizeof READY - 1 == READY_BYTES, "READY is 30 bytes on the wire");

/* ZMTP 1.0: an anonymous peer, then a message. */
static const uint8_t old_greeting[] = {1, 0, 2, 0, 'x'};

/* A stranger without CURVE: plain bytes on TCP. The listener may send its greeting, nothing more. */
struct plain {
    uint8_t bytes[GREETING_BYTES + READY_BYTES + MESSAGE_BYTES];
    size_t len, received;
    int fd;
    struct loop_fd *watch;
    enum verdict verdict;
};

struct check {
    struct loop *loop;
    struct zserver *server;
    struct zclient *stranger;
    enum verdict curve;
    struct plain null_mechanism, not_zmtp;
    bool is_delivered; /* the listener handed on a message of a stranger */
    bool is_late;
};

/* -- CURVE with a key nobody knows ----------------------------------------------------------------------------------- */
static void on_connected(void *user)
{
    struct check *c = user;
    c->curve = ADMITTED;
}

static void on_message(void *user, const uint8_t *data, size_t len)
{
    (void)user;
    (void)data;
    (void)len;
}

static void on_closed(void *user, enum zclient_end why, const char *words)
{
    struct check *c = user;
    (void)words;
    if (c->curve == WAITING && why == ZCLIENT_REFUSED)
        c->curve = REFUSED;
}

static const struct zclient_callbacks callbacks = {
    .on_connected = on_connected, .on_message = on_message, .on_closed = on_closed};

static enum mr_rc knock_with_curve(struct check *c, struct zctx *zctx, const struct zserver_options *real,
                                   struct err *err)
{
    struct zsock_address address;
    struct key_pair *keys = NULL;
    enum mr_rc rc = zsock_address_parse(zserver_address(c->server), 0, &address, err);
    if (!rc)
        rc = keys_new(KEYS_PERSON, "selfcheck", 0, &keys, err);
    if (rc)
        return rc;
    const struct zclient_options options = {.address = &address,
                                            .public_key = keys_public(keys),
                                            .secret_key = keys_secret(keys),
                                            .server_key = real->public_key,
                                            .max_message_bytes = 1024,
                                            .receive_frames = 1,
                                            .send_frames = 1,
                                            .connect_ms = SELFCHECK_MS};
    rc = zclient_new(c->loop, zctx, &options, &callbacks, c, &c->stranger, err);
    keys_free(keys);
    return rc;
}

/* -- plain bytes ----------------------------------------------------------------------------------------------------- */
static void judge(struct plain *p, enum verdict verdict)
{
    p->verdict = verdict;
    loop_fd_want(p->watch, 0);
}

static void on_plain(void *user, unsigned ready)
{
    struct plain *p = user;
    uint8_t bytes[256];
    if (ready & LOOP_WRITE) {
        ssize_t sent = send(p->fd, p->bytes, p->len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            judge(p, REFUSED);
        else if (sent >= 0)
            loop_fd_want(p->watch, LOOP_READ);
    }
    if (!(ready & LOOP_READ) || p->verdict != WAITING)
        return;
    ssize_t n = recv(p->fd, bytes, sizeof bytes, 0);
    if (n > 0)
        p->received += (size_t)n;
    if (p->received > GREETING_BYTES)
        judge(p, ADMITTED);
    else if (n == 0 || (n < 0 && errno != EAGAIN))
        judge(p, REFUSED);
}

static enum mr_rc knock_plainly(struct check *c, struct plain *p, struct err *err)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(zserver_port(c->server))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_begun = p->fd >= 0 && (connect(p->fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS);
    if (!is_begun) {
        err_set(err, "cannot connect to 127.0.0.1: %s", strerror(errno));
        return MR_INVALID;
    }
    return loop_fd_new(c->loop, p->fd, LOOP_WRITE, on_plain, p, &p->watch);
}

static void speak_null(struct plain *p)
{
    static const uint8_t message[MESSAGE_BYTES] = {0, 1, 'x'};
    memcpy(p->bytes, null_greeting, GREETING_BYTES);
    memcpy(p->bytes + GREETING_BYTES, READY, READY_BYTES);
    memcpy(p->bytes + GREETING_BYTES + READY_BYTES, message, MESSAGE_BYTES);
    p->len = sizeof p->bytes;
}

static void speak_old(struct plain *p)
{
    memcpy(p->bytes, old_greeting, sizeof old_greeting);
    p->len = sizeof old_greeting;
}

static void end_plainly(struct plain *p)
{
    loop_fd_free(p->watch);
    if (p->fd >= 0)
        close(p->fd);
}

/* -- verdict --------------------------------------------------------------------------------------------------------- */
static void on_delivered(void *user, const struct zmessage *message)
{
    struct check *c = user;
    (void)message;
    c->is_delivered = true;
}

static void on_late(void *user)
{
    struct check *c = user;
    c->is_late = true;
}

static bool is_any(const struct check *c, enum verdict verdict)
{
    return c->curve == verdict || c->null_mechanism.verdict == verdict || c->not_zmtp.verdict == verdict;
}

static enum mr_rc verdict(const struct check *c, struct err *err)
{
    if (c->is_delivered || is_any(c, ADMITTED)) {
        err_set(
            err,
            "self-check: %s was admitted: authentication is not enforced here, so the broker does not start. Use the "
            "libzmq of the distribution (4.3 with CURVE), unmodified",
            c->curve == ADMITTED                    ? "a key that nobody knows"
            : c->null_mechanism.verdict == ADMITTED ? "a connection without encryption"
                                                    : "a stranger");
        return MR_DENIED;
    }
    if (is_any(c, WAITING)) {
        err_set(err, "self-check: no verdict on a stranger within %d s; is this machine overloaded? Start again",
                SELFCHECK_MS / 1000);
        return MR_TIMEOUT;
    }
    return MR_OK;
}

static enum mr_rc knock(struct check *c, struct zctx *zctx, const struct zserver_options *real, struct err *err)
{
    struct zserver_options options = *real;
    options.address = "127.0.0.1:0";
    enum mr_rc rc = zserver_new(c->loop, zctx, &options, on_delivered, c, &c->server, err);
    if (!rc)
        rc = knock_with_curve(c, zctx, real, err);
    if (!rc)
        rc = knock_plainly(c, &c->null_mechanism, err);
    if (!rc)
        rc = knock_plainly(c, &c->not_zmtp, err);
    return rc;
}

enum mr_rc selfcheck_run(struct loop *loop, struct zctx *zctx, const struct zserver_options *real, struct err *err)
{
    struct check c = {.loop = loop, .null_mechanism = {.fd = -1}, .not_zmtp = {.fd = -1}};
    struct loop_timer *timer = NULL;
    speak_null(&c.null_mechanism);
    speak_old(&c.not_zmtp);
    enum mr_rc rc = loop_timer_new(loop, on_late, &c, &timer);
    if (!rc)
        rc = knock(&c, zctx, real, err);
    if (!rc) {
        loop_timer_start(timer, loop_now_ns(loop) + SELFCHECK_MS * INT64_C(1000000));
        while (!c.is_late && !c.is_delivered && !is_any(&c, ADMITTED) && is_any(&c, WAITING))
            loop_turn(loop, -1);
        rc = verdict(&c, err);
    }
    loop_timer_free(timer);
    end_plainly(&c.null_mechanism);
    end_plainly(&c.not_zmtp);
    zclient_free(c.stranger);
    zserver_free(c.server);
    return rc;
}
