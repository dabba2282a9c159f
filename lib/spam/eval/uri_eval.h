/* uri_eval.h: eval functions on a message's URIs: Plugin::URIEval, HTTPSMismatch and URIDetail of SpamAssassin. Thread-safe. */
#pragma once
#include "lib/spam/engine/pattern.h"
#include "lib/spam/rules/ruleset.h"
#include "lib/spam/view/uris.h"

/* check_for_http_redirector: a URI that has one of another domain in it. all: uris_all(). */
gboolean uri_eval_http_redirector(const struct registry *registry, const GPtrArray *all);

/* check_https_ip_mismatch: a link to an address whose text says https: and a name. */
gboolean uri_eval_https_ip_mismatch(const struct uris_html *html, gsize count);

/* check_https_http_mismatch: a link to one domain whose text says https:// and another, in a part that has at least min_anchors
 * links with text and below max_anchors; NAN: 1, and no upper bound. */
gboolean uri_eval_https_http_mismatch(const struct registry *registry, const struct uris_html *html, gsize count,
                                      double min_anchors, double max_anchors);

enum uri_detail_key { URI_DETAIL_RAW, URI_DETAIL_TYPE, URI_DETAIL_CLEANED, URI_DETAIL_TEXT, URI_DETAIL_DOMAIN, URI_DETAIL_HOST };

/* One condition of a uri_detail rule: some (or, negated, some not) of the key's texts match the pattern. */
struct uri_detail_condition {
    enum uri_detail_key key;
    gboolean negated;
    const struct pattern *pattern;
};

/* check_uri_detail: a URI that meets all conditions. */
gboolean uri_eval_detail(const struct uris *uris, const struct uri_detail_condition *conditions, gsize count, struct matcher *matcher);

/* A rule made ready; immutable and shared by threads. NULL with error when a pattern doesn't compile. */
struct uri_detail_rule;
struct uri_detail_rule *uri_detail_rule_new(const struct spam_uri_detail *definition, GError **error);
void uri_detail_rule_free(gpointer rule); /* NULL-safe */
gboolean uri_detail_rule_hits(const struct uri_detail_rule *rule, const struct uris *uris, struct matcher *matcher);
