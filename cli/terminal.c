/* terminal.c: widths by GLib's Unicode tables, cleaning, and a few colours. */
#include "cli/terminal.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define ELLIPSIS "\xe2\x80\xa6"

gboolean
terminal_has_colour(void)
{
    const char *term = g_getenv("TERM"), *no_colour = g_getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0;
}

guint
terminal_columns(void)
{
    const char *set = g_getenv("COLUMNS");
    guint64 columns = set ? g_ascii_strtoull(set, NULL, 10) : 0;
    struct winsize size = {0};

    if (columns >= 20 && columns <= 1000)
        return (guint)columns;
    if (!isatty(STDOUT_FILENO))
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        return size.ws_col;
    return 80;
}

static gboolean
is_mark(gunichar c)
{
    return c == TERMINAL_MARK_OPEN || c == TERMINAL_MARK_CLOSE;
}

static guint
char_width(gunichar c)
{
    if (is_mark(c) || g_unichar_iszerowidth(c))
        return 0;
    return g_unichar_iswide(c) ? 2 : 1;
}

guint
terminal_width(const char *text)
{
    guint width = 0;

    for (; *text; text = g_utf8_next_char(text))
        width += char_width(g_utf8_get_char(text));
    return width;
}

/* C0, C1, DEL, and what turns the direction of text or hides in it. */
static gboolean
is_harmful(gunichar c)
{
    return g_unichar_iscntrl(c) || (c >= 0x200e && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029 || c == 0xfeff;
}

void
terminal_clean(GString *out, const char *text, gsize length, gboolean lines)
{
    const char *end = text + length;

    while (text < end) {
        gunichar c = g_utf8_get_char_validated(text, end - text);
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append(out, REPLACEMENT);
            text++;
            continue;
        }
        if (c == '\r' && text + 1 < end && text[1] == '\n')
            ; /* the LF stands for both */
        else if (lines && (c == '\n' || c == '\t'))
            g_string_append_unichar(out, c);
        else if (c == '\n' || c == '\t' || c == '\r')
            g_string_append_c(out, ' ');
        else if (is_harmful(c) && !is_mark(c))
            g_string_append(out, REPLACEMENT);
        else
            g_string_append_unichar(out, c);
        text = c == 0 ? text + 1 : g_utf8_next_char(text);
    }
}

void
terminal_fit(GString *out, const char *text, guint columns)
{
    guint width = terminal_width(text), used = 0;

    if (columns == 0) {
        g_string_append(out, text);
        return;
    }
    if (width <= columns) {
        g_string_append(out, text);
        used = width;
    } else {
        gboolean open = FALSE;
        for (; *text; text = g_utf8_next_char(text)) {
            gunichar c = g_utf8_get_char(text);
            if (used + char_width(c) > columns - 1)
                break;
            if (is_mark(c))
                open = c == TERMINAL_MARK_OPEN;
            used += char_width(c);
            g_string_append_unichar(out, c);
        }
        if (open)
            g_string_append_c(out, TERMINAL_MARK_CLOSE);
        g_string_append(out, ELLIPSIS);
        used++;
    }
    for (; used < columns; used++)
        g_string_append_c(out, ' ');
}

void
terminal_style(GString *out, enum terminal_style style, gboolean colour)
{
    static const char *const sequences[] = {"\033[0m", "\033[1m", "\033[2m", "\033[1;33m", "\033[1;31m"};

    if (colour)
        g_string_append(out, sequences[style]);
}

void
terminal_marked(GString *out, const char *text, gboolean colour)
{
    for (; *text; text++) {
        if (*text == TERMINAL_MARK_OPEN)
            terminal_style(out, TERMINAL_MARKED, colour);
        else if (*text == TERMINAL_MARK_CLOSE)
            terminal_style(out, TERMINAL_PLAIN, colour);
        else
            g_string_append_c(out, *text);
    }
}
