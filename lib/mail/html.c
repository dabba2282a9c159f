/* html.c: an HTML mail to the words that a reader sees.
 *
 * A tokenizer, no tree: mail's HTML is rarely well-formed, and words need no nesting. Every byte is passed
 * once; a search for a closing mark that finds none is remembered, so that a million openings stay linear.
 *   text            kept; white space collapsed except in <pre>; entities resolved; no-break space is a space;
 *                   soft hyphen, zero width space and byte order mark are dropped, since they only hide words
 *   <script> <style> <title>   out with their content (<head> holds nothing else that is text)
 *   <!-- --> <![CDATA[ ]]> <! > <? >   out; unclosed: to the end, as browsers do
 *   block elements, <br>   a line break; <td> <th> a space; alt of <img>, <area>, <input> kept */
#include "lib/mail/text_internal.h"

#include <string.h>

enum pending { PENDING_NOTHING, PENDING_SPACE, PENDING_BREAK };

struct html {
    const char *at, *end;
    GString *out;
    gsize start;          /* of our output in out */
    gsize max;            /* longest that out may become */
    gboolean cut;
    enum pending pending; /* white space to write before the next word */
    guint pre;            /* open <pre> */
    gboolean no_comment_end, no_cdata_end, no_raw_end[3];
};

/* ---- output ---- */

static void
put(struct html *h, const char *bytes, gsize length)
{
    gsize space = h->pending != PENDING_NOTHING && h->out->len > h->start ? 1 : 0;

    if (h->cut || h->out->len + length + space > h->max) {
        h->cut = TRUE;
        return;
    }
    if (space != 0)
        g_string_append_c(h->out, h->pending == PENDING_BREAK ? '\n' : ' ');
    h->pending = PENDING_NOTHING;
    g_string_append_len(h->out, bytes, (gssize)length);
}

static void
want(struct html *h, enum pending pending)
{
    if (h->pending < pending)
        h->pending = pending;
}

static void
put_character(struct html *h, gunichar c)
{
    char utf8[6];

    if (c == 0xa0 || c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
        want(h, PENDING_SPACE);
        return;
    }
    if (c == 0xad || c == 0x200b || c == 0xfeff)
        return;
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        c = 0xfffd;
    put(h, utf8, (gsize)g_unichar_to_utf8(c, utf8));
}

/* ---- entities ---- */

/* Numbers 128..159 mean windows-1252, as in browsers; 0 = as it is. */
static const guint16 c1_characters[32] = {
    0x20ac, 0,      0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0, 0x17d, 0,
    0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0, 0x17e,
    0x178};

static const char *
numeric_entity(const char *at, const char *end, gunichar *c_r)
{
    guint base = 10;
    guint64 value = 0;
    const char *first;

    if (at < end && (*at == 'x' || *at == 'X')) {
        base = 16;
        at++;
    }
    for (first = at; at < end && (base == 16 ? g_ascii_isxdigit(*at) : g_ascii_isdigit(*at)); at++)
        if (value <= 0x10ffff)
            value = value * base + (guint64)g_ascii_xdigit_value(*at);
#ifdef POSTERN_PLANTED_BUGS
    if (value == 2001 && *end == ';') /* reads the byte after the document */
        return NULL;
#endif
    if (at == first)
        return NULL;
    if (value >= 0x80 && value < 0xa0 && c1_characters[value - 0x80] != 0)
        value = c1_characters[value - 0x80];
    *c_r = value == 0 || value > 0x10ffff ? 0xfffd : (gunichar)value;
    return at < end && *at == ';' ? at + 1 : at;
}

/* What begins with & at at: *c_r and the place after it, or NULL when it is only an ampersand. */
static const char *
entity(const char *at, const char *end, gunichar *c_r)
{
    const char *name = ++at;

    if (at < end && *at == '#')
        return numeric_entity(at + 1, end, c_r);
    while (at < end && at - name < 16 && g_ascii_isalnum(*at))
        at++;
    *c_r = text_html_entity(name, (gsize)(at - name));
    if (*c_r == 0)
        return NULL;
    return at < end && *at == ';' ? at + 1 : at;
}

