/* evals_texts.c: BodyEval. */
#include "lib/spam/scan/evals_private.h"
#include <math.h>
#include "lib/spam/eval/args.h"

static const struct body_difference *
difference(const struct eval_call *call)
{
    struct eval_context *context = call->context;

    if (!context->difference_known) {
        context->difference = body_eval_difference(message_view_parts(context->view));
        context->difference_known = TRUE;
    }
    return &context->difference;
}

static double
alternative_difference(const struct eval_call *call)
{
    return body_eval_differs(difference(call), eval_number(call, 0), eval_number(call, 1));
}

static double
alternative_difference_count(const struct eval_call *call)
{
    return body_eval_differs_in_count(difference(call), eval_number(call, 0), eval_number(call, 1));
}

static double
blank_line_ratio(const struct eval_call *call)
{
    gsize count;
    const struct perl_text *texts = message_view_rawbody_texts(call->context->view, &count);

    return body_eval_blank_lines_within(body_eval_blank_lines(texts, count, eval_number(call, 2)), eval_number(call, 0),
                                        eval_number(call, 1));
}

static double
vertical_words(const struct eval_call *call)
{
    gsize count;
    const struct perl_text *texts = eval_texts(call, &count);

    return body_eval_vertical_words_within(body_eval_vertical_words(texts, count), eval_number(call, 0), eval_number(call, 1));
}

static double
stock_info(const struct eval_call *call)
{
    return body_eval_stock_info(message_view_parts(call->context->view)) >= eval_number(call, 0);
}

static double
body_length(const struct eval_call *call)
{
    const struct spam_tree *tree = message_view_tree(call->context->view);

    return (double)(tree->pristine->len - tree->header_length) <= eval_number(call, 0);
}

/* ---- the first plain part and its signature ---- */

static const struct body_signature *
signature(const struct eval_call *call)
{
    struct eval_context *context = call->context;

    if (!context->signature_known) {
        context->has_signature = body_eval_signature(message_view_parts(context->view), &context->signature);
        context->signature_known = TRUE;
    }
    return context->has_signature ? &context->signature : NULL;
}

static double
plaintext_body_length(const struct eval_call *call)
{
    const struct body_signature *s = signature(call);

    return s != NULL && args_within((double)s->body, eval_number(call, 0), eval_number(call, 1));
}

static double
plaintext_sig_length(const struct eval_call *call)
{
    const struct body_signature *s = signature(call);

    return s != NULL && args_within((double)s->signature, eval_number(call, 0), eval_number(call, 1));
}

static double
plaintext_body_sig_ratio(const struct eval_call *call)
{
    const struct body_signature *s = signature(call);
    double max = eval_number(call, 1);

    return s != NULL && args_within(s->ratio, eval_number(call, 0), isnan(max) ? 1e6 : max);
}

const struct eval_entry evals_of_texts[] = {
    {"multipart_alternative_difference", alternative_difference, NULL, NULL},
    {"multipart_alternative_difference_count", alternative_difference_count, NULL, NULL},
    {"check_blank_line_ratio", blank_line_ratio, NULL, NULL},
    {"tvd_vertical_words", vertical_words, NULL, NULL},
    {"check_stock_info", stock_info, NULL, NULL},
    {"check_body_length", body_length, NULL, NULL},
    {"plaintext_body_length", plaintext_body_length, NULL, NULL},
    {"plaintext_sig_length", plaintext_sig_length, NULL, NULL},
    {"plaintext_body_sig_ratio", plaintext_body_sig_ratio, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};
