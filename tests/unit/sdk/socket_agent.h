/* socket_agent.h - the agent of wire_agent.h behind a real unix socket, in a thread of its own, stopped and started at will. */
#ifndef TESTS_UNIT_SDK_SOCKET_AGENT_H
#define TESTS_UNIT_SDK_SOCKET_AGENT_H
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct socket_agent {
    char path[108];
    pthread_t thread;
    int stop; /* eventfd */
    bool has_thread;
    uint64_t records, sessions; /* atomic */
};

void socket_agent_init(struct socket_agent *a); /* makes a path of its own; listens not yet */
void socket_agent_start(struct socket_agent *a);
void socket_agent_stop(struct socket_agent *a); /* closes the connection without a word */
void socket_agent_fini(struct socket_agent *a);
uint64_t socket_agent_records(const struct socket_agent *a); /* received since the start, any thread */
uint64_t socket_agent_sessions(const struct socket_agent *a);
#endif
