/* interrupt.c - see interrupt.h. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

enum { COUNT = sizeof numbers / sizeof *numbers };

bool interrupt_is_ignored(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* Blocked ones would wait even though they are ignored: they are left out. */
static sigset_t ending(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < COUNT; i++)
        if (!interrupt_is_ignored(numbers[i]))
            sigaddset(&set, numbers[i]);
    return set;
}

void interrupt_hold(void)
{
    const sigset_t set = ending();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool interrupt_is_due(void)
{
    sigset_t waiting;
    bool is_due = false;
    sigpending(&waiting);
    for (size_t i = 0; i < COUNT; i++)
        is_due = is_due || sigismember(&waiting, numbers[i]) == 1;
    return is_due;
}

void interrupt_release(void)
{
    const sigset_t set = ending();
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
