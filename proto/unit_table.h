/* unit_table.h - private to unit.c: look-ups in the table of known units. */
#ifndef PROTO_UNIT_TABLE_H
#define PROTO_UNIT_TABLE_H

#include "proto/unit.h"

/* The UCUM code of a spelling, NULL if it is not known. Static. */
const char *unit_table_ucum(const char *spelling);

/* How people write a UCUM code, NULL if they write it as it is or it is not known. Static. */
const char *unit_table_display(const char *ucum);

#endif
