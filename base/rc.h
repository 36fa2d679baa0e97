/* rc.h - what every result code means in words, and how a caller should act on it. */
#ifndef BASE_RC_H
#define BASE_RC_H
#include <millrace/millrace.h>

/* On everything that can fail: a result that is not looked at is a compiler error. */
#define MUST __attribute__((warn_unused_result))

/* Has the compiler check a printf format: positions, from 1, of the format and of the first argument behind it. */
#define FORMAT_CHECKED(at, first) __attribute__((format(printf, at, first)))

/* What a caller does about a result. Act on the class, print the text. */
enum rc_class {
    RC_DONE,    /* it happened */
    RC_RETRY,   /* it did not happen; the same call may succeed later */
    RC_CALLER,  /* it did not happen; the call, the configuration or the rights must be mended first */
    RC_UNSURE,  /* it may or may not have happened: only a numbered retry is safe */
    RC_FINISHED /* the object is finished: open a new one */
};

/* Every result code: X(code, text, class). */
#define RC_LIST(X)                                                                                                     \
    X(MR_OK, "ok", RC_DONE)                                                                                            \
    X(MR_WOULD_BLOCK, "cannot be done now without waiting", RC_RETRY)                                                  \
    X(MR_TIMEOUT, "the time given has passed", RC_RETRY)                                                               \
    X(MR_ISOLATED, "no broker can be reached", RC_RETRY)                                                               \
    X(MR_NO_RESPONDER, "nobody serves this topic", RC_RETRY)                                                           \
    X(MR_INVALID, "an argument or input is not valid", RC_CALLER)                                                      \
    X(MR_DENIED, "the rights do not allow it", RC_CALLER)                                                              \
    X(MR_TOO_BIG, "larger than the limit", RC_CALLER)                                                                  \
    X(MR_NOT_FOUND, "not found", RC_CALLER)                                                                            \
    X(MR_MISUSE, "this call is not allowed here", RC_CALLER)                                                           \
    X(MR_NO_MEMORY, "out of memory", RC_CALLER)                                                                        \
    X(MR_UNKNOWN, "it is not known whether it happened", RC_UNSURE)                                                    \
    X(MR_FENCED, "taken over by a newer owner", RC_FINISHED)                                                           \
    X(MR_CLOSED, "closed", RC_FINISHED)

/* Static text, never NULL; a code that is not in the list is "unlisted result code". */
const char *rc_text(enum mr_rc rc);

/* A code that is not in the list counts as RC_UNSURE: nothing may be assumed of it. */
enum rc_class rc_class_of(enum mr_rc rc);

#endif
