/* scan_report.h: the report of a scan: its hits in the order in which SpamAssassin would have run them, and what the message's view
 * knows for template tags. */
#pragma once
#include "lib/spam/scan/scanner.h"
#include "lib/spam/verdict/report.h"

struct scan_report_options {
    struct spam_tree *tree;      /* of the message that is rewritten, when the scan saw other trace lines; NULL: the scan's own */
    const char *host_name;       /* of this machine; NULL: as the system has it */
    const char *client_name, *client_address; /* tags REMOTEHOSTNAME, REMOTEHOSTADDR; NULL: as if local */
    const char *autolearn, *autolearn_force; /* what was learnt of it; NULL: nothing, "disabled" or "unavailable" */
    gint64 now;                  /* seconds since 1970; 0: the clock's */
};

struct scan_report;
/* Result, and what options points to, must outlive it. For one thread at a time. */
struct scan_report *scan_report_new(struct scan_result *result, const struct scan_report_options *options);
void scan_report_free(struct scan_report **report); /* NULL-safe */
struct report *scan_report_of(struct scan_report *report);
