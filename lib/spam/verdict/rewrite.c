/* rewrite.c: the message with fields added, and what all ways of rewriting need. */
#include <string.h>
#include "lib/spam/verdict/report_private.h"
#include "lib/spam/verdict/rewrite_private.h"
#include "lib/spam/view/bytes.h"

static const char *const marked[] = {"Subject", "From", "To"};
enum { MARKED_SUBJECT, MARKED_FIELDS = G_N_ELEMENTS(marked) };

/* ---- shared ---- */

static void
one_line(GString *text)
{
    for (gsize i = 0; i < text->len; i++)
        if (text->str[i] == '\n')
            text->str[i] = ' ';
}

char *
rewrite_tag(struct report *report, const char *name)
{
    GHashTable *rewrites = rules_map(report->scan.ruleset, "rewrite_header");
    const char *template = rewrites != NULL ? g_hash_table_lookup(rewrites, name) : NULL;

    if (template == NULL)
        return NULL;
    GString *tag = report_expand(report, template);
    one_line(tag);
    if (strcmp(name, "Subject") != 0)
        g_string_append_c(g_string_prepend_c(tag, '('), ')');
    return g_string_free(tag, FALSE);
}

/* The bytes of a field's value that begins at `at` with all its continuations; 0: it has no line end. */
static gsize
value_length(const char *at, const char *end)
{
    for (const char *p = at; (p = memchr(p, '\n', (gsize)(end - p))) != NULL;) {
        p++;
        if (p == end || (*p != ' ' && *p != '\t'))
            return (gsize)(p - at);
    }
    return 0;
}

/* The value's begin when the line is a field called name. */
static const char *
field_value(const char *line, const char *end, const char *name)
{
    gsize length = strlen(name);

    if ((gsize)(end - line) <= length || g_ascii_strncasecmp(line, name, length) != 0)
        return NULL;
    line += length;
    while (line < end && (*line == ' ' || *line == '\t'))
        line++;
    if (line == end || *line++ != ':')
        return NULL;
    while (line < end && (*line == ' ' || *line == '\t'))
        line++;
    return line;
}

GPtrArray *
rewrite_pristine_all(const struct report *report, const char *name)
{
    const struct spam_tree *tree = report->scan.tree;
    const char *line = tree->pristine->str, *end = line + tree->header_length, *next;
    GPtrArray *values = g_ptr_array_new_with_free_func((GDestroyNotify)bytes_free);

    for (; line < end; line = next) {
        const char *value = field_value(line, end, name);
        gsize length = value != NULL ? value_length(value, end) : 0;

        if (length > 0)
            g_ptr_array_add(values, g_string_new_len(value, (gssize)length));
        next = length > 0 ? value + length : memchr(line, '\n', (gsize)(end - line));
        next = next == NULL ? end : length > 0 ? next : next + 1;
    }
    for (const struct spam_field *field = values->len == 0 ? part_field(tree->root, name, -1) : NULL; field != NULL; field = field->next)
        g_ptr_array_add(values, g_string_new_len(field->value.str, (gssize)field->value.len));
    return values;
}

GString *
rewrite_pristine(const struct report *report, const char *name)
{
    g_autoptr(GPtrArray) values = rewrite_pristine_all(report, name);

    return values->len > 0 ? g_ptr_array_steal_index(values, values->len - 1) : NULL;
}

gboolean
rewrite_is_ours(const char *line, gsize length)
{
    static const char ours[] = "X-Spam-", kept[] = "Prev-";
    gsize n = strlen(ours);

    if (length < n || g_ascii_strncasecmp(line, ours, n) != 0)
        return FALSE;
    return length < n + strlen(kept) || g_ascii_strncasecmp(line + n, kept, strlen(kept)) != 0;
}

const char *
rewrite_untagged(const char *text, gsize length, const char *tag, gsize *length_r)
{
    gsize n = strlen(tag);

    for (; length > 0 && (*text == ' ' || *text == '\t'); text++)
        length--;
    if (length > n && g_ascii_strncasecmp(text, tag, n) == 0 && text[n] == ' ') {
        text += n + 1;
        length -= n + 1;
    }
    *length_r = length;
    return text;
}

void
rewrite_append_lines(GString *out, const struct report *report, const GString *text)
{
    if (!report->scan.tree->crlf) {
        g_string_append_len(out, text->str, (gssize)text->len);
        return;
    }
    for (gsize i = 0; i < text->len; i++) {
        if (text->str[i] == '\n' && (i == 0 || text->str[i - 1] != '\r'))
            g_string_append_c(out, '\r');
        g_string_append_c(out, text->str[i]);
    }
}

void
rewrite_append_field(gpointer data, const char *name, const GString *body)
{
    GString *out = data;

    g_string_append_printf(out, "%s: ", name);
    g_string_append_len(out, body->str, (gssize)body->len);
    g_string_append_c(out, '\n');
}

/* ---- fields added ---- */

/* The lines of the header without our fields. */
static GPtrArray *
header_lines(const struct spam_tree *tree)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func((GDestroyNotify)bytes_free);
    const char *end = tree->pristine->str + tree->header_length, *next;
    gboolean dropping = FALSE;

    for (const char *line = tree->pristine->str; line < end; line = next) {
        next = memchr(line, '\n', (gsize)(end - line));
        next = next != NULL ? next + 1 : end;
        dropping = rewrite_is_ours(line, (gsize)(end - line)) || (dropping && (*line == ' ' || *line == '\t'));
        if (!dropping)
            g_ptr_array_add(lines, g_string_new_len(line, next - line));
    }
    return lines;
}

