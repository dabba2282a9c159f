/* addresses.c: one address after the other is taken from the front: "phrase <address>", an address, or a phrase alone; then
 * perhaps a (comment); then a comma, a semicolon or the end. When that no longer goes, what is left is searched for
 * "<address>".
 *
 * Where several readings are possible the longest "<...>" that leads to a proper end wins; places from which there is no
 * proper end are remembered, so the search stays bounded. */
#include "lib/spam/view/addresses.h"
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/registry.h"

#define NOWHERE  G_MAXSIZE
#define NESTED_MAX 4000 /* repeated <..> behind an address that are followed */

struct span {
    gsize start, end; /* start NOWHERE = not there */
};

/* What was tried in vain. */
struct memo {
    guint8 *hopeless; /* places behind a '>' from which there is no proper end */
    gsize run_start, run_end; /* the run without white space that was searched last, */
    gsize tried;              /* from its end back to here */
};

struct text {
    const char *s;
    gsize length;
    struct memo *memo; /* NULL where only lengths are asked */
};

/* One address as it was found. */
struct found {
    struct span phrase, enclosed, bare, comment;
    gsize end;
};

static void
address_free(gpointer data)
{
    struct spam_address *address = data;

    g_clear_pointer(&address->phrase, bytes_free);
    g_clear_pointer(&address->address, bytes_free);
    g_free(address);
}

static gsize
skip_space(const struct text *t, gsize i)
{
    while (i < t->length && byte_is_space(t->s[i]))
        i++;
    return i;
}

static gsize
skip_dark(const struct text *t, gsize i)
{
    while (i < t->length && !byte_is_space(t->s[i]))
        i++;
    return i;
}

/* Behind the closing mark of what opened before i; escapes count, but none of a line end unless lines is set. NOWHERE when
 * it is not closed (or, for comments, another one opens). */
static gsize
closed(const struct text *t, gsize i, char close, const char *stop, gboolean lines)
{
    for (; i < t->length; i++) {
        if (t->s[i] == close)
            return i + 1;
        if (byte_in(t->s[i], stop))
            return NOWHERE;
        if (t->s[i] == '\\' && (++i >= t->length || (t->s[i] == '\n' && !lines)))
            return NOWHERE;
    }
    return NOWHERE;
}

/* Behind the quoted string at i. */
static gsize
skip_quoted(const struct text *t, gsize i, gboolean lines)
{
    return i < t->length && t->s[i] == '"' ? closed(t, i + 1, '"', "", lines) : NOWHERE;
}

/* Perhaps a comment, white space, and the separator or the end: behind it, or NOWHERE. */
static gsize
match_tail(const struct text *t, gsize i, struct span *comment)
{
    gsize at = skip_space(t, i);

    comment->start = NOWHERE;
    if (at < t->length && t->s[at] == '(') {
        gsize close = closed(t, at + 1, ')', "(", FALSE);
        gsize next = close != NOWHERE ? skip_space(t, close) : NOWHERE;
        if (next == NOWHERE || (next < t->length && t->s[next] != ',' && t->s[next] != ';'))
            return NOWHERE; /* (without the comment there is a '(' where the end should be) */
        *comment = (struct span){ at + 1, close - 1 };
        at = next;
    }
    if (at == t->length)
        return at;
    return t->s[at] == ',' || t->s[at] == ';' ? at + 1 : NOWHERE;
}

static gsize match_enclosed(const struct text *t, gsize run, gsize least, struct found *found, guint depth, gsize *end);

/* Behind a '>': further enclosed things that some programs repeat, and the tail. */
static gsize
match_rest(const struct text *t, gsize i, struct found *found, guint depth)
{
    gsize at = skip_space(t, i), end = NOWHERE, ignored;

    if (t->memo->hopeless[i] || depth > NESTED_MAX)
        return NOWHERE;
    if (at < t->length && t->s[at] == '<') {
        at = skip_space(t, at + 1);
        gsize quoted = skip_quoted(t, at, FALSE);
        if (quoted != NOWHERE)
            end = match_enclosed(t, quoted, quoted + 1, found, depth + 1, &ignored);
        if (end == NOWHERE)
            end = match_enclosed(t, at, at + 1, found, depth + 1, &ignored);
        if (end == NOWHERE && at < t->length && t->s[at] == '>')
            end = match_rest(t, at + 1, found, depth + 1);
    }
    if (end == NOWHERE)
        end = match_tail(t, i, &found->comment);
    t->memo->hopeless[i] = end == NOWHERE;
    return end;
}

