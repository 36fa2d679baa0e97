/* epoll_loop.c - the bus in a loop that the program has already: one descriptor beside its own.
 *
 * Prints every change below ./ and publishes each line of standard input on ./line, until its end. */
#include <millrace/millrace.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CALLBACKS_PER_TURN = 64 };

static void on_message(void *user, const struct mr_msg *msg)
{
    char text[256];
    (void)user;
    if (msg->kind != MR_DATA)
        return;
    mr_value_text(&msg->value, text, sizeof text);
    printf("%s %s\n", msg->topic, text);
}

static void on_state(void *user, const struct mr_state *state)
{
    (void)user;
    printf("-- agent %s, brokers %s\n", state->agent_up ? "up" : "away", state->cluster_up ? "up" : "away");
}

/* False at the end of the input. */
static bool publish_input(struct mr_bus *bus)
{
    char data[4096];
    ssize_t n = read(STDIN_FILENO, data, sizeof data);
    if (n <= 0)
        return false;
    if (mr_publish(bus, "./line", data, (size_t)n))
        fprintf(stderr, "%s\n", mr_reason(bus));
    return true;
}

static bool watch(int loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void run(struct mr_bus *bus, int loop)
{
    struct epoll_event event;
    while (epoll_wait(loop, &event, 1, -1) == 1) {
        if (event.data.fd == STDIN_FILENO && !publish_input(bus))
            return;
        if (event.data.fd == mr_fd(bus) && mr_dispatch(bus, CALLBACKS_PER_TURN)) {
            fprintf(stderr, "%s\n", mr_reason(bus));
            return;
        }
    }
}

int main(void)
{
    struct mr_bus *bus;
    if (mr_open(&bus, NULL)) {
        fprintf(stderr, "%s\n", mr_reason(NULL));
        return 1;
    }
    int loop = epoll_create1(EPOLL_CLOEXEC);
    mr_on_state(bus, on_state, NULL);
    if (mr_subscribe(bus, "./#", NULL, on_message, NULL, NULL))
        fprintf(stderr, "%s\n", mr_reason(bus));
    else if (loop < 0 || !watch(loop, mr_fd(bus)) || !watch(loop, STDIN_FILENO))
        perror("epoll"); /* a regular file cannot be watched: use a pipe or a terminal */
    else
        run(bus, loop);
    if (loop >= 0)
        close(loop);
    mr_close(bus, 1000);
    return 0;
}
