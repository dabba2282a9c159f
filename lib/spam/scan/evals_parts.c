/* evals_parts.c: MIMEEval and ImageInfo. */
#include "lib/spam/scan/evals_private.h"
#include <string.h>
#include "lib/spam/eval/args.h"

/* The message's own field with its line end, or NULL. */
static const char *
content_type(const struct eval_call *call, char **kept)
{
    const GPtrArray *values = message_view_header(call->context->view, "Content-Type");
    gsize length;
    const char *value;

    if (values->len == 0)
        return NULL;
    value = g_bytes_get_data(values->pdata[values->len - 1], &length);
    return *kept = g_strndup(value, length);
}

static double
mime(const struct eval_call *call)
{
    return mime_eval_has(eval_context_mime(call->context), eval_arg(call, 0));
}

static double
mime_html(const struct eval_call *call)
{
    g_autofree char *kept = NULL;
    const char *type = content_type(call, &kept);

    return mime_eval_html(eval_context_mime(call->context), type != NULL ? type : "");
}

static double
mime_html_only(const struct eval_call *call)
{
    g_autofree char *kept = NULL;
    const char *type = content_type(call, &kept);

    return mime_eval_html_only(eval_context_mime(call->context), type != NULL ? type : "");
}

static double
multipart_ratio(const struct eval_call *call)
{
    return mime_eval_multipart_ratio(eval_context_mime(call->context), eval_number(call, 0), eval_number(call, 1));
}

static double
ascii_text_illegal(const struct eval_call *call)
{
    return eval_context_mime(call->context)->ascii_text_illegal > 0;
}

static double
unicode_ratio(const struct eval_call *call)
{
    const char *ratio = eval_arg(call, 0);

    return ratio != NULL && mime_eval_unicode_ratio(eval_context_mime(call->context), ratio);
}

static double
qp_ratio(const struct eval_call *call)
{
    return mime_eval_qp_ratio(eval_context_mime(call->context), eval_number(call, 0));
}

static double
faraway_charset(const struct eval_call *call)
{
    g_autofree char *kept = NULL;
    gsize count;
    const struct perl_text *body = eval_texts(call, &count);

    return mime_eval_faraway_charset(content_type(call, &kept), body, count,
                                     (const char *const *)message_view_settings(call->context->view)->locales);
}

/* The share of capitals in the texts of the rule's type, counted once for all rules. */
static double
uppercase_share(const struct eval_call *call)
{
    struct eval_context *context = call->context;
    struct known_number *share = &context->uppercase[call->rule->type == SPAM_RULE_RAWBODY_EVAL];
    g_autofree char *kept = NULL;
    gsize count;
    const struct perl_text *body;

    if (!share->known) {
        body = eval_texts(call, &count);
        share->value = mime_eval_uppercase(eval_context_mime(context), content_type(call, &kept), body, count);
        share->known = TRUE;
    }
    return share->value;
}

static double
uppercase(const struct eval_call *call)
{
    return args_above(uppercase_share(call), eval_number(call, 0), eval_number(call, 1));
}

static double
alternative_non_text(const struct eval_call *call)
{
    return mime_eval_alternative_non_text(message_view_parts(call->context->view));
}

static double
base64_length(const struct eval_call *call)
{
    return args_within((double)mime_eval_base64_length(message_view_parts(call->context->view)), eval_number(call, 0),
                       eval_number(call, 1));
}

/* Flags of the tree, by SpamAssassin's names for them. */
static double
parse_flags(const struct eval_call *call)
{
    const struct spam_tree *tree = message_view_tree(call->context->view);
    const struct {
        const char *name;
        gboolean is_set;
    } flags[] = {{"missing_head_body_separator", tree->missing_head_body_separator},
                 {"missing_mime_headers", tree->missing_mime_headers},
                 {"missing_mime_head_body_separator", tree->missing_mime_head_body_separator},
                 {"mime_epilogue_exists", tree->mime_epilogue_exists},
                 {"mimepart_limit_exceeded", tree->mimepart_limit_exceeded},
                 {"truncated_header", tree->truncated_header}};

    for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
        if (g_strcmp0(eval_arg(call, 0), flags[i].name) == 0)
            return flags[i].is_set;
    return 0;
}

/* ---- images ---- */

static const char *
kind(const struct eval_call *call)
{
    const char *name = eval_arg(call, 0);

    return name != NULL ? name : "";
}

static double
image_count(const struct eval_call *call)
{
    return image_info_count_within(eval_context_images(call->context), kind(call), eval_number(call, 1), eval_number(call, 2));
}

static double
pixel_coverage(const struct eval_call *call)
{
    return image_info_pixels_within(eval_context_images(call->context), kind(call), eval_number(call, 1), eval_number(call, 2));
}

static double
image_to_text_ratio(const struct eval_call *call)
{
    gsize count, length = 0;
    const struct perl_text *texts = eval_texts(call, &count);

    for (gsize i = 0; i < count; i++)
        length += texts[i].length;
    return image_info_text_ratio(eval_context_images(call->context), kind(call), length, eval_number(call, 1), eval_number(call, 2));
}

static double
image_size_exact(const struct eval_call *call)
{
    return image_info_has_size(eval_context_images(call->context), kind(call), eval_arg(call, 1), eval_arg(call, 2));
}

static double
image_size_range(const struct eval_call *call)
{
    return image_info_size_within(eval_context_images(call->context), kind(call), eval_number(call, 1), eval_number(call, 2),
                                  eval_number(call, 3), eval_number(call, 4));
}

static double
image_named(const struct eval_call *call)
{
    return image_info_has_name(eval_context_images(call->context), kind(call));
}

const struct eval_entry evals_of_parts[] = {
    {"check_for_mime", mime, NULL, NULL},
    {"check_for_mime_html", mime_html, NULL, NULL},
    {"check_for_mime_html_only", mime_html_only, NULL, NULL},
    {"check_mime_multipart_ratio", multipart_ratio, NULL, NULL},
    {"check_for_ascii_text_illegal", ascii_text_illegal, NULL, NULL},
    {"check_abundant_unicode_ratio", unicode_ratio, NULL, NULL},
    {"check_qp_ratio", qp_ratio, NULL, NULL},
    {"check_for_faraway_charset", faraway_charset, NULL, NULL},
    {"check_for_uppercase", uppercase, NULL, NULL},
    {"check_ma_non_text", alternative_non_text, NULL, NULL},
    {"check_base64_length", base64_length, NULL, NULL},
    {"check_msg_parse_flags", parse_flags, NULL, NULL},
    {"image_count", image_count, NULL, NULL},
    {"pixel_coverage", pixel_coverage, NULL, NULL},
    {"image_to_text_ratio", image_to_text_ratio, NULL, NULL},
    {"image_size_exact", image_size_exact, NULL, NULL},
    {"image_size_range", image_size_range, NULL, NULL},
    {"image_named", image_named, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};
