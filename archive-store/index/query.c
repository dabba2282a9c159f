/* query.c: parser of queries and compiler to FTS5 (syntax in query.h).
 *
 *   query := { [AND] either }       either := unary { OR unary }
 *   unary := NOT unary | FIELD value | FIELD ( query ) | ( query ) | WORD | QUOTED
 * Nothing of the user's text reaches FTS5 but as tokens that the segmenter made, each phrase in quotation marks. */
#include "archive-store/index/query.h"
#include "archive-store/index/query_leaf.h"
#include "archive-store/index/tokenizer.h"
#include <string.h>

struct parser {
    struct query_leaf_context leaf;
    struct query_lexer lexer;
    struct query_token token; /* the one looked at */
    enum query_field field;   /* of the group we are in */
    guint depth;
    GError **error;
};

static struct query_node *parse_all(struct parser *p);

struct query_node *
query_node_new(enum query_kind kind, guint at)
{
    struct query_node *node = g_new0(struct query_node, 1);

    node->kind = kind;
    node->at = at;
    node->children = g_ptr_array_new_with_free_func((GDestroyNotify)query_node_free);
    return node;
}

void
query_node_free(struct query_node *node)
{
    if (node == NULL)
        return;
    g_ptr_array_unref(node->children);
    g_free(node->phrase);
    g_free(node);
}

void
query_free(struct query *query)
{
    if (query == NULL)
        return;
    query_node_free(query->root);
    g_array_unref(query->terms);
    g_ptr_array_unref(query->words);
    g_free(query);
}

static struct query_node *
fail(struct parser *p, guint at, const char *text)
{
    g_set_error(p->error, INDEX_ERROR, INDEX_ERROR_QUERY, "at character %u: %s", at, text);
    return NULL;
}

static gboolean
advance(struct parser *p)
{
    return query_lexer_next(&p->lexer, &p->token, p->error);
}

/* collapse - a node with what it needs of its children: none = ALL, one = that child */
static struct query_node *
collapse(struct query_node *node)
{
    if (node->children->len == 0) {
        node->kind = QUERY_ALL;
        return node;
    }
    if (node->children->len > 1)
        return node;
    struct query_node *child = g_ptr_array_steal_index(node->children, 0);
    query_node_free(node);
    return child;
}

/* parse_group - after "(": a query and ")" */
static struct query_node *
parse_group(struct parser *p, guint at)
{
    struct query_node *node = parse_all(p);

    if (node == NULL)
        return NULL;
    if (p->token.kind != TOKEN_CLOSE) {
        query_node_free(node);
        return fail(p, at, "this bracket has no end; add )");
    }
    if (!advance(p)) {
        query_node_free(node);
        return NULL;
    }
    return node;
}

/* parse_field - after FIELD: its value */
static struct query_node *
parse_field(struct parser *p, enum query_field field, guint at)
{
    enum query_field outer = p->field;
    struct query_node *node = NULL;

    if (outer != FIELD_NONE)
        return fail(p, at, "a field can't stand within another field's brackets");
    if (p->token.kind == TOKEN_OPEN && field < FIELD_HAS) {
        guint open = p->token.at;
        p->field = field;
        if (advance(p))
            node = parse_group(p, open);
        p->field = outer;
        return node;
    }
    if (p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_QUOTED) {
        g_autofree char *text = g_strdup_printf("%s needs a value after it", query_field_name(field));
        return fail(p, at, text);
    }
    if (!query_leaf(&p->leaf, field, &p->token, &node, p->error))
        return NULL;
    if (node == NULL)
        return fail(p, at, "there is no word to search for here");
    if (!advance(p)) {
        query_node_free(node);
        return NULL;
    }
    return node;
}

/* negate - after NOT */
static struct query_node *
negate(struct query_node *inner, guint at)
{
    if (inner == NULL || inner->kind == QUERY_ALL)
        return inner; /* of a word that was passed over */
    struct query_node *node = query_node_new(QUERY_NOT, at);
    g_ptr_array_add(node->children, inner);
    return node;
}

