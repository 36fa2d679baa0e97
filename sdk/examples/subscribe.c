/* subscribe.c - prints values as they come: last values first, then live, and what is lost in between.
 *
 * subscribe [FILTER]      default: everything of this machine, "./#" */
#include <inttypes.h>
#include <millrace/millrace.h>
#include <stdio.h>

static void print_value(const struct mr_msg *msg)
{
    char text[256];
    const struct mr_tag_def *def = mr_msg_def(msg);
    mr_value_text(&msg->value, text, sizeof text);
    printf("%s %s%s%s %s%s\n", msg->topic, text, def && def->unit ? " " : "", def && def->unit ? def->unit : "",
           mr_status_text(msg->status), msg->flags & MR_STALE ? " (stale)" : "");
}

static void on_message(void *user, const struct mr_msg *msg)
{
    struct mr_bus *bus = user;
    switch (msg->kind) {
    case MR_DATA:
        print_value(msg);
        break;
    case MR_LOSS:
        printf("-- lost: %" PRIu64 " messages (0: unknown): %s\n", msg->count, msg->text ? msg->text : "");
        break;
    case MR_SNAPSHOT_END:
        printf("-- live from here\n");
        break;
    case MR_ENDED:
        printf("-- ended: %s\n", msg->text ? msg->text : "");
        mr_wake(bus);
        break;
    default: /* births, deaths, and kinds of later versions */
        break;
    }
}

int main(int argc, char **argv)
{
    struct mr_bus *bus;
    if (mr_open(&bus, NULL)) {
        fprintf(stderr, "%s\n", mr_reason(NULL));
        return 1;
    }
    if (mr_subscribe(bus, argc > 1 ? argv[1] : "./#", NULL, on_message, bus, NULL) || mr_run(bus, -1))
        fprintf(stderr, "%s\n", mr_reason(bus));
    mr_close(bus, 0);
    return 1; /* only a failure ends it */
}
