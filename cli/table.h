/* table.h: text in aligned columns, wide characters counted as two. */
#pragma once
#include <glib.h>

#define TABLE_COLUMNS_MAX 12u
#define TABLE_CELL_MAX 60u /* columns of one cell; longer ones are cut */

struct table;
/* headings: NULL-terminated literals, at most TABLE_COLUMNS_MAX; those that begin with ">" are right-aligned.
 */
struct table *table_new(const char *const *headings);
/* A row of as many cells (copied, made harmless for terminals). */
void table_add(struct table *table, const char *const *cells);
guint table_rows(const struct table *table);
/* Prints it to stdout and frees it; nothing when it has no rows. */
void table_print(struct table **table);
