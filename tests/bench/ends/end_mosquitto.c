/* end_mosquitto.c - an end on mosquitto, QoS 0, by its C library with a network thread, where callbacks run too. Of its
 * settings only TCP_NODELAY is not the default: without it latency is that of delayed acknowledgements. */
#include <mosquitto.h>

#include "tests/bench/ends/end.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mosquitto_end {
    struct end *end;
    struct mosquitto *mosquitto;
    sem_t is_ready; /* connected, or subscribed */
};

static void must(int rc, const char *what)
{
    if (rc != MOSQ_ERR_SUCCESS)
        end_fail(what, mosquitto_strerror(rc));
}

static void on_connect(struct mosquitto *mosquitto, void *user, int rc)
{
    struct mosquitto_end *bus = user;
    if (rc)
        end_fail("connect", mosquitto_connack_string(rc));
    if (bus->end->is_publisher)
        sem_post(&bus->is_ready);
    else
        must(mosquitto_subscribe(mosquitto, NULL, bus->end->topic, 0), "subscribe");
}

static void on_subscribe(struct mosquitto *mosquitto, void *user, int id, int count, const int *granted)
{
    struct mosquitto_end *bus = user;
    (void)mosquitto;
    (void)id;
    if (count != 1 || *granted != 0)
        end_fail("subscribe", "refused");
    sem_post(&bus->is_ready);
}

static void on_message(struct mosquitto *mosquitto, void *user, const struct mosquitto_message *message)
{
    struct mosquitto_end *bus = user;
    (void)mosquitto;
    end_take_bytes(bus->end, message->payload, (size_t)message->payloadlen);
}

static const char *version(void)
{
    static char text[32];
    int major, minor, revision;
    mosquitto_lib_version(&major, &minor, &revision);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, revision);
    return text;
}

static void connect_to(struct mosquitto_end *bus, const char *address)
{
    char host[64] = "";
    const char *colon = strrchr(address, ':');
    if (!colon || (size_t)(colon - address) >= sizeof host)
        end_fail("not HOST:PORT", address);
    memcpy(host, address, (size_t)(colon - address));
    must(mosquitto_connect(bus->mosquitto, host, atoi(colon + 1), 60), "connect");
}

static void *mosquitto_open(struct end *end)
{
    struct mosquitto_end *bus = calloc(1, sizeof *bus);
    mosquitto_lib_init();
    if (bus)
        bus->mosquitto = mosquitto_new(NULL, true, bus);
    if (!bus || !bus->mosquitto || sem_init(&bus->is_ready, 0, 0))
        end_fail("open", mosquitto_strerror(MOSQ_ERR_NOMEM));
    bus->end = end;
    mosquitto_connect_callback_set(bus->mosquitto, on_connect);
    mosquitto_subscribe_callback_set(bus->mosquitto, on_subscribe);
    mosquitto_message_callback_set(bus->mosquitto, on_message);
    must(mosquitto_int_option(bus->mosquitto, MOSQ_OPT_TCP_NODELAY, 1), "TCP_NODELAY");
    if (end->ca)
        must(mosquitto_tls_set(bus->mosquitto, end->ca, NULL, NULL, NULL, NULL), "TLS");
    connect_to(bus, end->address);
    must(mosquitto_loop_start(bus->mosquitto), "thread");
    sem_wait(&bus->is_ready);
    return bus;
}

static bool publish(void *user, const void *bytes, size_t len)
{
    struct mosquitto_end *bus = user;
    must(mosquitto_publish(bus->mosquitto, NULL, bus->end->topic, (int)len, bytes, 0, false), "publish");
    return true;
}

static void mosquitto_close(void *user)
{
    struct mosquitto_end *bus = user;
    mosquitto_disconnect(bus->mosquitto);
    mosquitto_loop_stop(bus->mosquitto, false);
    mosquitto_destroy(bus->mosquitto);
    mosquitto_lib_cleanup();
    sem_destroy(&bus->is_ready);
    free(bus);
}

int main(int argc, char **argv)
{
    static const struct driver driver = {
        .name = "libmosquitto",
        .version = version,
        .open = mosquitto_open,
        .publish = publish,
        .wait = end_sleep,
        .close = mosquitto_close,
    };
    return end_main(argc, argv, &driver);
}
