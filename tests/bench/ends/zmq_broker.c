/* zmq_broker.c - the least a broker on libzmq can do, for comparison: a ROUTER that passes what publishers say to all
 * subscribers, in plain text, a frame per message. zmq_broker ENDPOINT. */
#include <zmq.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUBSCRIBERS_MAX = 8, ID_MAX = 255 };

struct subscribers {
    struct {
        uint8_t id[ID_MAX];
        size_t len;
    } of[SUBSCRIBERS_MAX];
    size_t count;
};

static void must(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "zmq_broker: %s: %s\n", what, zmq_strerror(errno));
    exit(EXIT_FAILURE);
}

static void send_to(void *router, const void *id, size_t id_len, zmq_msg_t *body)
{
    zmq_msg_t copy;
    zmq_msg_init(&copy);
    must(zmq_msg_copy(&copy, body), "copy");
    must(zmq_send(router, id, id_len, ZMQ_SNDMORE), "send");
    must(zmq_msg_send(&copy, router, 0), "send");
}

/* One byte is a greeting, S of a subscriber or P of a publisher, and is sent back; all else is for the subscribers. */
static void pass_on(void *router, struct subscribers *subscribers)
{
    uint8_t id[ID_MAX];
    zmq_msg_t body;
    int id_len = zmq_recv(router, id, sizeof id, 0);
    must(id_len, "receive");
    zmq_msg_init(&body);
    must(zmq_msg_recv(&body, router, 0), "receive");
    if (zmq_msg_size(&body) == 1) {
        if (*(const char *)zmq_msg_data(&body) == 'S' && subscribers->count < SUBSCRIBERS_MAX) {
            memcpy(subscribers->of[subscribers->count].id, id, (size_t)id_len);
            subscribers->of[subscribers->count++].len = (size_t)id_len;
        }
        send_to(router, id, (size_t)id_len, &body);
    } else {
        for (size_t i = 0; i < subscribers->count; i++)
            send_to(router, subscribers->of[i].id, subscribers->of[i].len, &body);
    }
    zmq_msg_close(&body);
}

int main(int argc, char **argv)
{
    const int no_limit = 0;
    struct subscribers subscribers = {.count = 0};
    if (argc != 2) {
        fprintf(stderr, "usage: zmq_broker ENDPOINT\n");
        return EXIT_FAILURE;
    }
    void *context = zmq_ctx_new();
    void *router = context ? zmq_socket(context, ZMQ_ROUTER) : NULL;
    if (!router)
        must(-1, "open");
    must(zmq_setsockopt(router, ZMQ_SNDHWM, &no_limit, sizeof no_limit), "no limit");
    must(zmq_setsockopt(router, ZMQ_RCVHWM, &no_limit, sizeof no_limit), "no limit");
    must(zmq_bind(router, argv[1]), argv[1]);
    for (;;)
        pass_on(router, &subscribers);
}
