/* auth_findings.h: what the module auth found out about a message, for the modules after it and for the log line.
 *
 * Belongs to the transaction; filled by inspect() of the module auth, read-only after that. */
#pragma once
#include "lib/base/log.h"
#include "lib/mail/auth/arc.h"
#include "lib/mail/auth/dkim_verify.h"
#include "lib/mail/auth/dmarc.h"
#include "milters/spf_task.h"

/* What DMARC's policy led to, and why not to what the author domain asked for. */
enum auth_disposition { AUTH_DELIVERED, AUTH_JUNKED, AUTH_REFUSED };
enum auth_override { AUTH_NO_OVERRIDE, AUTH_BY_FORWARDER, AUTH_BY_ARC, AUTH_BY_SETTING };

struct auth_findings {
    gboolean spf_asked, dkim_asked, dmarc_asked, arc_asked;
    const struct spf_result *spf;    /* NULL: not there in time, which is a temperror */
    enum auth_result dkim;           /* the best of all signatures: pass, else the first one's; none without any */
    struct dkim_verification *dkim_verification; /* the signatures themselves; NULL when the header could not be looked at */
    enum auth_result arc;
    struct arc_verification *arc_verification;
    char *author_domain;             /* of the From field; NULL: there is no single one */
    struct dmarc_result dmarc;       /* .result is none when not asked */
    enum auth_disposition disposition;
    enum auth_override override;

    /* private */
    struct spf_task *spf_task;
    struct auth_message *view;
    struct dmarc *dmarc_check;
    char *dmarc_why;                 /* why there is no author domain */
};

void auth_findings_free(struct auth_findings **findings); /* NULL-safe */
/* The result of a method: spf, dkim, dmarc, arc; temperror for what did not come in time. */
enum auth_result auth_findings_spf(const struct auth_findings *findings);
/* Adds spf=, dkim=, dmarc=, arc= and what explains them to a log line. */
void auth_findings_log(const struct auth_findings *findings, struct log_line *line);
