/* part.c: one node of the tree: its fields and its content. */
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/charset.h"
#include "lib/spam/view/decode.h"
#include "lib/spam/view/header_words.h"
#include "lib/spam/view/tree_private.h"

static void
field_free(gpointer data)
{
    struct spam_field *field = data;

    bytes_free(field->name);
    bytes_free(field->raw);
    bytes_free(field->decoded);
    g_free(field);
}

static void
key_free(gpointer key)
{
    bytes_free(key);
}

static void
child_free(gpointer part)
{
    part_free(part);
}

struct spam_part *
part_new(struct spam_tree *tree)
{
    struct spam_part *part = g_new0(struct spam_part, 1);

    tree->n_parts++;
    part->fields = g_ptr_array_new_with_free_func(field_free);
    part->by_name = g_hash_table_new_full((GHashFunc)g_string_hash, (GEqualFunc)g_string_equal, key_free,
                                          (GDestroyNotify)g_ptr_array_unref);
    part->type = g_strdup("text/plain");
    return part;
}

void
part_free(struct spam_part *part)
{
    g_ptr_array_unref(part->fields);
    g_clear_pointer(&part->dropped, g_ptr_array_unref);
    g_hash_table_unref(part->by_name);
    g_free(part->type);
    g_clear_pointer(&part->charset, bytes_free);
    g_clear_pointer(&part->name, bytes_free);
    g_clear_pointer(&part->boundary, bytes_free);
    g_clear_pointer(&part->children, g_ptr_array_unref);
    g_clear_pointer(&part->raw, bytes_free);
    g_clear_pointer(&part->decoded, bytes_free);
    spam_string_free(part->text);
    g_free(part);
}

GPtrArray *
part_children_new(void)
{
    return g_ptr_array_new_with_free_func(child_free);
}

void
part_add_child(struct spam_part *part, struct spam_part *child)
{
    if (part->children == NULL)
        part->children = part_children_new();
    g_ptr_array_add(part->children, child);
}

/* Folds become a blank, the ends are trimmed. */
static GString *
unfolded(const GString *raw)
{
    GString *out = g_string_sized_new(raw->len);
    gsize start = 0, end = raw->len;

    while (end > 0 && byte_is_space(raw->str[end - 1]))
        end--;
    while (start < end && byte_is_space(raw->str[start]))
        start++;
    for (gsize i = start; i < end; i++) {
        char next = i + 1 < end ? raw->str[i + 1] : '\0';
        if (raw->str[i] != '\n' || (next != ' ' && next != '\t')) {
            g_string_append_c(out, raw->str[i]);
            continue;
        }
        g_string_append_c(out, ' ');
        while (i + 1 < end && (raw->str[i + 1] == ' ' || raw->str[i + 1] == '\t'))
            i++;
    }
    return out;
}

void
part_add_field(struct spam_tree *tree, struct spam_part *part, const char *name, gsize name_length, const char *value,
               gsize value_length)
{
    struct spam_field *field;
    GPtrArray *same;

    if (tree->n_fields >= TREE_FIELDS_MAX)
        return;
    tree->n_fields++;
    field = g_new0(struct spam_field, 1);
    field->name = g_string_new_len(name, (gssize)name_length);
    field->raw = g_string_new_len(value, (gssize)value_length);
    g_autoptr(GString) line = unfolded(field->raw);
    field->decoded = header_words_decode(line->str, line->len, name, name_length);
    field->index = part->fields->len;
    g_ptr_array_add(part->fields, field);

    GString *key = g_string_ascii_down(g_string_new_len(name, (gssize)name_length));
    same = g_hash_table_lookup(part->by_name, key);
    if (same == NULL) {
        same = g_ptr_array_new();
        g_hash_table_insert(part->by_name, key, same);
    } else {
        bytes_free(key);
    }
    g_ptr_array_add(same, field);
}

const GPtrArray *
part_fields(const struct spam_part *part, const char *name, gssize length)
{
    g_autoptr(GString) key = length < 0 ? g_string_new(name) : g_string_new_len(name, length);

    g_string_ascii_down(key);
    return g_hash_table_lookup(part->by_name, key);
}

