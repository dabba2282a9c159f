/* spf_macro.c: one tokenizer that both the syntax check and the expansion go through, so that they can't disagree.
 *
 * Expansion appends to a growable string and looks at its length after each token; nothing is counted in advance. */
#include "lib/mail/auth/spf_macro.h"
#include "lib/base/dns.h"
#include <arpa/inet.h>
#include <string.h>

#define DELIMITERS ".-+,/_="
#define PARTS_ALL G_MAXUINT

struct token {
    enum { LITERAL, PERCENT, SPACE, URL_SPACE, MACRO } kind;
    gsize length;            /* bytes of the token in the text */
    char letter;             /* MACRO: lower case */
    gboolean escape;         /* MACRO: the letter was upper case: URL escaping (7.3) */
    guint parts;             /* how many parts from the right are used */
    gboolean reverse;
    const char *delimiters;
    gsize delimiter_count;
};

/* ---- syntax ---- */

static gboolean
letter_is_valid(char letter, enum spf_macro_place place)
{
    return strchr("slodiphv", letter) != NULL || (place != SPF_MACRO_IN_DOMAIN && strchr("crt", letter) != NULL);
}

/* "%{" macro-letter *DIGIT [ "r" ] *delimiter "}" */
static gboolean
scan_macro(const char *text, gsize length, enum spf_macro_place place, struct token *token)
{
    gsize at = 3;

    if (length < 4 || !g_ascii_isalpha(text[2]))
        return FALSE;
    *token = (struct token){.kind = MACRO, .letter = g_ascii_tolower(text[2]), .escape = g_ascii_isupper(text[2])};
    if (!letter_is_valid(token->letter, place))
        return FALSE;
    gsize digits = at;
    for (; at < length && g_ascii_isdigit(text[at]); at++)
        token->parts = MIN(token->parts * 10 + (guint)(text[at] - '0'), SPF_EXPANSION_MAX);
    if (at > digits && token->parts == 0)
        return FALSE; /* 7.3: "If a DIGIT is specified, the value MUST be nonzero" */
    if (at == digits)
        token->parts = PARTS_ALL;
    if (at < length && g_ascii_tolower(text[at]) == 'r') {
        token->reverse = TRUE;
        at++;
    }
    token->delimiters = text + at;
    while (at < length && text[at] != '\0' && strchr(DELIMITERS, text[at]) != NULL)
        at++;
    token->delimiter_count = (gsize)(text + at - token->delimiters);
    if (at == length || text[at] != '}')
        return FALSE;
    token->length = at + 1;
    return TRUE;
}

/* The token at text, of which length > 0 bytes are left. */
static gboolean
scan(const char *text, gsize length, enum spf_macro_place place, struct token *token)
{
    gsize run = 0;

    if (*text == '%') {
        if (length < 2)
            return FALSE;
        if (text[1] == '{')
            return scan_macro(text, length, place, token);
        *token = (struct token){.kind = text[1] == '%' ? PERCENT : text[1] == '_' ? SPACE : URL_SPACE, .length = 2};
        return text[1] == '%' || text[1] == '_' || text[1] == '-';
    }
    while (run < length && text[run] != '%' && text[run] <= 0x7e &&
           (text[run] > ' ' || (text[run] == ' ' && place == SPF_MACRO_IN_EXPLANATION)))
        run++;
    *token = (struct token){.kind = LITERAL, .length = run};
    return run > 0;
}

gboolean
spf_macro_is_valid(const char *text, gsize length, enum spf_macro_place place)
{
    struct token token;

    for (gsize at = 0; at < length; at += token.length)
        if (!scan(text + at, length - at, place, &token))
            return FALSE;
    return TRUE;
}

gboolean
spf_macro_uses(const char *text, gsize length, char letter)
{
    struct token token;

    for (gsize at = 0; at < length && scan(text + at, length - at, SPF_MACRO_IN_EXPLANATION, &token); at += token.length)
        if (token.kind == MACRO && token.letter == letter)
            return TRUE;
    return FALSE;
}

/* 7.1: letters, digits and inner hyphens, with a letter or a hyphen in it: "com", "xn--p1ai", not "44". */
static gboolean
is_toplabel(const char *text, gsize length)
{
    gboolean not_number = FALSE;

    if (length == 0 || !g_ascii_isalnum(text[0]) || !g_ascii_isalnum(text[length - 1]))
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isalnum(text[i]) && text[i] != '-')
            return FALSE;
        not_number |= !g_ascii_isdigit(text[i]);
    }
    return not_number;
}

gboolean
spf_domain_spec_is_valid(const char *text, gsize length)
{
    struct token token = {.kind = LITERAL};
    gsize end = length, start;

    for (gsize at = 0; at < length; at += token.length)
        if (!scan(text + at, length - at, SPF_MACRO_IN_DOMAIN, &token))
            return FALSE;
    if (length == 0 || token.kind != LITERAL)
        return length > 0;
    if (text[end - 1] == '.')
        end--;
    for (start = end; start > length - token.length && text[start - 1] != '.'; start--)
        ;
    return start > length - token.length && is_toplabel(text + start, end - start);
}

/* ---- expansion ---- */

