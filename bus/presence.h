/* presence.h - who lives, since when, and the tags each was born with; ordered by (birth epoch, link number) (DESIGN §9). */
#ifndef BUS_PRESENCE_H
#define BUS_PRESENCE_H
#include "bus/names.h"
#include "proto/session.h"

struct presence;
struct life {
    uint32_t publisher; /* id in names */
    bool alive;
    bool is_supposed; /* dead only as far as is known here: any word of the same link or a later one takes it back */
    uint64_t birth;
    uint32_t link;
    int64_t since_us;   /* of the last change of alive, µs UTC */
    uint64_t first_seq; /* first live number of this life */
    uint32_t status;    /* OPC UA StatusCode its tags deserve when dead */
    const char *reason; /* of the death; borrowed until the next change of this publisher */
};

/* names is borrowed for the life of the presence. seed: secret to the process. */
MUST enum mr_rc presence_new(struct presence **ret, const struct names *names, uint32_t max_tags, uint64_t seed);
void presence_free(struct presence *p);

enum presence_result { PRESENCE_CHANGED, PRESENCE_SAME, PRESENCE_OLD };
/* A word of a life: taken when (birth, link) is not below what is known. The death of an identity (part "") is final for its (birth,
 * link) and is the death of all its parts; a part may come and go within one link, and lives only in its identity's newest link.
 * publisher must be in names. */
MUST enum mr_rc presence_birth(struct presence *p, const struct session_birth *birth, enum presence_result *ret);
/* Of a publisher that was born it always succeeds; without memory its reason is empty. */
MUST enum mr_rc presence_death(struct presence *p, const struct session_death *death, int64_t at_us,
                               enum presence_result *ret);
/* As presence_death, but not final, of whatever publisher: who says so only does not hear of it any more. */
MUST enum mr_rc presence_suppose_dead(struct presence *p, const struct session_death *death, int64_t at_us,
                                      enum presence_result *ret);
/* Nothing is known of it any more: an agent that lost its broker cannot say who lives elsewhere. Its tags stay. */
void presence_forget(struct presence *p, uint32_t publisher);
const struct life *presence_get(const struct presence *p, uint32_t publisher); /* NULL: never heard of */
bool presence_lives(const struct presence *p, uint32_t publisher); /* a part: in its identity's newest link */
/* What the publisher numbered seq in that birth is fresh: it lives, in that very birth and life. */
bool presence_lives_in(const struct presence *p, uint32_t publisher, uint64_t birth, uint64_t seq);
const struct life *presence_walk(const struct presence *p, uint32_t *cursor); /* cursor starts at 0 */

/* Tag definitions as born: copied. MR_TOO_BIG: too many. version counts changes of the definition. */
struct tag {
    struct session_tag def;
    uint32_t publisher;
    uint32_t version;
};
MUST enum mr_rc presence_tag(struct presence *p, uint32_t publisher, const struct session_tag *def,
                             const struct tag **ret);
const struct tag *presence_get_tag(const struct presence *p, uint32_t publisher, uint32_t topic); /* NULL: raw */
const struct tag *presence_walk_tags(const struct presence *p,
                                     uint32_t *cursor); /* cursor starts at 0; none may be added meanwhile */
#endif
