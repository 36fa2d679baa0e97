/* helpers.c - the calls that need no handle. */
#include <string.h>

#include "base/rc.h"
#include "proto/status.h"
#include "proto/topic.h"
#include "proto/value.h"

const char *mr_strerror(enum mr_rc rc)
{
    return rc_text(rc);
}

const char *mr_version(void)
{
    return MILLRACE_VERSION;
}

enum mr_rc mr_topic_check(const char *text, bool filter, const char **ret_rule)
{
    const char *words = "is NULL";
    enum mr_rc rc = MR_INVALID;
    if (text) {
        enum topic_rule rule = topic_check(text, strlen(text), TOPIC_RELATIVE | (filter ? TOPIC_FILTER : 0U));
        if (rule == TOPIC_FINE)
            return MR_OK;
        rc = rule == TOPIC_TOO_LONG || rule == TOPIC_TOO_DEEP ? MR_TOO_BIG : MR_INVALID;
        words = topic_rule_text(rule);
    }
    if (ret_rule)
        *ret_rule = words;
    return rc;
}

bool mr_topic_match(const char *filter, const char *topic)
{
    if (!filter || !topic)
        return false;
    size_t filter_len = strlen(filter), topic_len = strlen(topic);
    return topic_check(filter, filter_len, TOPIC_FILTER | TOPIC_RELATIVE) == TOPIC_FINE &&
           topic_check(topic, topic_len, TOPIC_RELATIVE) == TOPIC_FINE &&
           filter_match(filter, filter_len, topic, topic_len);
}

int mr_value_text(const struct mr_value *v, char *buf, size_t size)
{
    return value_text(v, buf, size);
}

const char *mr_status_text(uint32_t status)
{
    return status_name(status);
}
