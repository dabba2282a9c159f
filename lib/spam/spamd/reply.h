/* reply.h: replies of spamd's protocol, byte for byte as spamd 4.0.1 writes them. Pure. */
#pragma once
#include "lib/spam/spamd/reader.h"

/* What a scan answers to a request. */
struct spamd_verdict {
    gboolean is_spam;
    char *score, *required; /* "5.3", "5.0" */
    GString *text;          /* SYMBOLS: names, divided by commas; REPORT, REPORT_IFSPAM: the report; PROCESS, HEADERS: the message anew;
                               else NULL */
    char *tests;            /* names of the hits, for the log; or NULL */
};
void spamd_verdict_clear(struct spamd_verdict *verdict); /* also of one that is all zero */

/* Appends the reply; verdict is not looked at for PING and SKIP. */
void spamd_reply(GString *out, const struct spamd_request *request, const struct spamd_verdict *verdict);
/* Appends a refusal; text as spamd has it: "(EOF during headers)". */
void spamd_refuse(GString *out, enum spamd_status status, const char *text, gsize length);
