/* expression.c: see expression.h. Recursive descent; nodes are appended after their operands. */
#include "lib/spam/rules/expression.h"
#include <math.h>
#include <string.h>

/* ---- tokens ---- */

/* The length of the token at p, 0 where there is none. */
static gsize
token_length(const char *p, const char *end)
{
    const char *q = p;

    while (q < end && (g_ascii_isdigit(*q) || *q == '-' || *q == '+' || *q == '.'))
        q++;
    if (q > p)
        return (gsize)(q - p);
    if (g_ascii_isalnum(*p) || *p == '_') {
        while (q < end && (g_ascii_isalnum(*q) || *q == '_' || *q == ':'))
            q++;
        return (gsize)(q - p);
    }
    char next = p + 1 < end ? p[1] : '\0';
    switch (*p) {
    case '(': case ')': case '^': case '*': case '/': case '?': case ':':
        return 1;
    case '|': case '&':
        return next == *p ? 2 : 0;
    case '!': case '>': case '<':
        return next == '=' ? 2 : 1;
    case '=':
        return next == '=' ? 2 : 0;
    default:
        return 0;
    }
}

GPtrArray *
rules_tokens(const char *text, gsize length)
{
    g_autoptr(GPtrArray) tokens = g_ptr_array_new_with_free_func(g_free);
    const char *end = text + length;

    for (const char *p = text; p < end;) {
        gsize taken = token_length(p, end);
        if (taken > 0)
            g_ptr_array_add(tokens, g_strndup(p, taken));
        if (tokens->len > RULES_TOKENS_MAX)
            return NULL;
        p += MAX(taken, 1);
    }
    return g_steal_pointer(&tokens);
}

gboolean
rules_number_token(const char *token, double *number)
{
    gsize whole = strspn(token, "0123456789");
    const char *rest = token + whole;

    if (whole == 0 || (*rest == '.' && (rest[1] == '\0' || rest[1 + strspn(rest + 1, "0123456789")] != '\0'))
        || (*rest != '\0' && *rest != '.'))
        return FALSE;
    if (whole > 1 && *token == '0' && *rest == '\0') { /* octal */
        *number = 0;
        for (const char *p = token; *p != '\0'; p++) {
            if (*p > '7')
                return FALSE;
            *number = *number * 8 + (*p - '0');
        }
        return TRUE;
    }
    *number = g_ascii_strtod(token, NULL);
    return TRUE;
}

/* ---- syntax ---- */

struct reader {
    const GPtrArray *tokens;
    guint at, depth, inner; /* inner: bytes taken of a token of two signs, "+-" */
    rules_leaf_reader *leaf;
    gpointer data;
    GArray *nodes;
};

static gboolean read_choice(struct reader *reader, guint *node);

static const char *
token(const struct reader *reader)
{
    return reader->at < reader->tokens->len ? (const char *)g_ptr_array_index(reader->tokens, reader->at) + reader->inner : "";
}

/* The next token or, of signs in a row, its next sign. */
static gboolean
take(struct reader *reader, const char *what)
{
    const char *here = token(reader);
    gsize length = strlen(what);
    gboolean signs = (*what == '+' || *what == '-') && (here[0] == '+' || here[0] == '-');

    if (signs ? *here != *what || here[1] == *here : strcmp(here, what) != 0)
        return FALSE;
    if (signs && here[1] != '\0') {
        reader->inner += (guint)length;
    } else {
        reader->at++;
        reader->inner = 0;
    }
    return TRUE;
}

static guint
add_node(struct reader *reader, enum spam_meta_op op, guint a, guint b)
{
    struct spam_meta_node node = {.op = op, .a = a, .b = b};

    g_array_append_val(reader->nodes, node);
    return reader->nodes->len - 1;
}

/* What the node's value makes needless is skipped: up to the node to. */
static void
set_skip(struct reader *reader, guint node, enum spam_meta_skip skip, guint to)
{
    struct spam_meta_node *self = &g_array_index(reader->nodes, struct spam_meta_node, node);

    self->skip = skip;
    self->skip_to = to;
}

