/* spam_evals_driver.c: eval functions on URIs, texts and MIME parts, for the parity suite: reads what spam_evals.pl prints and
 * answers with our results and facts, in its form. Arguments as spam_uris_driver's. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/spam/eval/args.h"
#include "lib/spam/eval/body_eval.h"
#include "lib/spam/eval/image_info.h"
#include "lib/spam/eval/mime_eval.h"
#include "lib/spam/eval/uri_eval.h"
#include "tests/parity/spam_json.h"

static const char *const locales[] = {"en", "ru", NULL}; /* spam_evals.pl's ok_locales */

/* A message as the functions want it. */
struct message {
    const struct uris_settings *settings;
    GPtrArray *kept;
    GArray *texts, *raw_texts, *parts_array, *html;
    struct eval_parts parts;
    struct uris *uris;
    GPtrArray *all;
    const char *content_type; /* or NULL */
    gsize body_length;
    struct mime_facts facts;
    struct body_difference difference;
    struct image_info images;
};

/* A call's name and arguments. */
struct call {
    const struct message *message;
    const char *name;
    const json_t *args;
};

static const char *
text_arg(const struct call *call, guint i)
{
    return json_string_value(json_array_get(call->args, i));
}

static double
arg(const struct call *call, guint i)
{
    const char *text = text_arg(call, i);

    return text == NULL ? NAN : strcmp(text, "undef") == 0 ? INFINITY : g_ascii_strtod(text, NULL);
}

/* A string of octets, NULL for null. */
static const char *
octets(const json_t *value, GPtrArray *kept)
{
    gsize length;
    char *bytes;

    if (!json_is_string(value))
        return NULL;
    bytes = (char *)g_base64_decode(json_string_value(value), &length);
    bytes = g_realloc(bytes, length + 1);
    bytes[length] = '\0';
    g_ptr_array_add(kept, bytes);
    return bytes;
}

static struct perl_text
octets_text(const json_t *value, GPtrArray *kept)
{
    gsize length;
    char *bytes;

    if (!json_is_string(value))
        return (struct perl_text){"", 0, FALSE};
    bytes = (char *)g_base64_decode(json_string_value(value), &length);
    g_ptr_array_add(kept, bytes);
    return (struct perl_text){bytes, length, FALSE};
}

static struct eval_part
part_of(const json_t *value, GPtrArray *kept)
{
    struct eval_part part = {
        .type = octets(json_object_get(value, "type"), kept),
        .declared_type = octets(json_object_get(value, "declared"), kept),
        .charset = octets(json_object_get(value, "charset"), kept),
        .name = octets(json_object_get(value, "name"), kept),
        .encoding = octets(json_object_get(value, "cte"), kept),
        .disposition = octets(json_object_get(value, "cd"), kept),
        .below = (guint)json_integer_value(json_object_get(value, "below")),
        .is_leaf = json_integer_value(json_object_get(value, "leaf")) != 0,
        .has_image = json_integer_value(json_object_get(value, "image")) != 0,
        .raw = octets_text(json_object_get(value, "raw"), kept),
        .decoded = octets_text(json_object_get(value, "decoded"), kept),
        .rendered_type = json_string_value(json_object_get(value, "rendered_type")),
    };

    if (part.rendered_type != NULL)
        part.rendered = spam_json_text(json_object_get(value, "rendered"), kept);
    return part;
}

static void
read_html(struct message *message, const json_t *array)
{
    const json_t *value;
    size_t i;

    message->html = g_array_new(FALSE, FALSE, sizeof(struct uris_html));
    json_array_foreach(array, i, value)
    {
        struct uris_html html = spam_json_html(value, message->kept);
        uris_add_html(message->uris, message->settings, &html);
        g_array_append_val(message->html, html);
    }
}