/* What is enclosed ends somewhere in the run without white space that holds run, or at its end; then white space, '>' and
 * the rest. Tried from the run's end back to least. */
static gsize
match_enclosed(const struct text *t, gsize run, gsize least, struct found *found, guint depth, gsize *end)
{
    struct memo *memo = t->memo;
    gboolean known = memo->run_end != NOWHERE && run >= memo->run_start && run <= memo->run_end;
    gsize last = known ? memo->run_end : skip_dark(t, run), q = known ? memo->tried : last + 1;
    gsize first = known ? memo->run_start : run;

    while (q-- > least) {
        gsize close = q == last ? skip_space(t, q) : q, rest = NOWHERE;
        if (close < t->length && t->s[close] == '>')
            rest = match_rest(t, close + 1, found, depth);
        if (rest != NOWHERE) {
            *end = q;
            return rest;
        }
        *memo = (struct memo){ memo->hopeless, first, last, q };
    }
    return NOWHERE;
}

/* At '<': the enclosed address and the rest. */
static gboolean
match_angle(const struct text *t, gsize i, struct found *found)
{
    gsize start = skip_space(t, i + 1), mark = start, q;

    while (mark < t->length && t->s[mark] != '>' && t->s[mark] != '@')
        mark++;
    if (mark == t->length)
        return FALSE;
    found->end = match_enclosed(t, mark, mark + 1, found, 0, &found->enclosed.end);
    if (found->end == NOWHERE && t->s[mark] == '>') {
        for (q = mark; q > start && byte_is_space(t->s[q - 1]); q--)
            ;
        found->enclosed.end = q;
        found->end = match_rest(t, mark + 1, found, 0);
    }
    found->enclosed.start = start;
    return found->end != NOWHERE;
}

/* Which bytes end what, unless they are quoted. */
enum { PHRASE = 1, DOMAIN = 2, USER = 4, GROUP = 8 };
static const guint8 ends[256] = {
    [' '] = DOMAIN | USER, ['\t'] = DOMAIN | USER, ['\n'] = DOMAIN | USER, ['\v'] = DOMAIN | USER, ['\f'] = DOMAIN | USER,
    ['\r'] = DOMAIN | USER, ['@'] = USER, ['"'] = DOMAIN | GROUP, ['<'] = PHRASE | DOMAIN | USER | GROUP,
    ['>'] = DOMAIN | USER | GROUP, ['('] = DOMAIN | USER | GROUP, [')'] = DOMAIN | USER | GROUP, ['['] = DOMAIN | USER,
    [']'] = DOMAIN | USER, [','] = PHRASE | DOMAIN | USER, [':'] = DOMAIN | USER, [';'] = PHRASE | DOMAIN | USER};

static gboolean
does_end(char c, guint8 what)
{
    return (ends[(guchar)c] & what) != 0;
}

/* The longest phrase from i on: quoted strings and anything but quotes, commas, semicolons and '<'. */
static gsize
skip_phrase(const struct text *t, gsize i)
{
    while (i < t->length && !does_end(t->s[i], PHRASE)) {
        gsize quoted = t->s[i] == '"' ? skip_quoted(t, i, FALSE) : i + 1;
        if (quoted == NOWHERE)
            break;
        i = quoted;
    }
    return i;
}

static gsize
skip_to_end(const struct text *t, gsize i, guint8 what)
{
    while (i < t->length && !does_end(t->s[i], what))
        i++;
    return i;
}

/* Behind "@domain" at i. */
static gsize
skip_domain(const struct text *t, gsize i)
{
    gsize end;

    if (i >= t->length || t->s[i] != '@')
        return NOWHERE;
    i++;
    if (i < t->length && t->s[i] == '[') {
        for (end = i + 1; end < t->length && (g_ascii_isdigit(t->s[end]) || byte_in(t->s[end], ":.")); end++)
            ;
        return end > i + 1 && end < t->length && t->s[end] == ']' ? end + 1 : NOWHERE;
    }
    end = skip_to_end(t, i, DOMAIN);
    return end > i ? end : NOWHERE;
}

