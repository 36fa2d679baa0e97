/* attack.h - what all modes share: target, time, tally, and two ways to go about it: again and again, or many at once. */
#ifndef ADVERSARIAL_ATTACK_H
#define ADVERSARIAL_ATTACK_H
#include "link.h"

/* What must become of it. */
enum attack_end {
    ATTACK_REFUSED, /* nobody gets through the handshake */
    ATTACK_NAMED,   /* whoever does it loses the connection, and the broker's log says who it was */
    ATTACK_BOUNDED  /* it may go on: memory, descriptors and the others' traffic are what counts */
};

struct attack_tally {
    uint64_t attempts;    /* connections tried, or deeds on them where one is enough */
    uint64_t unreachable; /* no TCP connection: backlog full, or closed to new ones */
    uint64_t admitted;    /* came through the handshake */
    uint64_t refused;     /* told ERROR in it */
    uint64_t cut;         /* ended by the broker */
    uint64_t survived;    /* not ended, though it should have been */
    uint64_t bytes;       /* sent */
};

struct attack {
    struct link_target target;
    const char *name;   /* of the identity the key belongs to */
    const char *victim; /* name of another identity, for who wants to pose as it */
    const char *topic;  /* that others talk on */
    int64_t until_ns;
    unsigned held;        /* connections at once, for who holds many */
    uint64_t per_s;       /* attempts a second at most, for who does it again and again */
    uint64_t random;      /* state of attack_random() */
    char last_words[512]; /* the broker's, of the last BYE */
    struct attack_tally tally;
};

struct attack_mode {
    const char *name, *what;
    enum attack_end end;
    void (*run)(struct attack *a);
};

struct attack_modes {
    const char *group;
    const struct attack_mode *modes;
    size_t n;
};

extern const struct attack_modes attack_strangers; /* need no key: strangers.c */
extern const struct attack_modes attack_known;     /* a known key, ZeroMQ abused: known.c */
extern const struct attack_modes attack_sessions;  /* a known key, Millrace's protocol abused: sessions.c */
extern const struct attack_modes attack_floods;    /* a known key, within the protocol but without measure: floods.c */

bool attack_is_over(const struct attack *a);

/* ms from now, at most the end of the attack. */
int64_t attack_deadline_ns(const struct attack *a, unsigned ms);

/* ms from now, beyond the end of the attack too: for seeing what becomes of the last deed. */
int64_t attack_after_ns(unsigned ms);

/* Pauses, at most until the end. */
void attack_pause(const struct attack *a, unsigned ms);

/* Seeded: the same attack does the same again. */
uint64_t attack_random(struct attack *a);
void attack_random_bytes(struct attack *a, uint8_t *out, size_t len);

/* As link_open(), counted. */
MUST bool attack_open(struct attack *a, struct link *link, enum link_step step, const struct link_metadata *metadata);

/* Adds what was sent and closes. */
void attack_close(struct attack *a, struct link *link);

/* Waits at most ms for the broker to hang up, and counts what became of it. */
void attack_expect_cut(struct attack *a, struct link *link, unsigned ms);

/* Tries again and again, at most a->per_s times a second; attempt opens and closes its own link. */
void attack_repeat(struct attack *a, void (*attempt)(struct attack *a));

/* Keeps a->held connections open; each time the broker ends one, another is begun. begin opens one; keep, if not NULL, is called for
 * each about every 20 ms and returns false when it is to be closed. */
void attack_hold(struct attack *a, bool (*begin)(struct attack *a, struct link *link),
                 bool (*keep)(struct attack *a, struct link *link));
#endif
