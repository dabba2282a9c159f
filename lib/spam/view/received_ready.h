/* received_ready.h: what is done to a Received line before it is held against forms. Private to lib/spam/view. */
#pragma once
#include <glib.h>

static inline gboolean
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The line with its runs of blanks made one, without those at its ends and semicolons at its end. Caller frees. */
GString *received_squeezed(const char *text, gsize len);
/* Takes the date off its end. */
void received_cut_date(GString *line);
/* "])by x": gives it the blank; FALSE: there is none such. */
gboolean received_mend_by(GString *line);
