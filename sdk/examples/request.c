/* request.c - asks whoever serves a topic and prints the answer.
 *
 * request TOPIC TEXT */
#include <millrace/millrace.h>
#include <stdio.h>
#include <string.h>

static int ask(struct mr_bus *bus, const char *topic, const char *text)
{
    const struct mr_msg *answer;
    enum mr_rc rc = mr_request_wait(bus, topic, text, strlen(text), 2000, &answer);
    if (rc == MR_NO_RESPONDER) {
        fprintf(stderr, "nobody serves %s\n", topic);
        return 1;
    }
    if (rc) {
        fprintf(stderr, "%s: %s\n", mr_strerror(rc), mr_reason(bus));
        return 1;
    }
    fwrite(answer->value.as.ptr, 1, answer->value.len, stdout);
    putchar('\n');
    mr_unref(answer);
    return 0;
}

int main(int argc, char **argv)
{
    struct mr_bus *bus;
    if (argc != 3) {
        fprintf(stderr, "usage: request TOPIC TEXT\n");
        return 2;
    }
    if (mr_open(&bus, NULL)) {
        fprintf(stderr, "%s\n", mr_reason(NULL));
        return 1;
    }
    int status = ask(bus, argv[1], argv[2]);
    mr_close(bus, 0);
    return status;
}
