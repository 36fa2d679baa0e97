/* fuzz_body.c - any bytes as a body: check and read agree, protobuf-c reads the same, and writing it again changes nothing. */
#include <stdio.h>

#include "tests/support/reference_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_body: %s\n", what);
    abort();
}

static bool has_bytes(const struct mr_value *v)
{
    return v->type == MR_STRING || v->type == MR_BYTES || v->type == MR_F32_ARRAY || v->type == MR_F64_ARRAY;
}

/* Two bodies with the same bits. */
static bool same_body(const struct body *a, const struct body *b)
{
    const struct mr_value *v = &a->value, *w = &b->value;

    if (a->status != b->status || a->has_value != b->has_value || v->type != w->type || v->len != w->len ||
        !(v->rate_hz == w->rate_hz))
        return false;
    if (has_bytes(v))
        return memcmp(v->as.ptr, w->as.ptr, v->len) == 0;
    return memcmp(&v->as, &w->as, sizeof v->as) == 0;
}

static void read_again(const struct body *body)
{
    const struct mr_value *value = body->has_value ? &body->value : NULL;
    size_t size = body_size(body->status, value);
    uint8_t *bytes = malloc(size + 1);
    struct buf scratch;
    struct body again;

    require(bytes != NULL, "no memory");
    require(body_write(bytes, body->status, value) == size, "body_size and body_write differ");
    buf_init(&scratch, VALUE_MAX_BYTES);
    require(body_read(bytes, size, &again, &scratch) == MR_OK, "we refuse what we wrote");
    require(same_body(body, &again), "written and read is not the same");
    buf_fini(&scratch);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf scratch;
    struct body body;

    buf_init(&scratch, VALUE_MAX_BYTES);
    enum mr_rc rc = body_read(data, len, &body, &scratch);
    require(rc == body_check(data, len), "check and read differ");
    if (!rc) {
        Millrace__V1__Body *theirs = millrace__v1__body__unpack(NULL, len, data);

        require(theirs != NULL, "refused by protobuf-c");
        const char *differs = reference_body(&body, theirs);
        require(!differs, differs);
        millrace__v1__body__free_unpacked(theirs, NULL);
        read_again(&body);
    }
    buf_fini(&scratch);
    return 0;
}
