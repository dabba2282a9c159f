/* dkim_sign.c: the values of DKIM-Signature fields. */
#include "lib/mail/auth/dkim_sign.h"
#include "lib/mail/auth/dkim_signature.h"
#include <string.h>

#define SIGNATURE_FIELD "DKIM-Signature"

/* What all signatures of one message share. */
struct job {
    const struct dkim_sign_options *options;
    struct dkim_fields *fields;
    char **names;
    char *h, *c, *bh;
    GString *canonical; /* the signed fields */
};

/* dkim-quoted-printable (RFC 6376 2.11). NULL unless the identity is within the domain. */
static char *
encode_identity(const char *identity, const char *domain)
{
    const char *at = strrchr(identity, '@');
    GString *out = g_string_new(NULL);

    if (at == NULL || !dkim_is_within(at + 1, domain) || !g_utf8_validate(identity, -1, NULL)) {
        g_string_free(out, TRUE);
        return NULL;
    }
    for (const char *c = identity; *c != '\0'; c++)
        if (g_ascii_isgraph(*c) && *c != '=' && *c != ';')
            g_string_append_c(out, *c);
        else
            g_string_append_printf(out, "=%02X", (guint)(guchar)*c);
    return g_string_free(out, FALSE);
}

static gboolean
check_signer(const struct dkim_signer *signer, GError **error)
{
    if (!dkim_compose_check(signer->domain, signer->selector, error))
        return FALSE;
    g_autofree char *identity = signer->identity != NULL ? encode_identity(signer->identity, signer->domain) : NULL;
    if (signer->identity == NULL || identity != NULL)
        return TRUE;
    g_set_error_literal(error, DKIM_SIGN_ERROR, DKIM_SIGN_ERROR_ARGUMENT, "the identity is not within the domain");
    return FALSE;
}

/* All but the value of b=, which comes last, so that it changes no fold before it. */
static void
compose(const struct job *job, const struct dkim_signer *signer, struct dkim_composer *composer)
{
    g_autofree char *identity = signer->identity != NULL ? encode_identity(signer->identity, signer->domain) : NULL;

    dkim_compose_tag(composer, "v", "1", DKIM_WHOLE, FALSE);
    dkim_compose_tag(composer, "a", dkim_algorithm_name(dkim_key_type(signer->key)), DKIM_WHOLE, FALSE);
    dkim_compose_tag(composer, "c", job->c, DKIM_WHOLE, FALSE);
    dkim_compose_tag(composer, "d", signer->domain, DKIM_WHOLE, FALSE);
    dkim_compose_tag(composer, "s", signer->selector, DKIM_WHOLE, FALSE);
    if (identity != NULL)
        dkim_compose_tag(composer, "i", identity, DKIM_WHOLE, FALSE);
    dkim_compose_number(composer, "t", (guint64)job->options->now_s);
    if (job->options->lifetime_s > 0)
        dkim_compose_number(composer, "x", (guint64)job->options->now_s + (guint64)job->options->lifetime_s);
    dkim_compose_tag(composer, "h", job->h, DKIM_SPLIT_COLONS, FALSE);
    dkim_compose_tag(composer, "bh", job->bh, DKIM_SPLIT_ANYWHERE, TRUE);
    dkim_compose_tag(composer, "b", "", DKIM_WHOLE, TRUE);
}

static char *
sign_once(const struct job *job, const struct dkim_signer *signer, GError **error)
{
    g_autoptr(GString) text = g_string_new_len(job->canonical->str, (gssize)job->canonical->len);
    struct dkim_composer composer = {.out = g_string_new(NULL), .column = sizeof SIGNATURE_FIELD + 1};
    guint8 digest[DKIM_DIGEST_BYTES];

    compose(job, signer, &composer);
    GString *field = dkim_compose_field(SIGNATURE_FIELD, composer.out->str);
    dkim_canon_signature(job->options->header_canon, field->str, field->len, text);
    g_string_free(field, TRUE);
    dkim_digest(text, digest);
    g_autofree char *signature = dkim_key_sign(signer->key, digest, error);
    if (signature == NULL) {
        g_string_free(composer.out, TRUE);
        return NULL;
    }
    for (const char *at = signature; *at != '\0';) {
        gsize n = MIN(strlen(at), DKIM_FOLD_COLUMN - composer.column);
        g_string_append_len(composer.out, at, (gssize)n);
        at += n;
        if (*at != '\0')
            g_string_append(composer.out, "\n\t");
        composer.column = 8;
    }
    return g_string_free(composer.out, FALSE);
}

static void
prepare(struct job *job, const struct auth_message *message)
{
    struct dkim_body_hashes *bodies = dkim_body_hashes_new();
    guint n = dkim_body_hashes_add(bodies, job->options->body_canon, DKIM_BODY_ALL);

    dkim_body_hashes_run(bodies, message->body, message->body_length);
    job->bh = g_base64_encode(dkim_body_hashes_digest(bodies, n), DKIM_DIGEST_BYTES);
    dkim_body_hashes_free(&bodies);
    job->h = g_strjoinv(":", job->names);
    job->c = g_strdup_printf("%s/%s", dkim_canon_name(job->options->header_canon), dkim_canon_name(job->options->body_canon));
    job->canonical = g_string_new(NULL);
    dkim_fields_select(job->fields, job->names, job->options->header_canon, job->canonical);
}

static void
job_clear(struct job *job)
{
    g_strfreev(job->names);
    g_free(job->h);
    g_free(job->c);
    g_free(job->bh);
    if (job->canonical != NULL)
        g_string_free(job->canonical, TRUE);
    dkim_fields_free(&job->fields);
}

GPtrArray *
dkim_sign(const struct auth_message *message, const struct dkim_signer *signers, guint n_signers,
          const struct dkim_sign_options *options, GError **error)
{
    struct job job = {.options = options};
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);

    if (options->now_s < 0 || options->lifetime_s < 0 || options->lifetime_s > G_MAXINT64 - options->now_s) {
        g_set_error_literal(error, DKIM_SIGN_ERROR, DKIM_SIGN_ERROR_ARGUMENT, "the time to sign with is none");
        return NULL;
    }
    for (guint i = 0; i < n_signers; i++)
        if (!check_signer(&signers[i], error))
            return NULL;
    job.fields = dkim_fields_new(message);
    job.names = dkim_compose_names(job.fields, options->fields, options->oversigned, NULL, error);
    if (job.names == NULL) {
        job_clear(&job);
        return NULL;
    }
    prepare(&job, message);
    for (guint i = 0; i < n_signers; i++) {
        char *value = sign_once(&job, &signers[i], error);
        if (value == NULL)
            break;
        g_ptr_array_add(values, value);
    }
    job_clear(&job);
    return values->len == n_signers ? g_steal_pointer(&values) : NULL;
}
