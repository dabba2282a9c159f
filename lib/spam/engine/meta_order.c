/* meta_order.c: whose value hangs on whose, turned around, and one pass in order over what is marked.
 *
 * A meta without a score in the set is looked at by SpamAssassin all the same, when all that it names has run: as long as it is not
 * true, it counts as 0 to those that name it; when it is true, or can't be looked at before the end of all tests, it never gets ready,
 * and those that name it are not run ("blocked" here). */
#include "lib/spam/engine/meta_order.h"
#include "lib/spam/engine/meta_watch.h"
#include "lib/spam/rules/expression.h"

/* Metas, by place, of a rule: of rule r those from begins[r] to begins[r + 1]. */
struct fan {
    guint *places, *begins;
};

/* All that a message needs of a meta in a set of scores, close together. */
struct place {
    double base; /* its value when nothing has hit */
    guint rule;
    guint nodes, n_nodes; /* of its expression: among the ruleset's */
    guint8 has_score, has_blockers;
    guint8 is_early; /* all that it names gets ready before the end */
};

struct meta_order {
    const struct spam_ruleset *ruleset;
    GPtrArray *metas;                /* const struct spam_rule *, in order */
    struct fan named_by;             /* who names a rule */
    struct fan watched_by[SPAM_SCORE_SETS]; /* those of them whose value may be another when the rule's is */
    struct place *at[SPAM_SCORE_SETS];  /* by place */
    guint8 *base_blocked[SPAM_SCORE_SETS]; /* by place, when nothing has hit */
    GArray *base_hits[SPAM_SCORE_SETS]; /* guint: places of those that are not 0 then */
    guint *places;                      /* by rule index: 1 + its place; 0 for rules that are no metas, or in circles */
    struct blockers {
        GArray *places; /* guint: metas that may get blocked, named by a meta */
        guint *begins;  /* by place: its own are from here to the next's */
    } blockers[SPAM_SCORE_SETS];
};

static const struct spam_rule *
meta_at(const struct meta_order *order, guint place)
{
    return g_ptr_array_index(order->metas, place);
}

/* Puts each meta behind those that it names, as long as there are such. */
static void
sort(struct meta_order *order, const GPtrArray *metas)
{
    const GPtrArray *rules = order->ruleset->rules;
    g_autofree gboolean *is_done = g_new0(gboolean, rules->len + 1);
    gboolean progress = TRUE;

    for (guint i = 0; i < rules->len; i++)
        is_done[i] = ((const struct spam_rule *)g_ptr_array_index(rules, i))->type != SPAM_RULE_META;
    while (progress) {
        progress = FALSE;
        for (guint i = 0; i < metas->len; i++) {
            const struct spam_rule *rule = g_ptr_array_index(metas, i);
            gboolean ready = !is_done[rule->index];
            for (guint d = 0; ready && d < rule->meta->dependencies->len; d++)
                ready = is_done[g_array_index(rule->meta->dependencies, guint, d)];
            if (ready) {
                g_ptr_array_add(order->metas, (gpointer)rule);
                is_done[rule->index] = progress = TRUE;
            }
        }
    }
}

/* lists: by place, the rules (guint) of each. */
static struct fan
turn_around(const struct meta_order *order, const GPtrArray *lists)
{
    guint n_rules = order->ruleset->rules->len, all = 0;
    g_autofree guint *filled = g_new0(guint, n_rules + 1);
    struct fan fan = {.begins = g_new0(guint, n_rules + 2)};

    for (guint place = 0; place < lists->len; place++) {
        const GArray *rules = lists->pdata[place];
        for (guint d = 0; d < rules->len; d++)
            fan.begins[g_array_index(rules, guint, d) + 1]++;
        all += rules->len;
    }
    for (guint r = 0; r < n_rules; r++)
        fan.begins[r + 1] += fan.begins[r];
    fan.places = g_new0(guint, all + 1);
    for (guint place = 0; place < lists->len; place++) {
        const GArray *rules = lists->pdata[place];
        for (guint d = 0; d < rules->len; d++) {
            guint r = g_array_index(rules, guint, d);
            fan.places[fan.begins[r] + filled[r]++] = place;
        }
    }
    return fan;
}

static void
fan_clear(struct fan *fan)
{
    g_free(fan->places);
    g_free(fan->begins);
}

