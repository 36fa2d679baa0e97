/* replay_out.h - publishes what a recording gives: declares tags, writes with waiting, and, where asked, never runs ahead
 * of the subscriber that confirms. */
#ifndef CLI_REPLAY_OUT_H
#define CLI_REPLAY_OUT_H
#include "cli/client.h"
#include "cli/replay.h"
#include "proto/limits.h"

/* Bytes that may be under way between two confirmations, records counted by their value and REPLAY_RECORD_BYTES. At most
 * two such windows are unconfirmed: far below every queue on the way (4 MiB is the smallest), so none of them drops. */
enum { REPLAY_WINDOW_BYTES = 256 * 1024, REPLAY_RECORD_BYTES = 128 };

struct replay_out;

/* to: topic below which the tags are, "./" or "./steel", checked; confirm: topic below which marks are confirmed, or
 * NULL. client is borrowed. MR_OK, or a failure that was told, *ret_exit with what the program returns. */
MUST enum mr_rc replay_out_new(struct client *client, const char *to, const char *confirm, struct replay_out **ret,
                               int *ret_exit);
void replay_out_free(struct replay_out *out); /* NULL is fine; before the client is closed */

enum replay_end {
    REPLAY_TAKEN,       /* published */
    REPLAY_TOO_BIG,     /* larger than the bus takes: left out */
    REPLAY_INTERRUPTED, /* by a signal, before it was published */
    REPLAY_FAILED,      /* told on stderr */
};

/* Publishes a record; its tag is declared when it is the tag's first. Waits while there is no room or the agent is away. */
enum replay_end replay_out_write(struct replay_out *out, const struct replay_source *source,
                                 const struct replay_record *record);

/* Waits until the agent has all, and with `confirm` until the subscriber has. */
enum replay_end replay_out_finish(struct replay_out *out);

/* Ends early, after a signal or a failure: waits a little while until the agent has all, and tells on stderr when it has
 * not. Returns how many of those taken it was never handed, at least. */
uint64_t replay_out_stop(struct replay_out *out);

/* Below --confirm: marks go out on the first, and are said back on the second. */
#define REPLAY_MARK_LEVEL "mark"
#define REPLAY_TAKEN_LEVEL "taken"

/* confirm and one of the two. MR_TOO_BIG, as replay_topic(). */
MUST enum mr_rc replay_mark_topic(const char *confirm, const char *level, char ret[TOPIC_MAX_BYTES + 1]);

/* The whole topic of a tag: to and its own. MR_TOO_BIG. */
MUST enum mr_rc replay_topic(const char *to, const char *topic, char *ret, size_t size);
#endif
