/* spf_record.c: terms are split at spaces, then each is a modifier (name "=" before any ":" or "/") or a directive. */
#include "lib/mail/auth/spf_record.h"
#include "lib/mail/auth/spf_macro.h"
#include <arpa/inet.h>
#include <string.h>

#define VERSION "v=spf1"
#define SHOWN_MAX 60 /* bytes of a bad term that are shown */

gboolean
spf_record_is_spf(const char *text, gsize length)
{
    gsize version = strlen(VERSION);

    return length >= version && g_ascii_strncasecmp(text, VERSION, version) == 0 &&
           (length == version || text[version] == ' ');
}

gboolean
spf_address_matches(const guint8 *a, const guint8 *b, guint bits)
{
    guint octets = bits / 8, rest = bits % 8;

    if (octets > 0 && memcmp(a, b, octets) != 0)
        return FALSE;
    return rest == 0 || ((a[octets] ^ b[octets]) >> (8 - rest)) == 0;
}

static gboolean
text_is(const char *text, gsize length, const char *word)
{
    return length == strlen(word) && g_ascii_strncasecmp(text, word, length) == 0;
}

/* The bytes of a name: ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ); 0: no name */
static gsize
name_length(const char *text, gsize length)
{
    gsize n = 0;

    if (length == 0 || !g_ascii_isalpha(text[0]))
        return 0;
    while (n < length && (g_ascii_isalnum(text[n]) || text[n] == '-' || text[n] == '_' || text[n] == '.'))
        n++;
    return n;
}

/* ---- addresses and prefix lengths ---- */

/* 12: "0" or digits without a leading zero, up to the address' bits */
static gboolean
parse_prefix(const char *text, gsize length, guint max, guint *prefix_r)
{
    guint prefix = 0;

    if (length == 0 || length > 3 || (length > 1 && text[0] == '0'))
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isdigit(text[i]))
            return FALSE;
        prefix = prefix * 10 + (guint)(text[i] - '0');
    }
    *prefix_r = prefix;
    return prefix <= max;
}

/* Where the digits at the end begin; length when there are none. */
static gsize
last_digits(const char *text, gsize length)
{
    while (length > 0 && g_ascii_isdigit(text[length - 1]))
        length--;
    return length;
}

/* Takes [ "/" ip4-cidr ] [ "//" ip6-cidr ] off the end of text; a domain-spec may hold slashes of its own. */
static gboolean
take_dual_prefix(const char *text, gsize *length, struct spf_directive *directive)
{
    gsize digits = last_digits(text, *length);

    if (digits < *length && digits >= 2 && text[digits - 1] == '/' && text[digits - 2] == '/') {
        if (!parse_prefix(text + digits, *length - digits, 128, &directive->prefix6))
            return FALSE;
        *length = digits - 2;
        digits = last_digits(text, *length);
    }
    if (digits < *length && digits >= 1 && text[digits - 1] == '/') {
        if (!parse_prefix(text + digits, *length - digits, 32, &directive->prefix4))
            return FALSE;
        *length = digits - 1;
    }
    return TRUE;
}

static gboolean
parse_network(const char *text, gsize length, struct spf_directive *directive)
{
    gboolean v4 = directive->mechanism == SPF_IP4;
    const char *slash = length > 0 ? memchr(text, '/', length) : NULL;
    gsize address_length = slash != NULL ? (gsize)(slash - text) : length;
    char address[INET6_ADDRSTRLEN];

    if (address_length == 0 || address_length >= sizeof address)
        return FALSE;
    memcpy(address, text, address_length);
    address[address_length] = '\0';
    if (inet_pton(v4 ? AF_INET : AF_INET6, address, directive->address) != 1)
        return FALSE;
    return slash == NULL || parse_prefix(slash + 1, length - address_length - 1, v4 ? 32 : 128,
                                         v4 ? &directive->prefix4 : &directive->prefix6);
}

/* ---- terms ---- */

static const struct mechanism {
    const char *name;
    gboolean may_have_domain, must_have_domain, has_prefix;
} mechanisms[] = {
    [SPF_ALL] = {"all", FALSE, FALSE, FALSE},    [SPF_INCLUDE] = {"include", TRUE, TRUE, FALSE},
    [SPF_A] = {"a", TRUE, FALSE, TRUE},          [SPF_MX] = {"mx", TRUE, FALSE, TRUE},
    [SPF_PTR] = {"ptr", TRUE, FALSE, FALSE},     [SPF_IP4] = {"ip4", FALSE, FALSE, FALSE},
    [SPF_IP6] = {"ip6", FALSE, FALSE, FALSE},    [SPF_EXISTS] = {"exists", TRUE, TRUE, FALSE},
};

