/* fuzz_control.c - the first byte picks a control message, the rest is its payload: what is accepted can be written again,
 * and what was written reads and writes to the very same bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_control: %s\n", what);
    abort();
}

static void must(enum mr_rc rc)
{
    require(rc == MR_OK, "what was read is refused by the writer");
}

/* Reads the message and writes it to `out`; the result is that of reading. */
typedef enum mr_rc rewrite_fn(struct arena *a, const uint8_t *data, size_t len, struct buf *out, struct err *err);

#define REWRITE_WHOLE(name, type)                                                                                      \
    static enum mr_rc rewrite_##name(struct arena *a, const uint8_t *data, size_t len, struct buf *out,                \
                                     struct err *err)                                                                  \
    {                                                                                                                  \
        type message;                                                                                                  \
        enum mr_rc rc = control_read_##name(a, data, len, &message, err);                                              \
                                                                                                                       \
        if (!rc)                                                                                                       \
            must(control_write_##name(out, &message));                                                                 \
        return rc;                                                                                                     \
    }

REWRITE_WHOLE(hello, struct control_hello)
REWRITE_WHOLE(welcome, struct control_welcome)
REWRITE_WHOLE(bye, struct control_bye)
REWRITE_WHOLE(state, struct session_state)
REWRITE_WHOLE(ping, struct control_ping)
REWRITE_WHOLE(pong, struct control_pong)
REWRITE_WHOLE(credit, struct control_credit)
REWRITE_WHOLE(birth, struct session_birth)
REWRITE_WHOLE(death, struct session_death)
REWRITE_WHOLE(error, struct control_error)

static enum mr_rc rewrite_snapshot_end(struct arena *a, const uint8_t *data, size_t len, struct buf *out,
                                       struct err *err)
{
    uint32_t interest;
    enum mr_rc rc = control_read_snapshot_end(a, data, len, &interest, err);

    if (!rc)
        must(control_write_snapshot_end(out, interest));
    return rc;
}

static enum mr_rc rewrite_names(struct arena *a, const uint8_t *data, size_t len, struct buf *out, struct err *err)
{
    struct control_names names;
    enum mr_rc rc = control_read_names(a, data, len, &names, err);

    for (size_t i = 0; !rc && i < names.n_topics; i++)
        must(control_write_topic(out, &names.topics[i]));
    for (size_t i = 0; !rc && i < names.n_publishers; i++)
        must(control_write_publisher(out, &names.publishers[i]));
    return rc;
}

static enum mr_rc rewrite_open(struct arena *a, const uint8_t *data, size_t len, struct buf *out, struct err *err)
{
    struct control_open open;
    enum mr_rc rc = control_read_open(a, data, len, &open, err);

    for (size_t i = 0; !rc && i < open.n_topics; i++)
        must(control_write_open(out, &open.topics[i]));
    return rc;
}

static enum mr_rc rewrite_opened(struct arena *a, const uint8_t *data, size_t len, struct buf *out, struct err *err)
{
    struct control_opened opened;
    enum mr_rc rc = control_read_opened(a, data, len, &opened, err);

    for (size_t i = 0; !rc && i < opened.n_topics; i++)
        must(control_write_opened(out, &opened.topics[i]));
    return rc;
}

static enum mr_rc rewrite_interest(struct arena *a, const uint8_t *data, size_t len, struct buf *out, struct err *err)
{
    struct control_interest interest;
    enum mr_rc rc = control_read_interest(a, data, len, &interest, err);

    if (rc)
        return rc;
    must(control_write_interest_head(out, &interest.head));
    for (size_t i = 0; i < interest.n_add; i++)
        must(control_write_interest_entry(out, &interest.add[i]));
    for (size_t i = 0; i < interest.n_remove; i++)
        must(control_write_interest_remove(out, interest.remove[i]));
    return rc;
}

static enum mr_rc rewrite_interest_ack(struct arena *a, const uint8_t *data, size_t len, struct buf *out,
                                       struct err *err)
{
    struct control_interest_ack ack;
    enum mr_rc rc = control_read_interest_ack(a, data, len, &ack, err);

    if (rc)
        return rc;
    must(control_write_interest_ack(out, &ack));
    for (size_t i = 0; i < ack.n_refused; i++)
        must(control_write_refusal(out, &ack.refused[i]));
    return rc;
}

static enum mr_rc rewrite_losses(struct arena *a, const uint8_t *data, size_t len, struct buf *out, struct err *err)
{
    struct control_losses losses;
    enum mr_rc rc = control_read_losses(a, data, len, &losses, err);

    for (size_t i = 0; !rc && i < losses.n_losses; i++)
        must(control_write_loss(out, &losses.losses[i]));
    return rc;
}

static rewrite_fn *const messages[] = {
    rewrite_hello,  rewrite_welcome, rewrite_bye,   rewrite_state,  rewrite_ping,         rewrite_pong,
    rewrite_credit, rewrite_names,   rewrite_open,  rewrite_opened, rewrite_interest,     rewrite_interest_ack,
    rewrite_losses, rewrite_birth,   rewrite_death, rewrite_error,  rewrite_snapshot_end,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf first, second;
    struct arena arena;
    struct err err = {{0}};

    if (len == 0 || data[0] >= sizeof messages / sizeof *messages)
        return 0;

    rewrite_fn *rewrite = messages[data[0]];
    buf_init(&first, SIZE_MAX / 2);
    buf_init(&second, SIZE_MAX / 2);
    arena_init(&arena, 0);
    if (rewrite(&arena, data + 1, len - 1, &first, &err) == MR_OK) {
        require(err.text[0] == '\0', "a reason without a failure");
        require(rewrite(&arena, first.data, first.len, &second, &err) == MR_OK, "we refuse what we wrote");
        require(first.len == second.len && (!first.len || memcmp(first.data, second.data, first.len) == 0),
                "written twice is not the same");
    } else {
        require(err.text[0] != '\0', "a failure without a reason");
    }
    require(arena.taken <= arena.budget, "above the budget");
    arena_fini(&arena);
    buf_fini(&first);
    buf_fini(&second);
    return 0;
}
