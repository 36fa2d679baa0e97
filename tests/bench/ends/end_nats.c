/* end_nats.c - an end on nats-server, by its C library with its defaults: a publish goes to a buffer that the library's
 * flusher thread sends, callbacks run in its delivery thread. */
#include <nats/nats.h>

#include "tests/bench/ends/end.h"

#include <stdlib.h>

struct nats_end {
    natsConnection *connection;
    natsSubscription *subscription;
    const char *subject;
};

static void must(natsStatus status, const char *what)
{
    if (status != NATS_OK)
        end_fail(what, natsStatus_GetText(status));
}

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *user)
{
    (void)connection;
    (void)subscription;
    end_take_bytes(user, natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
}

static void *nats_open(struct end *end)
{
    struct nats_end *bus = calloc(1, sizeof *bus);
    natsOptions *options = NULL;
    if (!bus)
        end_fail("open", natsStatus_GetText(NATS_NO_MEMORY));
    bus->subject = end->topic;
    must(natsOptions_Create(&options), "options");
    must(natsOptions_SetURL(options, end->address), "address");
    if (end->ca) {
        must(natsOptions_SetSecure(options, true), "TLS");
        must(natsOptions_LoadCATrustedCertificates(options, end->ca), "certificate");
        must(natsOptions_SetExpectedHostname(options, "localhost"), "host name");
    }
    must(natsConnection_Connect(&bus->connection, options), "connect");
    if (!end->is_publisher)
        must(natsConnection_Subscribe(&bus->subscription, bus->connection, end->topic, on_message, end), "subscribe");
    must(natsConnection_Flush(bus->connection), "flush"); /* the server has answered: the subscription is in force */
    natsOptions_Destroy(options);
    return bus;
}

static bool nats_publish(void *user, const void *bytes, size_t len)
{
    struct nats_end *bus = user;
    must(natsConnection_Publish(bus->connection, bus->subject, bytes, (int)len), "publish");
    return true;
}

static void nats_end_close(void *user)
{
    struct nats_end *bus = user;
    natsSubscription_Destroy(bus->subscription);
    natsConnection_Destroy(bus->connection);
    nats_Close();
    free(bus);
}

int main(int argc, char **argv)
{
    static const struct driver driver = {
        .name = "libnats",
        .version = nats_GetVersion,
        .open = nats_open,
        .publish = nats_publish,
        .wait = end_sleep,
        .close = nats_end_close,
    };
    return end_main(argc, argv, &driver);
}