static gboolean
has_prefix(const GString *name, const char *prefix)
{
    return g_ascii_strncasecmp(name->str, prefix, strlen(prefix)) == 0;
}

static gboolean
key_has_prefix(gpointer key, gpointer same, gpointer prefix)
{
    (void)same;
    return has_prefix(key, prefix);
}

void
part_drop_fields(struct spam_part *part, const char *prefix)
{
    GPtrArray *kept = g_ptr_array_new_with_free_func(field_free);

    g_assert(part->dropped == NULL);
    part->dropped = g_ptr_array_new_with_free_func(field_free);
    g_hash_table_foreach_remove(part->by_name, key_has_prefix, (gpointer)prefix);
    for (guint i = 0; i < part->fields->len; i++) {
        struct spam_field *field = part->fields->pdata[i];
        if (has_prefix(field->name, prefix)) {
            g_ptr_array_add(part->dropped, field);
            continue;
        }
        field->index = kept->len;
        g_ptr_array_add(kept, field);
    }
    g_ptr_array_set_free_func(part->fields, NULL);
    g_ptr_array_unref(part->fields);
    part->fields = kept;
}

const GString *
part_header(const struct spam_part *part, const char *name)
{
    const GPtrArray *fields = part_fields(part, name, -1);

    return fields == NULL ? NULL : ((const struct spam_field *)fields->pdata[fields->len - 1])->decoded;
}

const char *
part_effective_type(const struct spam_part *part)
{
    static const char *const ends[] = { ".htm", ".html", ".shtm", ".shtml" };
    const char *name = part->name != NULL ? part->name->str : "";
    gsize n = part->name != NULL ? part->name->len : 0;

    if (n > 0 && name[n - 1] == '\n')
        n--;
    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++)
        if (n >= strlen(ends[i]) && g_ascii_strncasecmp(name + n - strlen(ends[i]), ends[i], strlen(ends[i])) == 0)
            return "text/html";
    return part->type;
}

/* "text" or "message" as a whole word at the type's start. */
static gboolean
is_textual(const char *type)
{
    gsize n = g_str_has_prefix(type, "text") ? 4 : g_str_has_prefix(type, "message") ? 7 : 0;

    return n > 0 && !byte_is_word(type[n]);
}

const GString *
part_decode(struct spam_part *part)
{
    const GString *encoding;

    if (part->decoded != NULL || part->raw == NULL)
        return part->decoded;
    encoding = part_header(part, "content-transfer-encoding");
    if (encoding != NULL && g_ascii_strcasecmp(encoding->str, "quoted-printable") == 0) {
        part->decoded = decode_quoted_printable(part->raw->str, part->raw->len);
        decode_squash_crlf(part->decoded);
    } else if (encoding != NULL && g_ascii_strcasecmp(encoding->str, "base64") == 0) {
        part->decoded = decode_base64(part->raw->str, part->raw->len);
        if (is_textual(part->type))
            decode_squash_crlf(part->decoded);
    } else {
        part->decoded = g_string_new_len(part->raw->str, (gssize)part->raw->len);
    }
    return part->decoded;
}

/* The declared charset; a name with a NUL in it is no charset's. */
static const char *
charset_of(const struct spam_part *part)
{
    if (part->charset == NULL)
        return "us-ascii";
    return strlen(part->charset->str) == part->charset->len ? part->charset->str : "";
}

static gboolean
is_utf8(const struct spam_part *part, const GString *content)
{
    const char *charset = charset_of(part);

    return (g_ascii_strcasecmp(charset, "us-ascii") == 0 || g_ascii_strcasecmp(charset, "utf-8") == 0) &&
           !charset_is_ascii(content->str, content->len) && charset_is_utf8(content->str, content->len);
}

const struct spam_string *
part_text(struct spam_part *part)
{
    const GString *content = part->text == NULL ? part_decode(part) : NULL;

    if (content != NULL) {
        part->text = g_new0(struct spam_string, 1);
        part->text->is_chars = part->as_it_is && is_utf8(part, content);
        part->text->text = part->as_it_is ? g_string_new_len(content->str, (gssize)content->len) : charset_normalize(content->str, content->len, charset_of(part), CHARSET_CHARACTERS, &part->text->is_chars);
    }
    return part->text;
}