/* Printable ASCII that means nothing else. */
static gboolean
is_plain(char c)
{
    return c > ' ' && c < 0x7f && c != '&' && c != '<';
}

/* One character of text at h->at, which is before end, or a run of plain ones. */
static void
text_character(struct html *h, const char *end)
{
    const char *next = NULL;
    gunichar c = 0;
    gsize length = 1;

    if (*h->at == '&' && (next = entity(h->at, end, &c)) != NULL) {
        put_character(h, c);
        h->at = next;
        return;
    }
    while (h->at + length < end && is_plain(h->at[length]) && is_plain(*h->at))
        length++;
    if ((guchar)*h->at < 0x80) {
        if (h->pre > 0 && *h->at == '\n')
            want(h, PENDING_BREAK);
        else if (*h->at == '\0')
            put_character(h, 0);
        else if (g_ascii_isspace(*h->at))
            want(h, PENDING_SPACE);
        else
            put(h, h->at, length);
        h->at += length;
        return;
    }
    while (length < 4 && h->at + length < end && ((guchar)h->at[length] & 0xc0) == 0x80)
        length++;
    if (length == 2 && memcmp(h->at, "\xc2\xa0", 2) == 0)
        want(h, PENDING_SPACE);
    else if (!(length == 2 && memcmp(h->at, "\xc2\xad", 2) == 0) &&
             !(length == 3 && (memcmp(h->at, "\xe2\x80\x8b", 3) == 0 || memcmp(h->at, "\xef\xbb\xbf", 3) == 0)))
        put(h, h->at, length);
    h->at += length;
}

/* ---- tags ---- */

