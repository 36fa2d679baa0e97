/* reason.h - the last failure of each thread, in words: what mr_reason() gives. No system call, no lock, no allocation. */
#ifndef SDK_REASON_H
#define SDK_REASON_H
#include "base/rc.h"

/* Remembers why a call of this thread failed. */
void reason_note(const char *format, ...) FORMAT_CHECKED(1, 2);

/* The same, and gives rc back, so that `return reason_set(MR_INVALID, …)` reads well. A macro, so that compilers and
 * analysers see that it is a failure. */
#define reason_set(rc, ...) (reason_note(__VA_ARGS__), (rc))

/* What the code says by itself; nothing for MR_OK. */
static inline enum mr_rc reason_plain(enum mr_rc rc)
{
    if (rc)
        reason_note("%s", rc_text(rc));
    return rc;
}

/* Never NULL; "" if no call of this thread has failed. */
const char *reason_get(void);
#endif
