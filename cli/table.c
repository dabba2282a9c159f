/* table.c: see table.h. */
#include "cli/table.h"
#include <stdio.h>
#include <string.h>
#include "cli/terminal.h"

#define GAP 2u

struct table {
    const char *const *headings;
    guint columns;
    GPtrArray *rows; /* char **, columns of them and NULL */
    guint widths[TABLE_COLUMNS_MAX];
};

static const char *
heading(const struct table *table, guint column)
{
    return table->headings[column] + (table->headings[column][0] == '>');
}

struct table *
table_new(const char *const *headings)
{
    struct table *table = g_new0(struct table, 1);

    table->headings = headings;
    table->columns = MIN(g_strv_length((char **)(guintptr)headings), TABLE_COLUMNS_MAX);
    table->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    for (guint i = 0; i < table->columns; i++)
        table->widths[i] = terminal_width(heading(table, i));
    return table;
}

void
table_add(struct table *table, const char *const *cells)
{
    char **row = g_new0(char *, table->columns + 1);

    for (guint i = 0; i < table->columns; i++) {
        GString *clean = g_string_new(NULL);

        terminal_clean(clean, cells[i], strlen(cells[i]), FALSE);
        row[i] = g_string_free(clean, FALSE);
        table->widths[i] = MIN(MAX(table->widths[i], terminal_width(row[i])), TABLE_CELL_MAX);
    }
    g_ptr_array_add(table->rows, row);
}

guint
table_rows(const struct table *table)
{
    return table->rows->len;
}

static void
print_row(const struct table *table, const char *const *cells)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (guint i = 0; i < table->columns; i++) {
        guint width = terminal_width(cells[i]), column = table->widths[i];

        if (i > 0)
            g_string_append_printf(line, "%*s", (int)GAP, "");
        if (table->headings[i][0] == '>' && width <= column)
            g_string_append_printf(line, "%*s%s", (int)(column - width), "", cells[i]);
        else
            terminal_fit(line, cells[i], column);
    }
    while (line->len > 0 && line->str[line->len - 1] == ' ')
        g_string_truncate(line, line->len - 1);
    puts(line->str);
}

void
table_print(struct table **table)
{
    const char *headings[TABLE_COLUMNS_MAX + 1] = {NULL};

    for (guint i = 0; i < (*table)->columns; i++)
        headings[i] = heading(*table, i);
    for (guint i = 0; i < (*table)->rows->len; i++) {
        if (i == 0)
            print_row(*table, headings);
        print_row(*table, g_ptr_array_index((*table)->rows, i));
    }
    g_ptr_array_unref((*table)->rows);
    g_clear_pointer(table, g_free);
}
