/* dmarc_report.h: a DMARC aggregate report (RFC 7489 7.2 and appendix C, RFC 9990) as structs.
 *
 * Only the format: what dmarc_report_xml.h writes and dmarc_report_read.h reads. All texts are owned by the report, NULL when
 * absent; read ones are valid UTF-8 without control characters, at most DMARC_REPORT_TEXT_MAX bytes, and say what others
 * wrote, not what is true: words like "pass" are kept as they stood. */
#pragma once
#include <glib.h>

#define DMARC_REPORT_TEXT_MAX 1024u   /* bytes of one text; longer ones are cut, with "..." */
#define DMARC_REPORT_ROWS_MAX 50000u  /* rows of one report that are read */
#define DMARC_REPORT_ITEMS_MAX 150000u /* rows, reasons and results of one report that are read, all together */
#define DMARC_REPORT_DEPTH_MAX 16u    /* nested XML elements; the format has 6 */

struct dmarc_report_reason {
    char *type, *comment; /* "forwarded", "sampled_out", "trusted_forwarder", "mailing_list", "local_policy", "other" */
};
struct dmarc_report_dkim {
    char *domain, *selector, *result, *human_result;
};
struct dmarc_report_spf {
    char *domain, *scope, *result, *human_result; /* scope: "helo", "mfrom" */
};
struct dmarc_report_row {
    char *source_ip;
    guint64 count;                    /* messages */
    char *disposition, *dkim, *spf;   /* applied policy; aligned results, "pass" or "fail" */
    GPtrArray *reasons;               /* struct dmarc_report_reason * */
    char *envelope_to, *envelope_from, *header_from;
    GPtrArray *dkim_results;          /* struct dmarc_report_dkim * */
    GPtrArray *spf_results;           /* struct dmarc_report_spf * */
};
struct dmarc_report {
    char *version, *org_name, *email, *extra_contact_info, *report_id, *error, *generator;
    guint64 begin, end;               /* seconds since the epoch */
    char *domain, *adkim, *aspf, *p, *sp, *np, *pct, *fo, *testing, *discovery_method; /* the published policy */
    GPtrArray *rows;                  /* struct dmarc_report_row * */
    gboolean left_out;                /* read: a cap was passed, rows or parts of them are missing */
};

struct dmarc_report *dmarc_report_new(void);
void dmarc_report_free(struct dmarc_report **report); /* NULL-safe */
/* New, empty, at the end of what they belong to; fill them with texts from g_strdup. */
struct dmarc_report_row *dmarc_report_add_row(struct dmarc_report *report);
struct dmarc_report_reason *dmarc_report_add_reason(struct dmarc_report_row *row);
struct dmarc_report_dkim *dmarc_report_add_dkim(struct dmarc_report_row *row);
struct dmarc_report_spf *dmarc_report_add_spf(struct dmarc_report_row *row);
