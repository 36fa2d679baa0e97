/* table.c - see table.h. */
#include "cli/table.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/text_width.h"

enum {
    GAP = 2,
    CELL_MAX_BYTES = 1024, /* what is shown of one cell */
    LEAST_WIDTH = 12,      /* of a column that is cut */
};

static const char ellipsis[] = "\xe2\x80\xa6"; /* … */

struct row {
    enum colour colour;
    char *cells[TABLE_COLUMNS];
};

struct table {
    const char *titles[TABLE_COLUMNS];
    size_t n_columns;
    struct row *rows;
    size_t n, cap;
};

enum mr_rc table_new(const char *const *titles, size_t n, struct table **ret)
{
    struct table *t = mem_calloc(1, sizeof *t);
    if (!t)
        return MR_NO_MEMORY;
    t->n_columns = n < TABLE_COLUMNS ? n : TABLE_COLUMNS;
    memcpy(t->titles, titles, t->n_columns * sizeof *titles);
    *ret = t;
    return MR_OK;
}

static void free_row(struct row *row)
{
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        mem_free(row->cells[i]);
}

void table_free(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->n; i++)
        free_row(&table->rows[i]);
    mem_free(table->rows);
    mem_free(table);
}

static enum mr_rc grow(struct table *t)
{
    if (t->n < t->cap)
        return MR_OK;
    size_t cap = t->cap ? t->cap * 2 : 64;
    struct row *rows = mem_resize_array(t->rows, cap, sizeof *rows);
    if (!rows)
        return MR_NO_MEMORY;
    t->rows = rows;
    t->cap = cap;
    return MR_OK;
}

enum mr_rc table_add(struct table *table, enum colour colour, const char *const *cells)
{
    struct row row = {.colour = colour};
    enum mr_rc rc = grow(table);
    for (size_t i = 0; i < table->n_columns && !rc; i++) {
        char safe[CELL_MAX_BYTES];
        const char *cell = cells[i] ? cells[i] : "";
        size_t len = text_escape(safe, sizeof safe, cell, strlen(cell));
        row.cells[i] = mem_strndup(safe, len);
        if (!row.cells[i])
            rc = MR_NO_MEMORY;
    }
    if (rc) {
        free_row(&row);
        return rc;
    }
    table->rows[table->n++] = row;
    return MR_OK;
}

static size_t widest(const struct table *t, size_t column)
{
    size_t width = text_width(t->titles[column], strlen(t->titles[column]));
    for (size_t i = 0; i < t->n; i++) {
        const char *cell = t->rows[i].cells[column];
        size_t w = text_width(cell, strlen(cell));
        width = w > width ? w : width;
    }
    return width;
}

/* Takes from the widest column, again and again, what the line is too long. */
static void fit(size_t *widths, size_t n, size_t columns)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += widths[i] + (i ? GAP : 0);
    while (total > columns) {
        size_t most = 0;
        for (size_t i = 1; i < n; i++)
            most = widths[i] > widths[most] ? i : most;
        if (widths[most] <= LEAST_WIDTH)
            return;
        widths[most]--;
        total--;
    }
}

static void print_cell(FILE *out, const char *cell, size_t width, bool is_last)
{
    size_t len = strlen(cell);
    size_t shown = text_width(cell, len);
    if (shown > width) {
        len = text_width_cut(cell, len, width - 1);
        shown = text_width(cell, len) + 1;
        fwrite(cell, 1, len, out);
        fputs(ellipsis, out);
    } else {
        fwrite(cell, 1, len, out);
    }
    if (!is_last)
        fprintf(out, "%*s", (int)(width - shown + GAP), "");
}

static void print_row(const struct table *t, FILE *out, const char *const *cells, const size_t *widths)
{
    size_t last = t->n_columns;
    while (last > 1 && !*cells[last - 1])
        last--; /* no blanks at the end */
    for (size_t i = 0; i < last; i++)
        print_cell(out, cells[i], widths[i], i + 1 == last);
}

void table_print(const struct table *table, const struct terminal *terminal)
{
    size_t widths[TABLE_COLUMNS] = {0};
    FILE *out = terminal->out;
    for (size_t i = 0; i < table->n_columns; i++)
        widths[i] = widest(table, i);
    if (terminal->columns)
        fit(widths, table->n_columns, terminal->columns);
    fputs(terminal_begin(terminal, COLOUR_BOLD), out);
    print_row(table, out, table->titles, widths);
    fprintf(out, "%s\n", terminal_end(terminal, COLOUR_BOLD));
    for (size_t i = 0; i < table->n; i++) {
        const struct row *row = &table->rows[i];
        fputs(terminal_begin(terminal, row->colour), out);
        print_row(table, out, (const char *const *)row->cells, widths);
        fprintf(out, "%s\n", terminal_end(terminal, row->colour));
    }
}

size_t table_count(const struct table *table)
{
    return table->n;
}
