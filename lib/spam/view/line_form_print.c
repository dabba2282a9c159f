/* line_form_print.c: which pairs of bytes a line has, and which a form needs. */
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/line_form_private.h"

/* The bit of a pair, both in lower case. */
static guint
bit_of(char before, char c)
{
    return ((guchar)before * 37u + (guchar)c) % LINE_PRINT_BITS;
}

void
line_print_take(struct line_print *print, const char *line, gsize len)
{
    char before = len > 0 ? byte_lower(*line) : '\0';

    memset(print, 0, sizeof *print);
    for (gsize at = 1; at < len; at++) {
        char c = byte_lower(line[at]);
        guint bit = bit_of(before, c);
        print->bits[bit / 64] |= G_GUINT64_CONSTANT(1) << bit % 64;
        before = c;
    }
}

void
line_pairs_add(struct line_pairs *pairs, const char *text, gsize len)
{
    for (gsize at = 1; at < len && pairs->n < PAIRS_MAX; at++)
        pairs->bits[pairs->n++] = (guint16)bit_of(byte_lower(text[at - 1]), byte_lower(text[at]));
}

static inline gboolean
holds(const struct line_print *print, const struct line_pairs *needs)
{
    for (guint i = 0; i < needs->n; i++)
        if ((print->bits[needs->bits[i] / 64] >> needs->bits[i] % 64 & 1) == 0)
            return FALSE;
    return TRUE;
}

static gboolean
holds_any(const struct line_print *print, const GArray *needs)
{
    for (guint i = 0; i < needs->len; i++)
        if (holds(print, &g_array_index(needs, struct line_pairs, i)))
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
