/* spam_known.c: translates findings on SPF, DKIM, ARC and DMARC for the rules. */
#include "milters/spam_known.h"

/* A sender that is null was checked as postmaster of the HELO name, which is what rules on HELO mean. What did not come in time is
 * not known. */
static void
take_spf(struct auth_known *known, const struct auth_findings *findings, const struct capture *capture)
{
    if (findings->spf == NULL)
        return;
    if (capture->mail_from[0] == '\0') {
        known->has_spf_helo = TRUE;
        known->spf_helo = findings->spf->result;
    } else {
        known->has_spf = TRUE;
        known->spf = findings->spf->result;
    }
}

static void
take_dkim(struct spam_known *known, const struct dkim_verification *verification)
{
    if (verification == NULL)
        return;
    known->known.has_dkim = TRUE;
    for (guint i = 0; i < dkim_verify_count(verification); i++) {
        const struct dkim_signature *found = dkim_verify_get(verification, i);
        struct auth_signature signature = {.result = found->result, .domain = found->domain, .identity = found->identity,
                                           .selector = found->selector, .key_bits = found->key_bits};
        g_array_append_val(known->signatures, signature);
    }
    known->known.signatures = (const struct auth_signature *)known->signatures->data;
    known->known.n_signatures = known->signatures->len;
}

static void
take_arc(struct auth_known *known, const struct auth_findings *findings)
{
    guint n = findings->arc_verification != NULL ? arc_verify_count(findings->arc_verification) : 0;

    known->arc_signed = findings->arc_verification != NULL && findings->arc != AUTH_NONE;
    for (guint i = 0; i < n; i++) {
        const struct arc_instance *instance = arc_verify_get(findings->arc_verification, i);
        known->arc_valid = known->arc_valid || instance->seal == AUTH_PASS || instance->signature == AUTH_PASS;
    }
}

void
spam_known_init(struct spam_known *known, const struct auth_findings *findings, const struct capture *capture)
{
    *known = (struct spam_known){.signatures = g_array_new(FALSE, FALSE, sizeof(struct auth_signature))};
    if (findings == NULL)
        return;
    take_spf(&known->known, findings, capture);
    take_dkim(known, findings->dkim_verification);
    take_arc(&known->known, findings);
    known->known.has_dmarc = findings->dmarc_asked && findings->author.domain != NULL;
    known->known.dmarc = findings->dmarc.result;
    known->known.dmarc_policy = dmarc_policy_name(findings->dmarc.applied);
}

void
spam_known_clear(struct spam_known *known)
{
    g_clear_pointer(&known->signatures, g_array_unref);
}
