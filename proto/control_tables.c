/* control_tables.c - what each field of each control message is and may hold; control_fields.c follows these tables. */
#include "proto/control_tables.h"

#include "proto/session.pb-c.h"

/* clang-format off */
/* The tables are written with these: WIRE and PLAIN are the two structs of the message at hand. */
#define AT(w, p) .wire = offsetof(WIRE, w), .plain = offsetof(PLAIN, p)
#define U32(w, p, least, most) {.name = #w, .kind = FIELD_U32, .min = (least), .max = (most), AT(w, p)}
#define ID(w) U32(w, w, 1, UINT32_MAX)
#define ANY(w, p) U32(w, p, 0, UINT32_MAX)
#define CLOCK(w, p) {.name = #w, .kind = FIELD_U8, .max = CLOCK_UNSYNCED, AT(w, p)}
#define U64(w, p) {.name = #w, .kind = FIELD_U64, AT(w, p)}
#define BOOL(w, p) {.name = #w, .kind = FIELD_BOOL, AT(w, p)}
#define TEXT(w, p, least, most) {.name = #w, .kind = FIELD_TEXT, .min = (least), .max = (most), AT(w, p)}
#define NAME(w, p) TEXT(w, p, 0, CONTROL_NAME_MAX_BYTES)
#define RC U32(rc, rc, 0, CONTROL_RC_MAX)
#define REASON {.name = "reason", .kind = FIELD_REASON, .max = CONTROL_REASON_MAX_BYTES, AT(reason, reason)}
#define DOUBLE(w, p) {.name = #w, .kind = FIELD_DOUBLE, AT(w, p)}
#define LIMIT(w, p, number) {.name = #w, .kind = FIELD_LIMIT, .max = (number), AT(w, p), .wire_n = offsetof(WIRE, has_##w##_case)}
#define MESSAGE(w, p, table) {.name = #w, .kind = FIELD_MESSAGE, AT(w, p), .of = &(table)}
#define OPTIONAL(w, p, table) {.name = #w, .kind = FIELD_OPTIONAL, AT(w, p), .of = &(table)}
#define COUNTS(w, p) .wire_n = offsetof(WIRE, n_##w), .plain_n = offsetof(PLAIN, n_##p)
#define LIST(w, p, table) \
    {.name = #w, .kind = FIELD_LIST, .max = CONTROL_ENTRIES_MAX, AT(w, p), COUNTS(w, p), .of = &(table)}
#define IDS(w, p) {.name = #w, .kind = FIELD_IDS, .max = CONTROL_ENTRIES_MAX, AT(w, p), COUNTS(w, p)}
#define TABLE(wire_descriptor, table) {&(wire_descriptor), sizeof(PLAIN), (table), sizeof(table) / sizeof *(table)}
/* clang-format on */

/* -- handshake -- */

#define WIRE Millrace__V1__Hello
#define PLAIN struct control_hello
static const struct field hello_fields[] = {
    ANY(version, version),  ANY(oldest, oldest),       U32(kind, hello.kind, PEER_KIND_APP, PEER_KIND_BROKER),
    NAME(name, hello.name), U64(nonce, hello.nonce),   U64(birth, hello.birth),
    ANY(link, hello.link),  CLOCK(clock, hello.clock), U64(next_seq, hello.next_seq),
};
const struct message hello_message = TABLE(millrace__v1__hello__descriptor, hello_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__State
#define PLAIN struct session_state
static const struct field state_fields[] = {
    BOOL(cluster_up, cluster_up), BOOL(quorum, quorum), U64(isolated_since_us, isolated_since_us),
    BOOL(degraded, degraded),     NAME(broker, broker),
};
const struct message state_message = TABLE(millrace__v1__state__descriptor, state_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Welcome
#define PLAIN struct control_welcome
static const struct field welcome_fields[] = {
    ANY(version, version),
    U64(session, welcome.session),
    NAME(identity, welcome.identity),
    TEXT(path, welcome.path, 0, TOPIC_MAX_BYTES),
    NAME(server, welcome.server),
    U64(nonce, welcome.nonce),
    U64(birth_floor, welcome.birth_floor),
    ANY(ping_ms, ping_ms),
    ANY(dead_ms, dead_ms),
    ANY(inbox, welcome.inbox),
    MESSAGE(state, welcome.state, state_message),
};
const struct message welcome_message = TABLE(millrace__v1__welcome__descriptor, welcome_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Bye
#define PLAIN struct control_bye
static const struct field bye_fields[] = {RC, REASON, ANY(retry_ms, retry_ms)};
const struct message bye_message = TABLE(millrace__v1__bye__descriptor, bye_fields);
#undef WIRE
#undef PLAIN

/* -- liveness, clock, credit -- */

#define WIRE Millrace__V1__Ping
#define PLAIN struct control_ping
static const struct field ping_fields[] = {U64(number, number), U64(sent_ns, sent_ns), U64(real_us, real_us),
                                           CLOCK(clock, clock)};
const struct message ping_message = TABLE(millrace__v1__ping__descriptor, ping_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Pong
#define PLAIN struct control_pong
static const struct field pong_fields[] = {U64(number, number), U64(sent_ns, sent_ns), U64(received_us, received_us),
                                           U64(real_us, real_us), CLOCK(clock, clock)};
const struct message pong_message = TABLE(millrace__v1__pong__descriptor, pong_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Credit
#define PLAIN struct control_credit
static const struct field credit_fields[] = {U32(lane, lane, 0, LANE_COUNT - 1), U64(granted, granted)};
const struct message credit_message = TABLE(millrace__v1__credit__descriptor, credit_fields);
#undef WIRE
#undef PLAIN

/* -- names -- */

#define WIRE Millrace__V1__Topic
#define PLAIN struct session_topic
static const struct field topic_fields[] = {ID(id), TEXT(text, text, 1, TOPIC_MAX_BYTES)};
const struct message topic_message = TABLE(millrace__v1__topic__descriptor, topic_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Publisher
#define PLAIN struct session_publisher
static const struct field publisher_fields[] = {ID(id), NAME(identity, identity), NAME(part, part)};
const struct message publisher_message = TABLE(millrace__v1__publisher__descriptor, publisher_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Names
#define PLAIN struct control_names
static const struct field names_fields[] = {LIST(topic, topics, topic_message),
                                            LIST(publisher, publishers, publisher_message)};
const struct message names_message = TABLE(millrace__v1__names__descriptor, names_fields);
#undef WIRE
#undef PLAIN

/* -- tags and topics of apps -- */

#define WIRE Millrace__V1__TagDef
#define PLAIN struct session_tag
static const struct field tag_fields[] = {
    ANY(topic, topic),
    U32(type, type, 0, CONTROL_TYPE_MAX),
    TEXT(unit, unit, 0, UNIT_MAX_BYTES),
    TEXT(description, description, 0, CONTROL_DESCRIPTION_MAX_BYTES),
    LIMIT(low, low, MILLRACE__V1__TAG_DEF__HAS_LOW_LOW),
    LIMIT(high, high, MILLRACE__V1__TAG_DEF__HAS_HIGH_HIGH),
    DOUBLE(deadband, deadband),
    ANY(stale_ms, stale_ms),
};
const struct message tag_message = TABLE(millrace__v1__tag_def__descriptor, tag_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__OpenTopic
#define PLAIN struct session_open
static const struct field open_topic_fields[] = {
    ANY(cookie, cookie),
    TEXT(topic, topic, 0, TOPIC_MAX_BYTES),
    OPTIONAL(tag, tag, tag_message),
    ANY(publisher, publisher),
};
const struct message open_topic_message = TABLE(millrace__v1__open_topic__descriptor, open_topic_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Open
#define PLAIN struct control_open
static const struct field open_fields[] = {LIST(topic, topics, open_topic_message)};
const struct message open_message = TABLE(millrace__v1__open__descriptor, open_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__OpenedTopic
#define PLAIN struct session_opened
static const struct field opened_topic_fields[] = {ANY(cookie, cookie), ANY(id, id), RC, REASON,
                                                   TEXT(text, text, 0, TOPIC_MAX_BYTES)};
const struct message opened_topic_message = TABLE(millrace__v1__opened_topic__descriptor, opened_topic_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Opened
#define PLAIN struct control_opened
static const struct field opened_fields[] = {LIST(topic, topics, opened_topic_message)};
const struct message opened_message = TABLE(millrace__v1__opened__descriptor, opened_fields);
#undef WIRE
#undef PLAIN

/* -- presence -- */

#define WIRE Millrace__V1__Birth
#define PLAIN struct session_birth
static const struct field birth_fields[] = {
    ANY(publisher, publisher),    U64(birth, birth),        ANY(link, link), U64(since_us, since_us),
    LIST(tag, tags, tag_message), U64(first_seq, first_seq)};
const struct message birth_message = TABLE(millrace__v1__birth__descriptor, birth_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Death
#define PLAIN struct session_death
static const struct field death_fields[] = {ANY(publisher, publisher), U64(birth, birth), ANY(link, link),
                                            ANY(status, status), REASON};
const struct message death_message = TABLE(millrace__v1__death__descriptor, death_fields);
#undef WIRE
#undef PLAIN

/* -- interest -- */

#define WIRE Millrace__V1__InterestEntry
#define PLAIN struct session_interest
static const struct field entry_fields[] = {
    ID(id),
    TEXT(filter, filter, 1, TOPIC_MAX_BYTES),
    U32(kind, kind, INTEREST_SUBSCRIBE, INTEREST_KEPT),
    BOOL(no_snapshot, no_snapshot),
    BOOL(snapshot_only, snapshot_only),
    BOOL(with_backfill, with_backfill),
    NAME(group, group),
};
const struct message entry_message = TABLE(millrace__v1__interest_entry__descriptor, entry_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Interest
#define PLAIN struct control_interest
static const struct field interest_fields[] = {U64(version, head.version), BOOL(snapshot, head.snapshot),
                                               BOOL(more, head.more), LIST(add, add, entry_message),
                                               IDS(remove, remove)};
const struct message interest_message = TABLE(millrace__v1__interest__descriptor, interest_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Refusal
#define PLAIN struct session_refusal
static const struct field refusal_fields[] = {ID(id), RC, REASON};
const struct message refusal_message = TABLE(millrace__v1__refusal__descriptor, refusal_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__InterestAck
#define PLAIN struct control_interest_ack
static const struct field interest_ack_fields[] = {U64(version, version), BOOL(partial, partial),
                                                   LIST(refused, refused, refusal_message)};
const struct message interest_ack_message = TABLE(millrace__v1__interest_ack__descriptor, interest_ack_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__SnapshotEnd
#define PLAIN struct control_snapshot_end
static const struct field snapshot_end_fields[] = {ID(interest)};
const struct message snapshot_end_message = TABLE(millrace__v1__snapshot_end__descriptor, snapshot_end_fields);
#undef WIRE
#undef PLAIN

/* -- losses and errors -- */

#define WIRE Millrace__V1__Loss
#define PLAIN struct session_loss
static const struct field loss_fields[] = {
    ANY(publisher, publisher), NAME(via, via),  U64(birth, birth), ANY(link, link),
    U64(first, first),         U64(last, last), U64(count, count), U32(cause, cause, MR_SLOW_READER, MR_CORRUPT),
};
const struct message loss_message = TABLE(millrace__v1__loss__descriptor, loss_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Losses
#define PLAIN struct control_losses
static const struct field losses_fields[] = {LIST(loss, losses, loss_message)};
const struct message losses_message = TABLE(millrace__v1__losses__descriptor, losses_fields);
#undef WIRE
#undef PLAIN

#define WIRE Millrace__V1__Error
#define PLAIN struct control_error
static const struct field error_fields[] = {RC, REASON, ANY(retry_ms, retry_ms), ANY(topic, topic)};
const struct message error_message = TABLE(millrace__v1__error__descriptor, error_fields);
#undef WIRE
#undef PLAIN
