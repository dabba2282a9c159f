/* tree_multipart.c: a multipart's body divided into parts, with SpamAssassin's patience for what is malformed.
 *
 * Lines are taken one by one; a boundary line is "--", the boundary, perhaps "--", and white space. The end of the body
 * closes the last part. What was wrong is noted in the tree, as rules ask for it. */
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/content_type.h"
#include "lib/spam/view/tree_private.h"

struct multipart {
    struct spam_tree *tree;
    GQueue *queue;
    struct tree_job *job;
    struct spam_part *part; /* the one being read */
    gboolean in_body;
    GString *field;   /* the one being read, as written; empty = none */
    GString *content; /* NULL = no line yet */
    gboolean nested;  /* the part says that it has the same boundary inside */
    guint n_parts;
};

enum mark { MARK_NONE, MARK_START, MARK_END };

static enum mark
boundary_mark(const GString *boundary, const char *line, gsize length)
{
    const char *rest, *end = line + length;
    enum mark mark = MARK_START;

    if (boundary == NULL || length < 2 + boundary->len || line[0] != '-' || line[1] != '-' ||
        memcmp(line + 2, boundary->str, boundary->len) != 0)
        return MARK_NONE;
    rest = line + 2 + boundary->len;
    if (end - rest >= 2 && rest[0] == '-' && rest[1] == '-') {
        mark = MARK_END;
        rest += 2;
    }
    while (rest < end && byte_is_space(*rest))
        rest++;
    return rest == end ? mark : MARK_NONE;
}

/* Keeps the field that was read (the white space behind its colon goes); TRUE when it is a Content-Type. */
static gboolean
end_field(struct multipart *m)
{
    const char *name = m->field->str, *end = name + m->field->len, *colon = memchr(name, ':', m->field->len), *value;

    if (bytes_is_false(m->field) || colon == NULL)
        return FALSE;
    for (value = colon + 1; value < end && byte_is_space(*value); value++)
        ;
    part_add_field(m->tree, m->part, name, (gsize)(colon - name), value, (gsize)(end - value));
    return colon - name == 12 && g_ascii_strncasecmp(name, "content-type", 12) == 0;
}

/* One boundary for two levels: the lines up to the inner one's end are the part's. */
static gboolean
repeats_boundary(const struct multipart *m)
{
    struct content_type type;
    gboolean same;

    content_type_parse(&type, part_header(m->part, "content-type"));
    same = type.boundary != NULL && m->job->boundary != NULL && g_string_equal(type.boundary, m->job->boundary);
    content_type_clear(&type);
    return same;
}

/* A line of a part's header; FALSE when it is (also) one of its body. */
static gboolean
header_line(struct multipart *m, const char *line, gsize length)
{
    if (tree_is_field(line, length, TRUE)) {
        end_field(m);
        g_string_truncate(m->field, 0);
        g_string_append_len(m->field, line, (gssize)length);
        return TRUE;
    }
    if ((line[0] == ' ' || line[0] == '\t') && !bytes_is_false(m->field)) {
        g_string_append_len(m->field, line, (gssize)length);
        return TRUE;
    }
    if (end_field(m) && repeats_boundary(m))
        m->nested = TRUE;
    m->in_body = TRUE;
    if ((length == 1 && line[0] == '\n') || (length == 2 && line[0] == '\r' && line[1] == '\n') ||
        (length == 1 && line[0] == '\r'))
        return TRUE;
    m->tree->missing_mime_head_body_separator = TRUE;
    return FALSE;
}

static void
content_line(struct multipart *m, const char *line, gsize length)
{
    if (m->content == NULL)
        m->content = g_string_new(NULL);
    tree_append_broken(m->content, line, length);
}

/* The part is complete: it gets its type and waits to be taken apart itself. */
static void
end_part(struct multipart *m)
{
    const GString *outer = m->job->boundary;
    struct content_type type;
    GString *boundary;

    content_type_parse(&type, part_header(m->part, "content-type"));
    g_free(m->part->type);
    m->part->type = type.missing && strcmp(m->job->part->type, "multipart/digest") == 0
                        ? g_strdup("message/rfc822")
                        : g_steal_pointer(&type.type);
    boundary = type.boundary != NULL && !bytes_is_false(type.boundary) ? type.boundary : (GString *)outer;
    boundary = boundary != NULL ? g_string_new_len(boundary->str, (gssize)boundary->len) : NULL;
    content_type_clear(&type);
    tree_push(m->queue, m->part, boundary, m->content != NULL ? m->content : g_string_new(NULL), m->job->depth - 1);
    part_add_child(m->job->part, m->part);
#ifdef POSTERN_PLANTED_BUGS
    if (m->n_parts == 2 && m->content == NULL) /* an empty third part: used after it is freed */
        part_free(m->part);
#endif
    m->part = NULL;
    m->content = NULL;
    m->n_parts++;
}

