/* report.h - what the hub has to say becomes lines of the log, each with an id of its own. */
#ifndef BROKER_REPORT_H
#define BROKER_REPORT_H
#include "base/io/saver.h"
#include "bus/hub.h"

void report_notice(enum hub_notice notice, const char *text);

/* As saver_options.on_event. */
void report_saver(void *user, enum saver_event event, const char *path, const char *text);

/* A session ended for another reason than a goodbye. */
void report_end(const struct hub *hub, uint32_t port, enum mr_rc rc, const char *reason);
#endif
