/* mail_scan.h: mail addresses in a text as Plugin::FreeMail of SpamAssassin looks for them: stricter than RFC 5322, at a host of
 * two to five labels whose last one is a known top-level domain. One pass; thread-safe on different scans. */
#pragma once
#include "lib/spam/view/registry.h"

#define MAIL_SCAN_LOCAL_MAX 64u /* bytes before the "@" */

/* Set text, length and registry, the rest 0. */
struct mail_scan {
    const char *text;
    gsize length;
    const struct registry *registry;
    gsize pos; /* where to go on */
};

struct mail_found {
    gsize start, at, end; /* text[at] is the "@" */
};

/* The next address at or after pos; FALSE when there is none. Moves pos behind it. */
gboolean mail_scan_next(struct mail_scan *scan, struct mail_found *found_r);
/* The same without moving: the address around the next "@" at or after from that has one, starting no earlier than pos. */
gboolean mail_scan_peek(const struct mail_scan *scan, gsize from, struct mail_found *found_r);
/* Where the address could also begin: the next place behind start that its local part allows, or at when there is none. */
gsize mail_scan_later_start(const struct mail_scan *scan, gsize start, gsize at);

/* The paragraph without addresses that are no part of what it says: links with an "@" in them, addresses in angle brackets or before "wrote:"
 * and the like (unless of "mailto:"), each a blank instead. */
GString *mail_scan_stripped(const struct registry *registry, const char *text, gsize length);
