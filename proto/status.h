/* status.h - OPC UA StatusCodes (Part 4, 7.39): the quality of a value, as numbers on the wire and as names for people.
 *
 * The two highest bits are the severity, the upper 16 name the code, the lower 16 are information bits that do not
 * change the name. 0 is Good and costs no bytes on the wire. */
#ifndef PROTO_STATUS_H
#define PROTO_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

/* The codes this project gives out itself; status_name knows many more. */
enum status_code {
    STATUS_GOOD = 0,
    STATUS_GOOD_CLAMPED = 0x00300000,
    STATUS_GOOD_LOCAL_OVERRIDE = 0x00960000,
    STATUS_UNCERTAIN = 0x40000000,
    STATUS_UNCERTAIN_NO_COMMUNICATION_LAST_USABLE = 0x408F0000,
    STATUS_UNCERTAIN_LAST_USABLE = 0x40900000,
    STATUS_UNCERTAIN_SUBSTITUTE = 0x40910000,
    STATUS_UNCERTAIN_INITIAL = 0x40920000,
    STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE = 0x40930000,
    STATUS_UNCERTAIN_UNITS_EXCEEDED = 0x40940000,
    STATUS_UNCERTAIN_SUB_NORMAL = 0x40950000,
};
/* Above what an int holds, so not in the enum. */
#define STATUS_BAD UINT32_C(0x80000000)
#define STATUS_BAD_NO_COMMUNICATION UINT32_C(0x80310000)
#define STATUS_BAD_WAITING_FOR_INITIAL_DATA UINT32_C(0x80320000)
#define STATUS_BAD_CONFIGURATION_ERROR UINT32_C(0x80890000)
#define STATUS_BAD_NOT_CONNECTED UINT32_C(0x808A0000)
#define STATUS_BAD_DEVICE_FAILURE UINT32_C(0x808B0000)
#define STATUS_BAD_SENSOR_FAILURE UINT32_C(0x808C0000)
#define STATUS_BAD_OUT_OF_SERVICE UINT32_C(0x808D0000)
#define STATUS_BAD_DATA_LOST UINT32_C(0x809D0000)

bool status_is_good(uint32_t status);
bool status_is_uncertain(uint32_t status);
bool status_is_bad(uint32_t status); /* the reserved severity 3 counts as bad */

/* "BadNoCommunication"; for a code not in the table its severity alone: "Good", "Uncertain", "Bad".
 * Static, never NULL. */
const char *status_name(uint32_t status);

enum { STATUS_TEXT_BYTES = 96 }; /* room for any status_text */

/* As snprintf: the name, and the number behind it where the name does not say all: "Bad (0x80FF0000)". */
int status_text(uint32_t status, char *buf, size_t size);

/* A name of the table in any case, or 0x and eight hex digits. MR_NOT_FOUND: neither. */
MUST enum mr_rc status_parse(const char *text, uint32_t *ret);

#endif