static struct query_node *
parse_unary(struct parser *p)
{
    struct query_token token = p->token;
    struct query_node *node = NULL;

    if (token.kind == TOKEN_END || token.kind == TOKEN_CLOSE || token.kind == TOKEN_OR || token.kind == TOKEN_AND)
        return fail(p, token.at, token.kind == TOKEN_CLOSE ? "this ) has no ( before it, or nothing between them"
                                                           : "a word is missing here, beside OR, AND or NOT");
    if (p->depth >= QUERY_DEPTH_MAX)
        return fail(p, token.at, "brackets and NOTs are nested too deep");
    if (token.kind == TOKEN_WORD || token.kind == TOKEN_QUOTED) {
        if (!query_leaf(&p->leaf, p->field, &token, &node, p->error))
            return NULL;
        if (node == NULL)
            node = query_node_new(QUERY_ALL, token.at);
        if (advance(p))
            return node;
        query_node_free(node);
        return NULL;
    }
    if (!advance(p))
        return NULL;
    p->depth++;
    if (token.kind == TOKEN_NOT) {
        p->leaf.negative++;
        node = negate(parse_unary(p), token.at);
        p->leaf.negative--;
    } else if (token.kind == TOKEN_OPEN) {
        node = parse_group(p, token.at);
    } else {
        node = parse_field(p, token.field, token.at);
    }
    p->depth--;
    return node;
}

/* parse_either - unary { OR unary } */
static struct query_node *
parse_either(struct parser *p)
{
    struct query_node *node = query_node_new(QUERY_OR, p->token.at);

    for (;;) {
        struct query_node *child = parse_unary(p);
        if (child == NULL) {
            query_node_free(node);
            return NULL;
        }
        if (child->kind == QUERY_ALL)
            query_node_free(child); /* a word that was passed over is no alternative */
        else
            g_ptr_array_add(node->children, child);
        if (p->token.kind != TOKEN_OR)
            return collapse(node);
        if (!advance(p)) {
            query_node_free(node);
            return NULL;
        }
    }
}

/* parse_all - either { [AND] either } up to ")" or the end */
static struct query_node *
parse_all(struct parser *p)
{
    struct query_node *node = query_node_new(QUERY_AND, p->token.at);

    while (p->token.kind != TOKEN_END && p->token.kind != TOKEN_CLOSE) {
        if (p->token.kind == TOKEN_AND && node->children->len > 0 && !advance(p))
            break;
        struct query_node *child = parse_either(p);
        if (child == NULL)
            break;
        if (child->kind == QUERY_ALL)
            query_node_free(child);
        else
            g_ptr_array_add(node->children, child);
    }
    if (*p->error == NULL)
        return collapse(node);
    query_node_free(node);
    return NULL;
}

/* hoist_dates - takes DATE nodes out of the outermost ANDs into the query; returns what is left of the node (ALL when
 * nothing is), or NULL with an error */
static struct query_node *
hoist_dates(struct query *query, struct query_node *node, gboolean outermost, GError **error)
{
    if (node->kind == QUERY_DATE) {
        if (!outermost) {
            g_set_error(error, INDEX_ERROR, INDEX_ERROR_QUERY,
                        "at character %u: after: and before: limit the whole query; put them outside of OR and NOT",
                        node->at);
            query_node_free(node);
            return NULL;
        }
        query->after_ms = MAX(query->after_ms, node->after_ms);
        query->before_ms = MIN(query->before_ms, node->before_ms);
        node->kind = QUERY_ALL;
        return node;
    }
    gboolean and = node->kind == QUERY_AND;
    for (guint i = 0; i < node->children->len;) {
        struct query_node *child = g_ptr_array_steal_index(node->children, i);
        child = hoist_dates(query, child, outermost && and, error);
        if (child == NULL) {
            query_node_free(node);
            return NULL;
        }
        if (and && child->kind == QUERY_ALL)
            query_node_free(child);
        else
            g_ptr_array_insert(node->children, (gint)i++, child);
    }
    return and ? collapse(node) : node;
}

static void
restrict_to_owner(struct query *query, const char *owner)
{
    struct term term = term_owner(owner);
    struct query_node *both = query_node_new(QUERY_AND, 0), *node = query_node_new(QUERY_TERM, 0);

    node->term = query->terms->len;
    g_array_append_val(query->terms, term);
    g_ptr_array_add(both->children, node);
    g_ptr_array_add(both->children, query->root);
    query->root = both;
}

