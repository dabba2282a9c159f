/* view_settings.h: what a ruleset says of how messages are read, in the forms that the view's parts want. Made once for a ruleset;
 * immutable, shared by threads. */
#pragma once
#include "lib/spam/rules/ruleset.h"
#include "lib/spam/view/header_request.h"
#include "lib/spam/view/registry.h"
#include "lib/spam/view/relays.h"
#include "lib/spam/view/texts.h"
#include "lib/spam/view/uris.h"

struct view_settings {
    const struct spam_ruleset *ruleset;
    struct registry *registry;            /* util_rb_* */
    struct uri_redirectors *redirectors;  /* redirector_pattern */
    struct uris_settings uris;            /* both of them */
    struct relay_networks *trusted, *internal, *msa;
    struct relays_options relays;         /* of these networks */
    const GPtrArray *originating_headers; /* char *: originating_ip_headers; NULL without */
    const char *sender_header;            /* envelope_sender_header, or NULL */
    struct texts_options texts;
    gboolean as_it_is;                    /* normalize_charset 0 */
    gboolean reads_pdf;                   /* PDFInfo is loaded */
    struct header_requests *headers;      /* that are asked of most messages */
    char **locales;                       /* of ok_locales and the process' own; NULL: all are ok */
};

/* ruleset must live as long as the settings. Never NULL. */
struct view_settings *view_settings_new(const struct spam_ruleset *ruleset);
void view_settings_free(struct view_settings **settings); /* NULL-safe */
