/* mime_eval.c: what eval functions make of the facts about MIME parts. */
#include "lib/spam/eval/mime_eval.h"
#include "lib/spam/eval/charset_locale.h"
#include <stdlib.h>
#include <string.h>
#include "lib/spam/view/bytes.h"

#define UPPERCASE_MIN 200 /* bytes of text below which capitals don't count */

gboolean
mime_eval_has(const struct mime_facts *facts, const char *name)
{
    const struct {
        const char *name;
        gboolean value;
    } values[] = {
        {"mime_ascii_text_illegal", facts->ascii_text_illegal > 0},
        {"mime_attachment", facts->attachment > 0},
        {"mime_bad_iso_charset", facts->bad_iso_charset},
        {"mime_base64_count", facts->base64_count > 0},
        {"mime_base64_encoded_text", facts->base64_encoded_text},
        {"mime_body_html_count", facts->body_html_count > 0},
        {"mime_body_text_count", facts->body_text_count > 0},
        {"mime_checked_attachments", TRUE},
        {"mime_faraway_charset", facts->faraway_charset},
        {"mime_html_charsets", facts->html_charsets != NULL},
        {"mime_missing_boundary", facts->missing_boundary},
        {"mime_multipart_alternative", facts->multipart_alternative},
        {"mime_multipart_ratio", facts->multipart_ratio != 0},
        {"mime_qp_bytes", facts->qp_bytes > 0},
        {"mime_qp_count", facts->qp_count != 0},
        {"mime_qp_long_line", facts->qp_long_line},
        {"mime_qp_ratio", facts->qp_ratio != 0},
        {"mime_text_unicode_ratio", facts->text_unicode_ratio != 0},
    };

    for (guint i = 0; i < G_N_ELEMENTS(values); i++)
        if (strcmp(name, values[i].name) == 0)
            return values[i].value;
    return FALSE;
}

static gboolean
is_html(const char *content_type)
{
    return g_ascii_strncasecmp(content_type, "text/html", strlen("text/html")) == 0;
}

gboolean
mime_eval_html(const struct mime_facts *facts, const char *content_type)
{
    return is_html(content_type) || facts->body_html_count > 0;
}

gboolean
mime_eval_html_only(const struct mime_facts *facts, const char *content_type)
{
    return is_html(content_type) || (facts->body_html_count > 0 && facts->body_text_count == 0);
}

gboolean
mime_eval_multipart_ratio(const struct mime_facts *facts, double min, double max)
{
    return facts->multipart_ratio >= min && facts->multipart_ratio < max;
}

gboolean
mime_eval_unicode_ratio(const struct mime_facts *facts, const char *ratio)
{
    gsize whole = strspn(ratio, "0123456789"), fraction;

    if (whole > 3 || ratio[whole] != '.')
        return FALSE;
    fraction = strspn(ratio + whole + 1, "0123456789");
    if (fraction < 1 || fraction > 3 || ratio[whole + 1 + fraction] != '\0')
        return FALSE;
    return facts->text_unicode_ratio >= g_ascii_strtod(ratio, NULL);
}

gboolean
mime_eval_qp_ratio(const struct mime_facts *facts, double min)
{
    return facts->qp_ratio >= min;
}

/* The charset that a Content-Type field names, quoted or not; a new string, or NULL. */
static char *
charset_of(const char *content_type)
{
    static const char quotes[] = "\"'";
    const gsize word = strlen("charset=");

    if (content_type == NULL)
        return NULL;
    for (guint quote = 0; quote < 3; quote++) /* quotes[2] is 0: then a charset without quotes */
        for (const char *p = content_type; *p != '\0'; p++) {
            const char *value = p + word;
            gsize length;

            if (byte_lower(*p) != 'c' || g_ascii_strncasecmp(p, "charset=", word) != 0)
                continue;
            if (quotes[quote] == '\0') {
                if ((length = strcspn(value, " \t\n\v\f\r")) > 0)
                    return g_strndup(value, length);
                continue;
            }
            if (*value != quotes[quote])
                continue;
            length = strcspn(value + 1, (const char[]){quotes[quote], '\0'});
            if (length > 0 && value[1 + length] != '\0')
                return g_strndup(value + 1, length);
        }
    return NULL;
}

