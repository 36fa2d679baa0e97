/* settings.h - what mr_options ask for, checked, with the defaults filled in. */
#ifndef SDK_SETTINGS_H
#define SDK_SETTINGS_H
#include <millrace/millrace.h>

#include "base/err.h"

enum { APP_NAME_MAX = 64, MAX_BYTES_LEAST = 1024 * 1024, RT_POLL_LEAST_US = 50, RT_POLL_MOST_US = 1000000 };

struct settings {
    char app[APP_NAME_MAX + 1];
    char socket[256];
    size_t max_bytes;
    uint32_t rt_poll_us;
};

/* opt may be NULL: all defaults. Sets the process's allocator too. MR_INVALID: err says which option. */
MUST enum mr_rc settings_read(struct settings *ret, const struct mr_options *opt, struct err *err);
#endif