static struct message *
message_new(const struct uris_settings *settings, const json_t *item)
{
    struct message *message = g_new0(struct message, 1);
    const json_t *value;
    size_t i;

    message->settings = settings;
    message->kept = g_ptr_array_new_with_free_func(g_free);
    message->texts = spam_json_texts(json_object_get(item, "texts"), message->kept);
    message->raw_texts = spam_json_texts(json_object_get(item, "rawtexts"), message->kept);
    message->parts_array = g_array_new(FALSE, FALSE, sizeof(struct eval_part));
    json_array_foreach(json_object_get(item, "parts"), i, value)
    {
        struct eval_part part = part_of(value, message->kept);
        g_array_append_val(message->parts_array, part);
    }
    message->parts = (struct eval_parts){(const struct eval_part *)message->parts_array->data, message->parts_array->len};
    message->uris = uris_new();
    uris_add_texts(message->uris, settings, (const struct perl_text *)message->texts->data, message->texts->len);
    read_html(message, json_object_get(item, "html"));
    json_array_foreach(json_object_get(item, "dkim"), i, value)
        uris_add_dkim(message->uris, settings, spam_json_text(value, message->kept));
    message->all = uris_all(message->uris);
    message->content_type = octets(json_object_get(item, "content_type"), message->kept);
    message->body_length = (gsize)json_integer_value(json_object_get(item, "body_length"));
    mime_facts_init(&message->facts, message->parts, locales, json_integer_value(json_object_get(item, "open_boundary")) != 0);
    message->difference = body_eval_difference(message->parts);
    image_info_init(&message->images, message->parts);
    return message;
}

static void
message_free(struct message *message)
{
    g_array_unref(message->html);
    g_array_unref(message->texts);
    g_array_unref(message->raw_texts);
    g_array_unref(message->parts_array);
    g_ptr_array_unref(message->all);
    uris_free(&message->uris);
    mime_facts_clear(&message->facts);
    image_info_clear(&message->images);
    g_ptr_array_unref(message->kept);
    g_free(message);
}

static double
uppercase(const struct message *m)
{
    return mime_eval_uppercase(&m->facts, m->content_type, (const struct perl_text *)m->texts->data, m->texts->len);
}

static gsize
length_of(const GArray *texts)
{
    gsize length = 0;

    for (guint i = 0; i < texts->len; i++)
        length += g_array_index(texts, struct perl_text, i).length;
    return length;
}

static gboolean
detail(const struct call *call)
{
    static const char *const keys[] = {"raw", "type", "cleaned", "text", "domain", "host"};
    struct uri_detail_condition conditions[8];
    struct pattern *patterns[8];
    struct matcher *matcher = matcher_new();
    gsize count = 0;

    for (guint i = 1; text_arg(call, i) != NULL; i += 3, count++) {
        for (guint key = 0; key < G_N_ELEMENTS(keys); key++)
            if (strcmp(keys[key], text_arg(call, i)) == 0)
                conditions[count].key = (enum uri_detail_key)key;
        conditions[count].negated = text_arg(call, i + 1)[0] == '!';
        patterns[count] = pattern_new(text_arg(call, i + 2), strlen(text_arg(call, i + 2)), NULL, NULL);
        conditions[count].pattern = patterns[count];
    }
    gboolean hit = uri_eval_detail(call->message->uris, conditions, count, matcher);
    for (gsize i = 0; i < count; i++)
        pattern_free(patterns[i]);
    matcher_free(matcher);
    return hit;
}

static gboolean
uri_call(const struct call *call)
{
    const struct message *m = call->message;
    const struct uris_html *html = (const struct uris_html *)m->html->data;

    if (strcmp(call->name, "check_for_http_redirector") == 0)
        return uri_eval_http_redirector(m->settings->registry, m->all);
    if (strcmp(call->name, "check_https_ip_mismatch") == 0)
        return uri_eval_https_ip_mismatch(html, m->html->len);
    if (strcmp(call->name, "check_https_http_mismatch") == 0)
        return uri_eval_https_http_mismatch(m->settings->registry, html, m->html->len, arg(call, 1), arg(call, 2));
    if (strcmp(call->name, "check_uri_detail") == 0)
        return detail(call);
    g_error("no function %s", call->name);
}

