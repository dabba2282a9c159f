/* html_uris.h: the URIs of an HTML document: cleaned, made absolute, each kept once with what it was found in.
 *
 * At most HTML_URIS_MAX URIs are kept, each of at most HTML_URI_MAX_CHARS before it is made absolute, and no more are looked at
 * when all that were seen (also those seen before), each with its base, come to HTML_URIS_MAX_BYTES.
 * One value per thread. */
#pragma once
#include "lib/spam/view/html_view.h"

#define HTML_URIS_MAX 65536
#define HTML_URIS_MAX_BYTES (64 << 20)
#define HTML_URI_MAX_CHARS 8192

struct html_uris;

struct html_uris *html_uris_new(void);
void html_uris_free(struct html_uris **uris); /* NULL-safe */
/* The entry of a URI as it stands, made when it is new. NULL: too many. Owned by uris. */
struct html_uri *html_uris_at(struct html_uris *uris, struct spam_slice uri);
/* Cleans and resolves a URI of an element (static name) and keeps it. *truncated is set when it was too long. */
void html_uris_add(struct html_uris *uris, const char *element, struct spam_slice uri, gboolean *truncated);
/* <base href>: later URIs are relative to it. */
void html_uris_set_base(struct html_uris *uris, struct spam_slice uri, gboolean *truncated);
/* Gives the list, in order of first appearance, to the caller and empties uris. */
GPtrArray *html_uris_steal(struct html_uris *uris);

/* Without blanks around it, and not too long. Within uri. */
struct spam_slice html_uri_clean(struct spam_slice uri, gboolean *truncated);
/* reference seen from base, as SpamAssassin's target_uri: RFC 2396's way, with a scheme guessed for //www. and //ftp. */
struct spam_string *html_uri_resolve(struct spam_slice base, struct spam_slice reference);
/* The URL of a meta element's refresh; FALSE: none. *url: caller frees. */
gboolean html_uri_of_refresh(struct spam_slice content, struct spam_string **url);