struct query *
query_parse(const char *text, GTimeZone *zone, const char *owner, GError **error)
{
    g_autoptr(query_t) query = g_new0(struct query, 1);
    g_autoptr(GError) problem = NULL;
    struct parser p = {.leaf = {.query = query, .owner = owner}, .error = &problem};
    gsize length = strlen(text);

    query->before_ms = G_MAXINT64;
    query->terms = g_array_new(FALSE, FALSE, sizeof(struct term));
    query->words = g_ptr_array_new_with_free_func(g_free);
    if (length > QUERY_BYTES_MAX) {
        g_set_error(error, INDEX_ERROR, INDEX_ERROR_QUERY, "the query is too long (%d bytes at most)", QUERY_BYTES_MAX);
        return NULL;
    }
    p.leaf.zone = zone != NULL ? g_time_zone_ref(zone) : g_time_zone_new_utc();
    p.leaf.segmenter = segmenter_new();
    query_lexer_init(&p.lexer, text, length);
    if (advance(&p))
        query->root = parse_all(&p);
    if (query->root != NULL && p.token.kind == TOKEN_CLOSE)
        fail(&p, p.token.at, "this ) has no ( before it");
    if (problem == NULL && query->root->kind == QUERY_ALL && p.leaf.ignored > 0)
        g_set_error_literal(&problem, INDEX_ERROR, INDEX_ERROR_QUERY,
                            "there is no word to search for, only punctuation");
    if (problem == NULL)
        query->root = hoist_dates(query, g_steal_pointer(&query->root), TRUE, &problem);
    segmenter_free(&p.leaf.segmenter);
    g_time_zone_unref(p.leaf.zone);
    if (problem == NULL && owner != NULL)
        restrict_to_owner(query, owner);
    if (problem == NULL)
        return g_steal_pointer(&query);
    g_propagate_error(error, g_steal_pointer(&problem));
    return NULL;
}

/* append_phrase - columns : "O tokens" * */
static void
append_phrase(GString *out, const char *columns, const char *phrase, gboolean prefix)
{
    if (columns != NULL)
        g_string_append_printf(out, "%s : ", columns);
    g_string_append_c(out, '"');
    g_string_append_c(out, TOKENIZER_OPAQUE);
    for (const char *s = phrase; *s != '\0'; s++) {
        if (*s == '"')
            g_string_append_c(out, '"');
        g_string_append_c(out, *s);
    }
    g_string_append(out, prefix ? "\" *" : "\"");
}

static void append_node(const struct query *query, const struct query_node *node, guint64 known_true, GString *out);

/* append_list - the children that are (or aren't) NOTs, joined; how many */
static guint
append_list(const struct query *query, const struct query_node *node, gboolean negative, const char *joint,
            guint64 known_true, GString *out)
{
    guint n = 0;

    for (guint i = 0; i < node->children->len; i++) {
        const struct query_node *child = g_ptr_array_index(node->children, i);
        if (node->kind == QUERY_AND && (child->kind == QUERY_NOT) != negative)
            continue;
        if (n++ > 0)
            g_string_append(out, joint);
        append_node(query, negative ? g_ptr_array_index(child->children, 0) : child, known_true, out);
    }
    return n;
}

/* append_and - ((positive AND positive) NOT (negative OR negative)) */
static void
append_and(const struct query *query, const struct query_node *node, guint64 known_true, GString *out)
{
    g_autofree char *negatives = NULL;
    GString *not = g_string_new(NULL);

    append_list(query, node, TRUE, " OR ", known_true, not);
    negatives = g_string_free(not, FALSE);
    g_string_append(out, "((");
    if (append_list(query, node, FALSE, " AND ", known_true, out) == 0)
        append_phrase(out, "{addr}", TERM_ALL, FALSE);
    g_string_append_c(out, ')');
    if (*negatives != '\0')
        g_string_append_printf(out, " NOT (%s)", negatives);
    g_string_append_c(out, ')');
}

static void
append_node(const struct query *query, const struct query_node *node, guint64 known_true, GString *out)
{
    switch (node->kind) {
    case QUERY_PHRASE:
        append_phrase(out, node->columns, node->phrase, node->prefix);
        break;
    case QUERY_TERM:
        append_phrase(out, "{addr}",
                      known_true >> node->term & 1 ? TERM_ALL : g_array_index(query->terms, struct term, node->term).text,
                      FALSE);
        break;
    case QUERY_NOT:
        g_string_append_c(out, '(');
        append_phrase(out, "{addr}", TERM_ALL, FALSE);
        g_string_append(out, " NOT (");
        append_node(query, g_ptr_array_index(node->children, 0), known_true, out);
        g_string_append(out, "))");
        break;
    case QUERY_OR:
        g_string_append_c(out, '(');
        append_list(query, node, FALSE, " OR ", known_true, out);
        g_string_append_c(out, ')');
        break;
    case QUERY_AND:
        append_and(query, node, known_true, out);
        break;
    case QUERY_ALL:
    case QUERY_DATE: /* none is left after parsing */
        append_phrase(out, "{addr}", TERM_ALL, FALSE);
        break;
    }
}

char *
query_match(const struct query *query, guint64 known_true)
{
    GString *out = g_string_new(NULL);

    append_node(query, query->root, known_true, out);
    return g_string_free(out, FALSE);
}
