/* uri_scan.c: one pass over the text, with a table of what each byte may be.
 *
 * Only the words around a '.', '@' or ':' are looked at closely. A run of bytes that can't end a link is measured once, however
 * many places in it are tried, so the pass is linear. */
#include "lib/spam/view/uri_scan.h"
#include <string.h>

#define URI_MAX 2048      /* bytes after the scheme, or of the path */
#define MAIL_SIDE_MAX 251 /* bytes on each side of '@' */
#define HOST_MAX 252      /* bytes before the dot of the top-level domain */
#define PORT_DIGITS_MAX 5

enum {                   /* what a byte is, as bits */
       ENDS_URI = 1,     /* Thunderbird's and Outlook Express' delimiters */
       ENDS_MAIL = 2,    /* ENDS_URI, comma, '(', apostrophe and what isn't ASCII */
       ENDS_LOCAL = 4,   /* ENDS_MAIL and '@' */
       BEFORE = 8,       /* a link may begin after it */
       BEFORE_HOST = 16, /* a bare host may begin after it */
       HOST = 32,        /* letters, digits, ".-_" */
       WORD = 64,        /* Perl's \w */
};

static guint8
class_of(guint8 c)
{
    const gboolean is_space = perl_is_space(c, FALSE) || c == 0x1b || c == 0xa0;
    const gboolean is_word = g_ascii_isalnum((char)c) || c == '_';
    guint8 class = 0;

    if (is_space || (c != '\0' && strchr("><\"`}]{[|", c) != NULL))
        class |= ENDS_URI | ENDS_MAIL | ENDS_LOCAL;
    if (c >= 0x80 || (c != '\0' && strchr(",('", c) != NULL))
        class |= ENDS_MAIL | ENDS_LOCAL;
    if (c == '@')
        class |= ENDS_LOCAL;
    if (is_space || (c != '\0' && strchr("><\"'`,{[(|", c) != NULL))
        class |= BEFORE;
    if (is_space || (c != '\0' && strchr("!\"#$&'()*+,/:;<=>?@[\\]^`{|}~", c) != NULL))
        class |= BEFORE_HOST;
    if (is_word || c == '.' || c == '-')
        class |= HOST;
    return class | (is_word ? WORD : 0);
}

static const guint8 *
classes(void)
{
    static guint8 table[256];
    static gsize once;

    if (g_once_init_enter(&once)) {
        for (guint c = 0; c < 256; c++)
            table[c] = class_of((guint8)c);
        g_once_init_leave(&once, 1);
    }
    return table;
}

static gboolean
is_at(const struct uri_scan *scan, const guint8 *table, gsize i, guint8 class)
{
    return (table[(guint8)scan->text[i]] & class) != 0;
}

/* The first byte of the class at or after `from`, or the text's end. Asked from left to right, as remembered in *stop. */
static gsize
stop_after(const struct uri_scan *scan, const guint8 *table, gsize from, guint8 class, gsize *stop)
{
    gsize i = from;

    if (*stop > from) /* holds the last answer plus one: still the first from here on */
        return *stop - 1;
    while (i < scan->length && !is_at(scan, table, i, class))
        i++;
    *stop = i + 1;
    return i;
}

static gsize
uri_end(struct uri_scan *scan, const guint8 *table, gsize from)
{
    return stop_after(scan, table, from, ENDS_URI, &scan->stops[0]);
}

static gboolean
has(const struct uri_scan *scan, gsize pos, const char *word, gsize length)
{
    return scan->length - pos >= length && g_ascii_strncasecmp(scan->text + pos, word, length) == 0;
}

/* Length of what shows that a URI begins here: its scheme, "www12." or "ftp.". */
static gsize
known_scheme(const struct uri_scan *scan, gsize pos)
{
    gsize length = 3;

    switch (scan->text[pos] | 0x20) {
    case 'h':
        return has(scan, pos, "http://", 7) ? 7 : has(scan, pos, "https://", 8) ? 8 : 0;
    case 'f':
        return has(scan, pos, "ftp://", 6) ? 6 : has(scan, pos, "ftp.", 4) ? 4 : 0;
    case 'w':
        if (!has(scan, pos, "www", 3))
            return 0;
        while (length < 5 && pos + length < scan->length && g_ascii_isdigit(scan->text[pos + length]))
            length++;
        return pos + length < scan->length && scan->text[pos + length] == '.' ? length + 1 : 0;
    default:
        return 0;
    }
}

static gboolean
scan_known(struct uri_scan *scan, const guint8 *table, gsize pos, struct uri_scan_match *match_r)
{
    gsize scheme = known_scheme(scan, pos), end;

    if (scheme == 0)
        return FALSE;
    end = uri_end(scan, table, pos + scheme);
    if (end == pos + scheme || end - pos - scheme > URI_MAX)
        return FALSE;
    *match_r = (struct uri_scan_match){URI_SCAN_SCHEME, pos, end - pos, 0};
    return TRUE;
}

/* The next c at or after pos, or the text's end. *next remembers it, plus one; it still counts for an earlier pos: places are tried from left to
 * right, and going back from an anchor never passes a c. */
static gsize
next_of(const struct uri_scan *scan, char c, gsize pos, gsize *next)
{
    if (*next <= pos) {
        const char *found = memchr(scan->text + pos, c, scan->length - pos);
        *next = (found != NULL ? (gsize)(found - scan->text) : scan->length) + 1;
    }
    return *next - 1;
}

/* The next '.', '@' or ':' at or after pos: every link has one, and before its first one nothing that ends a name or the local part of an
 * address. */
