/* arc.c: whether a chain holds (RFC 8617 5.2). */
#include "lib/mail/auth/arc_sets.h"
#include <string.h>

struct checked {
    struct arc_instance public;
    gint seal_lookup, signature_lookup;
    guint body_hash;
};
struct arc_verification {
    const struct auth_message *message;
    struct dkim_limits limits;
    struct dkim_lookups *lookups;
    struct dkim_fields *fields;
    struct arc_sets *sets;
    GArray *instances; /* struct checked; none unless the sets are whole */
    enum auth_result result;
    const char *why;
    guint oldest_pass;
    gboolean decided;
};

static void
decide(struct arc_verification *v, enum auth_result result, const char *why)
{
    v->result = result;
    v->why = why;
    v->decided = TRUE;
}

/* ---- start ---- */

/* Unfolded, valid, without control characters, not longer than the cap. */
static char *
payload_text(const struct arc_fields *set, gboolean *cut_r)
{
    g_autoptr(GString) out = g_string_new(NULL);
    gsize length = MIN(set->payload_length, ARC_PAYLOAD_BYTES_MAX);

    *cut_r = length < set->payload_length;
    for (gsize i = 0; i < length; i++) {
        char c = set->payload[i];
        if (c == '\r' || c == '\n')
            continue;
        g_string_append_c(out, c == '\t' ? ' ' : (guchar)c < ' ' || c == 0x7f ? '?' : c);
    }
    g_autofree char *valid = g_utf8_make_valid(out->str, (gssize)out->len);
    GString *text = g_string_new(NULL);
    for (const char *c = valid; *c != '\0'; c = g_utf8_next_char(c)) {
        gunichar u = g_utf8_get_char(c);
        if (text->len + 6 > ARC_PAYLOAD_BYTES_MAX) { /* U+FFFD is longer than what it stands for */
            *cut_r = TRUE;
            break;
        }
        g_string_append_unichar(text, g_unichar_iscntrl(u) ? '?' : u);
    }
    return g_strstrip(g_string_free(text, FALSE));
}

/* What each seal must say of those before it. */
static const char *
check_cv(const struct arc_verification *v, guint i)
{
    enum auth_result cv = arc_cv(v->sets->sets[i].parsed_seal);

    if (cv == AUTH_PERMERROR)
        return "a seal has no good cv=";
    if (cv == AUTH_FAIL)
        return "the chain was sealed as failed";
    return cv == (i == 0 ? AUTH_NONE : AUTH_PASS) ? NULL : "a seal's cv= does not fit its place";
}

static void
start_instance(struct arc_verification *v, guint i)
{
    const struct arc_fields *set = &v->sets->sets[i];
    const struct dkim_parsed *seal = set->parsed_seal, *signature = set->parsed_signature;
    struct checked checked = {.public.instance = i + 1, .public.cv = arc_cv(seal), .seal_lookup = -1, .signature_lookup = -1};

    if (seal->domain != NULL && dns_name_is_valid(seal->domain))
        checked.public.domain = g_strdup(seal->domain);
    if (seal->selector != NULL && dns_name_is_valid(seal->selector))
        checked.public.selector = g_strdup(seal->selector);
    checked.public.payload = payload_text(set, &checked.public.payload_cut);
    const char *why = check_cv(v, i);
    if (why == NULL && seal->why != NULL)
        why = seal->why;
    if (why == NULL && i + 1 == v->sets->count && signature->why != NULL)
        why = signature->why; /* earlier ones may be anything: they are not needed */
    if (why != NULL && !v->decided)
        decide(v, AUTH_FAIL, why);
    g_array_append_val(v->instances, checked);
}

