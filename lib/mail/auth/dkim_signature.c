/* dkim_signature.c: a signature field taken apart, by the rules of its kind. */
#include "lib/mail/auth/dkim_signature.h"
#include <openssl/evp.h>
#include <string.h>

/* ---- tags, one by one: NULL, or why the signature is no good ---- */

static const char *
read_version(enum dkim_kind kind, const struct dkim_tags *tags)
{
    const char *version = dkim_tags_get(tags, "v");

    if (kind == DKIM_SIGNATURE)
        return version == NULL ? "no v=" : strcmp(version, "1") != 0 ? "v= is not 1" : NULL;
    return version != NULL ? "v= has no place in ARC" : NULL;
}

static const char *
read_algorithm(struct dkim_parsed *parsed)
{
    if (parsed->algorithm == NULL)
        return "no a=";
    for (guint type = DKIM_RSA; type <= DKIM_ED25519; type++)
        if (strcmp(parsed->algorithm, dkim_algorithm_name(type)) == 0) {
            parsed->type = type;
            return NULL;
        }
    parsed->sha1 = strcmp(parsed->algorithm, "rsa-sha1") == 0;
    return parsed->sha1 ? "sha1" : "a= is unknown";
}

static const char *
read_names(struct dkim_parsed *parsed)
{
    if (parsed->domain == NULL || *parsed->domain == '\0')
        return "no d=";
    if (parsed->selector == NULL || *parsed->selector == '\0')
        return "no s=";
    gsize length = strlen(parsed->domain);
    if (!dns_name_is_valid(parsed->domain) || parsed->domain[length - 1] == '.' || strchr(parsed->domain, '.') == NULL)
        return "d= is not a domain";
    if (!dns_name_is_valid(parsed->selector) || parsed->selector[strlen(parsed->selector) - 1] == '.')
        return "s= is not a selector";
    return NULL;
}

static const char *
read_signature(struct dkim_parsed *parsed)
{
    const char *b = dkim_tags_get(parsed->tags, "b");

    if (b == NULL || *b == '\0')
        return "no b=";
    parsed->signature = dkim_base64(b, &parsed->signature_length);
    return parsed->signature == NULL ? "b= is not base64" : NULL;
}

static const char *
read_body(struct dkim_parsed *parsed)
{
    const char *bh = dkim_tags_get(parsed->tags, "bh"), *l = dkim_tags_get(parsed->tags, "l");
    gsize length = 0;

    if (bh == NULL || *bh == '\0')
        return "no bh=";
    parsed->body_digest = dkim_base64(bh, &length);
    if (parsed->body_digest == NULL || length != DKIM_DIGEST_BYTES)
        return "bh= is not a hash";
    parsed->body_limit = DKIM_BODY_ALL;
    if (l != NULL && (!dkim_number(l, &parsed->body_limit) || parsed->body_limit == DKIM_BODY_ALL))
        return "l= is not a length";
    return NULL;
}

static gboolean
canon_of(const char *name, gsize length, enum dkim_canon *canon)
{
    for (guint i = DKIM_SIMPLE; i <= DKIM_RELAXED; i++)
        if (strlen(dkim_canon_name(i)) == length && memcmp(dkim_canon_name(i), name, length) == 0) {
            *canon = i;
            return TRUE;
        }
    return FALSE;
}

static const char *
read_canon(enum dkim_kind kind, struct dkim_parsed *parsed)
{
    const char *c = dkim_tags_get(parsed->tags, "c");

    if (c == NULL) {
        /* RFC 6376 3.5: simple/simple. ARC is read as all of ARC's verifiers and its public suite read it. */
        parsed->header_canon = parsed->body_canon = kind == DKIM_SIGNATURE ? DKIM_SIMPLE : DKIM_RELAXED;
        return NULL;
    }
    gsize length = strcspn(c, "/");
    if (!canon_of(c, length, &parsed->header_canon) ||
        (c[length] == '/' && !canon_of(c + length + 1, strlen(c + length + 1), &parsed->body_canon)))
        return "c= is unknown";
    return NULL;
}

/* Splits h=; white space around names goes. */
static const char *
read_fields(enum dkim_kind kind, struct dkim_parsed *parsed)
{
    const char *h = dkim_tags_get(parsed->tags, "h");
    gboolean from = FALSE, seal = FALSE;

    if (h == NULL)
        return "no h=";
    parsed->names = g_strsplit(h, ":", (gint)DKIM_SIGNED_NAMES_MAX + 1);
    if (g_strv_length(parsed->names) > DKIM_SIGNED_NAMES_MAX)
        return "too many names in h=";
    for (char **name = parsed->names; *name != NULL; name++) {
        g_strstrip(*name);
        if (**name == '\0' && kind == DKIM_SIGNATURE)
            return "an empty name in h=";
        from |= g_ascii_strcasecmp(*name, "From") == 0;
        seal |= g_ascii_strcasecmp(*name, "ARC-Seal") == 0;
    }
    if (kind == DKIM_SIGNATURE && !from)
        return "h= leaves From out"; /* RFC 6376 5.4 */
    return kind == ARC_MESSAGE_SIGNATURE && seal ? "h= names ARC-Seal" : NULL; /* RFC 8617 4.1.2 */
}

