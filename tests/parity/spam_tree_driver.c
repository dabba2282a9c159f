/* spam_tree_driver.c: the other half of spam_tree.pl: the same JSON of the same files from our own code.
 *
 * A line of stdin: {"file": "path", "names": ["From:addr", ..], "html": [[[is_chars, "base64"], three times], ..]}, the last
 * being what SpamAssassin rendered of each HTML leaf, so that rendering is not what is measured here. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "lib/spam/view/header.h"
#include "lib/spam/view/html_view.h"
#include "lib/spam/view/texts.h"
#include "lib/spam/view/tree.h"

struct rendering {
    json_t *html;
    size_t next;
    GPtrArray *views; /* struct html_view * */
    GHashTable *by_part;
};

static gboolean full; /* whole texts instead of digests */

static json_t *
json_bytes(const char *s, gsize length)
{
    g_autoptr(GString) out = g_string_sized_new(length);

    for (gsize i = 0; i < length; i++)
        g_string_append_unichar(out, (guint8)s[i]);
    return json_stringn(out->str, out->len);
}

static json_t *
json_text(const char *s)
{
    return s != NULL ? json_bytes(s, strlen(s)) : json_null();
}

static json_t *
json_string_or_null(const GString *s)
{
    return s != NULL ? json_bytes(s->str, s->len) : json_null();
}

static json_t *
brief_bytes(const char *s, gsize length)
{
    g_autofree char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA1, (const guchar *)s, length);

    return full ? json_bytes(s, length) : json_sprintf("%zu:%.10s", length, digest);
}

static json_t *
brief(const GString *s)
{
    return s != NULL ? brief_bytes(s->str, s->len) : json_null();
}

static json_t *
briefs(GPtrArray *strings)
{
    json_t *out = json_array();

    for (guint i = 0; i < strings->len; i++)
        json_array_append_new(out, brief(strings->pdata[i]));
    g_ptr_array_unref(strings);
    return out;
}

static json_t *
part_of(struct spam_part *part)
{
    json_t *out = json_object(), *fields = json_array();
    gboolean leaf = part->children == NULL;

    for (guint i = 0; i < part->fields->len; i++) {
        const struct spam_field *field = part->fields->pdata[i];
        json_array_append_new(fields, json_pack("[o,o,o]", json_bytes(field->name.str, field->name.len),
                                                json_bytes(field->decoded.str, field->decoded.len),
                                                json_bytes(field->raw.str, field->raw.len)));
    }
    json_object_set_new(out, "type", json_text(part->type));
    json_object_set_new(out, "effective", json_text(part_effective_type(part)));
    json_object_set_new(out, "leaf", json_integer(leaf));
    json_object_set_new(out, "charset", leaf ? json_string_or_null(part->charset) : json_null());
    json_object_set_new(out, "name", json_string_or_null(part->name));
    json_object_set_new(out, "fields", fields);
    json_object_set_new(out, "raw", leaf ? brief(part->raw) : json_null());
    json_object_set_new(out, "decoded", leaf ? brief(part_decode(part)) : json_null());
    return out;
}

static json_t *
tree_of(const struct spam_tree *tree)
{
    json_t *out = json_object(), *list = json_array();
    g_autoptr(GPtrArray) parts = tree_parts(tree);
    g_autofree char *digest = tree_body_digest(tree), *generated = tree_generated_id(tree);
    g_autoptr(GString) id = tree_message_id(tree);

    for (guint i = 0; i < parts->len; i++)
        json_array_append_new(list, part_of(parts->pdata[i]));
    json_object_set_new(out, "missing_head_body_separator", json_integer(tree->missing_head_body_separator));
    json_object_set_new(out, "missing_mime_headers", json_integer(tree->missing_mime_headers));
    json_object_set_new(out, "missing_mime_head_body_separator", json_integer(tree->missing_mime_head_body_separator));
    json_object_set_new(out, "mime_epilogue_exists", json_integer(tree->mime_epilogue_exists));
    json_object_set_new(out, "mimepart_limit_exceeded", json_integer(tree->mimepart_limit_exceeded));
    json_object_set_new(out, "truncated_header", json_integer(tree->truncated_header));
    json_object_set_new(out, "open_boundary", json_integer(tree_has_open_boundary(tree)));
    json_object_set_new(out, "mbox",
                        tree->mbox_line != NULL ? json_bytes(tree->mbox_line->str, tree->mbox_line->len) : json_null());
    json_object_set_new(out, "head", brief_bytes(tree->pristine->str, tree->header_length));
    json_object_set_new(out, "body", brief_bytes(tree->pristine->str + tree->header_length,
                                                 tree->pristine->len - tree->header_length));
    json_object_set_new(out, "digest", json_text(digest));
    json_object_set_new(out, "msgid", id != NULL ? json_bytes(id->str, id->len) : json_null());
    json_object_set_new(out, "generated", json_text(generated));
    json_object_set_new(out, "parts", list);
    return out;
}

static struct spam_string
given_string(json_t *pair)
{
    gsize length;
    g_autofree guchar *bytes = g_base64_decode(json_string_value(json_array_get(pair, 1)), &length);

    return (struct spam_string){ g_string_new_len((const char *)bytes, (gssize)length),
                                 json_integer_value(json_array_get(pair, 0)) != 0 };
}