static void
find_named(struct meta_order *order)
{
    g_autoptr(GPtrArray) lists = g_ptr_array_new();

    for (guint place = 0; place < order->metas->len; place++)
        g_ptr_array_add(lists, meta_at(order, place)->meta->dependencies);
    order->named_by = turn_around(order, lists);
}

/* values: by rule index, when nothing has hit. */
static void
find_watched(struct meta_order *order, guint set, const double *values)
{
    g_autoptr(GPtrArray) lists = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);

    for (guint place = 0; place < order->metas->len; place++) {
        GArray *rules = g_array_new(FALSE, FALSE, sizeof(guint));

        meta_watch(meta_at(order, place)->meta, values, (set & 1) == 0, NULL, rules);
        g_ptr_array_add(lists, rules);
    }
    order->watched_by[set] = turn_around(order, lists);
}

static gboolean
is_blocked(const struct blockers *blockers, guint place, const guint8 *blocked)
{
    for (guint i = blockers->begins[place]; i < blockers->begins[place + 1]; i++)
        if (blocked[g_array_index(blockers->places, guint, i)])
            return TRUE;
    return FALSE;
}

/* A meta's value as its hits count: what is not more than nothing counts 1. */
static double
value_of(const struct meta_order *order, guint place, guint set, const double *values, guint8 *blocked)
{
    const struct place *at = &order->at[set][place];
    const struct spam_meta_node *nodes = &g_array_index(order->ruleset->meta_nodes, struct spam_meta_node, at->nodes);
    double value;

    blocked[place] = (guint8)((!at->has_score && !at->is_early) ||
                              (at->has_blockers && is_blocked(&order->blockers[set], place, blocked)));
    if (blocked[place])
        return 0;
    value = rules_evaluate(nodes, at->n_nodes, values, (set & 1) == 0, NULL).number;
    if (at->has_score)
        return value == 0 || value > 0 ? value : 1;
    blocked[place] = value != 0;
    return 0;
}

/* Whether SpamAssassin runs the rule, which is no meta, before it looks at the metas for the last time. */
static gboolean
is_run(const struct spam_rule *rule, guint set)
{
    gboolean is_called = rule->function != NULL || rule->pattern.text != NULL || rule->exists;

    return rule->scores[set] != 0 && rule->type != SPAM_RULE_NONE && rule->type != SPAM_RULE_EMPTY && is_called &&
           (rule->function == NULL || rule->function_known);
}

static void
find_early(struct meta_order *order, guint set)
{
    for (guint place = 0; place < order->metas->len; place++) {
        const struct spam_meta *meta = meta_at(order, place)->meta;
        gboolean early = !meta->declared;

        for (guint d = 0; d < meta->dependencies->len && early; d++) {
            guint r = g_array_index(meta->dependencies, guint, d);
            early = order->places[r] > 0 ? order->at[set][order->places[r] - 1].is_early != 0
                                         : is_run(g_ptr_array_index(order->ruleset->rules, r), set);
        }
        order->at[set][place].is_early = (guint8)early;
    }
}

/* Only what has no score gets blocked, and what names such a one: few metas, looked at for each message. */
static void
find_blockers(struct meta_order *order, guint set)
{
    struct blockers *blockers = &order->blockers[set];
    guint n = order->metas->len;
    g_autofree gboolean *may_be = g_new0(gboolean, n + 1);

    blockers->places = g_array_new(FALSE, FALSE, sizeof(guint));
    blockers->begins = g_new0(guint, n + 2);
    for (guint place = 0; place < n; place++) {
        const struct spam_rule *rule = meta_at(order, place);
        guint before = blockers->places->len;

        for (guint d = 0; d < rule->meta->dependencies->len; d++) {
            guint named = order->places[g_array_index(rule->meta->dependencies, guint, d)];
            if (named == 0 || !may_be[named - 1])
                continue;
            named--;
            g_array_append_val(blockers->places, named);
        }
        order->at[set][place].has_blockers = (guint8)(blockers->places->len > before);
        may_be[place] = rule->scores[set] == 0 || blockers->places->len > before;
        blockers->begins[place + 1] = blockers->places->len;
    }
}