/* What follows the mechanism's name. */
static gboolean
parse_arguments(const char *text, gsize length, struct spf_directive *directive)
{
    const struct mechanism *mechanism = &mechanisms[directive->mechanism];

    if (directive->mechanism == SPF_IP4 || directive->mechanism == SPF_IP6)
        return length > 0 && *text == ':' && parse_network(text + 1, length - 1, directive);
    if (mechanism->has_prefix && !take_dual_prefix(text, &length, directive))
        return FALSE;
    if (length == 0)
        return !mechanism->must_have_domain;
    if (*text != ':' || !mechanism->may_have_domain)
        return FALSE;
    directive->domain = text + 1;
    directive->domain_length = length - 1;
    return spf_domain_spec_is_valid(directive->domain, directive->domain_length);
}

static gboolean
parse_directive(struct spf_record *record, const char *text, gsize length)
{
    static const char qualifiers[] = "+-~?";
    static const enum auth_result results[] = {AUTH_PASS, AUTH_FAIL, AUTH_SOFTFAIL, AUTH_NEUTRAL};
    struct spf_directive directive = {.qualifier = AUTH_PASS, .prefix4 = 32, .prefix6 = 128};
    const char *qualifier = strchr(qualifiers, *text);

    if (qualifier != NULL) {
        directive.qualifier = results[qualifier - qualifiers];
        text++;
        length--;
    }
    gsize name = name_length(text, length);
    guint m = 0;
    while (m < G_N_ELEMENTS(mechanisms) && !text_is(text, name, mechanisms[m].name))
        m++;
    if (m == G_N_ELEMENTS(mechanisms))
        return FALSE;
    directive.mechanism = (enum spf_mechanism)m;
    directive.text = text;
    directive.length = length;
    if (!parse_arguments(text + name, length - name, &directive))
        return FALSE;
    g_array_append_val(record->directives, directive);
    return TRUE;
}

/* 6: redirect and exp at most once each, unknown modifiers are ignored but must be macro-strings. */
static gboolean
parse_modifier(struct spf_record *record, const char *text, gsize length, gsize name)
{
    const char *value = text + name + 1;
    gsize value_length = length - name - 1;
    gboolean redirect = text_is(text, name, "redirect");
    const char **domain = redirect ? &record->redirect : &record->exp;

    if (!redirect && !text_is(text, name, "exp"))
        return spf_macro_is_valid(value, value_length, SPF_MACRO_IN_MODIFIER);
    if (*domain != NULL || !spf_domain_spec_is_valid(value, value_length))
        return FALSE;
    *domain = value;
    *(redirect ? &record->redirect_length : &record->exp_length) = value_length;
    return TRUE;
}

static gboolean
parse_term(struct spf_record *record, const char *text, gsize length)
{
    gsize name = name_length(text, length);

    if (name > 0 && name < length && text[name] == '=')
        return parse_modifier(record, text, length, name);
    return parse_directive(record, text, length);
}

/* 4.6.1: only spaces separate terms; no other octet outside of VCHAR may be anywhere. NULL: all is well */
static char *
parse_terms(struct spf_record *record, gsize length)
{
    const char *text = record->text;

    for (gsize i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > 0x7e)
            return g_strdup_printf("octet 0x%02X at %" G_GSIZE_FORMAT " of the record", (guint)(guchar)text[i], i);
    for (gsize at = strlen(VERSION), end; at < length; at = end) {
        while (at < length && text[at] == ' ')
            at++;
        for (end = at; end < length && text[end] != ' ';)
            end++;
        if (end > at && !parse_term(record, text + at, end - at))
            return g_strdup_printf("syntax error in \"%.*s\"", (int)MIN(end - at, SHOWN_MAX), text + at);
    }
    return NULL;
}

struct spf_record *
spf_record_parse(const char *text, gsize length, char **why_r)
{
    if (length > SPF_RECORD_MAX) {
        *why_r = g_strdup_printf("a record of %" G_GSIZE_FORMAT " bytes, above %u", length, SPF_RECORD_MAX);
        return NULL;
    }
    struct spf_record *record = g_new0(struct spf_record, 1);
    record->text = g_malloc(length + 1);
    memcpy(record->text, text, length);
    record->text[length] = '\0';
    record->directives = g_array_new(FALSE, FALSE, sizeof(struct spf_directive));
    if ((*why_r = parse_terms(record, length)) != NULL)
        spf_record_free(&record);
    return record;
}

void
spf_record_free(struct spf_record **record)
{
    if (*record == NULL)
        return;
    g_array_unref((*record)->directives);
    g_free((*record)->text);
    g_clear_pointer(record, g_free);
}
