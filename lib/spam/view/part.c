/* part.c: one node of the tree: its fields and its content. */
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/charset.h"
#include "lib/spam/view/decode.h"
#include "lib/spam/view/header_words.h"
#include "lib/spam/view/tree_private.h"

/* Chains of fields to begin with: a message has more of them than its parts, and most that is asked of it is not there. */
#define ROOT_CHAINS 64u
#define PART_CHAINS 4u

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
    part->fields = g_ptr_array_new();
    part->type = g_strdup("text/plain");
    return part;
}

void
part_free(struct spam_part *part)
{
    g_ptr_array_unref(part->fields);
    g_clear_pointer(&part->dropped, g_ptr_array_unref);
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

/* ---- fields ---- */

/* Bytes, whatever the case of ASCII letters. */
/* Another one in each process: whoever sends a message can't choose names that all have one hash. */
static guint64
hash_seed(void)
{
    static gsize seed;

    if (g_once_init_enter(&seed))
        g_once_init_leave(&seed, ((gsize)g_random_int() << 32 | g_random_int()) | 1);
    return seed;
}

guint
part_field_hash(const char *name, gsize length)
{
    guint64 hash = hash_seed();

    for (gsize i = 0; i < length; i++) {
        hash = (hash ^ (guchar)byte_lower(name[i])) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return (guint)hash;
}

static gboolean
has_name(const struct spam_field *field, const char *name, gsize length, guint hash)
{
    if (field->hash != hash || field->name.len != length)
        return FALSE;
    for (gsize i = 0; i < length; i++)
        if (byte_lower(field->name.str[i]) != byte_lower(name[i]))
            return FALSE;
    return TRUE;
}

/* A copy in the tree's memory. */
static GString
kept(struct spam_tree *tree, const char *text, gsize length)
{
    return (GString){ .str = arena_strndup(tree->arena, text, length), .len = length };
}

static char *
put(char *to, const char *s, gsize length)
{
    return (char *)memcpy(to, s, length) + length;
}

/* Folds become a blank, the ends are trimmed. Writes length bytes at most; returns the end. */
static char *
put_unfolded(char *to, const char *s, gsize length)
{
    const char *end = s + length, *lf;

    while (end > s && byte_is_space(end[-1]))
        end--;
    while (s < end && byte_is_space(*s))
        s++;
    for (; (lf = memchr(s, '\n', (gsize)(end - s))) != NULL; s = lf) {
        gboolean is_fold = lf[1] == ' ' || lf[1] == '\t'; /* what is trimmed ends in no LF: there is a next byte */
        to = put(to, s, (gsize)(lf - s));
        *to++ = is_fold ? ' ' : '\n';
        for (lf++; is_fold && (*lf == ' ' || *lf == '\t'); lf++)
            ;
    }
    return put(to, s, (gsize)(end - s));
}

/* line, value and decoded. */
static void
decode_field(struct spam_tree *tree, struct spam_field *field)
{
    GString *line = tree->scratch;
    gsize start = field->name.len + 2;
    char *to;

    g_string_set_size(line, start + field->raw.len);
    to = put(put(line->str, field->name.str, field->name.len), ": ", 2);
    to = put_unfolded(to, field->raw.str, field->raw.len);
    g_string_truncate(line, (gsize)(to - line->str));
    if (!header_words_are_plain(line->str + start, line->len - start)) {
        g_autoptr(GString) decoded = header_words_decode(line->str + start, line->len - start, field->name.str, field->name.len);
        g_string_truncate(line, start);
        g_string_append_len(line, decoded->str, (gssize)decoded->len);
    }
    field->decoded = kept(tree, line->str + start, line->len - start);
    g_string_append_c(line, '\n');
    field->line = kept(tree, line->str, line->len);
    field->value = (GString){ .str = field->line.str + start, .len = line->len - start };
}

static struct spam_field **
chain_of(const struct spam_part *part, guint hash)
{
    return &part->by_name[hash & (part->n_chains - 1)];
}

/* More chains, and all in them again. */
static void
make_chains(struct spam_tree *tree, struct spam_part *part, guint count)
{
    struct spam_field **before = part->by_name;
    guint n_before = part->n_chains;

    part->by_name = arena_alloc(tree->arena, count * sizeof *part->by_name);
    part->n_chains = count;
    for (guint i = 0; i < n_before; i++)
        for (struct spam_field *field = before[i], *next; field != NULL; field = next) {
            struct spam_field **chain = chain_of(part, field->hash);
            next = field->chain;
            field->chain = *chain;
            *chain = field;
        }
}

/* Where others of its name find it. */
static void
file_field(struct spam_tree *tree, struct spam_part *part, struct spam_field *field)
{
    struct spam_field *first, **chain;

    if (part->n_names >= part->n_chains)
        make_chains(tree, part, part->n_chains > 0 ? part->n_chains * 4 : part == tree->root ? ROOT_CHAINS : PART_CHAINS);
    chain = chain_of(part, field->hash);
    for (first = *chain; first != NULL && !has_name(first, field->name.str, field->name.len, field->hash); first = first->chain)
        ;
    if (first == NULL) {
        field->last = field;
        field->chain = *chain;
        *chain = field;
        part->n_names++;
    } else {
        first->last->next = field;
        first->last = field;
    }
}

void
part_add_field(struct spam_tree *tree, struct spam_part *part, const char *name, gsize name_length, const char *value,
               gsize value_length)
{
    struct spam_field *field;

    if (tree->n_fields >= TREE_FIELDS_MAX)
        return;
    tree->n_fields++;
    field = arena_alloc(tree->arena, sizeof *field);
    field->name = kept(tree, name, name_length);
    field->raw = kept(tree, value, value_length);
    field->hash = part_field_hash(name, name_length);
    field->index = part->fields->len;
    decode_field(tree, field);
    g_ptr_array_add(part->fields, field);
    file_field(tree, part, field);
}

const struct spam_field *
part_field_by_hash(const struct spam_part *part, const char *name, gsize length, guint hash)
{
    const struct spam_field *field = part->by_name != NULL ? *chain_of(part, hash) : NULL;

    while (field != NULL && !has_name(field, name, length, hash))
        field = field->chain;
    return field;
}

const struct spam_field *
part_field(const struct spam_part *part, const char *name, gssize length)
{
    gsize n = length < 0 ? strlen(name) : (gsize)length;

    return part_field_by_hash(part, name, n, part_field_hash(name, n));
}

static gboolean
has_prefix(const struct spam_field *field, const char *prefix)
{
    return g_ascii_strncasecmp(field->name.str, prefix, strlen(prefix)) == 0;
}

static void
unchain(struct spam_part *part, struct spam_field *field)
{
    struct spam_field **at = chain_of(part, field->hash);

    while (*at != field)
        at = &(*at)->chain;
    *at = field->chain;
    part->n_names--;
}

void
part_drop_fields(struct spam_part *part, const char *prefix)
{
    guint left = 0;

    g_assert(part->dropped == NULL);
    part->dropped = g_ptr_array_new();
    for (guint i = 0; i < part->fields->len; i++) {
        struct spam_field *field = part->fields->pdata[i];
        if (has_prefix(field, prefix)) {
            if (field->last != NULL) /* the first of its name, which all have the prefix */
                unchain(part, field);
            g_ptr_array_add(part->dropped, field);
            continue;
        }
        field->index = left;
        part->fields->pdata[left++] = field;
    }
    g_ptr_array_set_size(part->fields, (gint)left);
}

const GString *
part_header(const struct spam_part *part, const char *name)
{
    const struct spam_field *first = part_field(part, name, -1);

    return first != NULL ? &first->last->decoded : NULL;
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
           !bytes_are_ascii(content->str, content->len) && charset_is_utf8(content->str, content->len);
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
