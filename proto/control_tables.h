/* control_tables.h - the tables of the control messages and of their entries. Private to control.c. */
#ifndef PROTO_CONTROL_TABLES_H
#define PROTO_CONTROL_TABLES_H
#include "proto/control_fields.h"

struct control_snapshot_end {
    uint32_t interest;
};

extern const struct message hello_message, state_message, welcome_message, bye_message, ping_message, pong_message,
    credit_message, topic_message, publisher_message, names_message, tag_message, open_topic_message, open_message,
    opened_topic_message, opened_message, birth_message, death_message, entry_message, interest_message,
    refusal_message, interest_ack_message, snapshot_end_message, loss_message, losses_message, error_message;

#endif
