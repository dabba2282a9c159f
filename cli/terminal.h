/* terminal.h: text from mail on a terminal: columns with wide characters, colour, and nothing that commands the terminal. */
#pragma once
#include <glib.h>
#include <stdio.h>

/* Highlighted words arrive between these (archive_proto.h, HITS). */
#define TERMINAL_MARK_OPEN '\x02'
#define TERMINAL_MARK_CLOSE '\x03'

enum terminal_style { TERMINAL_PLAIN, TERMINAL_BOLD, TERMINAL_DIM, TERMINAL_MARKED, TERMINAL_BAD };

/* TRUE when stdout is a terminal that takes colour (NO_COLOR and TERM=dumb are heeded). */
gboolean terminal_has_colour(void);
/* Columns of stdout's terminal (COLUMNS wins), 0 when it is none. */
guint terminal_columns(void);
/* Columns that the UTF-8 text takes: 2 for wide East Asian characters, 0 for combining ones and marks. */
guint terminal_width(const char *text);
/* Appends text made harmless: control characters, direction overrides and invalid bytes become U+FFFD; line ends and
 * tabs become spaces unless lines is TRUE (CR LF then becomes LF). Highlight marks stay. */
void terminal_clean(GString *out, const char *text, gsize length, gboolean lines);
/* Appends clean text in exactly columns columns: cut with an ellipsis or padded. columns 0: as it is. */
void terminal_fit(GString *out, const char *text, guint columns);
/* Appends text with marks turned into colour, or left out. */
void terminal_marked(GString *out, const char *text, gboolean colour);
/* Appends the escape sequence that begins style; TERMINAL_PLAIN ends all. Nothing when !colour. */
void terminal_style(GString *out, enum terminal_style style, gboolean colour);
