/* mime_facts.c: one pass over the parts' fields and raw lines, as MIMEEval's _check_attachments. */
#include "lib/spam/eval/charset_locale.h"
#include "lib/spam/eval/mime_eval.h"
#include <string.h>
#include "lib/spam/view/bytes.h"

#define QP_LINE_MAX 79 /* bytes, with the line break (RFC 5322, section 2.1.1) */

/* What is counted on the way. */
struct counts {
    struct mime_facts *facts;
    gint64 qp_needless;               /* encoded bytes that need no encoding */
    gsize plain_bytes, unicode_count; /* of text/plain parts: bytes and &#xNNNN; */
    gint64 text_size, html_size;      /* of the last such parts that are no attachments; -1: none */
};

/* A part's fields in lower case. */
struct fields {
    const char *type;
    char *charset, *encoding, *disposition;
    gboolean is_attachment;
};

static gboolean
contains_any(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strstr(text, *words) != NULL)
            return TRUE;
    return FALSE;
}

/* Whether the charset's name has one of ASCII's names in it. */
static gboolean
is_ascii(const char *charset)
{
    static const char *const names[] = {
        "ansi_x3.4-1968", "iso-ir-6", "ansi_x3.4-1986", "iso_646.irv:1991", "ascii", "us", "ibm367", "cp367", NULL};

    return contains_any(charset, names);
}

/* Whether `text` up to a word's edge goes on as an ISO charset's name, "8859-1" and the like: x-y with something on both sides.
 */
static gboolean
goes_on_as_iso(const char *text)
{
    gsize length = strcspn(text, " \t\n\v\f\r"), dash = 1;

    while (dash < length && text[dash] != '-')
        dash++;
    for (gsize end = dash + 2; end <= length; end++)
        if (perl_is_word((guint8)text[end - 1], FALSE) != perl_is_word((guint8)text[end], FALSE))
            return TRUE;
    return FALSE;
}

/* Whether `text` begins with a charset of ISO that exists, as far as SpamAssassin knows. */
static gboolean
is_known_iso(const char *text)
{
    gsize length = 0;

    if (g_str_has_prefix(text, "8859-"))
        for (length = 5; length < 7 && g_ascii_isdigit(text[length]);)
            length++;
    else if (g_str_has_prefix(text, "2022-jp") || g_str_has_prefix(text, "2022-kr"))
        return !perl_is_word((guint8)text[7], FALSE);
    return length > 5 && !perl_is_word((guint8)text[length], FALSE);
}

static gboolean
is_bad_iso(const char *charset)
{
    gboolean looks_like_one = FALSE;

    for (const char *p = charset; (p = strstr(p, "iso-")) != NULL; p += 4) {
        if (is_known_iso(p + 4))
            return FALSE;
        looks_like_one = looks_like_one || goes_on_as_iso(p + 4);
    }
    return looks_like_one;
}

static void
note_charset(struct mime_facts *facts, const char *charset, const char *const *locales)
{
    if (charset[strcspn(charset, "abcdefghijklmnopqrstuvwxyz")] == '\0')
        return;
    if (facts->html_charsets == NULL)
        facts->html_charsets = g_string_new(charset);
    else
        g_string_append_printf(facts->html_charsets, " %s", charset);
    facts->faraway_charset = facts->faraway_charset || (locales != NULL && !charset_is_ok_for_locales(charset, locales));
}

static void
note_fields(struct mime_facts *facts, const struct fields *fields, const char *const *locales)
{
    const char *charset = fields->charset != NULL && strcmp(fields->charset, "0") != 0 ? fields->charset : "";
    const gboolean is_base64 = strstr(fields->encoding, "base64") != NULL;

    if (strcmp(fields->type, "multipart/alternative") == 0)
        facts->multipart_alternative = TRUE;
    if (strcmp(fields->type, "text/html") == 0)
        facts->body_html_count++;
    else if (g_str_has_prefix(fields->type, "text"))
        facts->body_text_count++;
    if (is_base64)
        facts->base64_count++;
    else if (strstr(fields->encoding, "quoted-printable") != NULL)
        facts->qp_count++;
    facts->attachment += fields->is_attachment;
    if (is_base64 && g_str_has_prefix(fields->type, "text") && (*charset == '\0' || is_ascii(charset)) &&
        !g_str_has_prefix(fields->disposition, "attachment") && !g_str_has_prefix(fields->disposition, "inline"))
        facts->base64_encoded_text = TRUE;
    facts->bad_iso_charset = facts->bad_iso_charset || is_bad_iso(charset);
    note_charset(facts, charset, locales);
}

/* Whether "=XX" at p encodes what needs no encoding. */
static gboolean
is_needless(const char *p, gsize length)
{
    if (length < 3 || p[0] != '=')
        return FALSE;
    switch (p[1]) {
    case '0':
        return p[2] == '9';
    case '2':
    case '4':
    case '5':
    case '6':
        return g_ascii_isdigit(p[2]) || (p[2] >= 'A' && p[2] <= 'F');
    case '3':
        return p[2] != '\0' && strchr("0123456789ABCEF", p[2]) != NULL; /* 3D is '=' itself */
    case '7':
        return g_ascii_isdigit(p[2]) || (p[2] >= 'A' && p[2] <= 'E');
    default:
        return FALSE;
    }
}

/* Encoded spaces and tabs at the line's end, which are well encoded. */
static gsize
encoded_space_at_end(const char *line, gsize length)
{
    gsize count = 0;

    while (length > 0 && perl_is_space((guint8)line[length - 1], FALSE))
        length--;
    while (length >= 3 && (memcmp(line + length - 3, "=09", 3) == 0 || memcmp(line + length - 3, "=20", 3) == 0)) {
        length -= 3;
        count++;
    }
    return count;
}

