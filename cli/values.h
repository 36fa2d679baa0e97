/* values.h - the last values a command has received, by topic and identity, and the best of each topic. */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H
#include <millrace/millrace.h>

#include "base/rc.h"
#include "cli/terminal.h"

struct values;

MUST enum mr_rc values_new(struct values **ret);

/* Gives back all messages; before the handle closes. NULL is fine. */
void values_free(struct values *values);

/* Keeps msg (MR_DATA) as its identity's value of its topic; MR_CLEAR removes the topic. MR_NO_MEMORY. */
MUST enum mr_rc values_put(struct values *values, const struct mr_msg *msg);

size_t values_count(const struct values *values);

/* Order of rows: by topic; of one topic the live first, then the latest at a broker, then by name. For qsort. */
int values_compare(const struct mr_msg *a, const struct mr_msg *b);

enum values_form { VALUES_TABLE, VALUES_JSON };

/* The best of each topic, or with all_publishers each. MR_NO_MEMORY. */
MUST enum mr_rc values_print(const struct values *values, enum values_form form, bool all_publishers, int64_t now_us,
                             const struct terminal *terminal);
#endif