static gsize
next_anchor(struct uri_scan *scan, gsize pos)
{
    gsize at = next_of(scan, '@', pos, &scan->next_at), dot = next_of(scan, '.', pos, &scan->next_dot);

    return MIN(MIN(at, dot), next_of(scan, ':', pos, &scan->next_colon));
}

static gboolean
scan_mail(struct uri_scan *scan, const guint8 *table, gsize pos, struct uri_scan_match *match_r)
{
    const gsize scheme = strlen("mailto:");
    gsize at, end;

    if ((scan->text[pos] | 0x20) == 'm' && has(scan, pos, "mailto:", scheme)) {
        end = stop_after(scan, table, pos + scheme, ENDS_MAIL, &scan->stops[1]);
        if (end > pos + scheme && end - pos - scheme <= URI_MAX) {
            *match_r = (struct uri_scan_match){URI_SCAN_MAIL, pos, end - pos, 0};
            return TRUE;
        }
    }
    at = next_of(scan, '@', pos, &scan->next_at);
    if (at - pos > MAIL_SIDE_MAX)
        return FALSE;
    at = stop_after(scan, table, pos, ENDS_LOCAL, &scan->stops[2]);
    if (at >= scan->length || scan->text[at] != '@' || at == pos || at - pos > MAIL_SIDE_MAX)
        return FALSE;
    end = stop_after(scan, table, at + 1, ENDS_MAIL, &scan->stops[1]);
    if (end == at + 1 || end - at - 1 > MAIL_SIDE_MAX)
        return FALSE;
    *match_r = (struct uri_scan_match){URI_SCAN_MAIL, pos, end - pos, 0};
    return TRUE;
}

/* Where a port and a path end that begin at pos; 0 where something else follows. */
static gsize
after_host(struct uri_scan *scan, const guint8 *table, gsize pos)
{
    gsize digits = 0, end;

    if (pos < scan->length && scan->text[pos] == ':') {
        while (pos + 1 + digits < scan->length && g_ascii_isdigit(scan->text[pos + 1 + digits]))
            digits++;
        if (digits == 0 || digits > PORT_DIGITS_MAX)
            return 0;
        pos += 1 + digits;
    }
    if (pos < scan->length && scan->text[pos] == '/') {
        end = uri_end(scan, table, pos + 1);
        if (end == pos + 1 || end - pos - 1 > URI_MAX)
            return 0;
        pos = end;
    }
    return pos == scan->length || is_at(scan, table, pos, ENDS_URI) ? pos : 0;
}

/* A host that begins here: the run's last label must be a top-level domain. */
static gboolean
scan_host(struct uri_scan *scan, const guint8 *table, gsize pos, struct uri_scan_match *match_r)
{
    gsize end = pos, run_end, label, uri_end_at;

    while (end < scan->length && is_at(scan, table, end, HOST))
        end++;
    run_end = end;
    if (scan->text[end - 1] == '.')
        end--;
    for (label = end; label > pos && scan->text[label - 1] != '.'; label--)
        ;
    if (label < pos + 2 || label - 1 - pos > HOST_MAX || !registry_has_tld(scan->registry, scan->text + label, end - label))
        return FALSE;
    uri_end_at = after_host(scan, table, run_end);
    if (uri_end_at == 0)
        return FALSE;
    *match_r = (struct uri_scan_match){URI_SCAN_SCHEMELESS, pos, uri_end_at - pos, end - pos};
    return TRUE;
}

/* Whether a link may begin behind ISO-2022's ESC ( B. */
static gboolean
is_after_shift(const struct uri_scan *scan, gsize pos)
{
    return pos >= 3 && scan->text[pos - 3] == 0x1b && scan->text[pos - 2] == '(' && scan->text[pos - 1] != '\n';
}

static gboolean
scan_at(struct uri_scan *scan, const guint8 *table, gsize pos, guint8 before, struct uri_scan_match *match_r)
{
    return scan_known(scan, table, pos, match_r) || scan_mail(scan, table, pos, match_r) ||
           (g_ascii_isalnum(scan->text[pos]) && (before & BEFORE_HOST) != 0 && scan_host(scan, table, pos, match_r));
}

/* Tries the places from start to anchor, the first '.', '@' or ':' that a link from there would have. */
static gboolean
scan_around(struct uri_scan *scan, const guint8 *table, gsize start, gsize anchor, struct uri_scan_match *match_r)
{
    guint8 before = start > 0 ? table[(guint8)scan->text[start - 1]] : BEFORE_HOST; /* a host may begin the text */

    for (gsize pos = start; pos <= anchor; pos++) {
        guint8 class = table[(guint8)scan->text[pos]];

        /* a link begins at a word's edge or behind a delimiter */
        if ((((before ^ class) & WORD) != 0 || (before & BEFORE) != 0 || is_after_shift(scan, pos)) &&
            scan_at(scan, table, pos, before, match_r))
            return TRUE;
        before = class;
    }
    return FALSE;
}

gboolean
uri_scan_next(struct uri_scan *scan, struct uri_scan_match *match_r)
{
    const guint8 *table = classes();

    for (gsize anchor = next_anchor(scan, scan->pos); anchor < scan->length; anchor = next_anchor(scan, anchor + 1)) {
        gsize start = anchor;

        while (start > scan->pos && anchor - start < HOST_MAX && !is_at(scan, table, start - 1, ENDS_LOCAL))
            start--;
        if (scan_around(scan, table, start, anchor, match_r)) {
            scan->pos = match_r->start + match_r->length;
            return TRUE;
        }
        scan->pos = anchor + 1;
    }
    scan->pos = scan->length;
    return FALSE;
}
