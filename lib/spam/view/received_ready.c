/* received_ready.c: a Received line made ready for its forms: blanks, the date at its end, a blank that some forget. */
#include "lib/spam/view/received_ready.h"
#include <string.h>

GString *
received_squeezed(const char *text, gsize len)
{
    GString *line = g_string_sized_new(len);

    for (gsize i = 0, word; i < len; i++) {
        for (word = i; i < len && !is_space(text[i]); i++)
            ;
        g_string_append_len(line, text + word, (gssize)(i - word));
        if (i < len && line->len > 0 && line->str[line->len - 1] != ' ')
            g_string_append_c(line, ' ');
    }
    if (line->len > 0 && line->str[line->len - 1] == ' ')
        g_string_truncate(line, line->len - 1);
    while (line->len > 0 && line->str[line->len - 1] == ';')
        g_string_truncate(line, line->len - (line->len > 1 && line->str[line->len - 2] == ' ' ? 2 : 1));
    return line;
}

/* Digits that end at *end: moves it to their start. */
static gboolean
back_digits(const GString *line, gsize *end)
{
    gsize at = *end;

    while (at > 0 && g_ascii_isdigit(line->str[at - 1]))
        at--;
    if (at == *end)
        return FALSE;
    *end = at;
    return TRUE;
}

static gboolean
back_text(const GString *line, gsize *end, const char *text)
{
    gsize len = strlen(text);

    if (*end < len || memcmp(line->str + *end - len, text, len) != 0)
        return FALSE;
    *end -= len;
    return TRUE;
}

static gboolean
back_name(const GString *line, gsize *end, const char *const *names)
{
    for (guint i = 0; names[i] != NULL; i++)
        if (back_text(line, end, names[i]))
            return TRUE;
    return FALSE;
}

/* hh:mm or hh:mm:ss */
static gboolean
back_time(const GString *line, gsize *end)
{
    gsize at;

    if (!back_digits(line, end) || !back_text(line, end, ":") || !back_digits(line, end))
        return FALSE;
    at = *end;
    if (back_text(line, &at, ":") && back_digits(line, &at))
        *end = at;
    return TRUE;
}

static gboolean
back_separator(const GString *line, gsize *end)
{
    gsize at = *end;

    while (at > 0 && (line->str[at - 1] == ' ' || line->str[at - 1] == ';'))
        at--;
    if (at == *end)
        return FALSE;
    *end = at;
    return TRUE;
}

/* "; Tue, 23 May 2006 13:06:35 -0400" at the end, read from behind */
void
received_cut_date(GString *line)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
                                         "Aug", "Sep", "Oct", "Nov", "Dec", NULL};
    static const char *const days[] = {"Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", "Sun, ", NULL};
    gsize end = line->len, with_day;

    while (end > 0 && line->str[end - 1] != ' ')
        end--;
    if (end == line->len || !back_text(line, &end, " ") || !back_time(line, &end) ||
        !back_text(line, &end, " ") || !back_digits(line, &end) || !back_text(line, &end, " ") ||
        !back_name(line, &end, months) || !back_text(line, &end, " ") || !back_digits(line, &end))
        return;
    with_day = end;
    if (back_name(line, &with_day, days) && back_separator(line, &with_day))
        end = with_day;
    else if (!back_separator(line, &end))
        return;
    g_string_truncate(line, end);
}

/* "])by x": some forget the blank. */
gboolean
received_mend_by(GString *line)
{
    const char *found = memmem(line->str, line->len, ")by ", 4);

    if (found != NULL)
        g_string_insert_c(line, found - line->str + 1, ' ');
    return found != NULL;
}
