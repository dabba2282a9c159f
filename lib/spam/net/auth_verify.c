/* auth_verify.c: DKIM, ARC and DMARC of a message that nobody has looked at: asked for at once, joined when a rule wants to know. */
#include <string.h>
#include "lib/mail/auth/dmarc.h"
#include "lib/spam/net/auth_eval_private.h"
#include "lib/spam/net/auth_known.h"

struct auth_verify {
    struct message *message;
    struct auth_message *view; /* NULL: more header than is looked at */
    GArray *signatures;        /* struct auth_signature */
    struct dkim_verification *dkim;
    struct arc_verification *arc;
    struct dmarc_author author;
    struct dmarc *dmarc;
    GPtrArray *senders;        /* char *, or NULL */
    gboolean dmarc_done;
};

void
auth_verify_start(struct auth_eval *e)
{
    const struct auth_eval_options *options = e->options;
    struct auth_verify *v;

    if (options->message == NULL || (options->parts & (AUTH_PART_DKIM | AUTH_PART_DMARC)) == 0)
        return;
    g_autoptr(GBytes) bytes = g_bytes_new_static(options->message, options->length); /* lives longer than this */
    v = e->verify = g_new0(struct auth_verify, 1);
    v->message = message_new(bytes, NULL);
    v->view = auth_message_new(v->message, NULL);
    v->signatures = g_array_new(FALSE, FALSE, sizeof(struct auth_signature));
    if (v->view == NULL)
        return;
    v->dkim = dkim_verify_start(e->dns, v->view, NULL);
    if ((options->parts & AUTH_PART_DKIM) != 0)
        v->arc = arc_verify_start(e->dns, v->view, NULL);
    if ((options->parts & AUTH_PART_DMARC) == 0)
        return;
    dmarc_author(v->message, &v->author);
    if (v->author.domain != NULL)
        v->dmarc = dmarc_start(options->dns, v->author.domain);
}

void
auth_verify_dkim(struct auth_eval *e)
{
    struct auth_verify *v = e->verify;
    gint64 deadline = auth_deadline(e, "dkim_timeout");

    if (v == NULL || v->view == NULL)
        return;
    if (v->dmarc != NULL) /* first, since it may have to ask once more */
        dmarc_discover(v->dmarc, deadline);
    dkim_verify_finish(v->dkim, e->options->now, deadline);
    auth_known_take_dkim(&e->known, v->signatures, v->dkim);
    if (v->arc == NULL)
        return;
    arc_verify_finish(v->arc, e->options->now, deadline);
    auth_known_take_arc(&e->known, v->view, v->arc);
}

/* The identity that counts: the sender's domain, or, when it is null, the HELO name (RFC 7489 3.1.2). Where only a field of an
 * internal host has a result, that is about the sender in the header. FALSE: nothing is known. */
static gboolean
spf_of(struct auth_eval *e, struct dmarc_spf *spf_r)
{
    const GPtrArray *external = e->options->relays->external;
    const struct spam_relay *hop = external->len > 0 ? g_ptr_array_index(external, 0) : NULL;

    if (hop == NULL || !auth_spf_result(e, e->null_sender, &spf_r->result))
        return FALSE;
    if (e->null_sender) {
        spf_r->domain = hop->helo;
    } else if (e->spf_sender == NULL) {
        e->verify->senders = auth_values(e, "EnvelopeFrom:first:addr:host");
        spf_r->domain = e->verify->senders->len > 0 ? g_ptr_array_index(e->verify->senders, 0) : NULL;
    } else {
        const char *at = strrchr(e->spf_sender, '@');
        spf_r->domain = at != NULL ? at + 1 : e->spf_sender;
    }
    return TRUE;
}

void
auth_verify_dmarc(struct auth_eval *e)
{
    struct auth_verify *v = e->verify;
    struct dmarc_spf spf;
    struct dmarc_result result = {0};

    if (v == NULL || v->dmarc == NULL || v->dmarc_done)
        return;
    v->dmarc_done = TRUE;
    auth_dkim_ready(e);
    guint n = dkim_verify_count(v->dkim);
    g_autofree struct dmarc_dkim *signatures = g_new0(struct dmarc_dkim, n + 1);
    const struct dmarc_input input = {.spf = spf_of(e, &spf) ? &spf : NULL, .signatures = signatures, .n_signatures = n,
                                      .sample = (guint)g_random_int_range(0, 100)};
    for (guint i = 0; i < n; i++) {
        const struct dkim_signature *found = dkim_verify_get(v->dkim, i);
        signatures[i] = (struct dmarc_dkim){found->result, found->domain};
    }
    dmarc_finish(v->dmarc, &input, auth_deadline(e, "dkim_timeout"), &result);
    e->known.has_dmarc = TRUE;
    e->known.dmarc = result.result;
    e->known.dmarc_policy = dmarc_policy_name(result.applied);
    dmarc_result_clear(&result);
}

void
auth_verify_clear(struct auth_eval *e)
{
    struct auth_verify *v = e->verify;

    if (v == NULL)
        return;
    dkim_verification_free(&v->dkim);
    arc_verification_free(&v->arc);
    dmarc_free(&v->dmarc);
    dmarc_author_clear(&v->author);
    auth_message_free(&v->view); /* the verifications borrowed it */
    message_free(&v->message);
    g_array_unref(v->signatures);
    g_clear_pointer(&v->senders, g_ptr_array_unref);
    g_clear_pointer(&e->verify, g_free);
}
