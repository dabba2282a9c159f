/* registry.h: where registries delegate: the domain of a host name, by the rules' lists of top-, second- and third-level names.
 *
 * The lists are util_rb_tld, util_rb_2tld and util_rb_3tld of the rule files, not the public suffix list. Names are bytes;
 * upper case is taken as lower. International names count in their ASCII form only: SpamAssassin converts others with
 * Net::LibIDN, which Debian neither installs nor suggests with it. Immutable and thread-safe after registry_new. */
#pragma once
#include "lib/spam/view/perl_text.h"

#define REGISTRY_NAME_MAX 253 /* bytes of a host name (RFC 1035, section 2.3.4, without the root) */

struct registry;

/* Each list ends with NULL and is copied. Never NULL. */
struct registry *registry_new(const char *const *tlds, const char *const *twos, const char *const *threes);
void registry_free(struct registry **registry); /* NULL-safe */

/* Whether the label is a top-level domain. */
gboolean registry_has_tld(const struct registry *registry, const char *label, gsize length);

/* Whether the name has no white space and ends in a dot and a top-level domain. Nothing else is checked. */
gboolean registry_domain_is_valid(const struct registry *registry, const char *name, gsize length);

/* The registered domain of a host name (www.foo.co.uk: foo.co.uk), lower-cased; any text gives something. Newly allocated. */
char *registry_trim(const struct registry *registry, const char *host, gsize length);

/* A URI's host (lower-cased) and its domain, an address being its own domain. FALSE, and both NULL, where the URI has no valid
 * host below a known top-level domain. Either out-parameter may be NULL; what is given is newly allocated. */
gboolean registry_uri_domain(const struct registry *registry, struct perl_text uri, char **domain_r, char **host_r);

/* Whether the name has two or more labels of letters, digits, '-' within and '_' (not in the last two). Trailing dots are
 * taken off. Not for addresses. */
gboolean registry_host_is_valid(const char *host, gsize length);

/* Whether the text is an IP address: v4, v6, or v4 in v6, with or without "IPv6:" before it. */
gboolean registry_is_ip(const char *text, gsize length);