/* Behind an address at i, or NOWHERE. */
static gsize
skip_address(const struct text *t, gsize i)
{
    gsize quoted = skip_quoted(t, i, FALSE), end = NOWHERE, user;

    if (quoted != NOWHERE)
        end = skip_domain(t, quoted);
    if (end != NOWHERE)
        return end;
    user = skip_to_end(t, i, USER);
    return user > i ? skip_domain(t, user) : NOWHERE;
}

/* The next address from i on. */
static gboolean
match_one(const struct text *t, gsize i, struct found *found)
{
    gsize start = skip_space(t, i), end = skip_phrase(t, start);

    *found = (struct found){ { NOWHERE, 0 }, { NOWHERE, 0 }, { NOWHERE, 0 }, { NOWHERE, 0 }, NOWHERE };
    if (end < t->length && t->s[end] == '<') {
        if (match_angle(t, end, found)) {
            if (end > start)
                found->phrase = (struct span){ start, end };
            return TRUE;
        }
        found->enclosed.start = NOWHERE;
    }
    gsize bare = skip_address(t, start);
    if (bare != NOWHERE && (found->end = match_tail(t, bare, &found->comment)) != NOWHERE) {
        found->bare = (struct span){ start, bare };
        return TRUE;
    }
    if (end == start && start > i) /* no phrase but the last blank before the separator */
        start--;
    if (end == start || (found->end = match_tail(t, end, &found->comment)) == NOWHERE)
        return FALSE;
    found->phrase = (struct span){ start, end };
    return TRUE;
}

static GString *
without_comments(const char *s, gsize length)
{
    struct text t = { s, length, NULL };
    GString *out;

    if (memchr(s, '(', length) == NULL)
        return g_string_new_len(s, (gssize)length);
    out = g_string_sized_new(length);
    for (gsize i = 0; i < length;) {
        gsize end = s[i] == '(' ? closed(&t, i + 1, ')', "(", TRUE) : NOWHERE;
        if (end == NOWHERE)
            g_string_append_c(out, s[i++]);
        else
            i = end;
    }
    return out;
}

/* Whether all of s is an address. */
static gboolean
is_address(const GString *s)
{
    struct text t = { s->str, s->len, NULL };
    gsize end = skip_address(&t, 0);

    return end != NOWHERE && (end == s->len || (end + 1 == s->len && s->str[end] == '\n'));
}

static gboolean
is_sane(const GString *address)
{
    guint quotes = 0;

    for (gsize i = 0; i < address->len; i++)
        quotes += address->str[i] == '"';
    return strncmp(address->str, "\"\"@", 3) != 0 && quotes != 1;
}

/* Backslashes go, but for the one of a pair. */
static void
append_unescaped(GString *out, const char *s, gsize length)
{
    for (gsize i = 0; i < length; i++)
        if (s[i] != '\\' || (i + 1 < length && s[i + 1] == '\\'))
            g_string_append_c(out, s[i]);
}

/* A phrase as it is meant: quotes and comments taken off. */
static GString *
clean_phrase(const char *s, gsize length)
{
    struct text t = { s, length, NULL };
    GString *out = g_string_sized_new(length);

    for (gsize i = 0; i < length;) {
        gsize end = i;
        if (s[i] == '"') {
            end = skip_quoted(&t, i, TRUE);
            if (end != NOWHERE)
                append_unescaped(out, s + i + 1, end - i - 2);
            i = end != NOWHERE ? end : i + 1;
            continue;
        }
        while (end < length && s[end] != '"')
            end++;
        g_autoptr(GString) plain = without_comments(s + i, end - i);
        g_string_append_len(out, plain->str, (gssize)plain->len);
        i = end;
    }
    return out;
}

/* user@host without a second '@' and what follows it. */
static void
cut_second_at(GString *address)
{
    const char *at = memchr(address->str, '@', address->len), *second;

    if (at == NULL)
        return;
    second = memchr(at + 1, '@', address->len - (gsize)(at + 1 - address->str));
    if (second != NULL)
        g_string_truncate(address, (gsize)(second - address->str));
}

static gboolean
phrase_is_address(const GString *phrase)
{
    const char *at = memchr(phrase->str, '@', phrase->len), *end;

    if (at == NULL || !is_address(phrase) || !is_sane(phrase))
        return FALSE;
    end = memchr(at + 1, '@', phrase->len - (gsize)(at + 1 - phrase->str));
    return registry_host_is_valid(at + 1, (gsize)((end != NULL ? end : phrase->str + phrase->len) - at - 1));
}