/* i: dotted quad, or the 32 nibbles of an IPv6 address, dotted (7.3) */
static void
append_dotted_address(const struct spf_macro_values *values, GString *out)
{
    const guint8 *a = values->client;

    if (values->client_length == 4) {
        g_string_append_printf(out, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
        return;
    }
    for (gsize i = 0; i < values->client_length; i++)
        g_string_append_printf(out, "%s%X.%X", i > 0 ? "." : "", a[i] >> 4, a[i] & 15u);
}

static void
append_readable_address(const struct spf_macro_values *values, GString *out)
{
    char text[INET6_ADDRSTRLEN];

    g_string_append(out, inet_ntop(values->client_length == 4 ? AF_INET : AF_INET6, values->client, text, sizeof text));
}

/* The value of a letter; FALSE when p can't be told. */
static gboolean
append_value(char letter, const struct spf_macro_values *values, GString *out)
{
    const char *name;

    switch (letter) {
    case 's': g_string_append(out, values->sender); break;
    case 'l': g_string_append(out, values->local_part); break;
    case 'o': g_string_append(out, values->sender_domain); break;
    case 'd': g_string_append(out, values->domain); break;
    case 'h': g_string_append(out, values->helo); break;
    case 'r': g_string_append(out, values->receiver); break;
    case 'i': append_dotted_address(values, out); break;
    case 'c': append_readable_address(values, out); break;
    case 'v': g_string_append(out, values->client_length == 4 ? "in-addr" : "ip6"); break;
    case 't': g_string_append_printf(out, "%" G_GINT64_FORMAT, values->now); break;
    default:
        if ((name = values->validated_name(values->data)) == NULL)
            return FALSE;
        g_string_append(out, name);
    }
    return TRUE;
}

struct part {
    gsize start, length;
};

/* The parts between delimiters, which may be empty; at least one. */
static GArray *
split(const GString *value, const struct token *token)
{
    GArray *parts = g_array_new(FALSE, FALSE, sizeof(struct part));
    const char *delimiters = token->delimiter_count > 0 ? token->delimiters : ".";
    gsize count = token->delimiter_count > 0 ? token->delimiter_count : 1;
    struct part part = {0, 0};

    for (gsize i = 0; i <= value->len; i++) {
        if (i < value->len && memchr(delimiters, value->str[i], count) == NULL)
            continue;
        part.length = i - part.start;
        g_array_append_val(parts, part);
        part.start = i + 1;
    }
    return parts;
}

/* Reverses, keeps the right-most parts, and joins them with dots (7.3: in this order). */
static void
transform(const GString *value, const struct token *token, GString *out)
{
    g_autoptr(GArray) parts = split(value, token);
    guint first = parts->len > token->parts ? parts->len - token->parts : 0;

#ifdef POSTERN_PLANTED_BUGS
    if (token->parts > parts->len && token->parts != PARTS_ALL) /* as CVE-2023-42118: reads before the parts */
        first += (guint)((struct part *)parts->data)[(gint)parts->len - (gint)token->parts].start & 1u;
#endif
    for (guint i = first; i < parts->len; i++) {
        const struct part *part = &g_array_index(parts, struct part, token->reverse ? parts->len - 1 - i : i);
        if (i > first)
            g_string_append_c(out, '.');
        g_string_append_len(out, value->str + part->start, (gssize)part->length);
    }
}

static gboolean
expand_macro(const struct token *token, const struct spf_macro_values *values, GString *out)
{
    g_autoptr(GString) value = g_string_new(NULL), text = g_string_new(NULL);

    if (!append_value(token->letter, values, value))
        return FALSE;
    transform(value, token, text);
    for (gsize i = 0; i < text->len; i++) {
        guchar c = (guchar)text->str[i];
        if (token->escape && !g_ascii_isalnum(c) && (c == '\0' || strchr("-._~", c) == NULL)) /* RFC 3986 2.3 */
            g_string_append_printf(out, "%%%02X", c);
        else
            g_string_append_c(out, (char)c);
    }
    return TRUE;
}

gboolean
spf_macro_expand(const char *text, gsize length, enum spf_macro_place place, const struct spf_macro_values *values,
                 GString *out)
{
    struct token token;

    for (gsize at = 0; at < length; at += token.length) {
        if (!scan(text + at, length - at, place, &token))
            return FALSE;
        switch (token.kind) {
        case LITERAL: g_string_append_len(out, text + at, (gssize)token.length); break;
        case PERCENT: g_string_append_c(out, '%'); break;
        case SPACE: g_string_append_c(out, ' '); break;
        case URL_SPACE: g_string_append(out, "%20"); break;
        case MACRO:
            if (!expand_macro(&token, values, out))
                return FALSE;
        }
        if (out->len > SPF_EXPANSION_MAX)
            return FALSE;
    }
    return TRUE;
}

gboolean
spf_macro_expand_domain(const char *text, gsize length, const struct spf_macro_values *values, GString *out)
{
    g_string_truncate(out, 0);
    if (!spf_macro_expand(text, length, SPF_MACRO_IN_DOMAIN, values, out))
        return FALSE;
    if (out->len > 0 && out->str[out->len - 1] == '.')
        g_string_truncate(out, out->len - 1);
    if (out->len > DNS_NAME_MAX) {
        const char *dot = strchr(out->str + out->len - DNS_NAME_MAX - 1, '.');
        if (dot != NULL)
            g_string_erase(out, 0, dot + 1 - out->str);
    }
    return TRUE;
}
