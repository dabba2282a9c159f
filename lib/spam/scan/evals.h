/* evals.h: eval functions by the names that rules call them by, bound to the rules of a set, and run over a message.
 *
 * A set's bindings are immutable and shared by threads; a context is for one message and one thread. The functions themselves
 * are in lib/spam/eval; the tables here (evals_*.c) say under which name and with what of the message each is called. */
#pragma once
#include "lib/spam/engine/engine.h"
#include "lib/spam/engine/pattern.h"
#include "lib/spam/eval/body_eval.h"
#include "lib/spam/eval/header_eval.h"
#include "lib/spam/eval/image_info.h"
#include "lib/spam/eval/mime_eval.h"
#include "lib/spam/eval/mime_header.h"
#include "lib/spam/scan/eval_lists.h"
#include "lib/spam/scan/message_view.h"

struct eval_bindings;
/* Of all eval rules of the settings' ruleset; settings must outlive them. Never NULL. */
struct eval_bindings *eval_bindings_new(const struct view_settings *settings);
void eval_bindings_free(struct eval_bindings **bindings); /* NULL-safe */
/* Whether there is a function for the rule. */
gboolean eval_bindings_has(const struct eval_bindings *bindings, const struct spam_rule *rule);
const struct eval_lists *eval_bindings_lists(const struct eval_bindings *bindings);

struct known_number {
    gboolean known;
    double value;
};

/* What the functions share of one message; each member but the first eight is made by the function beside it. */
struct eval_context {
    const struct eval_bindings *bindings;
    struct message_view *view;
    struct matcher *matcher; /* of the thread */
    gint64 now;              /* seconds since 1970 */
    guint score_set;         /* of evals_before_body; 0 at first */
    gboolean body_is_final;  /* it has run, or is not to */
    struct scan_net *net;    /* the network side (scan_net.h), or NULL */
    const struct engine_result *result; /* of the run; or NULL */

    struct header_eval *header;     /* eval_context_header */
    struct header_eval_options header_options;
    struct spam_domains domains;
    struct eval_list_state *lists;  /* eval_context_lists */
    struct mime_facts mime;         /* eval_context_mime */
    struct known_number uppercase[2]; /* percent, of body and rawbody texts (evals_parts.c) */
    struct mime_headers *mime_headers; /* eval_context_mime_headers */
    struct body_difference difference;
    struct image_info images;       /* eval_context_images */
    struct body_signature signature;
    gboolean mime_known, images_known, difference_known, signature_known, has_signature;
};
/* view and matcher must outlive the context. */
void eval_context_init(struct eval_context *context, const struct eval_bindings *bindings, struct message_view *view,
                       struct matcher *matcher, gint64 now);
void eval_context_clear(struct eval_context *context);
struct header_eval *eval_context_header(struct eval_context *context);
struct eval_list_state *eval_context_lists(struct eval_context *context);
const struct mime_facts *eval_context_mime(struct eval_context *context);
struct mime_headers *eval_context_mime_headers(struct eval_context *context);
const struct image_info *eval_context_images(struct eval_context *context);

/* Runs those functions of rules of the score set that change what body rules see, or capture, as they come before them in SpamAssassin.
 * Once only. */
void evals_before_body(struct eval_context *context);
/* The rule's value: 0 is no hit. Rules without a function never hit. */
double evals_run(struct eval_context *context, const struct spam_rule *rule);
