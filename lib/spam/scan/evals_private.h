/* evals_private.h: the tables of eval functions, and what they are written with. */
#pragma once
#include "lib/spam/scan/evals.h"

#define EVAL_ARGUMENTS 5u /* no function looks at more */

struct eval_arguments {
    double numbers[EVAL_ARGUMENTS];
    const char *texts[EVAL_ARGUMENTS];
};

struct eval_call {
    struct eval_context *context;
    const struct spam_rule *rule;
    gconstpointer prepared; /* by the entry's prepare(); or NULL */
    const struct eval_arguments *arguments; /* for eval_arg, eval_number */
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
/* Of all that auth_eval_find knows. */
extern const struct eval_entry eval_of_auth_function;
extern const struct eval_entry eval_of_mime_header; /* of all mimeheader rules */
/* Each ends with a name of NULL. */
extern const struct eval_entry evals_of_texts[], evals_of_parts[], evals_of_html[], evals_of_uris[], evals_of_lists[],
    evals_of_freemail[], evals_of_plugins[], evals_of_from_name[], evals_of_pdf[];

/* Those that change what body rules see: they are run before. */
extern const struct eval_entry evals_of_freemail_body[];

/* The n-th argument from 0 (n < EVAL_ARGUMENTS); NULL, or NAN, when the rule has none. */
const char *eval_arg(const struct eval_call *call, guint n);
double eval_number(const struct eval_call *call, guint n);
/* The pattern of an argument, as written there or between delimiters; NULL with a warning when it is none. For entries' prepare; free with
 * eval_pattern_free. */
struct pattern *eval_pattern(const struct spam_rule *rule, guint n);
void eval_pattern_free(gpointer pattern);
/* Everybody that the message may be for (message_addresses.h). */
const GPtrArray *eval_recipients(const struct eval_call *call);
/* The texts that rules of the call's type see: the body's, or the raw body's. */
const struct perl_text *eval_texts(const struct eval_call *call, gsize *count_r);
