/* arc_seal.c: adds a set to a chain (RFC 8617 5.1).
 *
 * Tags stand in the order of the alphabet, b= second: the value is written twice, first with an empty b=. In relaxed form
 * (the only one here) a fold between tags is a space like any other; so that the folds within h= do not move with
 * the length of b=, h= begins a line. */
#include "lib/mail/auth/arc_sets.h"
#include <string.h>

static const char *const never_signed[] = {"Authentication-Results", "ARC-", NULL}; /* RFC 8617 4.1.2, 5.1 */

struct job {
    const struct auth_message *message;
    const struct arc_seal_options *options;
    struct dkim_fields *fields;
    struct arc_sets *sets;
    guint instance;
};

static gboolean
fail(GError **error, enum dkim_sign_error code, const char *text)
{
    g_set_error_literal(error, DKIM_SIGN_ERROR, code, text);
    return FALSE;
}

/* Text, with folds; no empty line, which would end the header. */
static gboolean
is_payload(const char *text)
{
    if (*text == '\0' || !g_utf8_validate(text, -1, NULL))
        return FALSE;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n') {
            const char *next = c + 1 + strspn(c + 1, " \t");
            if (next == c + 1 || *next == '\n' || *next == '\0')
                return FALSE;
        } else if (((guchar)*c < ' ' && *c != '\t') || *c == 0x7f)
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_options(const struct arc_seal_options *options, GError **error)
{
    if (!dkim_compose_check(options->domain, options->selector, error))
        return FALSE;
    if (!is_payload(options->payload))
        return fail(error, DKIM_SIGN_ERROR_ARGUMENT, "the authentication results are no value of a field");
    if (options->now_s < 0)
        return fail(error, DKIM_SIGN_ERROR_ARGUMENT, "the time to sign with is none");
    return TRUE;
}

/* A chain that was sealed as failed gets no more sets; one that is broken gets a last one. */
static gboolean
check_chain(const struct job *job, GError **error)
{
    const struct arc_sets *sets = job->sets;
    enum auth_result cv = job->options->cv;
    const struct dkim_parsed *last = sets->count > 0 ? sets->sets[sets->count - 1].parsed_seal : NULL;

    if (cv != AUTH_NONE && cv != AUTH_PASS && cv != AUTH_FAIL)
        return fail(error, ARC_SEAL_ERROR_CHAIN, "whether the chain holds is not known");
    if (last != NULL && arc_cv(last) == AUTH_FAIL)
        return fail(error, ARC_SEAL_ERROR_CHAIN, "the chain was sealed as failed");
    if (sets->count >= ARC_INSTANCES_MAX)
        return fail(error, ARC_SEAL_ERROR_CHAIN, "the chain is at its end");
    if (cv != AUTH_FAIL && (sets->why != NULL || (cv == AUTH_NONE) != (sets->count == 0)))
        return fail(error, ARC_SEAL_ERROR_CHAIN, "the chain is not what cv= would say");
    return TRUE;
}

static void
compose_signature(const struct job *job, const char *h, const char *bh, const char *b, GString *out)
{
    struct dkim_composer c = {.out = out, .column = sizeof ARC_SIGNATURE_FIELD + 1, .unfolded = job->options->unfolded};

    g_string_truncate(out, 0);
    dkim_compose_tag(&c, "a", dkim_algorithm_name(dkim_key_type(job->options->key)), DKIM_WHOLE, FALSE);
    dkim_compose_tag(&c, "b", b, DKIM_SPLIT_ANYWHERE, FALSE);
    dkim_compose_tag(&c, "bh", bh, DKIM_WHOLE, TRUE);
    dkim_compose_tag(&c, "c", "relaxed/relaxed", DKIM_WHOLE, FALSE);
    dkim_compose_tag(&c, "d", job->options->domain, DKIM_WHOLE, FALSE);
    dkim_compose_tag(&c, "h", h, DKIM_SPLIT_COLONS, TRUE);
    dkim_compose_number(&c, "i", job->instance);
    dkim_compose_tag(&c, "s", job->options->selector, DKIM_WHOLE, FALSE);
    dkim_compose_number(&c, "t", (guint64)job->options->now_s);
}

static void
compose_seal(const struct job *job, const char *b, GString *out)
{
    struct dkim_composer c = {.out = out, .column = sizeof ARC_SEAL_FIELD + 1, .unfolded = job->options->unfolded};

    g_string_truncate(out, 0);
    dkim_compose_tag(&c, "a", dkim_algorithm_name(dkim_key_type(job->options->key)), DKIM_WHOLE, FALSE);
    dkim_compose_tag(&c, "b", b, DKIM_SPLIT_ANYWHERE, FALSE);
    dkim_compose_tag(&c, "cv", auth_result_name(job->options->cv), DKIM_WHOLE, FALSE);
    dkim_compose_tag(&c, "d", job->options->domain, DKIM_WHOLE, FALSE);
    dkim_compose_number(&c, "i", job->instance);
    dkim_compose_tag(&c, "s", job->options->selector, DKIM_WHOLE, FALSE);
    dkim_compose_number(&c, "t", (guint64)job->options->now_s);
}

