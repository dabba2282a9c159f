/* auth_findings.c: what was found, in words: the results, the log line, the Authentication-Results field. */
#include "milters/auth_findings.h"
#include <string.h>

void
auth_findings_free(struct auth_findings **findings)
{
    struct auth_findings *f = *findings;

    if (f == NULL)
        return;
    spf_task_free(&f->spf_task);
    dkim_verification_free(&f->dkim_verification);
    arc_verification_free(&f->arc_verification);
    dmarc_free(&f->dmarc_check);
    dmarc_result_clear(&f->dmarc);
    dmarc_author_clear(&f->author);
    auth_message_free(&f->view); /* the verifications borrowed it */
    g_free(f->header);
    g_clear_pointer(findings, g_free);
}

const char *
auth_findings_authserv_id(const struct config_auth *config)
{
    return *config->authserv_id != '\0' ? config->authserv_id : g_get_host_name();
}

enum auth_result
auth_findings_spf(const struct auth_findings *findings)
{
    return findings->spf != NULL ? findings->spf->result : AUTH_TEMPERROR;
}

static const char *
word(gboolean asked, enum auth_result result)
{
    return asked ? auth_result_name(result) : NULL;
}

void
auth_findings_log(const struct auth_findings *findings, struct log_line *line)
{
    static const char *const overrides[] = {NULL, "forwarder", "arc", "setting"};
    static const char *const dispositions[] = {NULL, "junk", "reject"};
    guint unchecked = findings->dkim_verification != NULL ? dkim_verify_unchecked(findings->dkim_verification) : 0;

    log_line_str(line, "spf", word(findings->spf_asked, auth_findings_spf(findings)));
    log_line_str(line, "dkim", word(findings->dkim_asked, findings->dkim));
    log_line_str(line, "dmarc", word(findings->dmarc_asked, findings->dmarc.result));
    log_line_str(line, "arc", word(findings->arc_asked, findings->arc));
    log_line_str(line, "author_domain", findings->author.domain);
    if (findings->dmarc.result == AUTH_FAIL)
        log_line_str(line, "dmarc_policy", dmarc_policy_name(findings->dmarc.requested));
    log_line_str(line, "auth_action", dispositions[findings->disposition]);
    log_line_str(line, "auth_override", overrides[findings->override]);
    if (unchecked > 0)
        log_line_int(line, "dkim_unchecked", unchecked);
}

/* ---- Authentication-Results ---- */

static gboolean
is_error(enum auth_result result)
{
    return result == AUTH_PERMERROR || result == AUTH_TEMPERROR;
}

static void
add_spf(const struct auth_findings *f, const struct capture *capture, struct auth_results *results)
{
    gboolean null_sender = capture->mail_from[0] == '\0';

    auth_results_add(results, "spf", auth_findings_spf(f),
                     f->spf == NULL ? "no answer in time" : is_error(f->spf->result) ? f->spf->why : NULL,
                     null_sender ? "smtp.helo" : "smtp.mailfrom", null_sender ? capture->helo : capture->mail_from, NULL);
}

static void
add_dkim(const struct auth_findings *f, struct auth_results *results)
{
    guint n = f->dkim_verification != NULL ? dkim_verify_count(f->dkim_verification) : 0;

    for (guint i = 0; i < n; i++) {
        const struct dkim_signature *s = dkim_verify_get(f->dkim_verification, i);

        auth_results_add(results, "dkim", s->result, s->why, "header.d", s->domain, "header.i", s->identity, "header.s",
                         s->selector, "header.a", s->algorithm, "header.b", s->b_prefix[0] != '\0' ? s->b_prefix : NULL, NULL);
    }
    if (n == 0)
        auth_results_add(results, "dkim", AUTH_NONE, NULL, NULL);
}

/* RFC 8617 10.2 */
static void
add_arc(const struct auth_findings *f, const struct capture *capture, struct auth_results *results)
{
    char oldest[12] = "";

    if (f->arc == AUTH_PASS)
        g_snprintf(oldest, sizeof oldest, "%u", arc_verify_oldest_pass(f->arc_verification));
    auth_results_add(results, "arc", f->arc, f->arc_verification != NULL ? arc_verify_why(f->arc_verification) : NULL,
                     "smtp.remote-ip", f->arc != AUTH_NONE ? capture->client_address : NULL, "header.oldest-pass",
                     oldest[0] != '\0' ? oldest : NULL, NULL);
}

void
auth_findings_render(struct auth_findings *f, const struct capture *capture, const char *authserv_id)
{
    struct auth_results *results = auth_results_new(authserv_id);
    const struct dmarc_result *dmarc = &f->dmarc;

    if (f->spf_asked)
        add_spf(f, capture, results);
    if (f->dkim_asked)
        add_dkim(f, results);
    if (f->dmarc_asked)
        auth_results_add(results, "dmarc", dmarc->result, is_error(dmarc->result) ? dmarc->why : NULL, "header.from",
                         f->author.domain, "policy.dmarc",
                         dmarc->result == AUTH_FAIL ? dmarc_policy_name(dmarc->applied) : NULL, NULL);
    if (f->arc_asked)
        add_arc(f, capture, results);
    f->header = auth_results_render(results);
    auth_results_free(&results);
}
