/* tree.c: a message's header section and the queue of bodies that become its tree.
 *
 * The body is not walked recursively: what is to be taken apart waits in a queue, so depth costs no stack. Field names and
 * values are kept as SpamAssassin limits them; what is pristine stays whole. */
#include "lib/spam/view/tree.h"
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/content_type.h"
#include "lib/spam/view/decode.h"
#include "lib/spam/view/tree_private.h"

#define BLANK_LINES_MAX   20 /* of a run of blank lines that MIME parsing sees */
#define BAD_FIELDS_MAX    3  /* lines that are no fields before the header section is given up */
#define ARENA_MAX         (G_MAXSIZE / 4) /* no limit but the message's own: what is kept of fields is a multiple of it */

void
tree_push(GQueue *queue, struct spam_part *part, GString *boundary, GString *body, int depth)
{
    struct tree_job *job = g_new0(struct tree_job, 1);

    *job = (struct tree_job){ part, boundary, body, depth };
    g_queue_push_tail(queue, job);
}

const char *
tree_line_end(const char *s, const char *end)
{
    const char *lf = memchr(s, '\n', (gsize)(end - s));

    return lf != NULL ? lf + 1 : end;
}

gboolean
tree_is_field(const char *s, gsize length, gboolean lenient)
{
    gsize i = 0;

    while (i < length && s[i] > ' ' && s[i] != ':' && s[i] <= '~')
        i++;
    if (i == 0)
        return FALSE;
    while (lenient && i < length && (s[i] == ' ' || s[i] == '\t'))
        i++;
    return i < length && s[i] == ':';
}

void
tree_append_broken(GString *out, const char *line, gsize length)
{
    for (; length > TREE_LINE_MAX; line += TREE_LINE_MAX, length -= TREE_LINE_MAX) {
        g_string_append_len(out, line, TREE_LINE_MAX);
        g_string_append_c(out, '\n');
    }
    g_string_append_len(out, line, (gssize)length);
}

/* Appends lines, their CRLFs as LF. */
static void
append_lines(GString *out, const char *s, const char *end, gboolean crlf)
{
    for (const char *cr; crlf && (cr = memchr(s, '\r', (gsize)(end - s))) != NULL; s = cr + 1)
        g_string_append_len(out, s, cr - s + (cr + 1 == end || cr[1] != '\n'));
    g_string_append_len(out, s, end - s);
}

/* Reading the header section of a message. */
struct head {
    struct spam_tree *tree;
    struct spam_part *part;
    GString *whole; /* the message as received: all of it, but where lines end in CRLF only what was read */
    gsize read;     /* so far, of whole */
    gsize field;    /* where the one being read starts in it */
    GString *value; /* of a field whose lines end in CRLF */
    gboolean has_field, crlf;
    gboolean missing_separator, truncated;
};

/* Keeps the field read so far, if it is one ("name:..."). */
static void
end_field(struct head *h)
{
    const char *field = h->whole->str + h->field, *end = h->whole->str + h->read, *text;
    const char *colon = h->has_field ? memchr(field, ':', (gsize)(end - field)) : NULL;
    gsize name, length, value;

    if (colon == NULL)
        return;
    name = (gsize)(colon - field);
    text = colon + 1;
    length = (gsize)(end - text);
    if (h->crlf) {
        g_string_truncate(h->value, 0);
        append_lines(h->value, text, end, TRUE);
        text = h->value->str;
        length = h->value->len;
    }
    while (name > 0 && (field[name - 1] == ' ' || field[name - 1] == '\t'))
        name--;
    value = MIN(length, TREE_VALUE_MAX);
    if (name > TREE_KEY_MAX || value < length)
        h->truncated = TRUE;
    part_add_field(h->tree, h->part, field, MIN(name, TREE_KEY_MAX), text, value);
}

/* One line more, with the CR that a careless program took from it. */
static void
take_line(struct head *h, const char *line, gsize length)
{
    gboolean repair = h->crlf && line[length - 1] == '\n' && (length < 2 || line[length - 2] != '\r');

    h->read += length + (repair ? 1 : 0);
    if (!h->crlf)
        return;
    g_string_append_len(h->whole, line, (gssize)length - (repair ? 1 : 0));
    if (repair)
        g_string_append_len(h->whole, "\r\n", 2);
}

enum line { LINE_FIELD, LINE_END, LINE_BODY };

