/* prefilter_syntax.c: flags as PCRE 1 has them, and Latin-1 letters in both cases. */
#include "lib/spam/engine/prefilter_syntax.h"
#include <string.h>

struct writer {
    const char *at, *end;
    GString *out;
};

static gboolean
is_letter(guint c)
{
    return (c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0xe0 && c <= 0xfe && c != 0xf7);
}

/* The number of "\xHH" or "\x{HH}", whose x was read, or -1. */
static gint
hexadecimal(struct writer *w)
{
    guint value = 0, digits = 0;
    gboolean brace = w->at < w->end && *w->at == '{';

    w->at += brace;
    while (w->at < w->end && g_ascii_isxdigit(*w->at) && digits < (brace ? 8 : 2)) {
        value = value * 16 + (guint)g_ascii_xdigit_value(*w->at++);
        digits++;
    }
    if (brace && (w->at >= w->end || *w->at++ != '}'))
        return -1;
    return value > 0xff ? -1 : (gint)value;
}

/* A character outside of classes. */
static void
put(struct writer *w, guint c)
{
    if (is_letter(c))
        g_string_append_printf(w->out, "[\\x%02x\\x%02x]", c, c ^ 0x20);
    else
        g_string_append_printf(w->out, "\\x%02x", c);
}

static gboolean
escape(struct writer *w)
{
    char c = w->at < w->end ? *w->at++ : '\0';
    gint value;

    if (c == '\0')
        return FALSE;
    if (c != 'x') {
        g_string_append_c(w->out, '\\');
        g_string_append_c(w->out, c);
        return TRUE;
    }
    value = hexadecimal(w);
    if (value >= 0)
        put(w, (guint)value);
    return value >= 0;
}

/* What a class holds besides its text: the other cases of its letters, and what a range needs to be known. */
struct class_state {
    gboolean other[256];
    gint last; /* the character before, or -1 */
    gboolean range;
};

/* A character of a class, by itself or as the end of a range. */
static void
note(struct class_state *state, gint c)
{
#ifdef POSTERN_PLANTED_BUGS
    state->range = FALSE; /* letters inside a range are forgotten */
#endif
    for (gint i = state->range && state->last >= 0 ? state->last : c; i <= c && c >= 0; i++)
        if (is_letter((guint)i))
            state->other[i ^ 0x20] = TRUE;
    state->last = state->range ? -1 : c;
    state->range = FALSE;
}

/* An escape in a class, whose backslash was read. */
static gboolean
class_escape(struct writer *w, struct class_state *state)
{
    gint value = -1;
    char c;

    if (w->at >= w->end)
        return FALSE;
    c = *w->at++;
    if (c == 'x') {
        value = hexadecimal(w);
        if (value < 0)
            return FALSE;
        g_string_append_printf(w->out, "\\x%02x", (guint)value);
    } else {
        if (g_ascii_isdigit(c) && c != '0')
            return FALSE; /* octal: nobody writes it */
        g_string_append_printf(w->out, "\\%c", c);
        value = g_ascii_isalnum(c) ? -1 : (gint)(guchar)c;
    }
    note(state, value);
    return TRUE;
}

/* A class, whose "[" was read. One that is not negated gets the other case of its letters above 127: more than it matches where
 * case counts, never less. */
static gboolean
class(struct writer *w)
{
    struct class_state state = {.last = -1};
    gboolean negated = w->at < w->end && *w->at == '^';

    g_string_append_c(w->out, '[');
    while (w->at < w->end && *w->at != ']') {
        guchar c = (guchar)*w->at++;
        if (c == '[' && w->at < w->end && *w->at == ':') { /* a POSIX class */
            const char *close = memchr(w->at, ']', (gsize)(w->end - w->at));
            if (close == NULL)
                return FALSE;
            g_string_append_len(w->out, w->at - 1, close + 1 - (w->at - 1));
            w->at = close + 1;
            state.last = -1;
        } else if (c == '\\') {
            if (!class_escape(w, &state))
                return FALSE;
        } else {
            g_string_append_printf(w->out, c > 127 ? "\\x%02x" : "%c", c);
            if (c == '-' && state.last >= 0 && w->at < w->end && *w->at != ']')
                state.range = TRUE;
            else
                note(&state, c);
        }
    }
    if (w->at >= w->end)
        return FALSE;
    w->at++;
    for (guint i = 0; i < 256 && !negated; i++)
        if (state.other[i])
            g_string_append_printf(w->out, "\\x%02x", i);
    g_string_append_c(w->out, ']');
    return TRUE;
}

