/* mail_scan.c: from one "@" to the next, looking back for the local part and on for the host. */
#include "lib/spam/eval/mail_scan.h"
#include <string.h>
#include "lib/spam/view/bytes.h"

#define LABEL_MAX 61  /* bytes */
#define LABELS_MAX 4  /* before the top-level domain */
#define LINK_MAX 255  /* bytes of a link on either side of its "@" */
#define WORD_MAX 11   /* letters before the colon of "wrote:" */
#define BLANKS_MAX 10 /* before that */

static gboolean
is_atom(char c)
{
    return g_ascii_isalnum(c) || byte_in(c, "!#$%&'*+/=?^_`{|}~-");
}

static gboolean
is_label(char c)
{
    return g_ascii_isalnum(c) || c == '-';
}

/* ---- hosts ---- */

/* Where the host ends that begins at text[at]; 0 when there is none. Its labels can be told in one way only. */
static gsize
host_end(const struct mail_scan *scan, gsize at)
{
    const char *text = scan->text;

    for (guint label = 0; label <= LABELS_MAX; label++) {
        gsize end = at;

        while (end < scan->length && is_label(text[end]) && end - at <= REGISTRY_NAME_MAX)
            end++;
        gboolean more = end + 1 < scan->length && text[end] == '.' && g_ascii_isalnum(text[end + 1]);
        if (!more)
            return label > 0 && end > at && registry_has_tld(scan->registry, text + at, end - at) ? end : 0;
        if (end == at || end - at > LABEL_MAX || text[at] == '-' || text[end - 1] == '-')
            return 0;
        at = end + 1;
    }
    return 0;
}

/* ---- local parts ---- */

/* Whether a local part may begin at text[at], as far as what stands before tells. */
static gboolean
is_start(const struct mail_scan *scan, gsize at)
{
    return is_atom(scan->text[at]) && (at == 0 || !is_atom(scan->text[at - 1]));
}

/* The first place where the local part before the "@" may begin; at when there is none. */
static gsize
local_start(const struct mail_scan *scan, gsize at)
{
    gsize lowest = MAX(scan->pos, at > MAIL_SCAN_LOCAL_MAX ? at - MAIL_SCAN_LOCAL_MAX : 0), start = at;

#ifdef POSTERN_PLANTED_BUGS
    if (at == 0 && is_atom(scan->text[-1])) /* planted: what stands before the text */
        return at;
#endif
    if (at == 0 || !is_atom(scan->text[at - 1]))
        return at;
    for (gsize i = at; i > lowest; i--) {
        if (scan->text[i - 1] == '.' ? i < 2 || !is_atom(scan->text[i]) || !is_atom(scan->text[i - 2]) : !is_atom(scan->text[i - 1]))
            break;
        if (is_start(scan, i - 1))
            start = i - 1;
    }
    return start;
}

gsize
mail_scan_later_start(const struct mail_scan *scan, gsize start, gsize at)
{
    for (gsize i = start + 1; i < at; i++)
        if (is_start(scan, i))
            return i;
    return at;
}

gboolean
mail_scan_peek(const struct mail_scan *scan, gsize from, struct mail_found *found_r)
{
    const char *mark;

    while (from < scan->length && (mark = memchr(scan->text + from, '@', scan->length - from)) != NULL) {
        gsize at = (gsize)(mark - scan->text), start = local_start(scan, at), end;
        if (start < at && (end = host_end(scan, at + 1)) > 0) {
            *found_r = (struct mail_found){start, at, end};
            return TRUE;
        }
        from = at + 1;
    }
    return FALSE;
}

gboolean
mail_scan_next(struct mail_scan *scan, struct mail_found *found_r)
{
    gboolean found = mail_scan_peek(scan, scan->pos, found_r);

    scan->pos = found ? found_r->end : scan->length;
    return found;
}

/* ---- what is no part of the text ---- */

static gboolean
has(const char *text, gsize length, gsize at, const char *word)
{
    gsize n = strlen(word);

    return at <= length && length - at >= n && g_ascii_strncasecmp(text + at, word, n) == 0;
}

