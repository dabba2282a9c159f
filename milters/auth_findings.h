/* auth_findings.h: what the module auth found out about a message, for the modules after it and for the log line.
 *
 * Belongs to the transaction; filled by inspect() of the module auth, read-only after that. */
#pragma once
#include "lib/base/log.h"
#include "lib/mail/auth/arc.h"
#include "lib/mail/auth/auth_results.h"
#include "lib/mail/auth/dkim_verify.h"
#include "lib/mail/auth/dmarc.h"
#include "lib/mail/capture.h"
#include "lib/mail/auth/spf_task.h"
#include "lib/mail/config.h"

/* What the results led to, and what kept them from leading to what the author domain asks for. */
enum auth_disposition { AUTH_DELIVERED, AUTH_JUNKED, AUTH_REFUSED };
enum auth_override { AUTH_NO_OVERRIDE, AUTH_BY_FORWARDER, AUTH_BY_ARC, AUTH_BY_SETTING };

struct auth_findings {
    gboolean spf_asked, dkim_asked, dmarc_asked, arc_asked;
    const struct spf_result *spf;    /* NULL: not asked, or not there in time (auth_findings_spf) */
    enum auth_result dkim;           /* the best of all signatures; none without any */
    struct dkim_verification *dkim_verification; /* the signatures themselves; NULL: not asked */
    enum auth_result arc;
    struct arc_verification *arc_verification; /* NULL likewise */
    struct dmarc_author author;      /* domain NULL: no single author domain */
    struct dmarc_result dmarc;
    enum auth_disposition disposition;
    enum auth_override override;
    char *header;                    /* value of our Authentication-Results field */

    struct auth_message *view;       /* what was verified; NULL: nothing was */
    /* private */
    struct spf_task *spf_task;
    struct dmarc *dmarc_check;
};

void auth_findings_free(struct auth_findings **findings); /* NULL-safe */
/* Our name in Authentication-Results: the setting, or the machine's host name. Borrowed. */
const char *auth_findings_authserv_id(const struct config_auth *config);
/* SPF's result; temperror when it did not come in time. */
enum auth_result auth_findings_spf(const struct auth_findings *findings);
/* Makes the header field's value. */
void auth_findings_render(struct auth_findings *findings, const struct capture *capture, const char *authserv_id);
/* Adds spf=, dkim=, dmarc=, arc= and what explains them to a log line. */
void auth_findings_log(const struct auth_findings *findings, struct log_line *line);