static gboolean
body_call(const struct call *call)
{
    const struct message *m = call->message;
    struct body_signature signature;

    if (strcmp(call->name, "multipart_alternative_difference") == 0)
        return body_eval_differs(&m->difference, arg(call, 1), arg(call, 2));
    if (strcmp(call->name, "multipart_alternative_difference_count") == 0)
        return body_eval_differs_in_count(&m->difference, arg(call, 1), arg(call, 2));
    if (strcmp(call->name, "check_blank_line_ratio") == 0)
        return body_eval_blank_lines_within(
            body_eval_blank_lines((const struct perl_text *)m->raw_texts->data, m->raw_texts->len, arg(call, 3)), arg(call, 1),
            arg(call, 2));
    if (strcmp(call->name, "tvd_vertical_words") == 0)
        return body_eval_vertical_words_within(body_eval_vertical_words((const struct perl_text *)m->texts->data, m->texts->len),
                                               arg(call, 1), arg(call, 2));
    if (strcmp(call->name, "check_stock_info") == 0)
        return body_eval_stock_info(m->parts) >= arg(call, 1);
    if (strcmp(call->name, "check_body_length") == 0)
        return m->body_length <= arg(call, 1);
    if (!body_eval_signature(m->parts, &signature))
        return FALSE;
    if (strcmp(call->name, "plaintext_body_length") == 0)
        return args_within((double)signature.body, arg(call, 1), arg(call, 2));
    if (strcmp(call->name, "plaintext_sig_length") == 0)
        return args_within((double)signature.signature, arg(call, 1), arg(call, 2));
    return args_within(signature.ratio, arg(call, 1), isnan(arg(call, 2)) ? 1e6 : arg(call, 2));
}

static gboolean
mime_call(const struct call *call)
{
    const struct message *m = call->message;
    const char *content_type = m->content_type != NULL ? m->content_type : "";

    if (strcmp(call->name, "check_for_mime") == 0)
        return mime_eval_has(&m->facts, text_arg(call, 1));
    if (strcmp(call->name, "check_for_mime_html") == 0)
        return mime_eval_html(&m->facts, content_type);
    if (strcmp(call->name, "check_for_mime_html_only") == 0)
        return mime_eval_html_only(&m->facts, content_type);
    if (strcmp(call->name, "check_mime_multipart_ratio") == 0)
        return mime_eval_multipart_ratio(&m->facts, arg(call, 1), arg(call, 2));
    if (strcmp(call->name, "check_for_ascii_text_illegal") == 0)
        return m->facts.ascii_text_illegal > 0;
    if (strcmp(call->name, "check_abundant_unicode_ratio") == 0)
        return mime_eval_unicode_ratio(&m->facts, text_arg(call, 1));
    if (strcmp(call->name, "check_qp_ratio") == 0)
        return mime_eval_qp_ratio(&m->facts, arg(call, 1));
    if (strcmp(call->name, "check_for_faraway_charset") == 0)
        return mime_eval_faraway_charset(m->content_type, (const struct perl_text *)m->texts->data, m->texts->len, locales);
    if (strcmp(call->name, "check_for_uppercase") == 0)
        return args_above(uppercase(m), arg(call, 1), arg(call, 2));
    if (strcmp(call->name, "check_ma_non_text") == 0)
        return mime_eval_alternative_non_text(m->parts);
    if (strcmp(call->name, "check_base64_length") == 0)
        return args_within((double)mime_eval_base64_length(m->parts), arg(call, 1), arg(call, 2));
    g_error("no function %s", call->name);
}

