/* replay_time.h - points in time as recordings write them: in whatever form, and in the time zone of the plant. */
#ifndef CLI_REPLAY_TIME_H
#define CLI_REPLAY_TIME_H
#include "base/err.h"

enum replay_time_form {
    REPLAY_TIME_ISO,    /* RFC 3339; without an offset: in the zone */
    REPLAY_TIME_EPOCH,  /* a number since 1970 UTC, with decimals or not */
    REPLAY_TIME_FORMAT, /* as strptime(3), in the zone unless %z says another; and %f: 1 to 9 digits of a second */
};

struct replay_time {
    enum replay_time_form form;
    uint32_t units_per_s; /* of REPLAY_TIME_EPOCH: 1, 1000, 1000000 */
    const char *format;   /* of REPLAY_TIME_FORMAT: borrowed */
    bool has_zone;        /* false: offset_s says it all */
    int offset_s;         /* east of Greenwich */
};

/* format: "iso" (also NULL), "s", "ms", "us", or a text with '%', borrowed. zone: "UTC" (also NULL), "+09:00", or a name such as
 * "Asia/Seoul", which becomes the time zone of this process. MR_INVALID: neither, or not known to this machine. */
MUST enum mr_rc replay_time_init(struct replay_time *time, const char *format, const char *zone, struct err *err);

/* Reads a time; below a microsecond is cut off. One that occurs twice as clocks are set back is the first.
 * MR_INVALID: another form, or it does not exist. */
MUST enum mr_rc replay_time_read(const struct replay_time *time, const char *text, int64_t *ret_us);
#endif
