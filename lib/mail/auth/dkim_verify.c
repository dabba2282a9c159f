/* dkim_verify.c: the DKIM signatures of a message, checked. */
#include "lib/mail/auth/dkim_verify.h"
#include "lib/mail/auth/dkim_signature.h"
#include <string.h>

#define SIGNATURE_FIELD "DKIM-Signature"

struct entry {
    struct dkim_signature public;
    const struct auth_field *field;
    struct dkim_parsed *parsed; /* NULL: not checked */
    gint lookup;                /* -1 = none */
    guint body_hash;
    gboolean decided;
};
struct dkim_verification {
    const struct auth_message *message;
    struct dkim_limits limits;
    struct dkim_lookups *lookups;
    struct dkim_fields *fields;
    struct dkim_body_hashes *bodies;
    GArray *entries; /* struct entry */
    guint unchecked;
    gboolean finished;
};

static void
decide(struct entry *entry, enum auth_result result, const char *why)
{
    entry->public.result = result;
    entry->public.why = why;
    entry->decided = TRUE;
}

/* ---- start ---- */

/* What can be said of a signature before it is checked, and only in words that are safe to show. */
static void
describe(struct entry *entry)
{
    const struct dkim_parsed *parsed = entry->parsed;
    struct dkim_signature *public = &entry->public;
    const char *b = parsed->tags != NULL ? dkim_tags_get(parsed->tags, "b") : NULL;
    guint n = 0;

    if (parsed->domain != NULL && dns_name_is_valid(parsed->domain))
        public->domain = g_strdup(parsed->domain);
    if (parsed->selector != NULL && dns_name_is_valid(parsed->selector))
        public->selector = g_strdup(parsed->selector);
    public->identity = g_strdup(parsed->identity);
    public->algorithm = parsed->sha1                                  ? "rsa-sha1"
                        : parsed->signature != NULL ? dkim_algorithm_name(parsed->type) : NULL;
    public->weak = parsed->sha1;
    public->length_limited = parsed->body_digest != NULL && parsed->body_limit != DKIM_BODY_ALL;
    for (; b != NULL && *b != '\0' && n < DKIM_B_PREFIX; b++)
        if (g_ascii_isalnum(*b) || *b == '+' || *b == '/' || *b == '=')
            public->b_prefix[n++] = *b;
}

static void
start_entry(struct dkim_verification *v, const struct auth_field *field, gboolean checked)
{
    struct entry entry = {.field = field, .lookup = -1};

    if (!checked) {
        decide(&entry, AUTH_NEUTRAL, "not checked: too many signatures");
        g_array_append_val(v->entries, entry);
        return;
    }
    entry.parsed = dkim_parsed_new(DKIM_SIGNATURE, field, v->limits.tag_list_bytes);
    describe(&entry);
    if (entry.parsed->why != NULL)
        decide(&entry, AUTH_PERMERROR, entry.parsed->why);
    else if ((entry.lookup = dkim_lookups_add(v->lookups, entry.parsed->selector, entry.parsed->domain)) < 0)
        decide(&entry, AUTH_PERMERROR, "d= and s= make no name");
    g_array_append_val(v->entries, entry);
}

static void
entry_clear(gpointer data)
{
    struct entry *entry = data;

    g_free(entry->public.domain);
    g_free(entry->public.selector);
    g_free(entry->public.identity);
    dkim_parsed_free(&entry->parsed);
}

struct dkim_verification *
dkim_verify_start(struct dns *dns, const struct auth_message *message, const struct dkim_limits *limits)
{
    struct dkim_verification *v = g_new0(struct dkim_verification, 1);

    v->message = message;
    if (limits != NULL)
        v->limits = *limits;
    if (v->limits.signatures == 0)
        v->limits.signatures = DKIM_SIGNATURES_MAX;
    if (v->limits.min_rsa_bits == 0)
        v->limits.min_rsa_bits = DKIM_RSA_BITS_MIN;
    v->lookups = dkim_lookups_new(dns);
    v->fields = dkim_fields_new(message);
    v->bodies = dkim_body_hashes_new();
    v->entries = g_array_new(FALSE, TRUE, sizeof(struct entry));
    g_array_set_clear_func(v->entries, entry_clear);
    guint count = dkim_fields_count(v->fields, SIGNATURE_FIELD);
    for (guint n = 0; n < MIN(count, DKIM_REPORTED_MAX); n++)
        start_entry(v, dkim_fields_get(v->fields, SIGNATURE_FIELD, n), n < v->limits.signatures);
    v->unchecked = count - MIN(count, MIN(v->limits.signatures, DKIM_REPORTED_MAX));
    return v;
}

