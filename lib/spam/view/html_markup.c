/* html_markup.c: tags, comments, declarations, processing instructions and the beginnings of marked sections.
 *
 * Functions read from a '<' and answer as html_tokens.c says. The byte at end is NUL, which is neither blank nor '>'. */
#include "lib/spam/view/html_markup.h"
#include <string.h>

static gboolean
is_name(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '.' || c == '-' || c == ':';
}

static gboolean
is_name_first(char c)
{
    return g_ascii_isalpha(c) || c == '_' || c == ':';
}

static const char *
skip_blanks(const char *s)
{
    while (html_is_blank(*s))
        s++;
    return s;
}

/* Past bytes that are neither blank nor '>'; with not_equals, nor '='. */
static const char *
skip_word(const char *s, const char *end, gboolean not_equals)
{
    while (s < end && *s != '>' && !html_is_blank(*s) && !(not_equals && *s == '='))
        s++;
    return s;
}

/* The quoted string at s: what follows it, or NULL when it does not end. */
static const char *
skip_quoted(const char *s, const char *end)
{
    const char *close = memchr(s + 1, *s, (gsize)(end - s - 1));

    return close != NULL ? close + 1 : NULL;
}

/* The '>' that ends a tag, past quoted strings that begin after a blank or '='; end when there is none. */
static const char *
skip_to_gt(const char *s, const char *end)
{
    char quote = '\0';

    for (char before = ' '; s < end; before = *s++) {
        if (quote == '\0' && *s == '>')
            return s;
        if (*s != '"' && *s != '\'')
            continue;
        if (*s == quote)
            quote = '\0';
        else if (quote == '\0' && (before == ' ' || before == '='))
            quote = *s;
    }
    return end;
}

/* At "=": reads the value. NULL: not all there. The '>' of "=>" is left. */
static const char *
value_read(const char *s, const char *end, struct html_attribute *attribute)
{
    const char *after;

    s = skip_blanks(s + 1);
    if (s == end)
        return NULL;
    attribute->value = s;
    if (*s == '>')
        return s;
    if (*s == '"' || *s == '\'') {
        after = skip_quoted(s, end);
        if (after == NULL)
            return NULL;
        attribute->value = s + 1;
        attribute->value_length = (gsize)(after - s) - 2;
    } else {
        after = skip_word(s, end, FALSE);
        attribute->value_length = (gsize)(after - s);
    }
    after = skip_blanks(after);
    return after < end ? after : NULL;
}

static const char *
start_read(struct html_tokens *t, const char *s, const char *end)
{
    const char *name = s + 1;
    const char *p = skip_word(name + 1, end, FALSE);
    gsize name_length = (gsize)(p - name);

    g_array_set_size(t->attributes, 0);
    p = skip_blanks(p);
    while (p < end && *p != '>') {
        struct html_attribute attribute = {.name = p};

        p = skip_word(p + 1, end, TRUE);
        attribute.name_length = (gsize)(p - attribute.name);
        p = skip_blanks(p);
        if (p < end && *p == '=')
            p = value_read(p, end, &attribute);
        if (p == NULL)
            return s;
        if (t->attributes->len < HTML_ATTRIBUTES_MAX)
            g_array_append_val(t->attributes, attribute);
    }
    if (p >= end)
        return s;
    html_report_start(t, name, name_length);
    html_literal_enter(t, name, name_length);
    return p + 1;
}

static const char *
end_read(struct html_tokens *t, const char *s, const char *end)
{
    const char *name = s + 2;
    const char *after = *name != '>' && !html_is_blank(*name) ? skip_word(name + 1, end, FALSE) : name;
    const char *p = skip_to_gt(after, end);

    if (p == end)
        return s;
    if (after > name)
        html_report_end(t, name, (gsize)(after - name));
    else
        html_report_comment(t, s, p + 1);
    return p + 1;
}

/* After "<!--". */
static const char *
comment_read(struct html_tokens *t, const char *s, const char *end)
{
    const char *p = s + 4;

    if (t->comment_ends_at_gt) {
        p = memchr(p, '>', (gsize)(end - p));
        if (p == NULL)
            return s;
        html_report_comment(t, s, p + 1);
        return p + 1;
    }
    for (; (p = memchr(p, '-', (gsize)(end - p))) != NULL; p++) {
        const char *gt = p[1] == '-' ? skip_blanks(p + 2) : p;

        if (*gt == '>') {
            html_report_comment(t, s, gt + 1);
            return gt + 1;
        }
    }
    return s;
}

