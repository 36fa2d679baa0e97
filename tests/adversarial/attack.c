/* attack.c - see attack.h. */
#include "attack.h"
#include <stdlib.h>
#include <time.h>

enum { STEP_MS = 1500, CONNECT_MS = 200, HOLD_MS = 20 };

static const int64_t ns_per_ms = 1000000, ns_per_s = 1000000000;

/* -- time and chance ----------------------------------------------------------------------------------------------- */
bool attack_is_over(const struct attack *a)
{
    return wire_now_ns() >= a->until_ns;
}

int64_t attack_after_ns(unsigned ms)
{
    return wire_now_ns() + ms * ns_per_ms;
}

int64_t attack_deadline_ns(const struct attack *a, unsigned ms)
{
    int64_t at_ns = attack_after_ns(ms);
    return at_ns < a->until_ns ? at_ns : a->until_ns;
}

static void pause_until(int64_t until_ns)
{
    const struct timespec t = {.tv_sec = until_ns / ns_per_s, .tv_nsec = until_ns % ns_per_s};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

void attack_pause(const struct attack *a, unsigned ms)
{
    pause_until(attack_deadline_ns(a, ms));
}

uint64_t attack_random(struct attack *a)
{
    uint64_t x = a->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

void attack_random_bytes(struct attack *a, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)attack_random(a);
}

/* -- connections --------------------------------------------------------------------------------------------------- */
bool attack_open(struct attack *a, struct link *link, enum link_step step, const struct link_metadata *metadata)
{
    unsigned ms = step == LINK_CONNECTED ? CONNECT_MS : STEP_MS;
    enum link_result result = link_open(link, &a->target, step, metadata, attack_after_ns(ms));
    a->tally.attempts++;
    a->tally.unreachable += result == LINK_UNREACHABLE;
    a->tally.refused += result == LINK_REFUSED;
    a->tally.cut += result == LINK_CUT;
    a->tally.admitted += result == LINK_OK && step == LINK_READY;
    return result == LINK_OK;
}

void attack_close(struct attack *a, struct link *link)
{
    a->tally.bytes += link->wire.sent;
    link_close(link);
}

void attack_expect_cut(struct attack *a, struct link *link, unsigned ms)
{
    bool is_cut = link_is_cut_by(link, attack_after_ns(ms));
    a->tally.cut += is_cut;
    a->tally.survived += !is_cut;
}

/* -- ways ---------------------------------------------------------------------------------------------------------- */
void attack_repeat(struct attack *a, void (*attempt)(struct attack *a))
{
    int64_t step_ns = ns_per_s / (int64_t)a->per_s;
    while (!attack_is_over(a)) {
        int64_t next_ns = wire_now_ns() + step_ns;
        attempt(a);
        if (wire_now_ns() < next_ns)
            pause_until(next_ns < a->until_ns ? next_ns : a->until_ns);
    }
}

/* One look at one place of the crowd. */
static void tend(struct attack *a, struct link *link, bool *is_open, bool (*begin)(struct attack *a, struct link *link),
                 bool (*keep)(struct attack *a, struct link *link))
{
    if (*is_open && link_is_cut_by(link, 0)) {
        a->tally.cut++;
        attack_close(a, link);
        *is_open = false;
    } else if (*is_open && keep && !keep(a, link)) {
        attack_close(a, link);
        *is_open = false;
    }
    if (*is_open)
        return;
    *is_open = begin(a, link);
    if (!*is_open)
        attack_close(a, link);
}

void attack_hold(struct attack *a, bool (*begin)(struct attack *a, struct link *link),
                 bool (*keep)(struct attack *a, struct link *link))
{
    struct link *links = calloc(a->held, sizeof *links);
    bool *is_open = calloc(a->held, sizeof *is_open);
    while (links && is_open && !attack_is_over(a)) {
        for (unsigned i = 0; i < a->held && !attack_is_over(a); i++)
            tend(a, &links[i], &is_open[i], begin, keep);
        attack_pause(a, HOLD_MS);
    }
    for (unsigned i = 0; links && is_open && i < a->held; i++)
        if (is_open[i])
            attack_close(a, &links[i]);
    free(is_open);
    free(links);
}
