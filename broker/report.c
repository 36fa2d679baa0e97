/* report.c - notice by notice, the id it has in docs/events.md. */
#include "broker/report.h"
#include "base/log.h"

void report_notice(enum hub_notice notice, const char *text)
{
    switch (notice) {
    case HUB_NOTICE_PORT_UP:
        log_event(INFO, "BROKER-SESSION-UP", "session=%s", text);
        break;
    case HUB_NOTICE_PORT_DOWN:
        log_event(INFO, "BROKER-SESSION-DOWN", "session=%s", text);
        break;
    case HUB_NOTICE_DENIED:
        log_event(WARN, "BROKER-DENIED", "what=%s", text);
        break;
    case HUB_NOTICE_CONFLICT:
        log_event(WARN, "BROKER-CONFLICT", "what=%s", text);
        break;
    case HUB_NOTICE_SLOT_REFUSED:
        log_event(WARN, "BROKER-SLOT-REFUSED", "what=%s", text);
        break;
    case HUB_NOTICE_UNIT_UNKNOWN:
        log_event(WARN, "BROKER-UNIT-UNKNOWN", "what=%s", text);
        break;
    case HUB_NOTICE_DUPLICATE:
        log_event(WARN, "BROKER-DUPLICATE", "what=%s", text);
        break;
    case HUB_NOTICE_COUNT:
        break;
    }
}

void report_end(const struct hub *hub, uint32_t port, enum mr_rc rc, const char *reason)
{
    struct port_stats who;
    if (rc == MR_OK || rc == MR_CLOSED || !hub_get_port(hub, port, &who))
        return;
    log_event(WARN, "BROKER-SESSION-ENDED", "identity=%s address=%s rc=%s reason=%s", who.identity, who.address,
              rc_text(rc), reason);
}