/* a && b, a || b: b is only looked at when a does not decide. */
static guint
add_logical(struct reader *reader, enum spam_meta_op op, guint a, guint b)
{
    guint node = add_node(reader, op, a, b);

    set_skip(reader, a, op == SPAM_META_AND ? SPAM_META_SKIP_IF_FALSE : SPAM_META_SKIP_IF_TRUE, node);
    return node;
}

/* Nodes of b come behind those of a, and those of c behind them. */
static guint
add_choice(struct reader *reader, guint a, guint b, guint c)
{
    guint node = add_node(reader, SPAM_META_CHOOSE, a, b);

    g_array_index(reader->nodes, struct spam_meta_node, node).c = c;
    set_skip(reader, a, SPAM_META_SKIP_IF_FALSE, b + 1);
    set_skip(reader, b, SPAM_META_SKIP, node);
    return node;
}

/* Where an operand should be, a "/" begins a pattern, which Perl matches with $_, where nothing is. A blank stands before and behind each token,
 * and what could make the last one needless would have to come behind it: only the empty alternative within a "||" matches nothing. */
static gboolean
read_pattern(struct reader *reader, guint *node)
{
    struct rules_leaf leaf;
    guint open = 0;
    gboolean matches = FALSE;

    while (!take(reader, "/")) {
        const char *here = token(reader);
        if (*here == '\0' || (*here == ')' && open == 0))
            return FALSE;
        if (g_ascii_isalpha(*here) || *here == '_') {
            if (!reader->leaf(reader->data, reader->tokens, &reader->at, &leaf))
                return FALSE;
            continue;
        }
        open += *here == '(';
        open -= *here == ')';
        matches |= *here == '|' && open == 0;
        reader->at++;
    }
    *node = add_node(reader, SPAM_META_NUMBER, 0, 0);
    g_array_index(reader->nodes, struct spam_meta_node, *node).number = matches;
    return open == 0;
}

static gboolean
read_primary(struct reader *reader, guint *node)
{
    struct rules_leaf leaf = {0};

    if (take(reader, "/"))
        return read_pattern(reader, node);

    if (take(reader, "(")) {
        if (take(reader, ")")) { /* an empty list is undef: 0 */
            *node = add_node(reader, SPAM_META_NUMBER, 0, 0);
            return TRUE;
        }
        return read_choice(reader, node) && take(reader, ")");
    }
    if (reader->inner > 0 || !(g_ascii_isalnum(*token(reader)) || *token(reader) == '_')
        || !reader->leaf(reader->data, reader->tokens, &reader->at, &leaf))
        return FALSE;
    *node = add_node(reader, leaf.op, leaf.rule, 0);
    g_array_index(reader->nodes, struct spam_meta_node, *node).number = leaf.number;
    return TRUE;
}

static gboolean
read_unary(struct reader *reader, guint *node)
{
    gboolean good;

    if (++reader->depth > RULES_EXPRESSION_DEPTH)
        return FALSE;
    if (take(reader, "!")) {
        good = read_unary(reader, node);
        if (good)
            *node = add_node(reader, SPAM_META_NOT, *node, 0);
    } else if (take(reader, "-")) {
        good = read_unary(reader, node);
        if (good)
            *node = add_node(reader, SPAM_META_NEGATE, *node, 0);
    } else if (take(reader, "+")) {
        good = read_unary(reader, node);
    } else {
        good = read_primary(reader, node);
    }
    reader->depth--;
    return good;
}

struct operator {
    const char *token;
    enum spam_meta_op op;
};

