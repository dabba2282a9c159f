/* results_tally.c: from what is known of a message to a row of a DMARC report (RFC 7489 7.2 and appendix C).
 *
 * The disposition is what was done with the message for DMARC's sake. When another module decided over it,
 * that is none, as the format can say no more, and a reason says that the domain's wish was not what counted,
 * if it had one. */
#include <string.h>
#include "lib/mail/address.h"
#include "lib/mail/auth/psl.h"
#include "milters/results.h"

static const char *
pass_or_fail(gboolean pass)
{
    return pass ? "pass" : "fail";
}

/* A name for a list of words: as it is asked for, or what there is of it in printable ASCII. "" stays "". */
static char *
name_word(const char *name)
{
    g_autofree char *word = psl_dns_name(name, -1);

    if (word != NULL)
        return g_steal_pointer(&word);
    word = g_strdup(name);
    for (char *p = word; *p != '\0'; p++)
        if (!g_ascii_isgraph(*p) || *p == ';')
            *p = '?';
    return g_steal_pointer(&word);
}

static char *
domain_of(const char *mailbox)
{
    const char *domain = address_domain(mailbox);

    return name_word(domain != NULL ? domain : "");
}

/* The domain of all recipients; "" when they are in several. */
static char *
recipients_domain(const struct capture *capture)
{
    g_autofree char *common = NULL;

    for (guint i = 0; i < capture->recipients->len; i++) {
        const struct capture_recipient *recipient = g_ptr_array_index(capture->recipients, i);
        g_autofree char *domain = domain_of(recipient->original);

        if (common != NULL && strcmp(common, domain) != 0)
            return g_strdup("");
        g_free(common);
        common = g_steal_pointer(&domain);
    }
    return common != NULL ? g_steal_pointer(&common) : g_strdup("");
}

static void
add_signatures(GString *out, const struct dkim_verification *verification, gboolean passed, guint *left)
{
    guint n = verification != NULL ? dkim_verify_count(verification) : 0;

    for (guint i = 0; i < n && *left > 0; i++) {
        const struct dkim_signature *s = dkim_verify_get(verification, i);
        g_autofree char *domain = NULL, *selector = NULL;

        if (s->domain == NULL || (s->result == AUTH_PASS) != passed)
            continue;
        domain = name_word(s->domain);
        selector = name_word(s->selector != NULL ? s->selector : "");
        g_string_append_printf(out, "%s%s %s %s", out->len > 0 ? "; " : "", domain, selector,
                               auth_result_name(s->result));
        --*left;
    }
}

static char *
dkim_text(const struct auth_findings *f)
{
    GString *out = g_string_new(NULL);
    guint left = DMARC_STORE_SIGNATURES_MAX;

    add_signatures(out, f->dkim_verification, TRUE, &left);
    add_signatures(out, f->dkim_verification, FALSE, &left);
    return g_string_free(out, FALSE);
}

/* The identity that DMARC looks at, also when SPF's answer did not come. */
static char *
spf_text(const struct auth_findings *f, const struct capture *capture)
{
    gboolean helo = f->spf != NULL ? f->spf->identity == SPF_HELO : capture->mail_from[0] == '\0';
    g_autofree char *domain = NULL;

    if (!f->spf_asked)
        return g_strdup("");
    domain = f->spf != NULL ? name_word(f->spf->domain)
             : helo         ? name_word(capture->helo)
                            : domain_of(capture->mail_from);
    return g_strdup_printf("%s %s %s", domain, helo ? "helo" : "mfrom",
                           auth_result_name(auth_findings_spf(f)));
}

/* Whether another module decided: the message was not let through, and not because of what we found. One that
 * the domain wants in quarantine, and another module puts there, is where the domain wants it. */
static gboolean
is_overtaken(const struct auth_findings *f, enum verdict_action action)
{
    return action > VERDICT_TAG && f->disposition != AUTH_REFUSED &&
           !(action == VERDICT_QUARANTINE && f->disposition == AUTH_JUNKED);
}

/* What kept the domain's wish from being done (RFC 7489 appendix C, PolicyOverrideType). */
static void
set_reason(struct dmarc_tally *tally, const struct auth_findings *f, enum verdict_action action)
{
    g_autofree char *fate = NULL;
    static const struct {
        const char *type, *comment;
    } reasons[] = {
        [AUTH_NO_OVERRIDE] = {NULL, NULL},
        [AUTH_BY_FORWARDER] = {"trusted_forwarder", NULL},
        [AUTH_BY_ARC] = {"local_policy", "arc=pass"},
        [AUTH_BY_SETTING] = {"local_policy", NULL},
    };
    const char *type = reasons[f->override].type, *comment = reasons[f->override].comment;

    if (is_overtaken(f, action) && f->dmarc.applied != DMARC_NONE) {
        type = "local_policy";
        comment = fate = g_strdup_printf("other filter: %s", verdict_action_name(action));
    } else if (type == NULL && f->disposition == AUTH_REFUSED && f->dmarc.applied != DMARC_REJECT) {
        type = "local_policy";
        comment = "spf=fail";
    } else if (type == NULL && f->dmarc.is_sampled_out) {
        type = "sampled_out";
    } else if (type == NULL && f->dmarc.result == AUTH_TEMPERROR) { /* neither aligned nor known not to be */
        type = "other";
        comment = "dmarc=temperror";
    }
    dmarc_tally_set(tally, TALLY_REASON, type);
    dmarc_tally_set(tally, TALLY_COMMENT, comment);
}

struct dmarc_tally *
results_tally(const struct auth_findings *f, const struct capture *capture, enum verdict_action action)
{
    static const char *const dispositions[] = {"none", "quarantine", "reject"}; /* enum auth_disposition */
    g_autofree char *from = NULL, *to = NULL, *dkim = NULL, *spf = NULL;
    struct dmarc_tally *tally;

    if (action == VERDICT_TEMPFAIL || !f->dmarc_asked || f->dmarc.record == NULL || f->dmarc.record_domain == NULL)
        return NULL;
    from = domain_of(capture->mail_from);
    to = recipients_domain(capture);
    dkim = dkim_text(f);
    spf = spf_text(f, capture);
    tally = dmarc_tally_new(capture->received_us / G_USEC_PER_SEC / DMARC_STORE_DAY_S, f->dmarc.record_domain,
                            f->dmarc.record);
    dmarc_tally_set(tally, TALLY_SOURCE_IP, capture->client_address);
    dmarc_tally_set(tally, TALLY_DISPOSITION, dispositions[is_overtaken(f, action) ? AUTH_DELIVERED : f->disposition]);
    set_reason(tally, f, action);
    dmarc_tally_set(tally, TALLY_ALIGNED_DKIM, pass_or_fail(f->dmarc.aligned_dkim));
    dmarc_tally_set(tally, TALLY_ALIGNED_SPF, pass_or_fail(f->dmarc.aligned_spf));
    dmarc_tally_set(tally, TALLY_ENVELOPE_FROM, from);
    dmarc_tally_set(tally, TALLY_ENVELOPE_TO, to);
    dmarc_tally_set(tally, TALLY_HEADER_FROM, f->author.domain);
    dmarc_tally_set(tally, TALLY_DKIM, dkim);
    dmarc_tally_set(tally, TALLY_SPF, spf);
    dmarc_tally_seal(tally);
    return tally;
}