static void
read_qp_line(struct counts *counts, const char *line, gsize length)
{
    gint64 needless = 0;

    if (length >= 6 && memcmp(line, "SPAM: ", 6) == 0)
        return;
    if (length > QP_LINE_MAX)
        counts->facts->qp_long_line = TRUE;
    counts->facts->qp_bytes += length;
    for (const char *p = line, *end = line + length; (p = memchr(p, '=', (gsize)(end - p))) != NULL;) {
        gboolean is = is_needless(p, (gsize)(end - p));
        needless += is;
        p += is ? 3 : 1;
    }
    if (needless > 0)
        counts->qp_needless += needless - (gint64)encoded_space_at_end(line, length);
}

/* Whether the text has bytes that us-ascii text has not: NUL, CR, and from 0x80 on. */
static gboolean
has_illegal(const char *text, gsize length)
{
    return !bytes_are_ascii(text, length) || memchr(text, '\r', length) != NULL || memchr(text, '\0', length) != NULL;
}

/* Whether "&#x12AB;" begins at p. */
static gboolean
is_reference(const char *p, gsize length)
{
    if (length < 8 || memcmp(p, "&#x", 3) != 0 || p[7] != ';')
        return FALSE;
    for (guint i = 3; i < 7; i++)
        if (!g_ascii_isdigit(p[i]) && (p[i] < 'A' || p[i] > 'F'))
            return FALSE;
    return TRUE;
}

static void
read_unicode(struct counts *counts, const char *text, gsize length)
{
    gsize references = 0;

    for (const char *p = text, *end = text + length; (p = memchr(p, '&', (gsize)(end - p))) != NULL;) {
        gboolean is = is_reference(p, (gsize)(end - p));
        references += is;
        p += is ? 8 : 1;
    }
    counts->unicode_count += references;
    counts->plain_bytes += length - 8 * references;
}

static void
read_lines(struct counts *counts, const struct fields *fields, struct perl_text raw)
{
    const gboolean is_plain = strcmp(fields->type, "text/plain") == 0, is_qp = strcmp(fields->encoding, "quoted-printable") == 0;
    const gboolean is_ascii_text = is_plain && (fields->charset == NULL || strcmp(fields->charset, "us-ascii") == 0);
    const gboolean is_unencoded =
        is_plain && (*fields->encoding == '\0' || strcmp(fields->encoding, "7bit") == 0 || strcmp(fields->encoding, "8bit") == 0);

    if (is_unencoded) /* references don't go over line ends */
        read_unicode(counts, raw.at, raw.length);
    if (!is_qp && (!is_ascii_text || !has_illegal(raw.at, raw.length)))
        return;
    for (gsize start = 0, end; start < raw.length; start = end) {
        const char *line = raw.at + start, *next = memchr(line, '\n', raw.length - start);

        end = next != NULL ? (gsize)(next + 1 - raw.at) : raw.length;
        if (is_qp)
            read_qp_line(counts, line, end - start);
        if (is_ascii_text)
            counts->facts->ascii_text_illegal += has_illegal(line, end - start);
    }
}

/* The size of a body part that is no attachment; it counts only behind a multipart/alternative. */
static void
note_size(struct counts *counts, const struct fields *fields, struct perl_text raw)
{
    gint64 size = counts->facts->multipart_alternative ? (gint64)raw.length : 0;

    if (fields->is_attachment)
        return;
    if (strcmp(fields->type, "text/html") == 0)
        counts->html_size = size;
    else if (strcmp(fields->type, "text/plain") == 0)
        counts->text_size = size;
}

static void
read_part(struct counts *counts, const struct eval_part *part, const char *const *locales)
{
    struct fields fields = {.type = part->declared_type,
                            .charset = part->charset != NULL ? g_ascii_strdown(part->charset, -1) : NULL,
                            .encoding = g_ascii_strdown(part->encoding, -1),
                            .disposition = g_ascii_strdown(part->disposition, -1)};

    fields.is_attachment = strstr(fields.disposition, "attachment") != NULL;
    note_fields(counts->facts, &fields, locales);
    if (part->is_leaf) {
        note_size(counts, &fields, part->raw);
        read_lines(counts, &fields, part->raw);
    }
    g_free(fields.charset);
    g_free(fields.encoding);
    g_free(fields.disposition);
}

void
mime_facts_init(struct mime_facts *facts, struct eval_parts parts, const char *const *locales, gboolean has_open_boundary)
{
    struct counts counts = {.facts = facts, .text_size = -1, .html_size = -1};

    *facts = (struct mime_facts){.multipart_ratio = 1, .missing_boundary = has_open_boundary};
    for (gsize i = 0; i < parts.count; i++)
        if (*parts.part[i].type != '\0')
            read_part(&counts, &parts.part[i], locales);
    if (facts->qp_bytes > 0) {
        facts->qp_ratio = (double)counts.qp_needless / (double)facts->qp_bytes;
        facts->qp_count = counts.qp_needless;
    }
    if (counts.plain_bytes > 0)
        facts->text_unicode_ratio = (double)counts.unicode_count / (double)counts.plain_bytes;
    if (facts->multipart_alternative && counts.text_size >= 0 && counts.html_size > 0)
        facts->multipart_ratio = (double)counts.text_size / (double)counts.html_size;
}

void
mime_facts_clear(struct mime_facts *facts)
{
    if (facts->html_charsets != NULL)
        g_string_free(facts->html_charsets, TRUE);
    *facts = (struct mime_facts){0};
}
