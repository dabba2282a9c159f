/* scan_report.h: the report of a scan: lib/spam/verdict fed with what the scanner found, in the order in which
 * SpamAssassin would have found it, and with what the view knows. */
#pragma once
#include "lib/spam/scan/scanner.h"
#include "lib/spam/verdict/report.h"

struct scan_report_options {
    double required;          /* points from which it is spam; NAN: the rules' required_score */
    const char *host_name;    /* this machine; NULL: its own name */
    const char *client_name, *client_address; /* who handed the message in, for _REMOTEHOST.._; or NULL */
    gint64 now;               /* seconds since 1970; 0: the clock's */
};

struct scan_report;
/* result must outlive the report. Never NULL. */
struct scan_report *scan_report_new(const struct scan_result *result, const struct scan_report_options *options);
void scan_report_free(struct scan_report **report); /* NULL-safe */
struct report *scan_report_get(struct scan_report *report);
