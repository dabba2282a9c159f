/* auth_policy.c: from results to outcomes.
 *
 * The author domain's wish counts (DMARC: none, quarantine, reject), as far as the settings let it. Mail from known
 * forwarders, and mail that a trusted ARC sealer saw pass DMARC, is let be. Until there is a quarantine, p=quarantine means
 * the Junk folder. */
#include "milters/auth_policy.h"
#include <string.h>

/* Whether name is domain or below it. */
static gboolean
is_within(const char *name, const char *domain)
{
    gsize n = strlen(name), d = strlen(domain);

    return n >= d && g_ascii_strcasecmp(name + n - d, domain) == 0 && (n == d || name[n - d - 1] == '.');
}

/* Whether the result says that DMARC passed, for this author domain as far as it names one. */
static gboolean
says_passed(const struct auth_method_result *r, const char *author_domain)
{
    const char *from;

    if (strcmp(r->method, "dmarc") != 0 || !r->is_known || r->result != AUTH_PASS)
        return FALSE;
    from = auth_results_property(r, "header.from");
    return from == NULL || (author_domain != NULL && dmarc_is_aligned(author_domain, from, TRUE));
}

/* Whether the newest sealer is trusted and says that the message passed DMARC when it came there. */
static gboolean
arc_vouches(const struct config_auth *config, const struct auth_findings *f)
{
    const struct arc_instance *newest;
    struct auth_results *results;
    gboolean trusted = FALSE, passed = FALSE;

    if (f->arc != AUTH_PASS)
        return FALSE;
    newest = arc_verify_get(f->arc_verification, arc_verify_count(f->arc_verification) - 1);
    if (newest->domain == NULL || newest->payload_cut)
        return FALSE;
    for (char **domain = config->arc_trusted; *domain != NULL && !trusted; domain++)
        trusted = is_within(newest->domain, *domain);
    if (!trusted || (results = auth_results_parse(newest->payload, strlen(newest->payload))) == NULL)
        return FALSE;
    for (guint i = 0; i < results->results->len && !passed; i++)
        passed = says_passed(g_ptr_array_index(results->results, i), f->author.domain);
    auth_results_free(&results);
    return passed;
}

static void
mark_junk(const struct config_auth *config, struct transaction *tx, const char *reason)
{
    const char *colon = strchr(config->junk_header, ':');
    g_autofree char *name = g_strndup(config->junk_header, (gsize)(colon - config->junk_header));
    g_autofree char *value = g_strstrip(g_strdup(colon + 1));

    verdict_add(tx->capture->verdict, VERDICT_TAG, "auth", reason, NULL, NULL, 0);
    verdict_edit(tx->capture->verdict, EDIT_ADD_HEADER, 0, name, value);
    tx->auth->disposition = AUTH_JUNKED;
}

static void
refuse(struct transaction *tx, const char *reason, const char *reply)
{
    verdict_add(tx->capture->verdict, VERDICT_REJECT, "auth", reason, reply, NULL, 0);
    tx->auth->disposition = AUTH_REFUSED;
}

static void
apply_dmarc(const struct config_auth *config, gboolean forwarded, struct transaction *tx)
{
    struct auth_findings *f = tx->auth;
    g_autofree char *reason = NULL;

    if (f->dmarc.result != AUTH_FAIL || f->dmarc.applied == DMARC_NONE)
        return;
    if (forwarded) {
        f->override = AUTH_BY_FORWARDER;
        return;
    }
    if (arc_vouches(config, f)) {
        f->override = AUTH_BY_ARC;
        return;
    }
    reason = g_strdup_printf("dmarc=fail policy=%s", dmarc_policy_name(f->dmarc.applied));
    if (f->dmarc.applied == DMARC_REJECT && config->dmarc_reject) {
        g_autofree char *reply = g_strdup_printf("5.7.1 %s asks to refuse mail that fails DMARC, and this message does",
                                                 f->dmarc.record_domain);
        refuse(tx, reason, reply);
        return;
    }
    if (f->dmarc.applied == DMARC_REJECT || !config->dmarc_junk)
        f->override = AUTH_BY_SETTING;
    if (config->dmarc_junk)
        mark_junk(config, tx, reason);
}

void
auth_policy_apply(const struct config_auth *config, const struct networks *forwarders, struct transaction *tx)
{
    struct auth_findings *f = tx->auth;
    gboolean forwarded = networks_contain(forwarders, tx->capture->client_address);

    if (config->spf_reject && f->spf_asked && auth_findings_spf(f) == AUTH_FAIL && !forwarded) {
        g_autoptr(GString) reply = g_string_new("5.7.23 SPF: this client may not send mail of ");

        log_sanitize(reply, f->spf->domain, strlen(f->spf->domain), 253);
        if (f->spf->explanation != NULL)
            g_string_append_printf(reply, "; the domain says: %.200s", f->spf->explanation);
        refuse(tx, "spf=fail", reply->str);
        return;
    }
    if (f->dmarc_asked)
        apply_dmarc(config, forwarded, tx);
}
