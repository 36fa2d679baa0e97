/* rights.c - rules asked one by one; patterns are expanded from the registry's facts when asked, and never from what a peer says. */
#include "bus/rights.h"

#include <string.h>

#include "base/mem.h"
#include "proto/topic.h"

enum { RULES_MAX = 1024, POLICY_NAME_MAX = 64 };

struct rights {
    char name[POLICY_NAME_MAX + 1];
    size_t n;
    struct rights_rule rules[]; /* patterns owned */
};

/* Default policy until a plant gives out roles. A wildcard first level never matches a `$` root, so "#" leaves them out. */
static const struct rights_rule open_rules[] = {
    {true, RIGHT_PUBLISH, "#"},
    {true, RIGHT_SUBSCRIBE, "#"},
    {true, RIGHT_REQUEST, "#"},
    {true, RIGHT_SERVE, "#"},
    {true, RIGHT_PUBLISH, "$agent/%{id}/#"},
    {true, RIGHT_SUBSCRIBE, "$agent/#"},
    {true, RIGHT_REQUEST, "$agent/#"},
    {true, RIGHT_SERVE, "$agent/%{id}/#"},
    {true, RIGHT_SUBSCRIBE, "$inbox/%{id}/#"},
    {true, RIGHT_SUBSCRIBE, "$sys/#"},
    {true, RIGHT_REQUEST, "$sys/#"},
};

static const char *const right_names[RIGHT_COUNT] = {
    [RIGHT_PUBLISH] = "publish",
    [RIGHT_SUBSCRIBE] = "subscribe",
    [RIGHT_REQUEST] = "request",
    [RIGHT_SERVE] = "serve",
};

const char *right_name(enum right right)
{
    return (unsigned)right < RIGHT_COUNT ? right_names[right] : "unknown";
}

static const char *variable_value(const struct rights_subject *who, const char *name, size_t len)
{
    const struct {
        const char *name, *value;
    } variables[] = {{"id", who->identity}, {"name", who->identity}, {"path", who->path}, {"app", who->app}};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (strlen(variables[i].name) == len && memcmp(variables[i].name, name, len) == 0)
            return variables[i].value;
    return NULL;
}

/* Writes the pattern with its variables replaced; false where one is unknown or has no value (the rule then does not match). */
static bool expand(const char *pattern, const struct rights_subject *who, char out[TOPIC_MAX_BYTES + 1],
                   size_t *ret_len)
{
    size_t len = 0;
    while (*pattern) {
        const char *level_end = pattern + strcspn(pattern, "/");
        const char *text = pattern;
        size_t n = (size_t)(level_end - pattern);
        if (n > 3 && text[0] == '%' && text[1] == '{' && text[n - 1] == '}') {
            text = variable_value(who, text + 2, n - 3);
            if (!text || !*text)
                return false;
            n = strlen(text);
        }
        if (len + n + 1 > TOPIC_MAX_BYTES)
            return false;
        memcpy(out + len, text, n);
        len += n;
        if (*level_end)
            out[len++] = '/';
        pattern = *level_end ? level_end + 1 : level_end;
    }
    out[len] = '\0';
    *ret_len = len;
    return true;
}

static bool is_filter_right(enum right right)
{
    return right == RIGHT_SUBSCRIBE || right == RIGHT_SERVE;
}

/* An allow pattern must cover a filter; a deny pattern speaks against it only where it covers it whole: what it merely overlaps is
 * asked for again at each delivery. */
static bool rule_applies(const struct rights_rule *rule, const struct rights_subject *who, enum right right,
                         const char *topic, size_t len)
{
    char pattern[TOPIC_MAX_BYTES + 1];
    size_t pattern_len;
    if (rule->right != right || !expand(rule->pattern, who, pattern, &pattern_len))
        return false;
    return is_filter_right(right) ? filter_covers(pattern, pattern_len, topic, len)
                                  : filter_match(pattern, pattern_len, topic, len);
}