/* What a line that continues none is: whether its CR is there makes no difference. */
static enum line
judge(const char *line, gsize length, gboolean crlf, guint *bad)
{
    if (line[0] == '\n' || (crlf && length == 2 && line[0] == '\r' && line[1] == '\n'))
        return LINE_END;
    if (length >= 2 && line[0] == '-' && line[1] == '-')
        return LINE_BODY;
    if (!tree_is_field(line, length, TRUE) && ++*bad > BAD_FIELDS_MAX)
        return LINE_BODY;
    return LINE_FIELD;
}

/* Reads up to the body; returns what is not in the whole yet. *header_r: the header section's length there. A line that is the body's
 * first one is repaired, too, in vain. */
static const char *
read_head(struct head *h, const char *s, const char *end, gsize *header_r)
{
    guint bad = 0;

    for (const char *next; s < end; s = next) {
        next = tree_line_end(s, end);
        if (s[0] != ' ' && s[0] != '\t') {
            end_field(h);
            enum line kind = judge(s, (gsize)(next - s), h->crlf, &bad);
            h->missing_separator = kind == LINE_BODY;
            *header_r = h->read;
            if (kind != LINE_FIELD)
                take_line(h, s, (gsize)(next - s));
            if (kind == LINE_END)
                *header_r = h->read;
            if (kind != LINE_FIELD)
                return next;
            h->field = h->read;
        }
        h->has_field = TRUE;
        take_line(h, s, (gsize)(next - s));
    }
    end_field(h);
    h->missing_separator = TRUE;
    *header_r = h->read;
    return end;
}

static gboolean
is_blank(const char *line, const char *end)
{
    while (line < end && byte_is_space(*line))
        line++;
    return line == end;
}

/* Whether so many blank lines may follow one another that some go: then so many bytes are white space, of which one is met by looking
 * at every so manieth. */
static gboolean
may_have_long_run(const char *body, gsize length)
{
    for (gsize at = 0, behind = 0; at < length; at += BLANK_LINES_MAX) {
        gsize from = at, lines = 0;

        if (!byte_is_space(body[at]))
            continue;
        while (from > behind && byte_is_space(body[from - 1]))
            from--;
        for (; from < length && byte_is_space(body[from]); from++)
            lines += body[from] == '\n';
        if (lines >= BLANK_LINES_MAX)
            return TRUE;
        at = behind = from;
    }
    return FALSE;
}

/* The body for MIME parsing: LF line ends, runs of blank lines cut down behind their first line. A run that starts the body
 * keeps one line more on both accounts. */
static GString *
squeezed(const char *body, gsize length, gboolean crlf)
{
    const char *end = body + length, *kept = body, *line = may_have_long_run(body, length) ? body : end;
    GString *out = g_string_sized_new(length + 1);

    while (line < end) {
        guint n = 0, extra = line == body ? 1 : 0;
        const char *next = tree_line_end(line, end), *keeps = line, *run;
        if (!is_blank(line, next)) {
            line = next;
            continue;
        }
        for (run = line; run < end && is_blank(run, next = tree_line_end(run, end)); run = next)
            if (++n == 1 + extra)
                keeps = next;
        if (n > BLANK_LINES_MAX + extra) {
            append_lines(out, kept, keeps, crlf);
            kept = keeps;
            for (guint drop = n - BLANK_LINES_MAX - extra; drop > 0; drop--)
                kept = tree_line_end(kept, end);
        }
        line = run;
    }
    append_lines(out, kept, end, crlf);
    return out;
}

/* A multipart whose body starts with neither a blank line nor its boundary gets the blank line. */
static void
separate(GString *body, const char *type, const GString *boundary)
{
    const char *line_end = tree_line_end(body->str, body->str + body->len);

    if (!g_str_has_prefix(type, "multipart/") || line_end == body->str + body->len || is_blank(body->str, line_end))
        return;
    if (boundary != NULL && body->len >= 2 + boundary->len && body->str[0] == '-' && body->str[1] == '-' &&
        memcmp(body->str + 2, boundary->str, boundary->len) == 0)
        return;
    g_string_prepend_c(body, '\n');
}

/* "From " and no colon (an obsolete field may have white space before its one). */
static gboolean
is_mbox_line(const char *line, const char *end)
{
    gsize blanks = 0;

    if (end - line < 5 || memcmp(line, "From", 4) != 0)
        return FALSE;
    for (line += 4; line < end && byte_is_space(*line); line++)
        blanks++;
    return blanks > 1 || (blanks == 1 && (line == end || *line != ':'));
}