/* ---- finish ---- */

static void
check_times(struct entry *entry, gint64 now_s)
{
    guint64 now = (guint64)MAX(now_s, 0);

    if (entry->parsed->signed_at != G_MAXUINT64 && entry->parsed->signed_at > now + DKIM_CLOCK_SKEW_S)
        decide(entry, AUTH_FAIL, "signed in the future");
    else if (entry->parsed->expires_at < now - MIN(now, DKIM_CLOCK_SKEW_S))
        decide(entry, AUTH_FAIL, "expired");
}

static void
check_body(const struct dkim_verification *v, struct entry *entry)
{
    guint64 length = dkim_body_hashes_length(v->bodies, entry->body_hash);

    if (entry->public.length_limited && entry->parsed->body_limit > length) {
        decide(entry, AUTH_PERMERROR, "l= is beyond the body");
        return;
    }
    if (entry->public.length_limited)
        entry->public.unsigned_bytes = length - entry->parsed->body_limit;
    if (memcmp(dkim_body_hashes_digest(v->bodies, entry->body_hash), entry->parsed->body_digest, DKIM_DIGEST_BYTES) != 0)
        decide(entry, AUTH_FAIL, "the body was changed");
}

/* The key, and the signature with it. */
static void
check_signature(struct dkim_verification *v, struct entry *entry, gint64 deadline_us)
{
    const struct dkim_parsed *parsed = entry->parsed;
    struct dkim_answer answer = dkim_lookups_get(v->lookups, entry->lookup, parsed->type, deadline_us);
    guint8 digest[DKIM_DIGEST_BYTES];

    entry->public.secure = answer.secure;
    if (answer.key != NULL) {
        entry->public.key_bits = dkim_public_key_bits(answer.key);
        entry->public.testing = dkim_public_key_is_testing(answer.key);
    }
    if (answer.key == NULL && !answer.failed)
        decide(entry, AUTH_PERMERROR, answer.why);
    if (entry->decided) /* if the body was changed, no key need be known */
        return;
    if (answer.key == NULL) {
        decide(entry, AUTH_TEMPERROR, answer.why);
        return;
    }
    if (dkim_public_key_is_strict(answer.key) &&
        g_ascii_strcasecmp(strrchr(parsed->identity, '@') + 1, parsed->domain) != 0) {
        decide(entry, AUTH_PERMERROR, "the key allows no subdomains in i=");
        return;
    }
    if (parsed->type == DKIM_RSA && entry->public.key_bits < v->limits.min_rsa_bits) {
        entry->public.weak = TRUE;
        decide(entry, AUTH_FAIL, "the key is too short");
        return;
    }
    dkim_header_digest(parsed, v->fields, entry->field, digest);
    if (dkim_public_key_verify(answer.key, digest, parsed->signature, parsed->signature_length))
        decide(entry, AUTH_PASS, NULL);
    else
        decide(entry, AUTH_FAIL, "the signature does not fit");
}

void
dkim_verify_finish(struct dkim_verification *v, gint64 now_s, gint64 deadline_us)
{
    gboolean any = FALSE;

    if (v->finished)
        return;
    v->finished = TRUE;
    for (guint i = 0; i < v->entries->len; i++) {
        struct entry *entry = &g_array_index(v->entries, struct entry, i);
        if (!entry->decided)
            check_times(entry, now_s);
        if (entry->decided)
            continue;
        entry->body_hash = dkim_body_hashes_add(v->bodies, entry->parsed->body_canon, entry->parsed->body_limit);
        any = TRUE;
    }
    if (!any)
        return;
    dkim_body_hashes_run(v->bodies, v->message->body, v->message->body_length);
    for (guint i = 0; i < v->entries->len; i++) {
        struct entry *entry = &g_array_index(v->entries, struct entry, i);
        if (entry->decided)
            continue;
        check_body(v, entry);
        check_signature(v, entry, deadline_us);
    }
}

guint
dkim_verify_count(const struct dkim_verification *v)
{
    return v->entries->len;
}

const struct dkim_signature *
dkim_verify_get(const struct dkim_verification *v, guint n)
{
    return &g_array_index(v->entries, struct entry, n).public;
}

guint
dkim_verify_unchecked(const struct dkim_verification *v)
{
    return v->unchecked;
}

void
dkim_verification_free(struct dkim_verification **verification)
{
    struct dkim_verification *v = *verification;

    if (v == NULL)
        return;
    g_array_unref(v->entries);
    dkim_lookups_free(&v->lookups);
    dkim_fields_free(&v->fields);
    dkim_body_hashes_free(&v->bodies);
    g_clear_pointer(verification, g_free);
}