/* The first pattern that would have allowed the operation somewhere, expanded, for the reason. */
static void explain(const struct rights *r, const struct rights_subject *who, enum right right, const char *topic,
                    struct err *err)
{
    char pattern[TOPIC_MAX_BYTES + 1] = "";
    size_t len;
    for (size_t i = 0; i < r->n; i++)
        if (r->rules[i].allow && r->rules[i].right == right && expand(r->rules[i].pattern, who, pattern, &len))
            break;
    if (topic_is_system(topic, strlen(topic)))
        err_set(err, "denied: '%s' is under a '$' root, which belongs to the bus; '%s' may not %s there (policy '%s')",
                topic, who->identity, right_name(right), r->name);
    else if (*pattern)
        err_set(err, "denied: '%s' is outside %s, which policy '%s' of '%s' may %s", topic, pattern, r->name,
                who->identity, right_name(right));
    else
        err_set(err, "denied: policy '%s' of '%s' may %s nothing", r->name, who->identity, right_name(right));
}

enum mr_rc rights_check(const struct rights *r, const struct rights_subject *who, enum right right, const char *topic,
                        struct err *err)
{
    bool allowed = false;
    size_t len = strlen(topic);
    for (size_t i = 0; i < r->n; i++) {
        if (!rule_applies(&r->rules[i], who, right, topic, len))
            continue;
        if (!r->rules[i].allow) {
            err_set(err, "denied: rule 'deny %s %s' of policy '%s' forbids '%s' to %s '%s'", right_name(right),
                    r->rules[i].pattern, r->name, who->identity, right_name(right), topic);
            return MR_DENIED;
        }
        allowed = true;
    }
    if (allowed)
        return MR_OK;
    explain(r, who, right, topic, err);
    return MR_DENIED;
}

bool rights_must_recheck(const struct rights *r, const struct rights_subject *who, const char *filter)
{
    char pattern[TOPIC_MAX_BYTES + 1];
    size_t len;
    for (size_t i = 0; i < r->n; i++)
        if (!r->rules[i].allow && r->rules[i].right == RIGHT_SUBSCRIBE &&
            expand(r->rules[i].pattern, who, pattern, &len) && filter_overlaps(pattern, len, filter, strlen(filter)))
            return true;
    return false;
}

/* A pattern is a filter once its variables stand for some level. */
static bool pattern_is_sound(const char *pattern)
{
    const struct rights_subject any = {.identity = "x", .path = "x", .app = "x"};
    char text[TOPIC_MAX_BYTES + 1];
    size_t len;
    return expand(pattern, &any, text, &len) && topic_check(text, len, TOPIC_FILTER) == TOPIC_FINE;
}

enum mr_rc rights_new(struct rights **ret, const char *name, const struct rights_rule *rules, size_t n, struct err *err)
{
    if (n > RULES_MAX || strlen(name) > POLICY_NAME_MAX) {
        err_set(err, "policy '%.64s': more than %d rules, or a name longer than %d bytes", name, RULES_MAX,
                POLICY_NAME_MAX);
        return MR_TOO_BIG;
    }
    struct rights *r = mem_calloc(1, sizeof *r + n * sizeof *rules);
    if (!r)
        return MR_NO_MEMORY;
    memcpy(r->name, name, strlen(name));
    for (size_t i = 0; i < n; i++) {
        if (!pattern_is_sound(rules[i].pattern)) {
            err_set(err, "policy '%s', rule %zu: '%s' is not a filter with known variables", name, i + 1,
                    rules[i].pattern);
            rights_free(r);
            return MR_INVALID;
        }
        r->rules[i] = rules[i];
        r->rules[i].pattern = mem_strndup(rules[i].pattern, strlen(rules[i].pattern));
        r->n++;
        if (!r->rules[i].pattern) {
            rights_free(r);
            return MR_NO_MEMORY;
        }
    }
    *ret = r;
    return MR_OK;
}

enum mr_rc rights_new_open(struct rights **ret, struct err *err)
{
    return rights_new(ret, "open", open_rules, sizeof open_rules / sizeof *open_rules, err);
}

void rights_free(struct rights *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++)
        mem_free((char *)(uintptr_t)r->rules[i].pattern);
    mem_free(r);
}