/* Perl's levels of two operands, tightest first. */
static const struct operator levels[][5] = {
    {{"*", SPAM_META_MULTIPLY}, {"/", SPAM_META_DIVIDE}, {NULL, 0}},
    {{"+", SPAM_META_ADD}, {"-", SPAM_META_SUBTRACT}, {NULL, 0}},
    {{"<", SPAM_META_LESS}, {">", SPAM_META_GREATER}, {"<=", SPAM_META_LESS_EQUAL}, {">=", SPAM_META_GREATER_EQUAL}, {NULL, 0}},
    {{"==", SPAM_META_EQUAL}, {"!=", SPAM_META_UNEQUAL}, {NULL, 0}},
    {{"^", SPAM_META_XOR}, {NULL, 0}},
    {{"&&", SPAM_META_AND}, {NULL, 0}},
    {{"||", SPAM_META_OR}, {NULL, 0}},
};
enum { LEVEL_LESS = 2, LEVEL_EQUAL = 3 };

static const struct operator *
take_operator(struct reader *reader, guint level)
{
    for (const struct operator *o = levels[level]; o->token != NULL; o++)
        if (take(reader, o->token))
            return o;
    return NULL;
}

/* a < b < c is a < b && b < c since Perl 5.32; all else goes from left to right. */
static gboolean
read_level(struct reader *reader, guint level, guint *node)
{
    const struct operator *o;
    gboolean chains = level == LEVEL_LESS || level == LEVEL_EQUAL, chained = FALSE;
    guint right, last;

    if (!(level == 0 ? read_unary(reader, node) : read_level(reader, level - 1, node)))
        return FALSE;
    last = *node;
    while ((o = take_operator(reader, level)) != NULL) {
        if (!(level == 0 ? read_unary(reader, &right) : read_level(reader, level - 1, &right)))
            return FALSE;
        if (chains && chained) {
            guint next = add_node(reader, o->op, last, right);
            *node = add_logical(reader, SPAM_META_AND, *node, next);
        } else if (o->op == SPAM_META_AND || o->op == SPAM_META_OR) {
            *node = add_logical(reader, o->op, *node, right);
        } else {
            *node = add_node(reader, o->op, *node, right);
        }
        last = right;
        chained = TRUE;
    }
    return TRUE;
}

static gboolean
read_choice(struct reader *reader, guint *node)
{
    guint yes, no;
    gboolean good = FALSE;

    if (++reader->depth > RULES_EXPRESSION_DEPTH)
        return FALSE;
    if (read_level(reader, G_N_ELEMENTS(levels) - 1, node)) {
        if (!take(reader, "?"))
            good = TRUE;
        else if (read_choice(reader, &yes) && take(reader, ":") && read_choice(reader, &no)) {
            *node = add_choice(reader, *node, yes, no);
            good = TRUE;
        }
    }
    reader->depth--;
    return good;
}

GArray *
rules_expression(const GPtrArray *tokens, rules_leaf_reader *leaf, gpointer data)
{
    struct reader reader = {.tokens = tokens, .leaf = leaf, .data = data};
    g_autoptr(GArray) nodes = g_array_new(FALSE, TRUE, sizeof(struct spam_meta_node));
    guint root;

    reader.nodes = nodes;
    if (!read_choice(&reader, &root) || reader.at != tokens->len)
        return NULL;
    g_assert(root == nodes->len - 1); /* each node is added after its operands */
    return g_steal_pointer(&nodes);
}

/* ---- values ---- */

static struct rules_value
number_value(double number)
{
    return (struct rules_value){.number = number, .is_true = number != 0};
}

static struct rules_value
divide(double a, double b, gboolean *divided)
{
    if (b != 0)
        return number_value(a / b);
    if (divided != NULL)
        *divided = TRUE;
    return number_value(0);
}

static guint64
bits(double number)
{
    if (number >= 18446744073709551615.0)
        return G_MAXUINT64;
    return number < 0 ? (guint64)(gint64)MAX(number, -9223372036854775807.0) : (guint64)number;
}

