/* table.h - rows in columns, aligned by what a terminal shows of them: Chinese names are two columns a character. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H
#include "base/rc.h"
#include "cli/terminal.h"

enum { TABLE_COLUMNS = 8 };

struct table;

/* titles: n <= TABLE_COLUMNS texts, borrowed until table_free(). MR_NO_MEMORY. */
MUST enum mr_rc table_new(const char *const *titles, size_t n, struct table **ret);

/* NULL is fine. */
void table_free(struct table *table);

/* Adds a row; cells are copied, made safe for a terminal; NULL is empty. MR_NO_MEMORY: the table is as before. */
MUST enum mr_rc table_add(struct table *table, enum colour colour, const char *const *cells);

/* Prints titles and rows. On a terminal, cells are cut with … so that the widest columns share what there is. */
void table_print(const struct table *table, const struct terminal *terminal);

/* Rows added. */
size_t table_count(const struct table *table);
#endif
