/* interrupt.h - holds back the signals that end a program while it makes or removes what must not be left half done. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H
#include <stdbool.h>

/* From here on SIGINT, SIGTERM and SIGHUP wait, but for those the program was started to ignore (nohup). */
void interrupt_hold(void);

/* Has one come that waits? What is being made can be removed again then. */
bool interrupt_is_due(void);

/* The one that waits does now what it does: ends the program, or runs its handler. */
void interrupt_release(void);

/* Is this signal ignored? Who then handles it would not outlive its terminal as was asked for. */
bool interrupt_is_ignored(int number);
#endif