/* Where the link's match ends that has its "http" at text[at]: 0 when it has no "@" near enough. */
static gsize
link_end(const char *text, gsize length, gsize at)
{
    gsize start = at + (has(text, length, at, "https://") ? 8 : has(text, length, at, "http://") ? 7 : 0), end, mark = 0;

    if (start == at)
        return 0;
    for (end = start; end < length && end - start <= LINK_MAX && !byte_is_space(text[end]); end++)
        if (text[end] == '@' || has(text, length, end, "%40"))
            mark = end;
    if (mark == 0)
        return 0;
    end = mark + (text[mark] == '@' ? 1 : 3);
    for (gsize more = 0; end < length && more < LINK_MAX && !byte_is_space(text[end]); more++)
        end++;
    return end;
}

static GString *
without_links(const char *text, gsize length)
{
    GString *out = g_string_sized_new(length);
    gsize done = 0, at = 0;

    while (at < length) {
        const char *mark = memchr(text + at, ':', length - at);
        gsize colon, start, end;

        if (mark == NULL)
            break;
        colon = (gsize)(mark - text);
        start = colon >= at + 5 && has(text, length, colon - 5, "https") ? colon - 5 : colon >= at + 4 ? colon - 4 : colon;
        end = start < colon ? link_end(text, length, start) : 0;
        at = colon + 1;
        if (end == 0)
            continue;
        if (start > done && text[start - 1] == '<')
            start--;
        g_string_append_len(out, text + done, (gssize)(start - done));
        g_string_append_c(out, ' ');
        done = at = end;
    }
    g_string_append_len(out, text + done, (gssize)(length - done));
    return out;
}

/* Words before a colon that tell of other things than who wrote. */
static gboolean
is_contact(const char *text, gsize length, gsize at)
{
    static const char *const words[] = {"fax", "facsi", "tel", "phone", "email", "e-mail", "mail", "-mail"};
    gboolean found = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        found = found || has(text, length, at, words[i]);
    return found;
}

/* Where the ">" or " wrote:" ends that follows an address at text[at]; 0 when nothing such does. */
static gsize
quote_end(const char *text, gsize length, gsize at)
{
    gsize word = at, end;

    if (at < length && text[at] == '>')
        return at + 1;
    while (word < length && word - at <= BLANKS_MAX && byte_is_space(text[word]))
        word++;
    if (word == at || word - at > BLANKS_MAX || is_contact(text, length, word))
        return 0;
    for (end = word; end < length && end - word <= WORD_MAX && g_ascii_isalpha(text[end]); end++)
        ;
    return end - word >= 2 && end - word <= WORD_MAX && end < length && text[end] == ':' ? end + 1 : 0;
}

/* Where the match of an address begins, if one may: not behind "mailto:" unless in angle brackets. at: nowhere. */
static gsize
quoted_start(const struct mail_scan *scan, const struct mail_found *found)
{
    const gsize scheme = strlen("mailto:");
    gsize start = found->start;

    while (start < found->at) {
        if (start > scan->pos && scan->text[start - 1] == '<')
            return start - 1;
        if (start < scheme || !has(scan->text, scan->length, start - scheme, "mailto:"))
            return start;
        start = mail_scan_later_start(scan, start, found->at);
    }
    return found->at;
}

GString *
mail_scan_stripped(const struct registry *registry, const char *text, gsize length)
{
    GString *links = without_links(text, length), *out;
    struct mail_scan scan = {links->str, links->len, registry, 0};
    struct mail_found found;
    gsize from = 0;

    if (memchr(links->str, '@', links->len) == NULL)
        return links;
    out = g_string_sized_new(length);
    while (mail_scan_peek(&scan, from, &found)) {
        gsize end = quote_end(scan.text, scan.length, found.end), start = end > 0 ? quoted_start(&scan, &found) : found.at;
        from = found.at + 1;
        if (start == found.at)
            continue;
        g_string_append_len(out, scan.text + scan.pos, (gssize)(start - scan.pos));
        g_string_append_c(out, ' ');
        scan.pos = from = end;
    }
    g_string_append_len(out, scan.text + scan.pos, (gssize)(scan.length - scan.pos));
    g_string_free(links, TRUE);
    return out;
}
