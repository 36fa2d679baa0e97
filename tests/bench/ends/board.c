/* board.c - the counters of all ends in shared memory, each on a cache line of its own. */
#include "tests/bench/ends/board.h"

#include <assert.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

enum { CACHE_LINE = 64 };

struct publisher {
    _Alignas(CACHE_LINE) _Atomic uint64_t finished; /* how many it sent, plus 1; 0: still sending */
    _Alignas(CACHE_LINE) _Atomic uint64_t wake_at;  /* rung when all have received so many; 0: does not wait */
};

struct subscriber {
    _Alignas(CACHE_LINE) _Atomic uint64_t received[PUBLISHERS_MAX];
};

struct board_page {
    struct publisher publishers[PUBLISHERS_MAX];
    struct subscriber subscribers[SUBSCRIBERS_MAX];
};
static_assert(sizeof(struct board_page) <= BOARD_BYTES, "the board fits its memory");

bool board_open(struct board *board, int fd)
{
    void *page = mmap(NULL, BOARD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return false;
    board->page = page;
    return true;
}

/* Of a publisher's messages, by the slowest subscriber. */
static uint64_t received_by_all(const struct board *board, unsigned publisher)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < board->subscribers; i++) {
        uint64_t received = atomic_load(&board->page->subscribers[i].received[publisher]);
        least = received < least ? received : least;
    }
    return least;
}

void board_received(const struct board *board, unsigned subscriber, unsigned publisher, uint64_t received)
{
    struct publisher *p = &board->page->publishers[publisher];
    atomic_store(&board->page->subscribers[subscriber].received[publisher], received);
    uint64_t wake_at = atomic_load(&p->wake_at);
    if (wake_at && received >= wake_at && received_by_all(board, publisher) >= wake_at &&
        atomic_exchange(&p->wake_at, 0))
        (void)!eventfd_write(board->bells[publisher], 1); /* full: it has been rung and will be heard */
}

bool board_has_room(struct board *board, unsigned publisher, uint64_t sent)
{
    struct publisher *p = &board->page->publishers[publisher];
    if (board->window == 0 || sent - board->seen < board->window)
        return true;
    board->seen = received_by_all(board, publisher);
    if (sent - board->seen < board->window)
        return true;
    uint64_t wake_at = sent - board->window / 2;
    atomic_store(&p->wake_at, wake_at);
    board->seen = received_by_all(board, publisher); /* what came in before they could see that it waits */
    if (board->seen < wake_at)
        return false;
    atomic_store(&p->wake_at, 0);
    return true;
}

bool board_is_waiting(const struct board *board, unsigned publisher)
{
    return atomic_load(&board->page->publishers[publisher].wake_at) != 0;
}

void board_clear_bell(const struct board *board, unsigned publisher)
{
    eventfd_t rung;
    (void)!eventfd_read(board->bells[publisher], &rung); /* not rung: nothing to clear */
}

void board_finish(const struct board *board, unsigned publisher, uint64_t sent)
{
    atomic_store(&board->page->publishers[publisher].finished, sent + 1);
}

uint64_t board_outstanding(const struct board *board)
{
    uint64_t outstanding = 0;
    for (unsigned i = 0; i < board->publishers; i++) {
        uint64_t finished = atomic_load(&board->page->publishers[i].finished);
        if (finished == 0)
            return UINT64_MAX;
        uint64_t received = received_by_all(board, i);
        outstanding += received < finished - 1 ? finished - 1 - received : 0;
    }
    return outstanding;
}