static void
start_part(struct multipart *m)
{
    m->part = part_new(m->tree);
    m->in_body = FALSE;
    g_string_truncate(m->field, 0);
}

static int
boundary_state(const struct multipart *m)
{
    return GPOINTER_TO_INT(g_hash_table_lookup(m->tree->boundaries, m->job->boundary));
}

static void
set_boundary_state(struct multipart *m, int state)
{
    const GString *key = m->job->boundary;

    g_hash_table_insert(m->tree->boundaries, g_string_new_len(key->str, (gssize)key->len), GINT_TO_POINTER(state));
}

/* Where the first part starts: behind the first boundary line, or the body's start where there is none. */
static const char *
skip_preamble(struct multipart *m, const char *body, const char *end)
{
    for (const char *line = body, *next; line < end; line = next) {
        next = tree_line_end(line, end);
        if (boundary_mark(m->job->boundary, line, (gsize)(next - line)) != MARK_START)
            continue;
        set_boundary_state(m, 1);
        if (next < end && !tree_is_field(next, (gsize)(end - next), FALSE))
            m->tree->missing_mime_headers = TRUE;
        return next;
    }
    return body;
}

static void
note_epilogue(struct spam_tree *tree, const char *s, const char *end)
{
    while (s < end && (byte_is_space(*s) || *s == '.'))
        s++;
    if (s < end)
        tree->mime_epilogue_exists = TRUE;
}

/* A boundary line, or the last line of all; TRUE when the multipart is over. */
static gboolean
close_part(struct multipart *m, const char *line, const char *next, const char *end, enum mark mark, gboolean found)
{
    if (!found)
        content_line(m, line, (gsize)(next - line));
    else if (m->content != NULL && m->content->len > 0 && m->content->str[m->content->len - 1] == '\n')
        g_string_truncate(m->content, m->content->len - 1);
    end_part(m);
    if (mark == MARK_END) {
        set_boundary_state(m, boundary_state(m) - 1);
        note_epilogue(m->tree, next, end);
        return TRUE;
    }
    if (next < end && m->job->boundary != NULL && !tree_is_field(next, (gsize)(end - next), FALSE))
        m->tree->missing_mime_headers = TRUE;
    if (m->n_parts >= TREE_PARTS_MAX || m->tree->n_parts >= TREE_ALL_PARTS_MAX) {
        m->tree->mimepart_limit_exceeded = TRUE;
        return TRUE;
    }
    return next == end;
}

static void
read_lines(struct multipart *m, const char *body, const char *end)
{
    for (const char *line = body, *next; line < end; line = next) {
        next = tree_line_end(line, end);
        enum mark mark = boundary_mark(m->job->boundary, line, (gsize)(next - line));
        gboolean found = mark != MARK_NONE && !m->nested;
        if (mark == MARK_END)
            m->nested = FALSE;
        if (found || next == end) {
            if (close_part(m, line, next, end, mark, found))
                return;
            start_part(m);
        } else if (m->in_body || !header_line(m, line, (gsize)(next - line))) {
            content_line(m, line, (gsize)(next - line));
        }
    }
}

void
tree_parse_multipart(struct spam_tree *tree, GQueue *queue, struct tree_job *job)
{
    struct multipart m = { .tree = tree, .queue = queue, .job = job, .field = g_string_new(NULL) };
    const char *body = job->body->str, *end = body + job->body->len;

    if (job->part->children == NULL)
        job->part->children = part_children_new();
    body = skip_preamble(&m, body, end);
    start_part(&m);
    read_lines(&m, body, end);
    if (m.part != NULL) {
        tree->n_parts--;
        part_free(m.part);
    }
    g_clear_pointer(&m.content, bytes_free);
    bytes_free(m.field);
}