/* What is made of two numbers. */
static struct rules_value
operate(enum spam_meta_op op, double a, double b, gboolean *divided)
{
    switch (op) {
    case SPAM_META_MULTIPLY:
        return number_value(a * b);
    case SPAM_META_DIVIDE:
        return divide(a, b, divided);
    case SPAM_META_ADD:
        return number_value(a + b);
    case SPAM_META_SUBTRACT:
        return number_value(a - b);
    case SPAM_META_LESS:
        return number_value(a < b);
    case SPAM_META_GREATER:
        return number_value(a > b);
    case SPAM_META_LESS_EQUAL:
        return number_value(a <= b);
    case SPAM_META_GREATER_EQUAL:
        return number_value(a >= b);
    case SPAM_META_EQUAL:
        return number_value(a == b);
    case SPAM_META_UNEQUAL:
        return number_value(a != b);
    case SPAM_META_XOR:
        return number_value((double)(bits(a) ^ bits(b)));
    default:
        g_return_val_if_reached(number_value(0));
    }
}

/* Nodes stand after their operands, so one pass from the first to the last has all values, however deep the expression is. It goes the
 * way that Perl would go: a division by zero counts only there. */
struct evaluation {
    const double *hits;
    gboolean local;
    struct rules_value *values; /* of the nodes that were come by */
    gboolean divided;
};

static inline struct rules_value
evaluate_node(struct evaluation *e, const struct spam_meta_node *node)
{
    const struct rules_value *values = e->values;

    switch (node->op) {
    case SPAM_META_NUMBER:
        return number_value(node->number);
    case SPAM_META_RULE:
        return number_value(e->hits != NULL ? e->hits[node->a] : 0);
    case SPAM_META_LOCAL:
        return number_value(e->local);
    case SPAM_META_TEXT:
        return (struct rules_value){.is_true = TRUE};
    case SPAM_META_NOT:
        return number_value(!values[node->a].is_true);
    case SPAM_META_NEGATE:
        return number_value(-values[node->a].number);
    case SPAM_META_AND:
        return values[values[node->a].is_true ? node->b : node->a];
    case SPAM_META_OR:
        return values[values[node->a].is_true ? node->a : node->b];
    case SPAM_META_CHOOSE:
        return values[values[node->a].is_true ? node->b : node->c];
    default:
        return operate(node->op, values[node->a].number, values[node->b].number, &e->divided);
    }
}

/* The node to go on with behind the i-th. */
static inline guint
next_node(const struct spam_meta_node *node, guint i, gboolean is_true)
{
    gboolean skips = node->skip == SPAM_META_SKIP || (node->skip == SPAM_META_SKIP_IF_TRUE && is_true) ||
                     (node->skip == SPAM_META_SKIP_IF_FALSE && !is_true);

    return skips ? node->skip_to : i + 1;
}

#define STACK_NODES 256u /* most metas need no allocation */

struct rules_value
rules_evaluate(const struct spam_meta_node *nodes, guint count, const double *hits, gboolean local_tests_only, gboolean *divided)
{
    struct rules_value values[STACK_NODES]; /* each is set before it is read */
    gboolean fits = count <= STACK_NODES;
    g_autofree struct rules_value *more = fits ? NULL : g_new0(struct rules_value, count);
    struct evaluation e = {.hits = hits, .local = local_tests_only, .values = fits ? values : more};

    if (count == 0)
        return number_value(0);
    for (guint i = 0; i < count; i = next_node(&nodes[i], i, e.values[i].is_true))
        e.values[i] = evaluate_node(&e, &nodes[i]);
    if (divided != NULL)
        *divided = e.divided;
    return e.values[count - 1];
}

void
rules_evaluate_all(const struct spam_meta_node *nodes, guint count, const double *hits, gboolean local_tests_only,
                   struct rules_value *values_r)
{
    struct evaluation e = {.hits = hits, .local = local_tests_only, .values = values_r};

    for (guint i = 0; i < count; i++)
        values_r[i] = evaluate_node(&e, &nodes[i]);
}