static const char *
read_times(struct dkim_parsed *parsed)
{
    const char *t = dkim_tags_get(parsed->tags, "t"), *x = dkim_tags_get(parsed->tags, "x");

    parsed->signed_at = parsed->expires_at = G_MAXUINT64;
    if (t != NULL && !dkim_number(t, &parsed->signed_at))
        return "t= is not a time";
    if (x != NULL && !dkim_number(x, &parsed->expires_at))
        return "x= is not a time";
    return t != NULL && x != NULL && parsed->expires_at <= parsed->signed_at ? "x= is not after t=" : NULL;
}

/* dkim-quoted-printable (RFC 6376 2.11). NULL when malformed or when what comes out is not fit to be shown. */
static char *
decode_quoted(const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (; *text != '\0'; text++) {
        if (*text == ' ' || *text == '\t')
            continue;
        if (*text != '=') {
            g_string_append_c(out, *text);
            continue;
        }
        if (!g_ascii_isxdigit(text[1]) || !g_ascii_isxdigit(text[2]))
            return NULL;
        g_string_append_c(out, (char)(g_ascii_xdigit_value(text[1]) << 4 | g_ascii_xdigit_value(text[2])));
        text += 2;
    }
    if (!g_utf8_validate_len(out->str, out->len, NULL))
        return NULL;
    for (const char *c = out->str; *c != '\0'; c = g_utf8_next_char(c))
        if (g_unichar_iscntrl(g_utf8_get_char(c)))
            return NULL;
    return g_string_free(g_steal_pointer(&out), FALSE);
}

gboolean
dkim_is_within(const char *name, const char *domain)
{
    gsize length = strlen(name), tail = strlen(domain);

    return length >= tail && g_ascii_strcasecmp(name + length - tail, domain) == 0 &&
           (length == tail || name[length - tail - 1] == '.');
}

static const char *
read_identity(struct dkim_parsed *parsed)
{
    const char *i = dkim_tags_get(parsed->tags, "i");

    parsed->identity = i != NULL ? decode_quoted(i) : g_strconcat("@", parsed->domain, NULL);
    const char *at = parsed->identity != NULL ? strrchr(parsed->identity, '@') : NULL;
    if (at == NULL)
        return "i= is not an identity";
    return dkim_is_within(at + 1, parsed->domain) ? NULL : "i= is not within d=";
}

static const char *
read_query(const struct dkim_parsed *parsed)
{
    const char *q = dkim_tags_get(parsed->tags, "q");

    return q == NULL || dkim_list_has(q, "dns/txt") || dkim_list_has(q, "dns") ? NULL : "q= is unknown";
}

static const char *
read_all(enum dkim_kind kind, struct dkim_parsed *parsed)
{
    const char *why = read_version(kind, parsed->tags);

    if (why == NULL)
        why = read_names(parsed);
    if (why == NULL)
        why = read_algorithm(parsed);
    if (why == NULL)
        why = read_signature(parsed);
    if (why == NULL)
        why = read_times(parsed);
    if (kind == ARC_SEAL)
        return why != NULL                                 ? why
               : dkim_tags_get(parsed->tags, "h") != NULL  ? "h= has no place in a seal" /* RFC 8617 4.1.3 */
               : dkim_tags_get(parsed->tags, "bh") != NULL ? "bh= has no place in a seal"
                                                           : NULL;
    if (why == NULL)
        why = read_body(parsed);
    if (why == NULL)
        why = read_canon(kind, parsed);
    if (why == NULL)
        why = read_fields(kind, parsed);
    if (why == NULL)
        why = read_query(parsed);
    if (why == NULL && kind == DKIM_SIGNATURE)
        why = read_identity(parsed);
    return why;
}

struct dkim_parsed *
dkim_parsed_new(enum dkim_kind kind, const struct auth_field *field, gsize max_bytes)
{
    struct dkim_parsed *parsed = g_new0(struct dkim_parsed, 1);
    const char *colon = memchr(field->raw, ':', field->length), *end = field->raw + field->length;

    if (colon == NULL) {
        parsed->why = "empty";
        return parsed;
    }
    parsed->tags = dkim_tags_parse(colon + 1, (gsize)(end - colon - 1), max_bytes, &parsed->why);
    if (parsed->tags == NULL)
        return parsed;
    parsed->algorithm = dkim_tags_get(parsed->tags, "a");
    parsed->domain = dkim_tags_get(parsed->tags, "d");
    parsed->selector = dkim_tags_get(parsed->tags, "s");
    parsed->why = read_all(kind, parsed);
    return parsed;
}

void
dkim_parsed_free(struct dkim_parsed **parsed)
{
    if (*parsed == NULL)
        return;
    dkim_tags_free(&(*parsed)->tags);
    g_free((*parsed)->identity);
    g_strfreev((*parsed)->names);
    g_free((*parsed)->signature);
    g_free((*parsed)->body_digest);
    g_clear_pointer(parsed, g_free);
}

void
dkim_digest(const GString *text, guint8 *digest_r)
{
    if (EVP_Digest(text->str, text->len, digest_r, NULL, EVP_sha256(), NULL) != 1)
        g_error("SHA-256 is not to be had");
}

void
dkim_header_digest(const struct dkim_parsed *parsed, const struct dkim_fields *fields, const struct auth_field *own,
                   guint8 *digest_r)
{
    g_autoptr(GString) text = g_string_new(NULL);

    dkim_fields_select(fields, parsed->names, parsed->header_canon, text);
    dkim_canon_signature(parsed->header_canon, own->raw, own->length, text);
    dkim_digest(text, digest_r);
}