static char *
body_hash(const struct auth_message *message)
{
    struct dkim_body_hashes *bodies = dkim_body_hashes_new();
    guint n = dkim_body_hashes_add(bodies, DKIM_RELAXED, DKIM_BODY_ALL);

    dkim_body_hashes_run(bodies, message->body, message->body_length);
    char *bh = g_base64_encode(dkim_body_hashes_digest(bodies, n), DKIM_DIGEST_BYTES);
    dkim_body_hashes_free(&bodies);
    return bh;
}

/* The value of ARC-Message-Signature. */
static char *
sign_message(const struct job *job, GError **error)
{
    g_auto(GStrv) names =
        dkim_compose_names(job->fields, job->options->fields, job->options->oversigned, never_signed, error);
    guint8 digest[DKIM_DIGEST_BYTES];

    if (names == NULL)
        return NULL;
    g_autofree char *h = g_strjoinv(":", names), *bh = body_hash(job->message);
    g_autoptr(GString) value = g_string_new(NULL), text = g_string_new(NULL);
    dkim_fields_select(job->fields, names, DKIM_RELAXED, text);
    compose_signature(job, h, bh, "", value);
    g_autoptr(GString) field = dkim_compose_field(ARC_SIGNATURE_FIELD, value->str);
    dkim_canon_signature(DKIM_RELAXED, field->str, field->len, text);
    dkim_digest(text, digest);
    g_autofree char *b = dkim_key_sign(job->options->key, digest, error);
    if (b == NULL)
        return NULL;
    compose_signature(job, h, bh, b, value);
    return g_string_free(g_steal_pointer(&value), FALSE);
}

/* The value of ARC-Seal, over all sets; over its own only when the chain has failed (RFC 8617 5.1.2). */
static char *
seal_sets(const struct job *job, const struct arc_set *set, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL), value = g_string_new(NULL);
    g_autoptr(GString) results = dkim_compose_field(ARC_RESULTS_FIELD, set->results);
    g_autoptr(GString) signature = dkim_compose_field(ARC_SIGNATURE_FIELD, set->signature);
    guint8 digest[DKIM_DIGEST_BYTES];

    compose_seal(job, "", value);
    g_autoptr(GString) seal = dkim_compose_field(ARC_SEAL_FIELD, value->str);
    for (guint i = 0; job->options->cv == AUTH_PASS && i < job->sets->count; i++)
        arc_append_set(&job->sets->sets[i], FALSE, text);
    struct auth_field fields[3] = {{.raw = results->str, .length = results->len},
                                   {.raw = signature->str, .length = signature->len},
                                   {.raw = seal->str, .length = seal->len}};
    struct arc_fields own = {.results = &fields[0], .signature = &fields[1], .seal = &fields[2]};
    arc_append_set(&own, TRUE, text);
    dkim_digest(text, digest);
    g_autofree char *b = dkim_key_sign(job->options->key, digest, error);
    if (b == NULL)
        return NULL;
    compose_seal(job, b, value);
    return g_string_free(g_steal_pointer(&value), FALSE);
}

void
arc_set_clear(struct arc_set *set)
{
    g_clear_pointer(&set->seal, g_free);
    g_clear_pointer(&set->signature, g_free);
    g_clear_pointer(&set->results, g_free);
}

gboolean
arc_seal(const struct auth_message *message, const struct arc_seal_options *options, struct arc_set *set_r, GError **error)
{
    struct job job = {.message = message, .options = options};

    *set_r = (struct arc_set){0};
    if (!check_options(options, error))
        return FALSE;
    job.fields = dkim_fields_new(message);
    job.sets = arc_sets_new(job.fields, 0);
    if (check_chain(&job, error)) {
        set_r->instance = job.instance = job.sets->count + 1;
        set_r->results = g_strdup_printf("i=%u; %s", job.instance, options->payload);
        set_r->signature = sign_message(&job, error);
        set_r->seal = set_r->signature != NULL ? seal_sets(&job, set_r, error) : NULL;
    }
    arc_sets_free(&job.sets);
    dkim_fields_free(&job.fields);
    if (set_r->seal != NULL)
        return TRUE;
    arc_set_clear(set_r);
    return FALSE;
}
