/* evals_html.c: HTMLEval. */
#include "lib/spam/scan/evals_private.h"
#include "lib/spam/eval/html_eval.h"
#include <string.h>

static const GPtrArray *
html(const struct eval_call *call)
{
    return message_view_html(call->context->view);
}

static double
tag_balance(const struct eval_call *call)
{
    return html_eval_tag_balance(html(call), eval_arg(call, 0), eval_arg(call, 1));
}

static double
number(const struct eval_call *call)
{
    return html_eval_number(html(call), eval_arg(call, 0), eval_arg(call, 1));
}

static double
image_only(const struct eval_call *call)
{
    return html_eval_image_only(html(call), eval_arg(call, 0), eval_arg(call, 1));
}

static double
image_ratio(const struct eval_call *call)
{
    return html_eval_image_ratio(html(call), eval_arg(call, 0), eval_arg(call, 1));
}

static double
tag_exists(const struct eval_call *call)
{
    return html_eval_tag_exists(html(call), eval_arg(call, 0));
}

static double
test(const struct eval_call *call)
{
    return html_eval_test(html(call), eval_arg(call, 0));
}

static double
range(const struct eval_call *call)
{
    return html_eval_range(html(call), eval_arg(call, 0), eval_arg(call, 1), eval_arg(call, 2));
}

static double
title_subject_ratio(const struct eval_call *call)
{
    const GPtrArray *subject = message_view_header(call->context->view, "Subject");
    gsize length = 0;

    if (subject->len > 0)
        g_bytes_get_data(subject->pdata[0], &length);
    return html_eval_title_subject_ratio(html(call), length, eval_arg(call, 0));
}

static double
iframe_src(const struct eval_call *call)
{
    return html_eval_iframe_src(html(call));
}

/* html_charset_faraway: SpamAssassin 4.0.1 asks for what it keeps elsewhere. */
static double
never(const struct eval_call *call)
{
    (void)call;
    return 0;
}

/* ---- patterns ---- */

static gpointer
prepare_pattern(const struct view_settings *settings, const struct spam_rule *rule)
{
    const char *text = rule->arguments != NULL && rule->arguments->len > 1 ? rule->arguments->pdata[1] : NULL;

    (void)settings;
    return text != NULL ? pattern_new(text, strlen(text), NULL, NULL) : NULL;
}

static void
prepared_free(gpointer pattern)
{
    pattern_free(pattern);
}

static gboolean
matches(struct spam_slice text, gpointer data)
{
    const struct eval_call *call = data;

    return pattern_match(call->prepared, call->context->matcher, text.data, text.length, 0, NULL, NULL) == MATCH_YES;
}

static double
text_match(const struct eval_call *call)
{
    return call->prepared != NULL && html_eval_text_match(html(call), eval_arg(call, 0), matches, (gpointer)(guintptr)call);
}

static double
text_not_match(const struct eval_call *call)
{
    return call->prepared != NULL && html_eval_text_not_match(html(call), eval_arg(call, 0), matches, (gpointer)(guintptr)call);
}

const struct eval_entry evals_of_html[] = {
    {"html_tag_balance", tag_balance, NULL, NULL},
    {"html_eval", number, NULL, NULL},
    {"html_image_only", image_only, NULL, NULL},
    {"html_image_ratio", image_ratio, NULL, NULL},
    {"html_tag_exists", tag_exists, NULL, NULL},
    {"html_test", test, NULL, NULL},
    {"html_range", range, NULL, NULL},
    {"html_title_subject_ratio", title_subject_ratio, NULL, NULL},
    {"check_iframe_src", iframe_src, NULL, NULL},
    {"html_charset_faraway", never, NULL, NULL},
    {"html_text_match", text_match, prepare_pattern, prepared_free},
    {"html_text_not_match", text_not_match, prepare_pattern, prepared_free},
    {NULL, NULL, NULL, NULL},
};
