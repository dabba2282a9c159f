/* spam_known.c: translates findings on SPF, DKIM, ARC and DMARC for the rules. */
#include "milters/spam_known.h"
#include "lib/spam/net/auth_known.h"

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

void
spam_known_init(struct spam_known *known, const struct auth_findings *findings, const struct capture *capture)
{
    *known = (struct spam_known){.signatures = g_array_new(FALSE, FALSE, sizeof(struct auth_signature))};
    if (findings == NULL)
        return;
    take_spf(&known->known, findings, capture);
    if (findings->dkim_verification != NULL)
        auth_known_take_dkim(&known->known, known->signatures, findings->dkim_verification);
    if (findings->arc_verification != NULL)
        auth_known_take_arc(&known->known, findings->view, findings->arc_verification);
    known->known.has_dmarc = findings->dmarc_asked && findings->author.domain != NULL;
    known->known.dmarc = findings->dmarc.result;
    known->known.dmarc_policy = dmarc_policy_name(findings->dmarc.applied);
}

void
spam_known_clear(struct spam_known *known)
{
    g_clear_pointer(&known->signatures, g_array_unref);
}