static void
make_places(struct meta_order *order, guint set)
{
    const struct spam_meta_node *nodes = (const struct spam_meta_node *)(gpointer)order->ruleset->meta_nodes->data;

    order->at[set] = g_new0(struct place, order->metas->len + 1);
    for (guint place = 0; place < order->metas->len; place++) {
        const struct spam_rule *rule = meta_at(order, place);
        order->at[set][place] = (struct place){.rule = rule->index, .nodes = (guint)(rule->meta->nodes - nodes),
                                               .n_nodes = rule->meta->n_nodes, .has_score = (guint8)(rule->scores[set] != 0)};
    }
}

static void
work_out_base(struct meta_order *order, guint set)
{
    g_autofree double *values = g_new0(double, order->ruleset->rules->len + 1);

    make_places(order, set);
    find_early(order, set);
    find_blockers(order, set);
    order->base_blocked[set] = g_new0(guint8, order->metas->len + 1);
    order->base_hits[set] = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint place = 0; place < order->metas->len; place++) {
        double value = value_of(order, place, set, values, order->base_blocked[set]);

        values[meta_at(order, place)->index] = order->at[set][place].base = value;
        if (value != 0)
            g_array_append_val(order->base_hits[set], place);
    }
    find_watched(order, set, values);
}

struct meta_order *
meta_order_new(const struct spam_ruleset *ruleset, const GPtrArray *metas)
{
    struct meta_order *order = g_new0(struct meta_order, 1);

    order->ruleset = ruleset;
    order->metas = g_ptr_array_new();
    sort(order, metas);
    find_named(order);
    order->places = g_new0(guint, ruleset->rules->len + 1);
    for (guint place = 0; place < order->metas->len; place++)
        order->places[meta_at(order, place)->index] = place + 1;
    for (guint set = 0; set < SPAM_SCORE_SETS; set++)
        work_out_base(order, set);
    return order;
}

void
meta_order_free(struct meta_order *order)
{
    if (order == NULL)
        return;
    for (guint set = 0; set < SPAM_SCORE_SETS; set++) {
        fan_clear(&order->watched_by[set]);
        g_free(order->at[set]);
        g_free(order->base_blocked[set]);
        g_array_unref(order->base_hits[set]);
        g_array_unref(order->blockers[set].places);
        g_free(order->blockers[set].begins);
    }
    g_free(order->places);
    fan_clear(&order->named_by);
    g_ptr_array_unref(order->metas);
    g_free(order);
}

guint
meta_order_length(const struct meta_order *order)
{
    return order->metas->len;
}

const GPtrArray *
meta_order_metas(const struct meta_order *order)
{
    return order->metas;
}

double
meta_order_base(const struct meta_order *order, guint score_set, guint rule)
{
    return order->places[rule] > 0 ? order->at[score_set][order->places[rule] - 1].base : 0;
}

static void
mark(const struct fan *fan, guint rule, guint64 *marks)
{
    for (guint i = fan->begins[rule]; i < fan->begins[rule + 1]; i++)
        marks[fan->places[i] / 64] |= G_GUINT64_CONSTANT(1) << fan->places[i] % 64;
}

void
meta_order_run(const struct meta_order *order, guint set, GArray *hits, double *values, guint64 *marks)
{
    guint words = META_ORDER_WORDS(order), before = hits->len;
    const struct place *at = order->at[set];
    g_autofree guint8 *blocked = g_memdup2(order->base_blocked[set], order->metas->len + 1);

    for (guint i = 0; i < order->base_hits[set]->len; i++) {
        guint place = g_array_index(order->base_hits[set], guint, i);
        values[at[place].rule] = at[place].base;
    }
    for (guint i = 0; i < before; i++)
        mark(&order->watched_by[set], g_array_index(hits, guint, i), marks);
    for (guint word = 0; word < words; word++)
        while (marks[word] != 0) { /* what is marked on the way comes later in the order */
            guint place = word * 64 + (guint)__builtin_ctzll(marks[word]);
            guint rule = at[place].rule;
            double value = value_of(order, place, set, values, blocked);

            marks[word] &= marks[word] - 1;
            values[rule] = value;
            if (value != at[place].base)
                mark(&order->watched_by[set], rule, marks);
            if (blocked[place] != order->base_blocked[set][place])
                mark(&order->named_by, rule, marks);
            if (value != 0 && at[place].base == 0)
                g_array_append_val(hits, rule);
        }
    for (guint i = 0; i < order->base_hits[set]->len; i++) {
        guint index = at[g_array_index(order->base_hits[set], guint, i)].rule;
        if (values[index] != 0)
            g_array_append_val(hits, index);
    }
}
