/* reason.h - the last failure of each thread, in words: what mr_reason() gives. No system call, no lock, no allocation. */
#ifndef SDK_REASON_H
#define SDK_REASON_H
#include "base/rc.h"

/* Remembers why a call of this thread failed and gives rc back, so that `return reason_set(MR_INVALID, …)` reads well. */
enum mr_rc reason_set(enum mr_rc rc, const char *format, ...) FORMAT_CHECKED(2, 3);

/* What the code says by itself. */
enum mr_rc reason_plain(enum mr_rc rc);

/* Never NULL; "" if no call of this thread has failed. */
const char *reason_get(void);
#endif
