/* reason.c - see reason.h. */
#include "sdk/reason.h"

#include <stdarg.h>
#include <stdio.h>

enum { REASON_BYTES = 512 };

/* Initial-exec: in a library loaded late, the other models allocate at a thread's first use. */
static __thread char last[REASON_BYTES] __attribute__((tls_model("initial-exec")));

void reason_note(const char *format, ...)
{
    char text[REASON_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(last, sizeof last, "%s", text); /* the arguments may have pointed into it */
}

const char *reason_get(void)
{
    return last;
}
