/* perl_syntax.c: one pass over the pattern that knows escapes, classes, groups and quantifiers, and no more. */
#include "lib/spam/rules/perl_syntax.h"
#include <string.h>

struct translator {
    const char *at, *end;
    GString *out;
    gboolean in_class, extended; /* extended: (?x) is on somewhere, so that "#" may begin a comment; see copy_comment */
    gboolean refers;
    gsize branch; /* of out: where an alternative begins */
    const char *why;
};

static gboolean
fail(struct translator *t, const char *why)
{
    t->why = why;
    return FALSE;
}

/* The text between the brace at t->at and its end, in a buffer of 32; FALSE when there is none of that length. */
static gboolean
braced(const struct translator *t, char text_r[32])
{
    gsize room = 32;

#ifdef POSTERN_PLANTED_BUGS
    room++;
#endif
    if (t->at >= t->end || *t->at != '{')
        return FALSE;
    const char *close = memchr(t->at, '}', MIN((gsize)(t->end - t->at), room + 1));
    if (close == NULL)
        return FALSE;
    memcpy(text_r, t->at + 1, (gsize)(close - t->at - 1));
    text_r[close - t->at - 1] = '\0';
    return TRUE;
}

/* A character by its number. */
static gboolean
put_character(struct translator *t, guint64 c)
{
    if (c <= 0xff)
        g_string_append_printf(t->out, "\\x{%02x}", (guint)c);
    else if (t->in_class)
        return fail(t, "a character above 0xff in a class");
    else
        g_string_append(t->out, "(?:(?!))"); /* never there */
    return TRUE;
}

static gboolean
numbered(struct translator *t, const char *digits, guint base)
{
    g_autofree char *text = g_strstrip(g_strdup(digits));
    char *end;
    guint64 c = g_ascii_strtoull(text, &end, base);

    if (*text == '\0' || *end != '\0')
        return fail(t, "no number between braces");
    t->at = (const char *)memchr(t->at, '}', (gsize)(t->end - t->at)) + 1;
    return put_character(t, c);
}

gboolean
perl_syntax_is_unknown_escape(char c)
{
    return strchr("QELUluFijmqyIJMOYT", c) != NULL && c != '\0';
}

/* After a backslash. */
static gboolean
escape(struct translator *t)
{
    char c, inner[32];

    if (t->at >= t->end)
        return fail(t, "ends with a backslash");
    c = *t->at++;
    if (c == 'x' && braced(t, inner))
        return numbered(t, inner, 16);
    if (c == 'o' && braced(t, inner))
        return numbered(t, inner, 8);
    if (c == 'N' && braced(t, inner) && g_str_has_prefix(inner, "U+"))
        return numbered(t, inner + 2, 16);
    if (c == 'N' && braced(t, inner) && !g_ascii_isdigit(*g_strchug(inner)) && *inner != ',') /* else a quantifier */
        return fail(t, "\\N{name}");
    if ((c == 'b' || c == 'B') && !t->in_class && braced(t, inner) && g_ascii_isalpha(*inner))
        return fail(t, "\\b{..}");
    if (perl_syntax_is_unknown_escape(c)) {
        g_string_append_c(t->out, c);
        return TRUE;
    }
    t->refers |= !t->in_class && (c == 'g' || c == 'k' || (c >= '1' && c <= '9'));
    g_string_append_c(t->out, '\\');
    g_string_append_c(t->out, c);
    if (c == 'c' && t->at < t->end) /* a backslash behind it begins nothing */
        g_string_append_c(t->out, *t->at++);
    return TRUE;
}

/* "(?" was read, t->at is behind it: the flags, without those that PCRE2 does not know. */
static gboolean
group_flags(struct translator *t)
{
    static const char known[] = "^imsxn-adlup";
    const char *flags = t->at, *stop = flags;

    while (stop < t->end && strchr(known, *stop) != NULL && *stop != '\0')
        stop++;
    if (stop == flags || stop >= t->end || (*stop != ':' && *stop != ')'))
        return TRUE; /* no flags: a lookaround, a name, .. */
    gboolean on = TRUE;
    for (const char *p = flags; p < stop; p++) {
        on &= *p != '-';
        t->extended |= on && *p == 'x';
        if (strchr("adlup", *p) == NULL)
            g_string_append_c(t->out, *p);
    }
    t->at = stop;
    return TRUE;
}

/* What opens a group is written up to where its first alternative begins. */
static void
begin_branch(struct translator *t)
{
    gsize n = t->at < t->end && strchr(":=!>", *t->at) != NULL && *t->at != '\0' ? 1
              : t->end - t->at > 1 && *t->at == '<' && (t->at[1] == '=' || t->at[1] == '!') ? 2 : 0;

    if (t->out->str[t->out->len - 1] != '(') { /* "(?.." */
        g_string_append_len(t->out, t->at, (gssize)n);
        t->at += n;
    }
    t->branch = t->out->len;
}

