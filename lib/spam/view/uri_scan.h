/* uri_scan.h: finds in a text what a mail program makes a link of: web URIs, addresses, and host names under a known top-level
 * domain.
 *
 * Where SpamAssassin searches with one regular expression (_tbirdurire) this is a scanner that gives the same stretches in one
 * pass. Text is bytes. Thread-safe on different scans. */
#pragma once
#include "lib/spam/view/registry.h"

enum uri_scan_kind {
    URI_SCAN_SCHEME,    /* http://, https://, ftp://, www., www1., ftp. */
    URI_SCAN_MAIL,      /* mailto: or name@host */
    URI_SCAN_SCHEMELESS /* host.tld, with port and path */
};

struct uri_scan_match {
    enum uri_scan_kind kind;
    gsize start, length;
    gsize host_length; /* of URI_SCAN_SCHEMELESS: the host, without a dot at its end */
};

/* Set text, length and registry, the rest 0. */
struct uri_scan {
    const char *text;
    gsize length;
    const struct registry *registry;
    gsize pos;      /* where to go on */
    gsize stops[3]; /* private: ends of the runs that were looked at last, plus one */
    gsize next_at, next_dot, next_colon; /* private: the next '@', '.' and ':', plus one */
};

/* The next match from left to right; FALSE when there is none. */
gboolean uri_scan_next(struct uri_scan *scan, struct uri_scan_match *match_r);
