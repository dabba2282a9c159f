/* header.h: what rules get when they ask for a header: fields by name, names for several, and what modifiers cut out of them.
 *
 * As SpamAssassin's get() (PerMsgStatus.pm): "From", "To:addr", "Reply-To:addr:domain", "Subject:raw", "ALL", "ToCc",
 * "MESSAGEID", "EnvelopeFrom". Answers are kept, so asking twice costs once. For one thread at a time. */
#pragma once
#include <glib.h>
#include "lib/spam/view/header_request.h"
#include "lib/spam/view/host_name.h"
#include "lib/spam/view/tree.h"

/* What others know. Any function may be NULL. */
struct header_help {
    gpointer data;
    host_name_tld_fn is_tld; /* for :host and :domain */
    /* The registered domain of a valid host name, lower case ("a.b.co.uk" -> "b.co.uk"). New string. */
    GString *(*domain_of)(gpointer data, const GString *host);
    /* Names that need the relays (ALL-TRUSTED, X-Spam-Relays-Untrusted, EnvelopeFrom, ..) or are other metadata of the
     * message. Adds new GBytes to values; TRUE = it knows, even if it knows that there is none. EnvelopeFrom unknown is
     * looked for in the fields here. Called for pseudo names, and for metadata that no field has (header_request.c knows their names). */
    gboolean (*more)(gpointer data, const char *name, gboolean raw, GPtrArray *values);
};

struct header_view;

/* known: requests that are likely to come, or NULL: any may come, these cost less. Tree, help and known must outlive it. */
struct header_view *header_view_new(struct spam_tree *tree, const struct header_help *help, const struct header_requests *known);
void header_view_free(struct header_view **view); /* NULL-safe */

/* The values (GBytes *, some of the tree's memory), perhaps none; the array belongs to the view. Decoded values end in LF, as rules expect. */
const GPtrArray *header_get(struct header_view *view, const char *request);
/* The same as one text, with LFs between values unless the first has one of its own. NULL: there is none. Caller unrefs. */
GBytes *header_get_text(struct header_view *view, const char *request);
/* What "ALL" or "ALL:raw" is as one text: the view's own, kept as long as it. NULL: there is none. */
GBytes *header_all(struct header_view *view, gboolean raw);