static gboolean
group(struct translator *t)
{
    g_string_append_c(t->out, '(');
    if (t->at >= t->end || *t->at != '?')
        return TRUE;
    g_string_append_c(t->out, '?');
    t->at++;
    if (t->at < t->end && (*t->at == '{' || (*t->at == '?' && t->at + 1 < t->end && t->at[1] == '{')))
        return fail(t, "code in a pattern");
    /* (?<name>..), (?'..), (?P..), conditions, calls; of "(?<" only what looks behind is none */
    if (t->at < t->end && strchr("'P(R&+0123456789|", *t->at) != NULL)
        t->refers = TRUE;
    if (t->at + 1 < t->end && *t->at == '<' && t->at[1] != '=' && t->at[1] != '!')
        t->refers = TRUE;
    if (t->at + 1 < t->end && *t->at == '-' && g_ascii_isdigit(t->at[1]))
        t->refers = TRUE;
    if (t->at < t->end && *t->at == '#') { /* a comment, to the next bracket */
        const char *close = memchr(t->at, ')', (gsize)(t->end - t->at));
        gsize length = (gsize)((close != NULL ? close : t->end) - t->at);
        g_string_append_len(t->out, t->at, (gssize)length);
        t->at += length;
        return TRUE;
    }
    return group_flags(t);
}

/* Nothing but blanks and comments of /x stand between the beginning of an alternative and here. */
static gboolean
begins_branch(const struct translator *t)
{
    const char *p = t->out->str + t->branch, *end = t->out->str + t->out->len;

    while (t->extended && p < end && (g_ascii_isspace(*p) || *p == '#')) {
        const char *stop = *p == '#' ? memchr(p, '\n', (gsize)(end - p)) : p;
        p = stop != NULL ? stop + 1 : end;
    }
    return p == end;
}

/* A brace outside of classes: a quantifier in one of Perl's forms, or itself; itself where there is nothing to repeat. */
static void
brace(struct translator *t)
{
    char inner[32], low[32] = "", high[32] = "";
    gboolean comma;
    const char *p;

    if (begins_branch(t)) {
        g_string_append(t->out, "\\{");
        return;
    }
    g_string_append_c(t->out, '{');
    t->at--;
    if (!braced(t, inner)) {
        t->at++;
        return;
    }
    t->at++;
    p = inner + strspn(inner, " \t");
    gsize n = strspn(p, "0123456789");
    memcpy(low, p, n);
    p += n + strspn(p + n, " \t");
    comma = *p == ',';
    p += comma ? 1 + strspn(p + 1, " \t") : 0;
    n = comma ? strspn(p, "0123456789") : 0;
    memcpy(high, p, n);
    p += n + strspn(p + n, " \t");
    if (*p != '\0' || (*low == '\0' && *high == '\0'))
        return; /* literally */
    g_string_append_printf(t->out, "%s%s%s}", *low != '\0' ? low : "0", comma ? "," : "", high);
    t->at = (const char *)memchr(t->at, '}', (gsize)(t->end - t->at)) + 1;
}

/* "[" was read: a class up to its end. A POSIX class inside has its own brackets. */
static void
open_class(struct translator *t)
{
    g_string_append_c(t->out, '[');
    t->in_class = TRUE;
    if (t->at < t->end && *t->at == '^')
        g_string_append_c(t->out, *t->at++);
    if (t->at < t->end && strchr("].=:", *t->at) != NULL && *t->at != '\0') { /* "[.": PCRE2 would look for ".]" */
        g_string_append_c(t->out, '\\');
        g_string_append_c(t->out, *t->at++);
    }
}

static void
in_class(struct translator *t, char c)
{
    static const char *const posix[] = {"[:", "[.", "[="};

    for (guint i = 0; i < G_N_ELEMENTS(posix) && c == '['; i++)
        if (t->at < t->end && *t->at == posix[i][1]) {
            char close[3] = {posix[i][1], ']', '\0'};
            const char *stop = g_strstr_len(t->at + 1, t->end - t->at - 1, close);
            if (stop == NULL || memchr(t->at, ']', (gsize)(stop - t->at)) != NULL)
                break;
            g_string_append_len(t->out, t->at - 1, stop + 2 - (t->at - 1));
            t->at = stop + 2;
            return;
        }
    if (c == '[')
        g_string_append(t->out, "\\[");
    else
        g_string_append_c(t->out, c);
    t->in_class &= c != ']';
}

/* A comment of /x, to the end of its line. */
static void
copy_comment(struct translator *t)
{
    const char *stop = memchr(t->at, '\n', (gsize)(t->end - t->at));
    gsize length = (gsize)((stop != NULL ? stop : t->end) - t->at);

    g_string_append_len(t->out, t->at, (gssize)length);
    t->at += length;
}

GString *
perl_syntax_translate(const char *text, gsize length, gboolean *refers_r, const char **why_r)
{
    struct translator t = {.at = text, .end = text + length, .out = g_string_sized_new(length + 16)};
    gboolean good = TRUE;

    while (good && t.at < t.end) {
        char c = *t.at++;

        if (c == '\\')
            good = escape(&t);
        else if (t.in_class)
            in_class(&t, c);
        else if (c == '[')
            open_class(&t);
        else if (c == '(') {
            good = group(&t);
            begin_branch(&t);
        }
        else if (c == '{')
            brace(&t);
        else {
            g_string_append_c(t.out, c);
            if (c == '|')
                t.branch = t.out->len;
            if (c == '#' && t.extended)
                copy_comment(&t);
        }
    }
    *refers_r = t.refers;
    if (good)
        return t.out;
    *why_r = t.why;
    g_string_free(t.out, TRUE);
    return NULL;
}
