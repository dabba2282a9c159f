/* evals_pdf.c: PDFInfo. */
#include "lib/spam/scan/evals_private.h"

static const struct pdf_info *
pdf(const struct eval_call *call)
{
    return message_view_pdf(call->context->view);
}

static double
count(const struct eval_call *call)
{
    return pdf_info_within(pdf(call)->count, eval_number(call, 0), eval_number(call, 1));
}

static double
image_count(const struct eval_call *call)
{
    return pdf_info_within(pdf(call)->images, eval_number(call, 0), eval_number(call, 1));
}

static double
pixel_coverage(const struct eval_call *call)
{
    return pdf_info_within(pdf(call)->pixels, eval_number(call, 0), eval_number(call, 1));
}

static double
image_to_text_ratio(const struct eval_call *call)
{
    gsize n, length = 0;
    const struct perl_text *texts = eval_texts(call, &n);

    for (gsize i = 0; i < n; i++)
        length += texts[i].length;
    return pdf_info_text_ratio(pdf(call), length, eval_number(call, 0), eval_number(call, 1));
}

static double
is_empty_body(const struct eval_call *call)
{
    gsize n;
    const struct perl_text *texts = eval_texts(call, &n);

    return pdf_info_is_empty_body(pdf(call), texts, n, eval_number(call, 0));
}

static double
image_size_exact(const struct eval_call *call)
{
    return pdf_info_has_size(pdf(call), eval_arg(call, 0), eval_arg(call, 1));
}

static double
image_size_range(const struct eval_call *call)
{
    return pdf_info_size_within(pdf(call), eval_number(call, 0), eval_number(call, 1), eval_number(call, 2), eval_number(call, 3));
}

static double
is_encrypted(const struct eval_call *call)
{
    return pdf(call)->encrypted;
}

static double
named(const struct eval_call *call)
{
    return eval_arg(call, 0) != NULL && g_hash_table_contains(pdf(call)->names, eval_arg(call, 0));
}

static double
match_md5(const struct eval_call *call)
{
    return pdf_info_has_md5(pdf(call)->md5, eval_arg(call, 0));
}

static double
match_fuzzy_md5(const struct eval_call *call)
{
    return pdf_info_has_md5(pdf(call)->fuzzy_md5, eval_arg(call, 0));
}

/* ---- patterns ---- */

static gpointer
prepare_first(const struct view_settings *settings, const struct spam_rule *rule)
{
    (void)settings;
    return eval_pattern(rule, 0);
}

static gpointer
prepare_second(const struct view_settings *settings, const struct spam_rule *rule)
{
    (void)settings;
    return eval_pattern(rule, 1);
}

static double
name_regex(const struct eval_call *call)
{
    return call->prepared != NULL && pdf_info_name_matches(pdf(call), call->prepared, call->context->matcher);
}

static double
match_details(const struct eval_call *call)
{
    return call->prepared != NULL && pdf_info_detail_matches(pdf(call), eval_arg(call, 0), call->prepared, call->context->matcher);
}

const struct eval_entry evals_of_pdf[] = {
    {"pdf_count", count, NULL, NULL},
    {"pdf_image_count", image_count, NULL, NULL},
    {"pdf_pixel_coverage", pixel_coverage, NULL, NULL},
    {"pdf_image_to_text_ratio", image_to_text_ratio, NULL, NULL},
    {"pdf_is_empty_body", is_empty_body, NULL, NULL},
    {"pdf_image_size_exact", image_size_exact, NULL, NULL},
    {"pdf_image_size_range", image_size_range, NULL, NULL},
    {"pdf_is_encrypted", is_encrypted, NULL, NULL},
    {"pdf_named", named, NULL, NULL},
    {"pdf_name_regex", name_regex, prepare_first, eval_pattern_free},
    {"pdf_match_md5", match_md5, NULL, NULL},
    {"pdf_match_fuzzy_md5", match_fuzzy_md5, NULL, NULL},
    {"pdf_match_details", match_details, prepare_second, eval_pattern_free},
    {NULL, NULL, NULL, NULL},
};