static gboolean
has_crlf(const char *line, const char *end)
{
    return line < end && memmem(line, (gsize)(end - line), "\r\n", 2) != NULL;
}

static const char *
last_line(const char *s, const char *end)
{
    const char *lf = end - s > 1 ? memrchr(s, '\n', (gsize)(end - s) - 1) : NULL;

    return lf != NULL ? lf + 1 : s;
}

/* The body of a message that was read waits to be taken apart, its type known. */
static void
queue_body(struct spam_part *part, GQueue *queue, const char *body, gsize length, gboolean is_crlf, int depth)
{
    struct content_type type;
    GString *text = squeezed(body, length, is_crlf);

    content_type_parse(&type, part_header(part, "content-type"));
    g_free(part->type);
    part->type = g_steal_pointer(&type.type);
    separate(text, part->type, type.boundary);
    tree_push(queue, part, g_steal_pointer(&type.boundary), text, depth);
    content_type_clear(&type);
}

/* What only the message as a whole keeps. */
static void
keep_pristine(struct spam_tree *tree, const struct head *head, gsize header_length)
{
    tree->pristine = head->whole;
    tree->crlf = head->crlf;
    tree->missing_head_body_separator = head->missing_separator;
    tree->truncated_header = head->truncated;
    tree->header_length = header_length;
}

/* Reads a message (the tree's root, or one inside) into part: its fields, and its body into the queue. */
static void
read_message(struct spam_tree *tree, struct spam_part *part, GQueue *queue, const char *s, gsize length, int depth)
{
    struct head head = { .tree = tree, .part = part, .value = g_string_new(NULL), .whole = g_string_sized_new(length + 1) };
    const char *end, *next;
    gsize header = 0;

    if (length == 0) {
        s = "\n";
        length = 1;
    }
    end = s + length;
    next = tree_line_end(s, end);
    if (is_mbox_line(s, next)) {
        if (part == tree->root)
            tree->mbox_line = g_string_new_len(s, next - s);
        s = next;
    }
    head.crlf = has_crlf(s, tree_line_end(s, end)) || has_crlf(last_line(s, end), end);
    if (!head.crlf)
        g_string_append_len(head.whole, s, end - s);
    s = read_head(&head, s, end, &header);
    if (head.crlf)
        g_string_append_len(head.whole, s, end - s);
    queue_body(part, queue, head.whole->str + header, head.whole->len - header, head.crlf, depth);
    if (part == tree->root)
        keep_pristine(tree, &head, header);
    else
        bytes_free(head.whole);
    bytes_free(head.value);
}

/* The part's own description and content. */
static void
settle_part(struct tree_job *job)
{
    struct spam_part *part = job->part;
    const GString *disposition = part_header(part, "content-disposition");
    GString *name = disposition != NULL ? content_disposition_name(disposition) : NULL;
    struct content_type type;

    content_type_parse(&type, part_header(part, "content-type"));
    if (!type.missing) {
        g_free(part->type);
        part->type = g_str_has_prefix(type.type, "multipart/") && job->boundary == NULL ? g_strdup("text/plain")
                                                                                       : g_strdup(type.type);
    }
    part->charset = g_steal_pointer(&type.charset);
    if (name == NULL && type.name != NULL && !bytes_is_false(type.name))
        name = g_steal_pointer(&type.name);
    part->name = name;
    part->boundary = g_steal_pointer(&job->boundary);
    part->raw = g_steal_pointer(&job->body);
    content_type_clear(&type);
}

/* message/rfc822 and message/global are opened. */
static void
open_message(struct spam_tree *tree, GQueue *queue, struct tree_job *job)
{
    struct spam_part *part = job->part;
    const GString *content;

    if (strcmp(part->type, "message/rfc822") != 0 && strcmp(part->type, "message/global") != 0)
        return;
    content = part_decode(part);
    if (job->depth <= 0 || content->len == 0 || tree->n_parts >= TREE_ALL_PARTS_MAX)
        return;
    struct spam_part *inner = part_new(tree);
    part_add_child(part, inner);
    read_message(tree, inner, queue, content->str, content->len, job->depth - 1);
    g_clear_pointer(&part->raw, bytes_free);
    g_clear_pointer(&part->decoded, bytes_free);
}

