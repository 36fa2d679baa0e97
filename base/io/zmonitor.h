/* zmonitor.h - what libzmq tells of the connections of one socket, on the loop. Only zserver.c and zclient.c include it.
 *
 * libzmq writes events from its I/O thread and waits there when nobody takes them: every connection of the process would
 * stand still. So only the events asked for are made, our end has no high-water mark, and letting go ends them first. */
#ifndef BASE_IO_ZMONITOR_H
#define BASE_IO_ZMONITOR_H
#include "base/io/zsock_internal.h"

struct loop;
struct zmonitor;

/* event: one ZMQ_EVENT_…; value: what it comes with, a descriptor for ACCEPTED and DISCONNECTED. May free the monitor. */
typedef void zmonitor_fn(void *user, unsigned event, int32_t value);

struct zmonitor_options {
    struct loop *loop;
    struct zctx *ctx;
    void *socket; /* watched; borrowed until zmonitor_free() */
    int events;   /* ZMQ_EVENT_… that are told, or'ed */
    int rank;     /* place in the loop's drain order, see loop_source_new() */
    zmonitor_fn *fn;
    void *user;
};

/* Events of the time before it are not told. MR_NO_MEMORY. */
MUST enum mr_rc zmonitor_new(const struct zmonitor_options *options, struct zmonitor **ret, struct err *err);

/* Tells what has come, LOOP_DRAIN_MESSAGES at most: for who must hear of a connection before its messages. */
void zmonitor_drain(struct zmonitor *monitor);

/* Before the socket is closed; also from within fn, which is not called any more. NULL is fine. */
void zmonitor_free(struct zmonitor *monitor);
#endif