static gboolean
image_call(const struct call *call)
{
    const struct image_info *images = &call->message->images;

    if (strcmp(call->name, "image_count") == 0)
        return image_info_count_within(images, text_arg(call, 1), arg(call, 2), arg(call, 3));
    if (strcmp(call->name, "pixel_coverage") == 0)
        return image_info_pixels_within(images, text_arg(call, 1), arg(call, 2), arg(call, 3));
    if (strcmp(call->name, "image_to_text_ratio") == 0)
        return image_info_text_ratio(images, text_arg(call, 1),
                                     length_of(text_arg(call, 4) != NULL ? call->message->raw_texts : call->message->texts),
                                     arg(call, 2), arg(call, 3));
    if (strcmp(call->name, "image_size_exact") == 0)
        return image_info_has_size(images, text_arg(call, 1), text_arg(call, 2), text_arg(call, 3));
    if (strcmp(call->name, "image_size_range") == 0)
        return image_info_size_within(images, text_arg(call, 1), arg(call, 2), arg(call, 3), arg(call, 4), arg(call, 5));
    if (strcmp(call->name, "image_named") == 0)
        return image_info_has_name(images, text_arg(call, 1));
    g_error("no function %s", call->name);
}

static gboolean
result_of(const struct call *call, const char *group)
{
    if (strcmp(group, "BodyEval") == 0)
        return body_call(call);
    if (strcmp(group, "MIMEEval") == 0)
        return mime_call(call);
    if (strcmp(group, "ImageInfo") == 0)
        return image_call(call);
    return uri_call(call);
}

static json_t *
facts_of(const struct message *m)
{
    const struct mime_facts *f = &m->facts;
    json_t *charsets = f->html_charsets != NULL ? spam_json_base64(f->html_charsets->str, f->html_charsets->len) : json_null();

    return json_pack(
        "{sf si si si sf si si si sf sI sf si sf si si si sf sf sf si so}", "madiff", m->difference.percent, "madiff_html",
        m->difference.html, "madiff_text", m->difference.plain, "stock_info", body_eval_stock_info(m->parts), "uppercase",
        uppercase(m), "base64_length", (int)mime_eval_base64_length(m->parts), "tvd_vertical_words",
        body_eval_vertical_words((const struct perl_text *)m->texts->data, m->texts->len), "mime_base64_count", f->base64_count,
        "mime_multipart_ratio", f->multipart_ratio, "mime_qp_count", (json_int_t)f->qp_count, "mime_qp_ratio", f->qp_ratio,
        "mime_ascii_text_illegal", f->ascii_text_illegal, "mime_text_unicode_ratio", f->text_unicode_ratio,
        "mime_body_html_count", f->body_html_count, "mime_body_text_count", f->body_text_count, "mime_attachment", f->attachment,
        "pc_gif", m->images.pixels[IMAGE_GIF], "pc_png", m->images.pixels[IMAGE_PNG], "pc_jpeg", m->images.pixels[IMAGE_JPEG],
        "count_all", m->images.count[IMAGE_GIF] + m->images.count[IMAGE_PNG] + m->images.count[IMAGE_JPEG], "charsets", charsets);
}

static void
answer(const struct uris_settings *settings, const json_t *item)
{
    struct message *message = message_new(settings, item);
    json_t *results = json_array();
    const json_t *value;
    size_t i;

    json_array_foreach(json_object_get(item, "calls"), i, value)
    {
        const struct call call = {message, json_string_value(json_array_get(value, 0)), value};
        const char *group = json_string_value(json_array_get(json_object_get(item, "groups"), i));

        json_array_append_new(results, json_integer(result_of(&call, group)));
    }
    json_t *line = json_pack("{so so}", "results", results, "facts", facts_of(message));
    json_dumpf(line, stdout, JSON_COMPACT | JSON_SORT_KEYS);
    putchar('\n');
    json_decref(line);
    message_free(message);
}

int
main(int argc, char **argv)
{
    return spam_json_main(argc, argv, answer);
}
