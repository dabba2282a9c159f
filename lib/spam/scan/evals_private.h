/* evals_private.h: the tables of eval functions, and what they are written with. */
#pragma once
#include "lib/spam/scan/evals.h"

struct eval_call {
    struct eval_context *context;
    const struct spam_rule *rule;
    gconstpointer prepared; /* by the entry's prepare(); or NULL */
};

struct eval_entry {
    const char *name;
    double (*run)(const struct eval_call *call);
    /* What of the rule is the same for all messages. Both may be NULL. */
    gpointer (*prepare)(const struct view_settings *settings, const struct spam_rule *rule);
    GDestroyNotify prepared_free;
};

/* Of all functions that header_eval_find knows. */
extern const struct eval_entry eval_of_header_function;
/* Each ends with a name of NULL. */
extern const struct eval_entry evals_of_texts[], evals_of_parts[], evals_of_html[], evals_of_uris[];

/* The n-th argument from 0; NULL, or NAN, when the rule has none. */
const char *eval_arg(const struct eval_call *call, guint n);
double eval_number(const struct eval_call *call, guint n);
/* The texts that rules of the call's type see: the body's, or the raw body's. */
const struct perl_text *eval_texts(const struct eval_call *call, gsize *count_r);
