/* tcpfd.h - what the kernel knows of a TCP connection whose descriptor belongs to somebody else, and the filter that lets
 * newcomers wait in front of a listening one. Never closes a descriptor. */
#ifndef BASE_IO_TCPFD_H
#define BASE_IO_TCPFD_H
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TCPFD_ADDRESS_SIZE 64U /* an IP address as text and its NUL */

struct tcpfd_view {
    ino_t inode;       /* of the socket: the same number may mean another connection later, the same inode may not */
    uint64_t received; /* bytes the kernel has taken from the peer in all, read by us or not */
    uint64_t acked;    /* bytes of ours that the peer's kernel has taken in all */
};

/* False: this number is no TCP connection now. Two system calls, about two microseconds. */
bool tcpfd_look(int fd, struct tcpfd_view *ret);

/* The inode alone; 0: this number is no descriptor now. */
ino_t tcpfd_inode(int fd);

/* The peer's IP address; "" where there is none any more. */
void tcpfd_peer(int fd, char ret_address[TCPFD_ADDRESS_SIZE]);

/* Holding: every packet to the listening socket is dropped, so newcomers are neither accepted nor refused: their kernels
 * knock again every second or more, and come in once it is let go. Connections that are open do not notice.
 * MR_INVALID: no socket, or the system has no such filters. */
MUST enum mr_rc tcpfd_hold(int listening_fd, bool is_held);
#endif