/* Whether the text has more bytes beyond ASCII than in it, and more than three. */
static gboolean
is_mostly_high(const struct perl_text *body, gsize count)
{
    gsize high = 0, total = count > 0 ? count - 1 : 0; /* with the line breaks between */

    for (gsize i = 0; i < count; i++) {
        total += body[i].length;
        for (gsize j = 0; j < body[i].length; j++)
            high += (guint8)body[i].at[j] >= 0x80;
    }
    return high > 3 && total - high <= high;
}

gboolean
mime_eval_faraway_charset(const char *content_type, const struct perl_text *body, gsize count, const char *const *locales)
{
    g_autofree char *charset = locales != NULL ? charset_of(content_type) : NULL;

    return charset != NULL && !charset_is_ok_for_locales(charset, locales) && is_mostly_high(body, count);
}

/* Whether capitals mean nothing in the charset: its bytes are parts of characters, or it has none of ASCII's. */
static gboolean
has_no_capitals(const char *charset, gsize length)
{
    static const char *const words[] = {"koi",   "jp",     "jis",          "euc",        "gb",    "big5",
                                        "isoir", "cp1251", "windows-1251", "georgianps", "pt154", "tis"};
    g_autofree char *lower = g_ascii_strdown(charset, (gssize)length);

    if (length > 0 && lower[length - 1] == '\n') /* Perl's $ */
        lower[length - 1] = '\0';
    if (lower[strspn(lower, "-_abcdefghijklmnopqrstuvwxyz0123456789")] != '\0')
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (strstr(lower, words[i]) != NULL)
            return TRUE;
    return FALSE;
}

static gboolean
any_has_no_capitals(const struct mime_facts *facts, const char *content_type)
{
    g_autofree char *own = charset_of(content_type);

    if (own != NULL && has_no_capitals(own, strlen(own)))
        return TRUE;
    if (facts->html_charsets == NULL)
        return FALSE;
    for (const char *p = facts->html_charsets->str; *p != '\0';) {
        gsize length = strcspn(p, " \t\n\v\f\r");

        if (length > 0 && has_no_capitals(p, length))
            return TRUE;
        p += length + (p[length] != '\0');
    }
    return FALSE;
}

/* Whether the line has white space with something on both sides. */
static gboolean
has_two_words(struct perl_text line)
{
    gsize i = 0;

    while (i < line.length && byte_is_space(line.at[i]))
        i++;
    while (i < line.length && !byte_is_space(line.at[i]))
        i++;
    while (i < line.length && byte_is_space(line.at[i]))
        i++;
    return i < line.length;
}

/* Whether the line begins with two words as long as base64's lines. */
static gboolean
is_base64(struct perl_text line)
{
    for (gsize word = 0, i = 0; word < 2; word++, i++) {
        gsize start = i;

        while (i < line.length && (g_ascii_isalnum(line.at[i]) || line.at[i] == '+' || line.at[i] == '/' || line.at[i] == '='))
            i++;
        if (i - start < 60 || i - start > 76 || i == line.length || line.at[i] != ' ')
            return FALSE;
    }
    return TRUE;
}

/* Offset of the first ("ESC $ B") or last ("ESC ( B") mark of ISO-2022-JP; the length where there is none. */
static gsize
shift_mark(struct perl_text line, char kind, gboolean last)
{
    gsize found = line.length;

    for (const char *end = line.at + line.length, *at = line.at; (at = memchr(at, 0x1b, (gsize)(end - at))) != NULL; at++)
        if (end - at > 2 && at[1] == kind && at[2] == 'B') {
            found = (gsize)(at - line.at);
            if (!last)
                break;
        }
    return found;
}