static void
work_off(struct spam_tree *tree, GQueue *queue)
{
    for (struct tree_job *job; (job = g_queue_pop_head(queue)) != NULL;) {
        if (g_str_has_prefix(job->part->type, "multipart/") && job->boundary != NULL && job->depth > 0) {
            tree_parse_multipart(tree, queue, job);
        } else {
            settle_part(job);
            open_message(tree, queue, job);
        }
        g_clear_pointer(&job->boundary, bytes_free);
        g_clear_pointer(&job->body, bytes_free);
        g_free(job);
    }
}

struct spam_tree *
tree_new(const char *message, gsize length)
{
    struct spam_tree *tree = g_new0(struct spam_tree, 1);
    GQueue queue = G_QUEUE_INIT;

    tree->arena = arena_new(ARENA_MAX);
    tree->scratch = g_string_new(NULL);
    tree->boundaries = g_hash_table_new_full((GHashFunc)g_string_hash, (GEqualFunc)g_string_equal, (GDestroyNotify)bytes_free,
                                             NULL);
    tree->root = part_new(tree);
    read_message(tree, tree->root, &queue, message, length, TREE_DEPTH_MAX);
    work_off(tree, &queue);
    g_string_free(g_steal_pointer(&tree->scratch), TRUE);
    return tree;
}

void
tree_free(struct spam_tree **tree)
{
    if (*tree == NULL)
        return;
    part_free((*tree)->root);
    arena_free(&(*tree)->arena);
    bytes_free((*tree)->pristine);
    g_hash_table_unref((*tree)->boundaries);
    g_clear_pointer(&(*tree)->mbox_line, bytes_free);
    g_free(*tree);
    *tree = NULL;
}

gboolean
tree_has_open_boundary(const struct spam_tree *tree)
{
    GHashTableIter iter;
    gpointer state;

    g_hash_table_iter_init(&iter, tree->boundaries);
    while (g_hash_table_iter_next(&iter, NULL, &state))
        if (state != NULL)
            return TRUE;
    return FALSE;
}

/* part and all below it, in order. */
static void
gather(struct spam_part *part, gboolean only_leaves, gboolean untyped, GPtrArray *out)
{
    if ((!only_leaves || part->children == NULL) && (untyped || part->type[0] != '\0'))
        g_ptr_array_add(out, part);
    for (guint i = 0; part->children != NULL && i < part->children->len; i++)
        gather(part->children->pdata[i], only_leaves, untyped, out);
}

GPtrArray *
tree_leaves(const struct spam_tree *tree, gboolean untyped)
{
    GPtrArray *out = g_ptr_array_new();

    gather(tree->root, TRUE, untyped, out);
    return out;
}

GPtrArray *
tree_parts(const struct spam_tree *tree)
{
    GPtrArray *out = g_ptr_array_new();

    gather(tree->root, FALSE, TRUE, out);
    return out;
}

static char *
sha1_of(const char *s, gsize length)
{
    g_autofree char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA1, (const guchar *)s, length);

    return g_steal_pointer(&digest);
}

char *
tree_body_digest(const struct spam_tree *tree)
{
    const char *body = tree->pristine->str + tree->header_length;
    gsize length = tree->pristine->len - tree->header_length;

    if (!tree->crlf)
        return sha1_of(body, length);
    g_autoptr(GString) text = g_string_new_len(body, (gssize)length);
    decode_squash_crlf(text);
    return sha1_of(text->str, text->len);
}

GString *
tree_message_id(const struct spam_tree *tree)
{
    const GString *value = part_header(tree->root, "message-id");

    if (value == NULL || value->len < 3 || value->str[0] != '<' || value->str[value->len - 1] != '>')
        return NULL;
    return g_string_new_len(value->str + 1, (gssize)value->len - 2);
}

static void
append_value(GString *all, const GString *value)
{
    if (value != NULL) {
        g_string_append_len(all, value->str, (gssize)value->len);
        g_string_append_c(all, '\n');
    }
    g_string_append_c(all, '\0');
}

char *
tree_generated_id(const struct spam_tree *tree)
{
    const GString *to = part_header(tree->root, "to"), *date = part_header(tree->root, "date");
    g_autofree char *body = tree_body_digest(tree);
    g_autoptr(GString) all = g_string_new(NULL);

    append_value(all, to);
    append_value(all, date);
    g_string_append(all, body);
    g_autofree char *digest = sha1_of(all->str, all->len);
    return g_strconcat(digest, "@sa_generated", NULL);
}
