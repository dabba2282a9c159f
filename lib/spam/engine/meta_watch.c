/* meta_watch.c: sets of rules worked out from the operands up. */
#include "lib/spam/engine/meta_watch.h"
#include "lib/spam/rules/expression.h"

/* The set of a node: owned by it, or taken over by the node above. */
static GArray *
take(GArray **sets, guint node)
{
    return sets[node] != NULL ? g_steal_pointer(&sets[node]) : g_array_new(FALSE, FALSE, sizeof(guint));
}

static GArray *
join(GArray *a, GArray *b)
{
    g_array_append_vals(a, b->data, b->len);
    g_array_unref(b);
    return a;
}

gboolean
meta_watch_is_never(const GArray *rules)
{
    for (guint i = 0; i < rules->len; i++)
        if (g_array_index(rules, guint, i) == META_WATCH_NEVER)
            return TRUE;
    return FALSE;
}

/* How much there is to watch. */
static guint
cost(const GArray *set)
{
    return meta_watch_is_never(set) ? G_MAXUINT : set->len;
}

/* a or b keeps the whole as it is by itself: the smaller one. */
static GArray *
smaller(GArray *a, GArray *b)
{
    gboolean first = cost(a) <= cost(b);

    g_array_unref(first ? b : a);
    return first ? a : b;
}

static GArray *
only(GArray *kept, GArray *other)
{
    g_array_unref(other);
    return kept;
}

/* Of a && b and a || b. With && it is decided by what is false, with || by what is true; by b only where both outcomes are the same
 * then, which they are when false: then both are 0. */
static GArray *
of_logical(const struct spam_meta_node *node, const struct rules_value *values, GArray *a, GArray *b)
{
    gboolean a_true = values[node->a].is_true, b_true = values[node->b].is_true;

    if (node->op == SPAM_META_OR)
        return a_true ? only(a, b) : join(a, b);
    if (!a_true && !b_true)
        return smaller(a, b);
    return !a_true ? only(a, b) : !b_true ? only(b, a) : join(a, b);
}

/* A chained comparison's middle operand is the operand of two: its set was taken by the first, so what hangs on the second must hang on
 * all of the meta's. */
static gboolean
has_shared_operands(const struct spam_meta *meta)
{
    g_autofree guint8 *is_operand = g_new0(guint8, meta->n_nodes + 1);

    for (guint i = 0; i < meta->n_nodes; i++) {
        const struct spam_meta_node *node = &meta->nodes[i];
        gboolean leaf = node->op <= SPAM_META_TEXT, unary = node->op == SPAM_META_NOT || node->op == SPAM_META_NEGATE;

        if (leaf)
            continue;
        if (is_operand[node->a]++ || (!unary && is_operand[node->b]++) || (node->op == SPAM_META_CHOOSE && is_operand[node->c]++))
            return TRUE;
    }
    return FALSE;
}

static void
add_rule(GArray *set, guint rule, GArray *const *instead)
{
    if (instead != NULL && instead[rule] != NULL)
        g_array_append_vals(set, instead[rule]->data, instead[rule]->len);
    else
        g_array_append_val(set, rule);
}

static GArray *
of_node(const struct spam_meta_node *node, const struct rules_value *values, GArray *const *instead, GArray **sets)
{
    GArray *set;

    switch (node->op) {
    case SPAM_META_NUMBER:
    case SPAM_META_LOCAL:
    case SPAM_META_TEXT:
        return NULL;
    case SPAM_META_RULE:
        set = g_array_new(FALSE, FALSE, sizeof(guint));
        add_rule(set, node->a, instead);
        return set;
    case SPAM_META_NOT:
    case SPAM_META_NEGATE:
        return take(sets, node->a);
    case SPAM_META_AND:
    case SPAM_META_OR:
        return of_logical(node, values, take(sets, node->a), take(sets, node->b));
    case SPAM_META_CHOOSE:
        return join(join(take(sets, node->a), take(sets, node->b)), take(sets, node->c));
    default:
        return join(take(sets, node->a), take(sets, node->b));
    }
}

void
meta_watch_add(GArray *rules, const GArray *more)
{
    g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < rules->len; i++)
        g_hash_table_add(known, GUINT_TO_POINTER(g_array_index(rules, guint, i)));
    for (guint i = 0; i < more->len; i++) {
        guint rule = g_array_index(more, guint, i);
        if (g_hash_table_add(known, GUINT_TO_POINTER(rule)))
            g_array_append_val(rules, rule);
    }
}

void
meta_watch(const struct spam_meta *meta, const double *hits, gboolean local, GArray *const *instead, GArray *rules_r)
{
    guint n = meta->n_nodes;
    g_autofree struct rules_value *values = g_new0(struct rules_value, n + 1);
    g_autofree GArray **sets = g_new0(GArray *, n + 1);

    if (has_shared_operands(meta)) {
        g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(guint));
        for (guint i = 0; i < meta->dependencies->len; i++)
            add_rule(all, g_array_index(meta->dependencies, guint, i), instead);
        meta_watch_add(rules_r, all);
        return;
    }
    rules_evaluate_all(meta->nodes, n, hits, local, values);
    for (guint i = 0; i < n; i++)
        sets[i] = of_node(&meta->nodes[i], values, instead, sets);
    if (n > 0 && sets[n - 1] != NULL) {
        meta_watch_add(rules_r, sets[n - 1]);
        g_array_unref(sets[n - 1]);
    }
}