/* No declaration after all: a comment up to the first '>' from p on. */
static const char *
comment_bogus(struct html_tokens *t, const char *s, const char *p, const char *end)
{
    p = memchr(p, '>', (gsize)(end - p));
    if (p == NULL)
        return s;
    html_report_comment(t, s, p + 1);
    return p + 1;
}

static enum html_section
section_kind(const char *name, gsize length)
{
    static const char *const NAMES[] = {"", "include", "rcdata", "cdata", "ignore"};

    for (guint i = SECTION_INCLUDE; i < G_N_ELEMENTS(NAMES); i++)
        if (strlen(NAMES[i]) == length && g_ascii_strncasecmp(NAMES[i], name, length) == 0)
            return (enum html_section)i;
    return SECTION_NONE;
}

/* At the "--" of a comment within a marked section's names: what follows it; NULL when it does not end. */
static const char *
section_skip_comment(const char *p, const char *end)
{
    for (p += 2; (p = memchr(p, '-', (gsize)(end - p))) != NULL;) {
        p++;
        if (*p == '-')
            return p + 1;
    }
    return NULL;
}

static const char *
section_start_read(struct html_tokens *t, const char *s, const char *end)
{
    enum html_section section = SECTION_NONE;
    gboolean named = FALSE;
    const char *p = skip_blanks(s + 3);

    while (is_name_first(*p) || (p[0] == '-' && p[1] == '-')) {
        const char *name = p;

        if (*p == '-') {
            p = section_skip_comment(p, end);
            if (p == NULL)
                return s;
            p = skip_blanks(p);
            continue;
        }
        while (is_name(*p))
            p++;
        section = MAX(section, section_kind(name, (gsize)(p - name)));
        named = TRUE;
        p = skip_blanks(p);
        if (p == end)
            return s;
    }
    if (*p != '[')
        return comment_bogus(t, s, s + 2, end);
    html_section_open(t, named ? section : SECTION_INCLUDE);
    html_report_other(t);
    return p + 1;
}

/* A comment within a declaration, at its first '-': what follows it. NULL: not all there; *bogus: only one '-'. */
static const char *
declaration_skip_comment(const char *p, const char *end, gboolean *bogus)
{
    p++;
    if (p == end)
        return NULL;
    if (*p != '-') {
        *bogus = TRUE;
        return p;
    }
    while ((p = memchr(p + 1, '-', (gsize)(end - p - 1))) != NULL) {
        p++;
        if (p == end)
            return NULL;
        if (*p == '-')
            return p + 1;
    }
    return NULL;
}

static const char *
declaration_read(struct html_tokens *t, const char *s, const char *end)
{
    const char *name = s + 2;
    const char *p = name + 1;
    gboolean bogus;

    while (p < end && is_name(*p))
        p++;
    if (p == end)
        return s;
    bogus = !(p - name == 7 && g_ascii_strncasecmp(name, "DOCTYPE", 7) == 0) &&
            !(p - name == 6 && g_ascii_strncasecmp(name, "ENTITY", 6) == 0);
    while (p != NULL && !bogus) {
        p = skip_blanks(p);
        if (p >= end)
            return s;
        if (*p == '>') {
            html_report_declaration(t, s, p + 1);
            return p + 1;
        }
        if (*p == '"' || *p == '\'')
            p = skip_quoted(p, end);
        else if (*p == '-')
            p = declaration_skip_comment(p, end, &bogus);
        else
            p = skip_word(p + 1, end, FALSE);
    }
    return p != NULL ? comment_bogus(t, s, p, end) : s;
}

/* After "<!". */
static const char *
exclamation_read(struct html_tokens *t, const char *s, const char *end)
{
    if (s[2] == '-') {
        if (s + 3 == end)
            return s;
        return s[3] == '-' ? comment_read(t, s, end) : comment_bogus(t, s, s + 3, end);
    }
    if (s[2] == '[')
        return section_start_read(t, s, end);
    if (s[2] != '>' && g_ascii_isalpha(s[2]))
        return declaration_read(t, s, end);
    return comment_bogus(t, s, s + 2, end);
}

static const char *
process_read(struct html_tokens *t, const char *s, const char *end)
{
    const char *p = memchr(s + 2, '>', (gsize)(end - s - 2));

    if (p == NULL)
        return s;
    html_report_other(t);
    return p + 1;
}

const char *
html_markup_read(struct html_tokens *t, const char *s, const char *end)
{
    switch (s[1]) {
    case '/':
        return end_read(t, s, end);
    case '!':
        return exclamation_read(t, s, end);
    case '?':
        return process_read(t, s, end);
    default:
        return is_name_first(s[1]) ? start_read(t, s, end) : NULL;
    }
}