static const struct html_view *
given_view(gpointer data, struct spam_part *part, const GString *text, gboolean is_chars, gsize source_length)
{
    struct rendering *r = data;
    struct html_view *view = g_hash_table_lookup(r->by_part, part);
    json_t *given;

    (void)text;
    (void)is_chars;
    (void)source_length;
    if (view != NULL)
        return view;
    given = json_array_get(r->html, r->next++);
    if (given == NULL)
        return NULL;
    view = g_new0(struct html_view, 1);
    view->rendered = given_string(json_array_get(given, 0));
    view->visible = given_string(json_array_get(given, 1));
    view->invisible = given_string(json_array_get(given, 2));
    g_hash_table_insert(r->by_part, part, view);
    return view;
}

static void
given_free(gpointer data)
{
    struct html_view *view = data;

    g_string_free(view->rendered.text, TRUE);
    g_string_free(view->visible.text, TRUE);
    g_string_free(view->invisible.text, TRUE);
    g_free(view);
}

static json_t *
header_of(struct spam_tree *tree, json_t *names, const struct header_help *help)
{
    json_t *out = json_object(), *name;
    size_t i;
    struct header_view *header = header_view_new(tree, help, NULL);

    json_array_foreach(names, i, name)
    {
        const GPtrArray *values = header_get(header, json_string_value(name));
        json_t *list = json_array();
        for (guint k = 0; k < values->len; k++) {
            gsize length;
            const char *value = g_bytes_get_data(values->pdata[k], &length);
            json_array_append_new(list, json_bytes(value, length));
        }
        json_object_set_new(out, json_string_value(name), list);
    }
    header_view_free(&header);
    return out;
}

static void
answer(json_t *request, const struct header_help *help)
{
    static const struct texts_options options = { 50000, 500000 };
    const char *path = json_string_value(json_object_get(request, "file"));
    g_autofree char *text = NULL;
    gsize length = 0;
    json_t *out = json_object();
    struct rendering r = { .html = json_object_get(request, "html"),
                           .by_part = g_hash_table_new_full(NULL, NULL, NULL, given_free) };

    if (!g_file_get_contents(path, &text, &length, NULL))
        g_error("%s: no such file", path);
    struct spam_tree *tree = tree_new(text, length);
    json_object_set_new(out, "file", json_string(path));
    json_object_set_new(out, "tree", tree_of(tree));
    json_object_set_new(out, "header", header_of(tree, json_object_get(request, "names"), help));
    json_object_set_new(out, "body", briefs(texts_body(tree, TEXTS_BODY, &options, given_view, &r)));
    json_object_set_new(out, "visible", briefs(texts_body(tree, TEXTS_VISIBLE, &options, given_view, &r)));
    json_object_set_new(out, "invisible", briefs(texts_body(tree, TEXTS_INVISIBLE, &options, given_view, &r)));
    json_object_set_new(out, "rawbody", briefs(texts_rawbody(tree, &options)));
    json_dumpf(out, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(out);
    tree_free(&tree);
    g_hash_table_unref(r.by_part);
}

/* The lists of top level domains from SpamAssassin's own rule file, as far as these stages need them. */
struct domains {
    GHashTable *lists[3]; /* one, two and three levels */
};

static void
read_domains(struct domains *domains, const char *path)
{
    static const char *const words[] = { "util_rb_tld", "util_rb_2tld", "util_rb_3tld" };
    g_autofree char *text = NULL;

    for (int i = 0; i < 3; i++)
        domains->lists[i] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!g_file_get_contents(path, &text, NULL, NULL))
        g_error("%s: no such file", path);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) names = g_strsplit_set(*line, " \t", -1);
        for (int i = 0; names[0] != NULL && i < 3; i++)
            for (char **name = names + 1; strcmp(names[0], words[i]) == 0 && *name != NULL; name++)
                g_hash_table_add(domains->lists[i], g_ascii_strdown(*name, -1));
    }
}

static gboolean
is_tld(gpointer data, const char *tld, gsize length)
{
    const struct domains *domains = data;
    g_autofree char *lower = g_ascii_strdown(tld, (gssize)length);

    return g_hash_table_contains(domains->lists[0], lower);
}

static GString *
domain_of(gpointer data, const GString *host)
{
    const struct domains *domains = data;
    g_autofree char *lower = g_ascii_strdown(host->str, (gssize)host->len);
    g_auto(GStrv) all = g_strsplit(lower, ".", -1);
    g_autoptr(GPtrArray) labels = g_ptr_array_new();
    guint from = 0;

    for (char **label = all; *label != NULL; label++)
        if (**label != '\0')
            g_ptr_array_add(labels, *label);
    g_ptr_array_add(labels, NULL);
    for (guint n = labels->len - 1; from + 1 < n; from++) {
        g_autofree char *rest = g_strjoinv(".", (char **)labels->pdata + from);
        if (n - from <= 3 && g_hash_table_contains(domains->lists[n - from - 1], rest))
            break;
    }
    g_autofree char *domain = g_strjoinv(".", (char **)labels->pdata + (from > 0 ? from - 1 : 0));
    return g_string_new(domain);
}

int
main(int argc, char **argv)
{
    struct domains domains;
    struct header_help help = { .data = &domains, .is_tld = is_tld, .domain_of = domain_of };
    char *line = NULL;
    size_t size = 0;

    if (argc != 2)
        return 2;
    full = g_getenv("SPAM_TREE_FULL") != NULL;
    read_domains(&domains, argv[1]);
    while (getline(&line, &size, stdin) > 0) {
        json_t *request = json_loads(line, 0, NULL);
        answer(request, &help);
        json_decref(request);
    }
    free(line);
    for (int i = 0; i < 3; i++)
        g_hash_table_unref(domains.lists[i]);
    return 0;
}