static GString *
span_text(const struct text *t, struct span span)
{
    return span.start == NOWHERE ? NULL : g_string_new_len(t->s + span.start, (gssize)(span.end - span.start));
}

static GString *
address_of(const struct text *t, const struct found *found)
{
    GString *address = span_text(t, found->bare);

    if (found->enclosed.start != NOWHERE) {
        address = without_comments(t->s + found->enclosed.start, found->enclosed.end - found->enclosed.start);
        if (!is_address(address))
            g_clear_pointer(&address, bytes_free);
    }
    if (address != NULL && !is_sane(address))
        g_clear_pointer(&address, bytes_free);
    return address;
}

static struct spam_address *
make_address(const struct text *t, const struct found *found)
{
    struct spam_address *out = g_new0(struct spam_address, 1);

    out->address = address_of(t, found);
    if (found->phrase.start != NOWHERE) {
        out->phrase = clean_phrase(t->s + found->phrase.start, found->phrase.end - found->phrase.start);
        if (out->address == NULL && phrase_is_address(out->phrase))
            out->address = g_steal_pointer(&out->phrase);
        else if (out->phrase->len == 0 || (out->address != NULL && g_string_equal(out->phrase, out->address)))
            g_clear_pointer(&out->phrase, bytes_free);
    }
    if (out->phrase == NULL)
        out->phrase = span_text(t, found->comment);
    if (out->address != NULL)
        cut_second_at(out->address);
    return out;
}

/* "<address>" anywhere in what could not be read. */
static void
search_enclosed(const struct text *t, gsize i, GPtrArray *out)
{
    while (i < t->length) {
        gsize end = t->s[i] == '<' ? skip_address(t, i + 1) : NOWHERE;
        if (end == NOWHERE || end >= t->length || t->s[end] != '>') {
            i++;
            continue;
        }
        GString *address = g_string_new_len(t->s + i + 1, (gssize)(end - i - 1));
        i = end + 1;
        if (!is_sane(address)) {
            bytes_free(address);
            continue;
        }
        cut_second_at(address);
        struct spam_address *found = g_new0(struct spam_address, 1);
        found->address = address;
        g_ptr_array_add(out, found);
    }
}

/* Without pairs of backslashes, the white space at the end, and a group's name and colon ("team: a@b, c@d;"). */
static GString *
prepared(const char *value, gsize length)
{
    GString *out = g_string_sized_new(length);
    gsize run, colon = 0;

    while (length > 0 && byte_is_space(value[length - 1]))
        length--;
    for (const char *end = value + length, *next; value < end; value = next) {
        const char *slash = memchr(value, '\\', (gsize)(end - value));
        gboolean pair = slash != NULL && slash + 1 < end && slash[1] == '\\';
        next = slash == NULL ? end : slash + (pair ? 2 : 1);
        g_string_append_len(out, value, (pair ? slash : next) - value);
    }
    for (run = 0; run < out->len && !does_end(out->str[run], GROUP); run++)
        if (out->str[run] == ':' && run > 0)
            colon = run;
    if (colon > 0) {
        for (colon++; colon < out->len && byte_is_space(out->str[colon]); colon++)
            ;
        if (colon < out->len && out->str[colon] == ';')
            g_string_truncate(out, 0);
        else
            g_string_erase(out, 0, (gssize)colon);
    }
    return out;
}

GPtrArray *
addresses_parse(const char *value, gsize length)
{
    g_autoptr(GString) text = prepared(value, MIN(length, ADDRESSES_LENGTH_MAX));
    g_autofree guint8 *hopeless = g_malloc0(text->len + 2);
    struct memo memo = { hopeless, 0, NOWHERE, 0 };
    struct text t = { text->str, text->len, &memo };
    GPtrArray *out = g_ptr_array_new_with_free_func(address_free);
    struct found found;
    gsize i = 0;

    if (skip_space(&t, 0) == t.length)
        return out;
    while (i < t.length && match_one(&t, i, &found)) {
        g_ptr_array_add(out, make_address(&t, &found));
        i = found.end;
        memo.run_end = NOWHERE;
    }
    if (i < t.length && memchr(t.s + i, '@', t.length - i) != NULL)
        search_enclosed(&t, i, out);
    return out;
}
