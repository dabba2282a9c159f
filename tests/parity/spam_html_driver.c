/* spam_html_driver.c: prints of each HTML text on stdin (the lines that spam_html.pl prints) what our code makes of it, in the
 * same JSON. */
#include "lib/spam/eval/html_eval.h"
#include "lib/spam/view/html_tags.h"
#include "lib/spam/view/html_view.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *
base64(const char *data, gsize length)
{
    g_autofree char *text = g_base64_encode((const guchar *)data, length);

    return json_string(text);
}

static json_t *
string(const struct spam_string *s)
{
    return json_pack("[o,i]", base64(s->text->str, s->text->len), s->is_chars ? 1 : 0);
}

static json_t *
strings(const GPtrArray *list)
{
    json_t *array = json_array();

    for (guint i = 0; list != NULL && i < list->len; i++)
        json_array_append_new(array, string(g_ptr_array_index(list, i)));
    return array;
}

static json_t *
number(double value)
{
    char text[64];

    g_snprintf(text, sizeof text, "%.12g", value);
    return json_string(isinf(value) ? "Inf" : text);
}

static void
inside_add(const char *name, gsize length, gint64 count, gpointer data)
{
    g_autofree char *key = g_base64_encode((const guchar *)name, length);

    json_object_set_new(data, key, number((double)count));
}

static json_t *
uris(const struct html_results *r)
{
    json_t *object = json_object();

    for (guint i = 0; r->complete && i < r->uris->len; i++) {
        const struct html_uri *uri = g_ptr_array_index(r->uris, i);
        g_autofree char *key = g_base64_encode((const guchar *)uri->uri->text->str, uri->uri->text->len);
        json_t *types = json_array();

        for (guint t = 0; t < uri->types->len; t++)
            json_array_append_new(types, json_string(g_ptr_array_index(uri->types, t)));
        json_object_set_new(object, key, json_pack("{s:i,s:o,s:o}", "is_chars", uri->uri->is_chars ? 1 : 0, "types", types,
                                                   "anchor_texts", strings(uri->anchor_texts)));
    }
    return object;
}

static json_t *
results(const struct html_results *r)
{
    static const char *const NUMBERS[] = {
        "html", "image_area", "length", "min_size", "max_size", "closed_extra_ratio", "bad_tag_ratio", "non_element_ratio",
        "obfuscation_ratio", "backhair_count", "uri_truncated", "ratio", "html_length", "non_space_len", "font_face_bad",
        "font_low_contrast", "font_invalid_color", "form_action_mailto", "embeds",
    };
    static const char *const LISTS[] = {"title", "comment", "script", "anchor"};
    json_t *object = json_object();
    json_t *inside = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(NUMBERS); i++) {
        double value;

        json_object_set_new(object, NUMBERS[i], html_results_get(r, NUMBERS[i], &value) ? number(value) : json_null());
    }
    for (guint i = 0; i < G_N_ELEMENTS(LISTS); i++)
        json_object_set_new(object, LISTS[i], strings(html_results_texts(r, LISTS[i])));
    if (r->complete)
        html_inside_foreach(r->inside, inside_add, inside);
    json_object_set_new(object, "inside", inside);
    json_object_set_new(object, "complete", json_integer(r->complete ? 1 : 0));
    json_object_set_new(object, "uris", uris(r));
    return object;
}

static gboolean
pattern_matches(struct spam_slice text, gpointer pattern)
{
    gboolean is_utf8 = text.is_chars && g_utf8_validate_len(text.data, text.length, NULL);
    g_autoptr(GRegex) regex = g_regex_new(pattern, (is_utf8 ? 0 : G_REGEX_RAW) | G_REGEX_NEWLINE_LF, 0, NULL);

    return g_regex_match_full(regex, text.data, (gssize)text.length, 0, 0, NULL, NULL);
}

/* One of SPAM_EVALS: the function's name, then its arguments. */
static gboolean
eval(const GPtrArray *views, json_t *question)
{
    const char *function = json_string_value(json_array_get(question, 0));
    const char *a = json_string_value(json_array_get(question, 1));
    const char *b = json_string_value(json_array_get(question, 2));
    const char *c = json_string_value(json_array_get(question, 3));

    if (strcmp(function, "html_test") == 0)
        return html_eval_test(views, a);
    if (strcmp(function, "html_tag_exists") == 0)
        return html_eval_tag_exists(views, a);
    if (strcmp(function, "html_tag_balance") == 0)
        return html_eval_tag_balance(views, a, b);
    if (strcmp(function, "html_range") == 0)
        return html_eval_range(views, a, b, c);
    if (strcmp(function, "html_image_only") == 0)
        return html_eval_image_only(views, a, b);
    if (strcmp(function, "html_image_ratio") == 0)
        return html_eval_image_ratio(views, a, b);
    if (strcmp(function, "html_eval") == 0)
        return html_eval_number(views, a, b);
    if (strcmp(function, "html_title_subject_ratio") == 0)
        return html_eval_title_subject_ratio(views, strlen("hello world"), a);
    if (strcmp(function, "check_iframe_src") == 0)
        return html_eval_iframe_src(views);
    return (strcmp(function, "html_text_match") == 0 ? html_eval_text_match : html_eval_text_not_match)(views, a, pattern_matches,
                                                                                                       (gpointer)(guintptr)b);
}

static json_t *
evals(const struct html_view *view)
{
    static json_t *questions;
    g_autoptr(GPtrArray) views = g_ptr_array_new();
    json_t *answers = json_array();

    if (questions == NULL)
        questions = json_loads(g_getenv("SPAM_EVALS") != NULL ? g_getenv("SPAM_EVALS") : "[]", 0, NULL);
    g_ptr_array_add(views, (gpointer)(guintptr)view);
    for (gsize i = 0; i < json_array_size(questions); i++)
        json_array_append_new(answers, json_integer(eval(views, json_array_get(questions, i))));
    return answers;
}

static void
line_answer(json_t *line)
{
    gsize length = 0;
    json_t *input = json_object_get(line, "input");
    g_autofree guchar *text = g_base64_decode(json_string_value(json_array_get(input, 0)), &length);
    struct spam_slice slice = {(const char *)text, length, json_integer_value(json_array_get(input, 1)) != 0};
    struct html_view *view = html_view_new(slice, json_integer_value(json_object_get(line, "utf8_bytes")) != 0,
                                           (gsize)json_integer_value(json_object_get(line, "source_length")));
    json_t *answer = json_pack("{s:o,s:o,s:o,s:o,s:o}", "evals", evals(view), "rendered", string(&view->rendered), "visible", string(&view->visible),
                               "invisible", string(&view->invisible), "results", results(&view->results));
    g_autofree char *out = json_dumps(answer, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_SORT_KEYS);

    puts(out);
    json_decref(answer);
    html_view_free(&view);
}

int
main(void)
{
    json_t *line;

    while ((line = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, NULL)) != NULL) {
        line_answer(line);
        json_decref(line);
    }
    return 0;
}