struct capitals {
    gsize total, upper, others; /* bytes, capitals, small letters and digits */
};

/* What a byte counts as: 1 as a small letter or digit, CAPITAL as a capital. */
#define CAPITAL (G_GUINT64_CONSTANT(1) << 32)

static const guint64 *
weights(void)
{
    static guint64 table[256];
    static gsize once;

    if (g_once_init_enter(&once)) {
        for (guint c = 0; c < 256; c++)
            table[c] = g_ascii_isupper((char)c) ? CAPITAL : g_ascii_isalnum((char)c) ? 1 : 0;
        g_once_init_leave(&once, 1);
    }
    return table;
}

static void
count_capitals(struct capitals *capitals, const char *text, gsize length)
{
    const guint64 *weight = weights();

    capitals->total += length;
    for (gsize end, i = 0; i < length; i = end) { /* by pieces in which no count comes to 32 bits */
        guint64 sum = 0;
        for (end = i + MIN(length - i, G_MAXUINT32); i < end; i++)
            sum += weight[(guint8)text[i]];
        capitals->upper += (gsize)(sum / CAPITAL);
        capitals->others += (gsize)(sum % CAPITAL);
    }
}

double
mime_eval_uppercase(const struct mime_facts *facts, const char *content_type, const struct perl_text *body, gsize count)
{
    struct capitals capitals = {0};

    if (any_has_no_capitals(facts, content_type))
        return 0;
    for (gsize i = 0; i < count; i++) {
        struct perl_text line = body[i];
        gsize out = shift_mark(line, '$', FALSE), in = shift_mark(line, '(', TRUE);

        if (!has_two_words(line) || is_base64(line))
            continue;
        if (out < line.length && in < line.length && in >= out + 3) { /* what is in another script between them doesn't count */
            count_capitals(&capitals, line.at, out);
            count_capitals(&capitals, line.at + in + 3, line.length - in - 3);
        } else {
            count_capitals(&capitals, line.at, line.length);
        }
    }
    if (capitals.total < UPPERCASE_MIN || capitals.upper + capitals.others == 0)
        return 0;
    return (double)capitals.upper / (double)(capitals.upper + capitals.others) * 100;
}

static gboolean
is_fine_in_alternative(const char *type)
{
    return g_ascii_strcasecmp(type, "multipart/related") == 0 || g_ascii_strcasecmp(type, "application/rtf") == 0 ||
           g_ascii_strncasecmp(type, "text/", 5) == 0;
}

gboolean
mime_eval_alternative_non_text(struct eval_parts parts)
{
    for (gsize i = 0; i < parts.count; i++) {
        const struct eval_part *part = &parts.part[i];

        if (strcmp(part->type, "multipart/alternative") != 0)
            continue;
        if (part->is_leaf)
            return TRUE;
        for (const struct eval_part *child = part + 1; child <= part + part->below; child += 1 + child->below)
            if (child->is_leaf && *child->type != '\0' && !is_fine_in_alternative(child->type))
                return TRUE;
    }
    return FALSE;
}

gsize
mime_eval_base64_length(struct eval_parts parts)
{
    gsize longest = 0;

    for (gsize i = 0; i < parts.count; i++) {
        const struct eval_part *part = &parts.part[i];
        gsize start = 0;

        if (!part->is_leaf || *part->type == '\0' || strcmp(part->declared_type, "application/ics") == 0 ||
            g_ascii_strcasecmp(part->encoding, "base64") != 0)
            continue;
        while (start < part->raw.length) {
            const char *next = memchr(part->raw.at + start, '\n', part->raw.length - start);
            gsize end = next != NULL ? (gsize)(next + 1 - part->raw.at) : part->raw.length;

            longest = MAX(longest, end - start);
            start = end;
        }
    }
    return longest;
}
