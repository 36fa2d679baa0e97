/* wire_agent.h - an agent as the SDK sees it: a real server session, with what tests want to decide. No I/O of its own. */
#ifndef TESTS_UNIT_SDK_WIRE_AGENT_H
#define TESTS_UNIT_SDK_WIRE_AGENT_H
#include "base/buf.h"
#include "base/framing.h"
#include "proto/session.h"

enum { WIRE_TOPICS = 4096, WIRE_ENTRIES = 300, WIRE_TEXT = 513, WIRE_RECORDS = 4096 };

struct wire_topic {
    char text[WIRE_TEXT]; /* its id is its place + 1 */
};
struct wire_entry {
    uint32_t id;
    char filter[WIRE_TEXT];
    enum interest_kind kind;
    bool no_snapshot, snapshot_only;
};
/* An app's record. */
struct wire_record {
    uint32_t topic, flags, status, publisher;
    int64_t source_us;
    double f64; /* of a number */
    char text[64];
    uint64_t call_id;
    uint32_t call_rc, wait_ms;
};

/* One app's connection. What is set before wire_begin() or between frames steers the answers. */
struct wire_agent {
    struct session *session;
    struct framing_reader in;
    struct buf out;
    struct rand_seeded rand;
    const char *path;
    uint64_t nonce;      /* of its process */
    enum mr_rc hello_rc; /* not MR_OK: Hello is refused so */
    bool is_mute;        /* neither OPEN nor interest is answered */
    bool is_isolated;
    void (*on_version)(struct wire_agent *a); /* interest came; it will be acknowledged */
    void (*on_call)(struct wire_agent *a, const struct wire_record *request); /* a request or an answer came */
    struct wire_topic topics[WIRE_TOPICS];
    uint32_t n_topics;
    struct wire_entry entries[WIRE_ENTRIES];
    uint32_t n_entries;
    struct wire_record records[WIRE_RECORDS]; /* the last ones, n_records modulo WIRE_RECORDS */
    uint64_t n_records;
    struct wire_large {                                      /* the app's transfers */
        uint32_t begun, whole, ended, at, total, type, kept; /* kept: credit */
        bool is_damaged, keeps_chunks;
    } large;
    unsigned hellos, opens, marks, births, deaths;
    struct session_tag last_def; /* of the last OPEN with a tag; its texts are not kept */
    char last_unit[33];
    uint64_t records_at_death; /* when the last DEATH came */
    uint32_t named[16];        /* devices */
    char device[16][WIRE_TEXT];
    uint32_t n_devices;
    char app[65];
    enum mr_rc end_rc; /* of the session's end */
    bool is_over;
    int64_t now_ns; /* of the last input */
    uint64_t next_seq;
};

void wire_init(struct wire_agent *a);
void wire_fini(struct wire_agent *a);
/* A connection begins; tables of the one before are forgotten, but for topics that keep their ids. */
void wire_begin(struct wire_agent *a, int64_t now_ns);
void wire_end(struct wire_agent *a);
/* Bytes from the app. False: the session is over. */
bool wire_input(struct wire_agent *a, const uint8_t *data, size_t len, int64_t now_ns);
/* Gathers what the session has to say into a->out, length prefixes included. */
void wire_output(struct wire_agent *a, int64_t now_ns);

uint32_t wire_topic(struct wire_agent *a, const char *text);                         /* its id, announced to the app */
const struct wire_entry *wire_entry(const struct wire_agent *a, const char *filter); /* NULL: not asked for */
const struct wire_record *wire_last(const struct wire_agent *a);

/* A value from `publisher` (1: "other", 2: "third", 3: app "other/app") to the app. */
struct wire_value {
    const char *topic;
    uint32_t publisher, flags, status, interest;
    uint64_t birth, seq; /* seq 0: the next */
    double f64;
    int64_t broker_us;
    bool is_clear;
};
/* A long value of that type from publisher 1: what is coming, and its bytes up to an offset as far as there is credit. Returns
 * its number. Byte i is wire_byte(i). */
uint32_t wire_begin_large(struct wire_agent *a, const char *topic, uint32_t type, uint32_t total);
void wire_give_large(struct wire_agent *a, uint32_t id, uint32_t total, uint32_t *at);
static inline uint8_t wire_byte(uint32_t i)
{
    return (uint8_t)(i % 97 + 1);
}
void wire_publishers(struct wire_agent *a); /* announces the three, alive in birth 1 */
void wire_give(struct wire_agent *a, const struct wire_value *v);
void wire_request(struct wire_agent *a, const char *topic, const char *text, uint64_t id, uint32_t wait_ms);
void wire_answer(struct wire_agent *a, uint64_t id, enum mr_rc rc, const char *text);
#endif
