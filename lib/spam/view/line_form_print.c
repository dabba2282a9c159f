/* line_form_print.c: which pairs of bytes a line has, and which a form needs. */
#include <string.h>
#include "lib/spam/view/line_form_private.h"

void
line_print_add(struct line_print *print, const char *text, gsize len)
{
    guint before = len > 0 ? (guchar)g_ascii_tolower(*text) : 0;

    for (gsize at = 1; at < len; at++) {
        guint c = (guchar)text[at], hash;
        c += c >= 'A' && c <= 'Z' ? 'a' - 'A' : 0;
        hash = (before * 37 + c) % LINE_PRINT_BITS;
        print->bits[hash / 64] |= G_GUINT64_CONSTANT(1) << hash % 64;
        before = c;
    }
}

void
line_print_take(struct line_print *print, const char *line, gsize len)
{
    memset(print, 0, sizeof *print);
    line_print_add(print, line, len);
}

static gboolean
holds(const struct line_print *print, const struct line_print *needs)
{
    for (guint i = 0; i < G_N_ELEMENTS(print->bits); i++)
        if ((needs->bits[i] & ~print->bits[i]) != 0)
            return FALSE;
    return TRUE;
}

static gboolean
holds_any(const struct line_print *print, const GArray *needs)
{
    for (guint i = 0; i < needs->len; i++)
        if (holds(print, &g_array_index(needs, struct line_print, i)))
            return TRUE;
    return FALSE;
}

gboolean
line_form_may_match(const struct line_form *form, const struct line_print *print)
{
    if (!holds(print, &form->needs))
        return FALSE;
    for (guint i = 0; i < form->any_of->len; i++)
        if (!holds_any(print, form->any_of->pdata[i]))
            return FALSE;
    return TRUE;
}
