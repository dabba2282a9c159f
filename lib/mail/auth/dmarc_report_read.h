/* dmarc_report_read.h: reads DMARC aggregate reports of others, as they arrive.
 *
 * XML, bare or in gzip or zip, or a mail that carries one. Nothing in it is resolved or fetched: a document type, and with it
 * every entity, ends the reading. All sizes are capped (dmarc_report.h; 16 MiB packed, 16 MiB unpacked, 16 files of an
 * archive, 16 attachments of a mail). Invalid UTF-8 is repaired. Thread-safe. */
#pragma once
#include "lib/mail/auth/dmarc_report.h"

/* The report in bytes. Of a mail, that of the first attachment that holds one. NULL when there is none or a cap of sizes was
 * passed; *why_r (never NULL then; static text) says why. Past a cap of counts its left_out is set. Caller frees. */
struct dmarc_report *dmarc_report_read(GBytes *bytes, const char **why_r);
