/* uri_canon.h: the other readings of a URI: what a mail program may make of it, and where redirectors lead.
 *
 * As SpamAssassin's uri_list_canonicalize: white space goes, %-encoding and numeric references are decoded, users and default
 * ports are dropped, numbers become addresses, a bare name becomes www.name.com, and what follows in the URI as a URI of its own
 * is read as well. The result has the URI itself (without white space at its ends and line breaks) and every reading once.
 * SpamAssassin knows no bounds here; ours are URI_REDIRECTS_MAX and URI_READINGS_MAX. Thread-safe. */
#pragma once
#include "lib/spam/view/registry.h"

#define URI_REDIRECTS_MAX 100              /* URIs found in one URI, each in the one before; real mail has a few */
#define URI_READINGS_MAX (4 * 1024 * 1024) /* bytes of all readings of one URI */

/* A string of its own: bytes is NUL-terminated beyond length. */
struct uri_text {
    char *bytes;
    gsize length;
    gboolean is_chars;
};

struct uri_text *uri_text_new(struct perl_text text);
void uri_text_free(struct uri_text *text); /* for arrays */
/* For hash tables: equal are those of the same characters, a byte being the one of its value. */
guint uri_text_hash(gconstpointer text);
gboolean uri_text_equal(gconstpointer a, gconstpointer b);

/* The text, not its copy. */
struct perl_text uri_text_view(const struct uri_text *text);

/* redirector_pattern of the rules, compiled: regular expressions without delimiters, their flags before them as in
 * (?i)http://.., each with the target as its first group. Immutable and thread-safe. */
struct uri_redirectors;

/* patterns ends with NULL. What doesn't compile is left out and told in *errors_r, if given: an array of texts, or NULL when
 * there is nothing to tell. Never NULL. */
struct uri_redirectors *uri_redirectors_new(const char *const *patterns, GPtrArray **errors_r);
void uri_redirectors_free(struct uri_redirectors **redirectors); /* NULL-safe */

/* The readings, of struct uri_text, in no order to rely on. redirectors may be NULL. Never NULL or empty. */
GPtrArray *uri_canon_list(const struct uri_redirectors *redirectors, const struct registry *registry, struct perl_text uri);

/* Appends the URI with %-encoded printable characters decoded, and with white space, '"', '%', '<', '>' and what is not ASCII
 * encoded. */
void uri_canon_append_recoded(GString *out, struct perl_text uri);

/* Whether the URI has %XX in it. */
gboolean uri_canon_is_encoded(struct perl_text uri);
