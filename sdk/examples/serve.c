/* serve.c - answers requests on ./echo with what they bring. Try it with: request ./echo hello */
#include <millrace/millrace.h>
#include <stdio.h>

static void on_request(void *user, const struct mr_msg *msg)
{
    struct mr_bus *bus = user;
    if (msg->kind == MR_ENDED) {
        fprintf(stderr, "%s\n", msg->text ? msg->text : "ended");
        mr_wake(bus);
    }
    if (msg->kind != MR_DATA)
        return;
    if (mr_reply(msg, msg->value.as.ptr, msg->value.len))
        fprintf(stderr, "%s: %s\n", msg->topic, mr_reason(bus));
}

int main(void)
{
    struct mr_bus *bus;
    if (mr_open(&bus, NULL)) {
        fprintf(stderr, "%s\n", mr_reason(NULL));
        return 1;
    }
    if (mr_serve(bus, "./echo", NULL, on_request, bus, NULL) || mr_run(bus, -1))
        fprintf(stderr, "%s\n", mr_reason(bus));
    mr_close(bus, 1000);
    return 1; /* only a failure ends it */
}
