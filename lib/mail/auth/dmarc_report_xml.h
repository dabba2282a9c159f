/* dmarc_report_xml.h: writes a DMARC aggregate report as the files that are mailed (RFC 7489 7.2.1.1). Thread-safe. */
#pragma once
#include "lib/mail/auth/dmarc_report.h"

struct dmarc_report_file {
    char *name;        /* "receiver!policy-domain!begin!end!unique-id.xml.gz": letters, digits and "._-!" only; unique-id is
                          the same for the same report_id */
    GBytes *bytes;     /* gzip of the XML */
    guint first, rows; /* which rows of the report are in it */
};
void dmarc_report_file_free(struct dmarc_report_file *file);

/* The report as files (struct dmarc_report_file *, freed with the array) of at most max_bytes each (0 = no limit): one, or as
 * many as its rows must be dealt out to; then each has a report_id of its own, "ID.1-500" for its rows. receiver is the
 * domain that the report is from. Texts may come from outside: they are escaped, cut at DMARC_REPORT_TEXT_MAX and rid of
 * control characters. NULL when a single row does not fit; *why_r then says so (static text). */
GPtrArray *dmarc_report_write(const struct dmarc_report *report, const char *receiver, gsize max_bytes, const char **why_r);
/* The XML alone of rows first to first + n - 1. Caller frees. */
GString *dmarc_report_xml(const struct dmarc_report *report, guint first, guint n, const char *report_id);