static void
start_lookups(struct arc_verification *v, guint i)
{
    struct checked *checked = &g_array_index(v->instances, struct checked, i);
    const struct dkim_parsed *seal = v->sets->sets[i].parsed_seal, *signature = v->sets->sets[i].parsed_signature;

    checked->seal_lookup = dkim_lookups_add(v->lookups, seal->selector, seal->domain);
    if (signature->why == NULL)
        checked->signature_lookup = dkim_lookups_add(v->lookups, signature->selector, signature->domain);
}

static void
checked_clear(gpointer data)
{
    struct checked *checked = data;

    g_free(checked->public.domain);
    g_free(checked->public.selector);
    g_free(checked->public.payload);
}

struct arc_verification *
arc_verify_start(struct dns *dns, const struct auth_message *message, const struct dkim_limits *limits)
{
    struct arc_verification *v = g_new0(struct arc_verification, 1);

    v->message = message;
    if (limits != NULL)
        v->limits = *limits;
    if (v->limits.min_rsa_bits == 0)
        v->limits.min_rsa_bits = DKIM_RSA_BITS_MIN;
    v->lookups = dkim_lookups_new(dns);
    v->fields = dkim_fields_new(message);
    v->sets = arc_sets_new(v->fields, v->limits.tag_list_bytes);
    v->instances = g_array_new(FALSE, TRUE, sizeof(struct checked));
    g_array_set_clear_func(v->instances, checked_clear);
    if (v->sets->why != NULL)
        decide(v, AUTH_FAIL, v->sets->why);
    else if (v->sets->count == 0)
        decide(v, AUTH_NONE, NULL);
    for (guint i = 0; v->sets->why == NULL && i < v->sets->count; i++)
        start_instance(v, i);
    for (guint i = 0; !v->decided && i < v->sets->count; i++)
        start_lookups(v, i);
    return v;
}

/* ---- finish ---- */

/* PASS, FAIL or TEMPERROR, with why. */
static enum auth_result
check_key(struct arc_verification *v, const struct dkim_parsed *parsed, gint lookup, const guint8 *digest, gint64 deadline_us,
          const char **why_r)
{
    if (lookup < 0) {
        *why_r = "d= and s= make no name";
        return AUTH_FAIL;
    }
    struct dkim_answer answer = dkim_lookups_get(v->lookups, lookup, parsed->type, deadline_us);
    if (answer.key == NULL) {
        *why_r = answer.why;
        return answer.failed ? AUTH_TEMPERROR : AUTH_FAIL;
    }
    *why_r = "the key is too short";
    if (parsed->type == DKIM_RSA && dkim_public_key_bits(answer.key) < v->limits.min_rsa_bits)
        return AUTH_FAIL;
    *why_r = "a signature does not fit";
    return dkim_public_key_verify(answer.key, digest, parsed->signature, parsed->signature_length) ? AUTH_PASS : AUTH_FAIL;
}

static void
check_seal(struct arc_verification *v, guint i, const GString *earlier, gint64 deadline_us, const char **why_r)
{
    struct checked *checked = &g_array_index(v->instances, struct checked, i);
    g_autoptr(GString) text = g_string_new_len(earlier->str, (gssize)earlier->len);
    guint8 digest[DKIM_DIGEST_BYTES];

    arc_append_set(&v->sets->sets[i], TRUE, text);
    dkim_digest(text, digest);
    checked->public.seal =
        check_key(v, v->sets->sets[i].parsed_seal, checked->seal_lookup, digest, deadline_us, why_r);
}