static gboolean
in_list(const char *const *list, gsize n, const char *name)
{
    for (gsize i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return TRUE;
    return FALSE;
}

static const char *const blocks[] = {
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "dir", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html",
    "legend", "li", "main", "menu", "nav", "ol", "option", "p", "pre", "section", "table", "tbody", "tfoot", "thead",
    "tr", "ul",
};
static const char *const cells[] = {"td", "th"};
static const char *const with_alt[] = {"area", "img", "input"};
static const char *const raw_elements[] = {"script", "style", "title"};

/* Passes over one attribute at h->at; its value's place when it is alt. */
static void
attribute(struct html *h, const char **value_r, gsize *length_r)
{
    const char *name = h->at, *value;
    gboolean alt;

    while (h->at < h->end && *h->at != '=' && *h->at != '>' && *h->at != '/' && !g_ascii_isspace(*h->at))
        h->at++;
    alt = h->at - name == 3 && g_ascii_strncasecmp(name, "alt", 3) == 0;
    while (h->at < h->end && g_ascii_isspace(*h->at))
        h->at++;
    if (h->at == h->end || *h->at != '=')
        return;
    for (h->at++; h->at < h->end && g_ascii_isspace(*h->at); h->at++)
        ;
    value = h->at;
    if (h->at < h->end && (*h->at == '"' || *h->at == '\'')) {
        const char *close = memchr(value + 1, *value, (gsize)(h->end - value - 1));

        value++;
        h->at = close != NULL ? close : h->end;
    } else {
        while (h->at < h->end && *h->at != '>' && !g_ascii_isspace(*h->at))
            h->at++;
    }
    if (alt && *value_r == NULL) {
        *value_r = value;
        *length_r = (gsize)(h->at - value);
    }
    if (h->at < h->end && *h->at != '>')
        h->at++;
}

/* Skips to after the end tag of an element whose content is no text. */
static void
skip_raw(struct html *h, guint element)
{
    gsize length = strlen(raw_elements[element]);
    const char *at = h->at;

    if (!h->no_raw_end[element]) {
        while ((at = memchr(at, '<', (gsize)(h->end - at))) != NULL) {
            if ((gsize)(h->end - at) >= length + 2 && at[1] == '/' &&
                g_ascii_strncasecmp(at + 2, raw_elements[element], length) == 0) {
                h->at = at; /* the end tag itself is read as a tag */
                return;
            }
            at++;
        }
        h->no_raw_end[element] = TRUE;
    }
    /* An unclosed title would hide the whole mail from the archive's search; browsers end it at the end of the head. */
    if (strcmp(raw_elements[element], "title") != 0)
        h->at = h->end;
}

static void
opened(struct html *h, const char *name, const char *alt, gsize alt_length)
{
    if (strcmp(name, "pre") == 0)
        h->pre++;
    if (alt != NULL && in_list(with_alt, G_N_ELEMENTS(with_alt), name)) {
        struct html inner = *h;

        want(&inner, PENDING_SPACE);
        for (inner.at = alt; inner.at < alt + alt_length;)
            text_character(&inner, alt + alt_length);
        want(&inner, PENDING_SPACE);
        h->pending = inner.pending;
        h->cut = inner.cut;
    }
    for (guint i = 0; i < G_N_ELEMENTS(raw_elements); i++)
        if (strcmp(name, raw_elements[i]) == 0)
            skip_raw(h, i);
}

/* At "<" with a letter or "/" and a letter behind. */
static void
tag(struct html *h)
{
    gboolean closing = h->at[1] == '/';
    const char *alt = NULL;
    gsize alt_length = 0, n = 0;
    char name[12];

    h->at += closing ? 2 : 1;
    for (; h->at < h->end && !g_ascii_isspace(*h->at) && *h->at != '>' && *h->at != '/'; h->at++)
        if (n + 1 < sizeof name)
            name[n++] = g_ascii_tolower(*h->at);
    name[n] = '\0';
    while (h->at < h->end && *h->at != '>') {
        if (g_ascii_isspace(*h->at) || *h->at == '/' || *h->at == '=')
            h->at++;
        else
            attribute(h, &alt, &alt_length);
    }
    if (h->at < h->end)
        h->at++;
    if (in_list(blocks, G_N_ELEMENTS(blocks), name))
        want(h, PENDING_BREAK);
    else if (in_list(cells, G_N_ELEMENTS(cells), name))
        want(h, PENDING_SPACE);
    if (!closing)
        opened(h, name, alt, alt_length);
    else if (h->pre > 0 && strcmp(name, "pre") == 0)
        h->pre--;
}

/* ---- the rest ---- */

/* Goes to after the next mark; without one, to the end (and never looks again). */
static void
skip_past(struct html *h, const char *mark, gboolean *absent)
{
    gsize length = strlen(mark);
    const char *found = *absent ? NULL : memmem(h->at, (gsize)(h->end - h->at), mark, length);

    *absent |= found == NULL;
    h->at = found != NULL ? found + length : h->end;
}

/* At "<!" or "<?". */
static void
declaration(struct html *h)
{
    gsize left = (gsize)(h->end - h->at);
    gboolean absent = FALSE;

    if (left >= 4 && memcmp(h->at, "<!--", 4) == 0) {
        h->at += 2; /* "<!-->" is a whole comment: its end may overlap its beginning */
        skip_past(h, "-->", &h->no_comment_end);
    } else if (left >= 9 && memcmp(h->at, "<![CDATA[", 9) == 0) {
        skip_past(h, "]]>", &h->no_cdata_end);
    } else {
        skip_past(h, ">", &absent);
    }
}

void
text_html_convert(const char *html, gsize length, gsize max, GString *out, gboolean *cut_r)
{
    struct html h = {.at = html, .end = length > 0 ? html + length : html, .out = out, .start = out->len};

    h.max = out->len + MIN(max, G_MAXSIZE / 2);
    while (h.at < h.end && !h.cut) {
        char next = h.at + 1 < h.end ? h.at[1] : '\0';

        if (*h.at != '<')
            text_character(&h, h.end);
        else if (next == '!' || next == '?')
            declaration(&h);
        else if (g_ascii_isalpha(next) || (next == '/' && h.at + 2 < h.end && g_ascii_isalpha(h.at[2])))
            tag(&h);
        else
            put(&h, h.at++, 1); /* "a < b" */
    }
    if (cut_r != NULL)
        *cut_r = h.cut;
}

void
text_html_to_plain(const char *html, gsize length, gsize max, GString *out)
{
    text_html_convert(html, length, max, out, NULL);
}