/* "(" was read. Flags with "^" become what they mean; flags of nothing go. */
static void
group(struct writer *w)
{
    g_autofree char *flags = NULL;
    gsize n;

    g_string_append_c(w->out, '(');
    if (w->end - w->at < 2 || *w->at != '?')
        return;
    n = strspn(w->at + 1, "^imsxn-");
    if (w->at + 1 + n >= w->end || (w->at[1 + n] != ':' && w->at[1 + n] != ')') || (n == 0 && w->at[1] != ')'))
        return;
    flags = g_strndup(w->at + 1, n);
    w->at += 1 + n;
    if (*flags == '^') {
        g_autoptr(GString) off = g_string_new("imsx");
        for (const char *f = flags + 1; *f != '\0'; f++)
            for (gsize i = 0; i < off->len; i++)
                if (off->str[i] == *f)
                    g_string_erase(off, (gssize)i--, 1);
        g_string_append_printf(w->out, "?%s%s%s", flags + 1, off->len > 0 ? "-" : "", off->str);
    } else if (*flags == '\0') { /* "(?)" */
        g_string_truncate(w->out, w->out->len - 1);
        w->at++;
    } else {
        g_string_append_printf(w->out, "?%s", flags);
    }
}

GString *
prefilter_syntax(const GString *pattern)
{
    struct writer w = {.at = pattern->str, .end = pattern->str + pattern->len, .out = g_string_sized_new(pattern->len + 64)};
    gboolean good = memchr(pattern->str, '\0', pattern->len) == NULL;

    while (good && w.at < w.end) {
        guchar c = (guchar)*w.at++;
        if (c == '\\')
            good = escape(&w);
        else if (c == '[')
            good = class(&w);
        else if (c == '(')
            group(&w);
        else if (c > 127)
            put(&w, c);
        else
            g_string_append_c(w.out, (char)c);
    }
    if (good)
        return w.out;
    g_string_free(w.out, TRUE);
    return NULL;
}

/* ---- repeats ---- */

#define KEPT_MAX 3u /* least counts are kept up to this */

/* One "{n,m}" at p: what stands for it, and where it ends; FALSE when it is none. */
static gboolean
relax_repeat(const char *p, GString *out, const char **end_r)
{
    char *end;
    guint64 low = g_ascii_strtoull(p + 1, &end, 10), high = low;

    if (!g_ascii_isdigit(p[1]))
        return FALSE;
    if (*end == ',') {
        gboolean endless = end[1] == '}';
        high = endless ? G_MAXUINT64 : g_ascii_strtoull(end + 1, &end, 10);
        if (endless)
            end++;
    }
    if (*end != '}')
        return FALSE;
    *end_r = end + 1;
    if (high <= 1)
        g_string_append_len(out, p, end + 1 - p);
    else if (low <= 1)
        g_string_append_c(out, low == 0 ? '*' : '+');
    else
        g_string_append_printf(out, "{%u,}", (guint)MIN(low, KEPT_MAX));
    return TRUE;
}

char *
prefilter_relax(const char *expression)
{
    GString *out = g_string_new(NULL);
    gboolean in_class = FALSE;

    for (const char *p = expression; *p != '\0';) {
        const char *next = p + (*p == '\\' && p[1] != '\0' ? 2 : 1);
        if (!in_class && *p == '{' && relax_repeat(p, out, &next)) {
            p = next;
            continue;
        }
        if (*p == '[' && in_class && p[1] == ':' && strchr(p, ']') != NULL)
            next = strchr(p, ']') + 1;
        else if (*p == '[')
            in_class = TRUE;
        else if (*p == ']')
            in_class = FALSE;
        g_string_append_len(out, p, next - p);
        p = next;
    }
    return g_string_free(out, FALSE);
}
