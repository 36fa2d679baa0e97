/* report.c - notice by notice, the id it has in docs/events.md. */
#include "agent/report.h"
#include "base/log.h"

void report_notice(enum hub_notice notice, const char *text)
{
    switch (notice) {
    case HUB_NOTICE_PORT_UP:
        log_event(INFO, "AGENT-APP-UP", "app=%s", text);
        break;
    case HUB_NOTICE_PORT_DOWN:
        log_event(INFO, "AGENT-APP-DOWN", "app=%s", text);
        break;
    case HUB_NOTICE_DENIED:
        log_event(WARN, "AGENT-DENIED", "what=%s", text);
        break;
    case HUB_NOTICE_CONFLICT:
        log_event(WARN, "AGENT-CONFLICT", "what=%s", text);
        break;
    case HUB_NOTICE_SLOT_REFUSED:
        log_event(WARN, "AGENT-SLOT-REFUSED", "what=%s", text);
        break;
    case HUB_NOTICE_UNIT_UNKNOWN:
        log_event(WARN, "AGENT-UNIT-UNKNOWN", "what=%s", text);
        break;
    case HUB_NOTICE_DUPLICATE:
        log_event(WARN, "AGENT-DUPLICATE", "what=%s", text);
        break;
    case HUB_NOTICE_FLAPPING:
        log_event(WARN, "AGENT-FLAPPING", "what=%s", text);
        break;
    case HUB_NOTICE_COUNT:
        break;
    }
}

void report_saver(void *user, enum saver_event event, const char *path, const char *text)
{
    (void)user;
    switch (event) {
    case SAVER_RESTORED:
        log_event(INFO, "AGENT-VALUES-RESTORED", "file=%s what=%s", path, text);
        break;
    case SAVER_REFUSED:
        log_event(WARN, "AGENT-VALUES-NOT-RESTORED", "file=%s kept=%s.bad reason=%s", path, path, text);
        break;
    case SAVER_DAMAGED:
        log_event(ERROR, "AGENT-VALUES-DAMAGED", "file=%s kept=%s.bad reason=%s", path, path, text);
        break;
    case SAVER_FAILED:
        log_event(ERROR, "AGENT-VALUES-NOT-SAVED", "file=%s reason=%s retry_ms=%d", path, text, SAVER_RETRY_MS);
        break;
    case SAVER_LATE:
        log_event(WARN, "AGENT-VALUES-LATE", "file=%s reason=%s", path, text);
        break;
    case SAVER_WORKS:
        log_event(INFO, "AGENT-VALUES-SAVED-AGAIN", "file=%s", path);
        break;
    }
}

void report_end(const struct hub *hub, uint32_t port, enum mr_rc rc, const char *reason)
{
    struct port_stats who;
    if (rc == MR_OK || rc == MR_CLOSED || !hub_get_port(hub, port, &who))
        return;
    log_event(WARN, "AGENT-APP-ENDED", "app=%s address=%s rc=%s reason=%s", who.part, who.address, rc_text(rc), reason);
}
