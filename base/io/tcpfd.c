/* tcpfd.c - questions to the kernel about somebody else's descriptor. */
#include "base/io/tcpfd.h"
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/tcp.h> /* glibc's netinet/tcp.h has a struct tcp_info of long ago */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

ino_t tcpfd_inode(int fd)
{
    struct stat now;
    return fd >= 0 && fstat(fd, &now) == 0 ? now.st_ino : 0;
}

bool tcpfd_look(int fd, struct tcpfd_view *ret)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    memset(&info, 0, sizeof info);
    ino_t inode = tcpfd_inode(fd);
    if (!inode || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return false;
    *ret = (struct tcpfd_view){.inode = inode, .received = info.tcpi_bytes_received, .acked = info.tcpi_bytes_acked};
    return true;
}

void tcpfd_peer(int fd, char ret_address[TCPFD_ADDRESS_SIZE])
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {.v6 = {0}};
    socklen_t len = sizeof peer;
    ret_address[0] = '\0';
    if (getpeername(fd, &peer.any, &len) != 0)
        return;
    if (peer.any.sa_family == AF_INET)
        inet_ntop(AF_INET, &peer.v4.sin_addr, ret_address, TCPFD_ADDRESS_SIZE);
    else if (peer.any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &peer.v6.sin6_addr, ret_address, TCPFD_ADDRESS_SIZE);
}

enum mr_rc tcpfd_hold(int listening_fd, bool is_held)
{
    struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0); /* keep no byte of any packet */
    const struct sock_fprog program = {.len = 1, .filter = &drop};
    int nothing = 0;
    int rc = is_held ? setsockopt(listening_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program)
                     : setsockopt(listening_fd, SOL_SOCKET, SO_DETACH_FILTER, &nothing, sizeof nothing);
    return rc == 0 ? MR_OK : MR_INVALID;
}
