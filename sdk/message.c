/* message.c - see message.h. */
#include "sdk/message.h"

#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "proto/value.h"
#include "sdk/reason.h"

enum { OBJECT_ALIGN = 16 };

struct blob *text_new(const char *text, size_t len)
{
    struct blob *blob = blob_new(len + 1);
    if (!blob)
        return NULL;
    memcpy(blob->data, text, len);
    blob->data[len] = '\0';
    return blob;
}

const char *text_of(const struct blob *text)
{
    return text ? (const char *)text->data : NULL;
}

void *blob_object(struct blob *blob)
{
    return (void *)(((uintptr_t)blob->data + OBJECT_ALIGN - 1) & ~(uintptr_t)(OBJECT_ALIGN - 1));
}

static struct blob *ref_or_null(struct blob *blob)
{
    return blob ? blob_ref(blob) : NULL;
}

/* The value's bytes and the text follow the struct, the bytes first: arrays keep their alignment. */
static void copy_tail(struct message *copy, const struct message *m, size_t text_size)
{
    uint8_t *tail = (uint8_t *)(copy + 1);
    if (value_has_bytes(m->msg.value.type)) {
        if (m->msg.value.len)
            memcpy(tail, m->msg.value.as.ptr, m->msg.value.len);
        copy->msg.value.as.ptr = tail;
        tail += m->msg.value.len;
    }
    if (text_size)
        copy->msg.text = memcpy(tail, m->msg.text, text_size);
}

/* A counted copy of the struct, with room behind it. */
static struct message *copy_with_tail(const struct message *m, size_t tail, struct budget *budget)
{
    size_t charged = blob_size(sizeof *m + tail + OBJECT_ALIGN - 1);
    if (!budget_take(budget, charged))
        return NULL;
    struct blob *home = blob_new(sizeof *m + tail + OBJECT_ALIGN - 1);
    if (!home) {
        budget_give(budget, charged);
        return NULL;
    }
    struct message *copy = blob_object(home);
    *copy = *m;
    copy->home = home;
    copy->refs = 1;
    copy->charged = charged;
    copy->topic = ref_or_null(m->topic);
    copy->publisher = ref_or_null(m->publisher);
    copy->def = ref_or_null(m->def);
    return copy;
}

struct message *message_keep(const struct message *m, struct budget *budget)
{
    if (m->home) {
        struct message *kept = blob_object(m->home);
        (void)__atomic_add_fetch(&kept->refs, 1, __ATOMIC_RELAXED);
        return kept;
    }
    size_t bytes = value_has_bytes(m->msg.value.type) ? m->msg.value.len : 0;
    size_t text_size = m->msg.text ? strlen(m->msg.text) + 1 : 0;
    struct message *copy = copy_with_tail(m, bytes + text_size, budget);
    if (copy)
        copy_tail(copy, m, text_size);
    return copy;
}

struct message *message_adopt(const struct message *view, struct blob *bytes, size_t charged, struct budget *budget)
{
    struct message *kept = copy_with_tail(view, 0, budget);
    if (!kept)
        return NULL;
    kept->bytes = bytes;
    kept->charged += charged;
    return kept;
}

void message_unref(struct message *m, struct budget *budget)
{
    if (__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL))
        return;
    budget_give(budget, m->charged);
    blob_unref(m->topic);
    blob_unref(m->publisher);
    blob_unref(m->def);
    blob_unref(m->bytes);
    blob_unref(m->home);
}
