/* rewrite_edits.c: the changes to a header that make it what rewriting would make it, for a milter. */
#include <string.h>
#include "lib/spam/verdict/report_private.h"
#include "lib/spam/verdict/rewrite_private.h"
#include "lib/spam/view/bytes.h"

static void
edit_free(gpointer data)
{
    struct rewrite_edit *edit = data;

    g_free(edit->name);
    if (edit->value != NULL)
        g_string_free(edit->value, TRUE);
    g_free(edit);
}

static void
add_edit(GPtrArray *edits, enum rewrite_edit_kind kind, guint index, const char *name, GString *value)
{
    struct rewrite_edit *edit = g_new0(struct rewrite_edit, 1);

    *edit = (struct rewrite_edit){.kind = kind, .index = index, .name = g_strdup(name), .value = value};
    for (gsize i = 0; value != NULL && i < value->len; i++)
        if (value->str[i] == '\0')
            value->str[i] = ' ';
    g_ptr_array_add(edits, edit);
}

static gboolean
is_deletable(const struct spam_field *field)
{
    return rewrite_is_ours(field->name.str, field->name.len) && strlen(field->name.str) == field->name.len;
}

/* Fields of other scanners and of forgers, the last of a name first. All fields of a name are in the same list. */
static void
delete_ours(GPtrArray *edits, const GPtrArray *fields)
{
    g_autoptr(GHashTable) left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; fields != NULL && i < fields->len; i++) {
        const struct spam_field *field = fields->pdata[i];
        char *key = is_deletable(field) ? g_ascii_strdown(field->name.str, -1) : NULL;

        if (key != NULL)
            g_hash_table_replace(left, key, GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(left, key)) + 1));
    }
    for (guint i = fields != NULL ? fields->len : 0; i > 0; i--) {
        const struct spam_field *field = fields->pdata[i - 1];
        char *key = is_deletable(field) ? g_ascii_strdown(field->name.str, -1) : NULL;
        guint n = key != NULL ? GPOINTER_TO_UINT(g_hash_table_lookup(left, key)) : 0;

        if (key == NULL)
            continue;
        add_edit(edits, REWRITE_DELETE, n, field->name.str, NULL);
        g_hash_table_replace(left, key, GUINT_TO_POINTER(n - 1));
    }
}

struct inserting {
    GPtrArray *edits;
    guint position;
};

static void
insert_field(gpointer data, const char *name, const GString *body)
{
    struct inserting *inserting = data;

    add_edit(inserting->edits, REWRITE_INSERT, inserting->position++, name, g_string_new_len(body->str, (gssize)body->len));
}

/* A field's value without its line end, CRLF folds as LF. */
static GString *
value_text(const GString *pristine)
{
    GString *out = g_string_sized_new(pristine->len);
    gsize end = pristine->len;

    while (end > 0 && byte_is_space(pristine->str[end - 1]))
        end--;
    for (gsize i = 0; i < end; i++)
        if (pristine->str[i] != '\r')
            g_string_append_c(out, pristine->str[i]);
    return out;
}

static GString *
with_tag(const GString *value, const char *tag)
{
    gsize length;
    const char *rest = rewrite_untagged(value->str, value->len, tag, &length);
    GString *out = g_string_new(tag);

    g_string_append_c(out, ' ');
    return g_string_append_len(out, rest, (gssize)length);
}

/* The prefix of rules before the subject, then for spam the tag before it. */
static GString *
marked_value(struct report *report, const GString *value, const char *tag, gboolean is_subject)
{
    g_autofree char *prefix = is_subject ? g_strdup(report_subject_prefix(report)) : NULL;
    GString *out = g_string_new_len(value->str, (gssize)value->len);

    if (prefix != NULL) {
        GString *with = with_tag(out, g_strchomp(prefix));
        g_string_free(out, TRUE);
        out = with;
    }
    if (report->is_spam) {
        GString *with = with_tag(out, tag);
        g_string_free(out, TRUE);
        out = with;
    }
    return out;
}

/* Fields that rewrite_header names: changed, and what they were is kept beside them. */
static void
mark_field(GPtrArray *edits, struct report *report, const char *name)
{
    g_autoptr(GPtrArray) values = rewrite_pristine_all(report, name);
    g_autofree char *tag = rewrite_tag(report, name), *previous = g_strconcat("X-Spam-Prev-", name, NULL);
    gboolean is_subject = strcmp(name, "Subject") == 0;

    if (tag == NULL || (!report->is_spam && (!is_subject || report_subject_prefix(report) == NULL)))
        return;
    if (is_subject && values->len == 0) {
        g_autoptr(GString) empty = g_string_new(NULL);
        add_edit(edits, REWRITE_ADD, 0, name, marked_value(report, empty, tag, TRUE));
        if (report->is_spam)
            add_edit(edits, REWRITE_ADD, 0, previous, g_string_new("(nonexistent)"));
        return;
    }
    for (guint i = 0; i < values->len; i++) {
        GString *value = value_text(values->pdata[i]);

        add_edit(edits, REWRITE_CHANGE, i + 1, name, marked_value(report, value, tag, is_subject));
        if (report->is_spam)
            add_edit(edits, REWRITE_ADD, 0, previous, value);
        else
            g_string_free(value, TRUE);
    }
}

GPtrArray *
rewrite_edits(struct report *report)
{
    GPtrArray *edits = g_ptr_array_new_with_free_func(edit_free);
    struct inserting inserting = {.edits = edits};

    delete_ours(edits, report->scan.tree->root->dropped);
    delete_ours(edits, report->scan.tree->root->fields);
    mark_field(edits, report, "Subject");
    mark_field(edits, report, "From");
    mark_field(edits, report, "To");
    report_fields(report, report->is_spam, insert_field, &inserting);
    return edits;
}
