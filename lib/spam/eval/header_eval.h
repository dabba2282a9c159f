/* header_eval.h: the eval functions of header rules: what SpamAssassin's plugins HeaderEval and RelayEval,
 * and WLBLEval's comparison of sender and relay, find out from header fields and hops.
 *
 * One object serves the rules of one message and keeps what several of them need. Not for several threads at
 * once. Times are in seconds since 1970. */
#pragma once
#include <glib.h>
#include "lib/spam/view/headers.h"
#include "lib/spam/view/relays.h"

/* Domains by the configuration's lists of TLDs and registries. */
struct spam_domains {
    char *(*trim)(gpointer context,
                  const char *domain); /* the registered domain, for the caller to g_free; never NULL */
    gboolean (*is_valid)(gpointer context, const char *domain); /* it has a known TLD and a name before it */
    gpointer context;
};

struct header_eval_options {
    const struct spam_headers *headers;
    const struct spam_relays *relays;
    const struct spam_domains *domains;
    const char *const *ok_locales; /* NULL-terminated; NULL: all */
    gint64 now;
};

struct header_eval;
/* The options and what they point to must live as long as the object. */
struct header_eval *header_eval_new(const struct header_eval_options *options);
void header_eval_free(struct header_eval *eval); /* NULL-safe */

/* args: of the rule, without quotes; ones that are missing count as "". */
typedef gboolean (*header_eval_function)(struct header_eval *eval, const char *const *args, guint n_args);
/* NULL: there is no such function. */
header_eval_function header_eval_find(const char *name);
