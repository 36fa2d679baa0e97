/* unixsock_internal.h - between the unix listener (unixsock.c) and its connections (unixsock_conn.c). */
#ifndef BASE_IO_UNIXSOCK_INTERNAL_H
#define BASE_IO_UNIXSOCK_INTERNAL_H
#include "base/io/unixsock.h"
#include "base/list.h"

struct unixsock_limits {
    size_t max_queued_bytes, max_queued_frames;
};

/* Makes a connection of an accepted descriptor and takes that over; on failure the caller keeps it. MR_NO_MEMORY,
 * MR_UNKNOWN: the kernel does not say who the peer is. */
MUST enum mr_rc unixsock_conn_new(struct loop *loop, int fd, const struct unixsock_limits *limits,
                                  struct unixsock_conn **ret);

/* Puts it into its listener's list, until it is freed or delisted. */
void unixsock_conn_enlist(struct unixsock_conn *conn, struct unixsock *listener, struct list *head);

/* The listener goes first: takes the connection at this link out of its list. */
void unixsock_conn_delist(struct list *link);

/* A listed connection is being freed. */
void unixsock_conn_left(struct unixsock *listener);
#endif
