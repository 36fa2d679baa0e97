/* board.h - memory that all ends of a measurement share: how far each publisher and subscriber is. It gives every bus the same
 * window: a publisher waits while it has `window` messages under way to its slowest subscriber, until half of them are there. */
#ifndef TESTS_BENCH_ENDS_BOARD_H
#define TESTS_BENCH_ENDS_BOARD_H

#include "tests/bench/ends/message.h"

enum { SUBSCRIBERS_MAX = 8 };

struct board_page;

/* One end's view of it. */
struct board {
    struct board_page *page;
    unsigned publishers, subscribers; /* of this run */
    uint64_t window;                  /* messages of one publisher; 0 = no bound */
    uint64_t seen;                    /* by a publisher: of its messages, at the slowest subscriber */
    int bells[PUBLISHERS_MAX];        /* an eventfd per publisher, not blocking, rung when there is room again */
};

enum { BOARD_BYTES = 4096 };

/* Maps the memory behind fd, BOARD_BYTES of zeros when the run begins, until the process ends. False: errno tells. */
bool board_open(struct board *board, int fd);

/* A subscriber has received so many of a publisher. */
void board_received(const struct board *board, unsigned subscriber, unsigned publisher, uint64_t received);

/* Whether a publisher that has sent so many may send one more. If not, it is waiting, and its bell will ring. */
bool board_has_room(struct board *board, unsigned publisher, uint64_t sent);

/* Whether it is still waiting. */
bool board_is_waiting(const struct board *board, unsigned publisher);

/* What it has heard it need not hear again; the bell may ring once more when it does not wait any longer. */
void board_clear_bell(const struct board *board, unsigned publisher);

/* A publisher has sent so many, and there will be no more. */
void board_finish(const struct board *board, unsigned publisher, uint64_t sent);

/* What the slowest subscribers still have to receive; UINT64_MAX: a publisher has not finished. */
uint64_t board_outstanding(const struct board *board);

#endif
