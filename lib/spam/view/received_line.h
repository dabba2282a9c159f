/* received_line.h: one Received line, as SpamAssassin reads it: not by RFC 5321's grammar, which few lines
 * keep to, but by the forms that mail programs are known to write.
 *
 * Thread-safe. Linear in the line's length. */
#pragma once
#include <glib.h>

/* One hop. Strings are never NULL unless said; "" is "not said". Blanks and any of # [ ] ( ) < > | in them
 * have become "!". */
struct spam_relay {
    char *ip, *rdns, *helo, *by, *ident; /* and lc_..: in one piece of memory */
    char *envfrom; /* NULL: not said */
    char *lc_rdns, *lc_helo, *lc_by;
    GString *id, *auth;      /* as they stand in the line */
    GString *as_string;      /* "[ ip=.. rdns=.. .. ]" */
    gboolean no_reverse_dns; /* the program looked and found no name */
    gboolean ip_private;
    gboolean internal, msa; /* set by relays.c */
};

enum received_result { RECEIVED_HOP, RECEIVED_IGNORED, RECEIVED_UNPARSEABLE };

struct received_notes {
    gboolean fetched;      /* a mail fetcher's line */
    char *scanner_envfrom; /* qmail-scanner's: envelope sender of the next hop; NULL: none */
};

/* notes must be zeroed; scanner_envfrom is for the caller to g_free. *relay_r is set for RECEIVED_HOP only.
 */
enum received_result received_line_parse(const char *line, gsize len, struct spam_relay **relay_r,
                                         struct received_notes *notes);
void spam_relay_free(struct spam_relay *relay); /* NULL-safe */
/* Makes as_string anew, with intl=0 and msa=0. */
void spam_relay_describe(struct spam_relay *relay);