static void
check_signature(struct arc_verification *v, guint i, const struct dkim_body_hashes *bodies, gint64 now_s, gint64 deadline_us,
                const char **why_r)
{
    struct checked *checked = &g_array_index(v->instances, struct checked, i);
    const struct arc_fields *set = &v->sets->sets[i];
    const struct dkim_parsed *parsed = set->parsed_signature;
    guint8 digest[DKIM_DIGEST_BYTES];

    checked->public.signature = AUTH_FAIL;
    *why_r = parsed->why;
    if (parsed->why != NULL)
        return;
    *why_r = "the message signature has expired";
    if (parsed->expires_at < (guint64)MAX(now_s - DKIM_CLOCK_SKEW_S, 0))
        return;
    *why_r = "the body was changed";
    if (memcmp(dkim_body_hashes_digest(bodies, checked->body_hash), parsed->body_digest, DKIM_DIGEST_BYTES) != 0)
        return;
    *why_r = "l= is beyond the body";
    if (parsed->body_limit != DKIM_BODY_ALL && parsed->body_limit > dkim_body_hashes_length(bodies, checked->body_hash))
        return;
    dkim_header_digest(parsed, v->fields, set->signature, digest);
    checked->public.signature = check_key(v, parsed, checked->signature_lookup, digest, deadline_us, why_r);
}

/* What is found out decides; what is not known decides only if nothing else does. */
static void
note(struct arc_verification *v, enum auth_result result, const char *why)
{
    if (result != AUTH_PASS && (!v->decided || (v->result == AUTH_TEMPERROR && result == AUTH_FAIL)))
        decide(v, result, why);
}

static void
check_seals(struct arc_verification *v, gint64 deadline_us)
{
    g_autoptr(GString) earlier = g_string_new(NULL);

    for (guint i = 0; i < v->sets->count; i++) {
        const char *why = NULL;
        check_seal(v, i, earlier, deadline_us, &why);
        note(v, g_array_index(v->instances, struct checked, i).public.seal, why);
        arc_append_set(&v->sets->sets[i], FALSE, earlier);
    }
}

/* The newest must hold; of the others one looks how far back they do. */
static void
check_signatures(struct arc_verification *v, gint64 now_s, gint64 deadline_us)
{
    struct dkim_body_hashes *bodies = dkim_body_hashes_new();
    guint i = v->sets->count;

    for (guint n = 0; n < v->sets->count; n++) {
        const struct dkim_parsed *parsed = v->sets->sets[n].parsed_signature;
        if (parsed->why == NULL)
            g_array_index(v->instances, struct checked, n).body_hash =
                dkim_body_hashes_add(bodies, parsed->body_canon, parsed->body_limit);
    }
    dkim_body_hashes_run(bodies, v->message->body, v->message->body_length);
    while (i > 0) {
        const char *why = NULL;
        check_signature(v, i - 1, bodies, now_s, deadline_us, &why);
        enum auth_result result = g_array_index(v->instances, struct checked, i - 1).public.signature;
        if (i == v->sets->count)
            note(v, result, why);
        if (result != AUTH_PASS)
            break;
        i--;
    }
    v->oldest_pass = i == 0 ? 0 : i + 1;
    dkim_body_hashes_free(&bodies);
}

enum auth_result
arc_verify_finish(struct arc_verification *v, gint64 now_s, gint64 deadline_us)
{
    if (v->decided)
        return v->result;
    check_signatures(v, now_s, deadline_us);
    check_seals(v, deadline_us); /* of a message that was changed since, too: who has sealed it is told all the same */
    if (!v->decided)
        decide(v, AUTH_PASS, NULL);
    return v->result;
}

const char *
arc_verify_why(const struct arc_verification *v)
{
    return v->why;
}

guint
arc_verify_count(const struct arc_verification *v)
{
    return v->instances->len;
}

const struct arc_instance *
arc_verify_get(const struct arc_verification *v, guint n)
{
    return &g_array_index(v->instances, struct checked, n).public;
}

guint
arc_verify_oldest_pass(const struct arc_verification *v)
{
    return v->oldest_pass;
}

void
arc_verification_free(struct arc_verification **verification)
{
    struct arc_verification *v = *verification;

    if (v == NULL)
        return;
    g_array_unref(v->instances);
    arc_sets_free(&v->sets);
    dkim_lookups_free(&v->lookups);
    dkim_fields_free(&v->fields);
    g_clear_pointer(verification, g_free);
}