static gboolean
is_blank(const GString *line)
{
    for (gsize i = 0; i < line->len; i++)
        if (!byte_is_space(line->str[i]))
            return FALSE;
    return TRUE;
}

/* Puts tag at the begin of the field's first line, once. */
static void
tag_line(GString *line, gsize name_length, const char *tag)
{
    gsize begin = name_length + 1, length;
    const char *rest = rewrite_untagged(line->str + begin, line->len - begin, tag, &length);
    GString *value = g_string_new_len(rest, (gssize)length);

    g_string_truncate(line, begin);
    g_string_append_printf(line, " %s ", tag);
    g_string_append_len(line, value->str, (gssize)value->len);
    g_string_free(value, TRUE);
}

struct marking {
    char *tags[MARKED_FIELDS]; /* NULL: the field stays */
    char *prefix;              /* of rules; NULL: none */
    gboolean subject_is_new;
};

static void
mark_line(GPtrArray *lines, guint i, const struct marking *marking, gboolean spam)
{
    GString *line = lines->pdata[i];

    for (guint f = 0; f < (spam ? MARKED_FIELDS : MARKED_SUBJECT + 1); f++) {
        gsize n = strlen(marked[f]);

        if (marking->tags[f] == NULL || line->len <= n || line->str[n] != ':' || g_ascii_strncasecmp(line->str, marked[f], n) != 0)
            continue;
        if (spam && marking->subject_is_new)
            g_ptr_array_add(lines, g_string_new("X-Spam-Prev-Subject: (nonexistent)\n"));
        else if (spam) {
            GString *previous = g_string_new("X-Spam-Prev-");
            g_ptr_array_add(lines, g_string_append_len(previous, line->str, (gssize)line->len));
        }
        if (marking->prefix != NULL)
            tag_line(line, n, marking->prefix);
        if (spam)
            tag_line(line, n, marking->tags[f]);
    }
}

/* Marks Subject, From and To. The lines that are added meanwhile are looked at, too, as SpamAssassin does: a subject that was made here. */
static void
mark_lines(struct report *report, GPtrArray *lines)
{
    struct marking marking = {.prefix = g_strdup(report_subject_prefix(report))};

    if (marking.prefix != NULL)
        for (gsize n = strlen(marking.prefix); n > 0 && byte_is_space(marking.prefix[n - 1]); n--)
            marking.prefix[n - 1] = '\0';
    for (guint f = 0; f < MARKED_FIELDS; f++)
        marking.tags[f] = rewrite_tag(report, marked[f]);
    g_autoptr(GPtrArray) subjects = rewrite_pristine_all(report, "Subject");
    if (subjects->len == 0 && marking.tags[MARKED_SUBJECT] != NULL) {
        g_ptr_array_add(lines, g_string_new("Subject: \n"));
        marking.subject_is_new = TRUE;
    }
    for (guint i = 0; i < lines->len; i++)
        mark_line(lines, i, &marking, report->is_spam);
    for (guint f = 0; f < MARKED_FIELDS; f++)
        g_free(marking.tags[f]);
    g_free(marking.prefix);
}

/* How many lines stay above ours: a Return-Path at the top. */
static guint
lines_above(const GPtrArray *lines)
{
    static const char name[] = "Return-Path:";
    guint n = 0;

    if (lines->len == 0 || g_ascii_strncasecmp(((GString *)lines->pdata[0])->str, name, strlen(name)) != 0)
        return 0;
    do
        n++;
    while (n < lines->len && byte_in(((GString *)lines->pdata[n])->str[0], " \t"));
    return n;
}

static void
append_with_fields(GString *out, struct report *report)
{
    const struct spam_tree *tree = report->scan.tree;
    g_autoptr(GPtrArray) lines = header_lines(tree);
    g_autoptr(GString) header = g_string_sized_new(tree->header_length + 1024);
    GString *separator = NULL;

    if (lines->len > 0 && is_blank(lines->pdata[lines->len - 1]))
        separator = g_ptr_array_steal_index(lines, lines->len - 1);
    mark_lines(report, lines);
    guint above = lines_above(lines);
    for (guint i = 0; i < above; i++)
        g_string_append_len(header, ((GString *)lines->pdata[i])->str, (gssize)((GString *)lines->pdata[i])->len);
    report_fields(report, report->is_spam, rewrite_append_field, header);
    for (guint i = above; i < lines->len; i++)
        g_string_append_len(header, ((GString *)lines->pdata[i])->str, (gssize)((GString *)lines->pdata[i])->len);
    if (separator != NULL) {
        g_string_append_len(header, separator->str, (gssize)separator->len);
        g_string_free(separator, TRUE);
    }
    rewrite_append_lines(out, report, header);
    g_string_append_len(out, tree->pristine->str + tree->header_length, (gssize)(tree->pristine->len - tree->header_length));
}

GString *
rewrite_message(struct report *report)
{
    const struct spam_tree *tree = report->scan.tree;
    GString *out = g_string_sized_new(tree->pristine->len + 4096);

    if (tree->mbox_line != NULL)
        g_string_append_len(out, tree->mbox_line->str, (gssize)tree->mbox_line->len);
    if (report->is_spam && rules_number(report->scan.ruleset, "report_safe") != 0)
        rewrite_append_wrapped(out, report);
    else
        append_with_fields(out, report);
    return out;
}
