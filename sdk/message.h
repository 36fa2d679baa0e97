/* message.h - a message as programs see it, with what the library must know beside it.
 *
 * A view stands on the stack and borrows everything; it is what callbacks get. A kept message is counted, owns all it
 * points to, is charged to the handle's budget, and may be given back by any thread. */
#ifndef SDK_MESSAGE_H
#define SDK_MESSAGE_H
#include <millrace/millrace.h>

#include "base/blob.h"
#include "sdk/budget.h"

struct message {
    struct mr_msg msg; /* first: its address is what programs hold */
    struct mr_bus *bus;
    struct blob *topic, *publisher; /* texts ended by NUL; NULL: none */
    struct blob *def;               /* a struct mr_tag_def and its texts; NULL: not a tag */
    uint64_t call;                  /* of a request: its number in the table of what waits for a reply; else 0 */
    struct blob *bytes;             /* of a long value, beside the struct; NULL: behind it, or there are none */
    struct blob *home;              /* holds this very struct; NULL: a view */
    uint32_t refs;                  /* atomic, of a kept message */
    size_t charged;
};

/* A text as a blob; NULL: no memory. */
MUST struct blob *text_new(const char *text, size_t len);
const char *text_of(const struct blob *text); /* NULL gives NULL */

/* An object of the given alignment inside a blob, which must be 15 bytes larger than the object. */
void *blob_object(struct blob *blob);

/* A kept copy with one reference that the caller owns; a kept message gets one more reference instead.
 * NULL: no memory. */
MUST struct message *message_keep(const struct message *m, struct budget *budget);
/* A kept message of a long value, whose bytes it points into. bytes and what is charged for them go over to the message.
 * NULL: no memory, nothing goes over. */
MUST struct message *message_adopt(const struct message *view, struct blob *bytes, size_t charged,
                                   struct budget *budget);
void message_unref(struct message *m, struct budget *budget); /* of a kept message */

static inline const struct message *message_of(const struct mr_msg *msg)
{
    return (const struct message *)(const void *)msg;
}
#endif
