/* html_eval.c: answers from the results of a message's HTML parts. */
#include "lib/spam/eval/html_eval.h"
#include "lib/spam/view/html_tags.h"
#include <math.h>
#include <string.h>

double
html_eval_numify(const char *text)
{
    const char *p = text != NULL ? text : "";
    const char *digits;

    while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
        p++;
    digits = *p == '-' || *p == '+' ? p + 1 : p;
    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
        return 0; /* hex is for source code */
    return g_ascii_strtod(p, NULL);
}

static const struct html_results *
results_at(const GPtrArray *views, guint i)
{
    return &((const struct html_view *)g_ptr_array_index(views, i))->results;
}

static gboolean
inside_get(const struct html_results *results, const char *tag, gint64 *count)
{
    return results->complete && html_inside_get(results->inside, tag, strlen(tag), count);
}

gboolean
html_eval_tag_balance(const GPtrArray *views, const char *tag, const char *expression)
{
    for (const char *p = tag; *p != '\0'; p++)
        if (!g_ascii_isalnum(*p))
            return FALSE;
    for (guint i = 0; i < views->len; i++) {
        gint64 count;

        if (inside_get(results_at(views, i), tag, &count) && html_eval_expression((double)count, expression))
            return TRUE;
    }
    return FALSE;
}

gboolean
html_eval_number(const GPtrArray *views, const char *name, const char *expression)
{
    for (guint i = 0; i < views->len; i++) {
        double value;

        if (html_results_get(results_at(views, i), name, &value) && html_eval_expression(value, expression))
            return TRUE;
    }
    return FALSE;
}

gboolean
html_eval_image_only(const GPtrArray *views, const char *min, const char *max)
{
    for (guint i = 0; i < views->len; i++) {
        const struct html_results *r = results_at(views, i);
        gint64 count;

        if (inside_get(r, "img", &count) && (double)r->length > html_eval_numify(min) && (double)r->length <= html_eval_numify(max))
            return TRUE;
    }
    return FALSE;
}

gboolean
html_eval_image_ratio(const GPtrArray *views, const char *min, const char *max)
{
    for (guint i = 0; i < views->len; i++) {
        const struct html_results *r = results_at(views, i);
        double ratio;

        if (!r->complete || !(r->image_area > 0))
            continue;
        ratio = (double)r->non_space_len / r->image_area;
        if (ratio > html_eval_numify(min) && ratio <= html_eval_numify(max))
            return TRUE;
    }
    return FALSE;
}

gboolean
html_eval_tag_exists(const GPtrArray *views, const char *tag)
{
    gint64 count;

    for (guint i = 0; i < views->len; i++)
        if (inside_get(results_at(views, i), tag, &count))
            return TRUE;
    return FALSE;
}

gboolean
html_eval_test(const GPtrArray *views, const char *name)
{
    double value;

    for (guint i = 0; i < views->len; i++)
        if (html_results_get(results_at(views, i), name, &value) && value != 0)
            return TRUE;
    return FALSE;
}

gboolean
html_eval_range(const GPtrArray *views, const char *name, const char *min, const char *max)
{
    gboolean no_max = max == NULL || strcmp(max, "inf") == 0;

    for (guint i = 0; i < views->len; i++) {
        double value;

        if (html_results_get(results_at(views, i), name, &value) && value > html_eval_numify(min) &&
            (no_max || value <= html_eval_numify(max)))
            return TRUE;
    }
    return FALSE;
}

/* Is there a text of the list whose match is as wanted? */
static gboolean
any_text(const GPtrArray *views, const char *name, html_eval_matcher matches, gpointer pattern, gboolean wanted)
{
    gboolean is_uris = strcmp(name, "uri") == 0;

    for (guint i = 0; i < views->len; i++) {
        const struct html_results *r = results_at(views, i);
        const GPtrArray *list = is_uris && r->complete ? r->uris : html_results_texts(r, name);

        for (guint k = 0; list != NULL && k < list->len; k++) {
            const struct spam_string *text =
                is_uris ? ((const struct html_uri *)g_ptr_array_index(list, k))->uri : g_ptr_array_index(list, k);

            if (!matches(spam_string_slice(text), pattern) == !wanted)
                return TRUE;
        }
    }
    return FALSE;
}

gboolean
html_eval_text_match(const GPtrArray *views, const char *name, html_eval_matcher matches, gpointer pattern)
{
    return any_text(views, name, matches, pattern, TRUE);
}

gboolean
html_eval_text_not_match(const GPtrArray *views, const char *name, html_eval_matcher matches, gpointer pattern)
{
    return any_text(views, name, matches, pattern, FALSE);
}

/* The longest title, in characters; "0" counts as none, as it is false. */
static gsize
title_length(const struct html_results *r)
{
    gsize longest = 0;

    for (guint i = 0; r->complete && i < r->titles->len; i++) {
        struct spam_slice title = spam_string_slice(g_ptr_array_index(r->titles, i));

        if (title.length != 1 || title.data[0] != '0')
            longest = MAX(longest, spam_slice_chars(title));
    }
    return longest;
}

gboolean
html_eval_title_subject_ratio(const GPtrArray *views, gsize subject_length, const char *ratio)
{
    for (guint i = 0; subject_length > 0 && i < views->len; i++)
        if ((double)title_length(results_at(views, i)) / (double)subject_length > html_eval_numify(ratio))
            return TRUE;
    return FALSE;
}

gboolean
html_eval_iframe_src(const GPtrArray *views)
{
    for (guint i = 0; i < views->len; i++) {
        const struct html_results *r = results_at(views, i);

        for (guint k = 0; r->complete && k < r->uris->len; k++) {
            const struct html_uri *uri = g_ptr_array_index(r->uris, k);

            for (guint t = 0; t < uri->types->len; t++)
                if (strcmp(g_ptr_array_index(uri->types, t), "iframe") == 0)
                    return TRUE;
        }
    }
    return FALSE;
}
