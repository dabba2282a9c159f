/* run.c: one run: texts are filtered, candidates matched, eval functions asked, metas worked out. */
#include "lib/spam/engine/captures.h"
#include "lib/spam/engine/engine_private.h"
#include <string.h>

#define TIME_EVERY 32u /* steps between two looks at the clock */

struct run {
    struct engine_worker *worker;
    const struct spam_engine *engine;
    const struct engine_source *source;
    gpointer data;
    guint set;
    gint64 deadline_us;
    struct engine_result *result;
    const char *whole;      /* of the list that is run: all its texts, with line ends between them */
    gsize whole_length;
    guint checks;           /* of the time */
    struct captures captures;
    GHashTable *waiting;    /* set of const struct spam_rule *: with templates, and may hit; NULL: none */
};

/* ---- hits ---- */

static gboolean
is_on(const struct run *run, const struct spam_rule *rule)
{
    return rule->scores[run->set] != 0;
}

/* times: of a rule that counts several, each is a hit with its score. */
static void
hit_times(struct run *run, const struct spam_rule *rule, double value, guint times)
{
    double *known = &run->result->values[rule->index];

    if (*known != 0 && (rule->flags & SPAM_TFLAG_MULTIPLE) == 0)
        return;
    if (*known == 0)
        g_array_append_val(run->worker->hits, rule->index);
    *known += value > 0 ? value : 1;
    run->result->times[rule->index] += times;
}

static void
hit(struct run *run, const struct spam_rule *rule, double value)
{
    hit_times(run, rule, value, 1);
}

static gboolean
is_over_time(struct run *run)
{
    if (run->checks++ % TIME_EVERY == 0)
        run->result->over_time |= g_get_monotonic_time() > run->deadline_us;
    return run->result->over_time;
}

/* ---- one text ---- */

/* Where in a text a match may begin. */
struct places {
    gsize begin; /* of the text: what is to be taken off each */
    const guint32 *starts;
    guint n;
};

/* places: NULL for anywhere. */
static enum match
first_match(struct run *run, const struct pattern *pattern, const char *text, gsize length, const struct places *places)
{
    enum match outcome = MATCH_NO;

    if (places == NULL)
        return pattern_match(pattern, run->worker->matcher, text, length, 0, NULL, NULL);
    for (guint i = 0; i < places->n && outcome == MATCH_NO; i++)
        if (places->starts[i] - places->begin <= length)
            outcome = pattern_match_at(pattern, run->worker->matcher, text, length, places->starts[i] - places->begin);
    return outcome;
}

/* Counts what the rule finds in the text; stop at the first unless it counts several. TRUE: there was something. */
static gboolean
look(struct run *run, const struct spam_rule *rule, const struct pattern *pattern, const char *text, gsize length, const struct places *places)
{
    gboolean gave_up = FALSE, several = (rule->flags & SPAM_TFLAG_MULTIPLE) != 0;
    double known = run->result->values[rule->index];
    guint most = rule->max_hits > 0 ? (guint)MAX(0, (double)rule->max_hits - known) : 0, found;

    if (several && rule->max_hits > 0 && most == 0)
        return FALSE;
    if (!several) {
        enum match outcome = first_match(run, pattern, text, length, places);
        run->result->gave_up += outcome == MATCH_GAVE_UP;
        if (outcome != MATCH_YES)
            return FALSE;
        if (rule->has_captures)
            captures_take(&run->captures, rule, pattern, run->worker->matcher, text);
        hit(run, rule, 1);
        return TRUE;
    }
    if (rule->has_captures)
        captures_take_all(&run->captures, rule, pattern, run->worker->matcher, text, length, most);
    found = pattern_count(pattern, run->worker->matcher, text, length, most, &gave_up);
    run->result->gave_up += gave_up;
    if (found > 0)
        hit_times(run, rule, found, found);
    return found > 0;
}

/* The next of the group's rules, from r on, whose bit is set; their number when there is none. */
static guint
next_set(const struct engine_group *group, const guint32 *bits, guint r)
{
    guint32 rest = r < group->rules->len ? bits[r / 32] >> r % 32 : 0;

    while (rest == 0 && r < group->rules->len) {
        r = (r / 32 + 1) * 32;
        rest = r < group->rules->len ? bits[r / 32] : 0;
    }
    return r < group->rules->len ? MIN(r + (guint)__builtin_ctz(rest), group->rules->len) : group->rules->len;
}

static void
filter(struct run *run, const struct engine_group *group, const char *text, gsize length, const GArray *begins, guint32 *ends)
{
    if (group->prefilter == NULL) {
        memset(run->worker->candidates, 0xff, PREFILTER_WORDS(group->rules->len) * sizeof *run->worker->candidates);
        if (ends != NULL)
            memset(ends, 0, group->rules->len * sizeof *ends);
        return;
    }
    memset(run->worker->candidates, 0, PREFILTER_WORDS(group->rules->len) * sizeof *run->worker->candidates);
    if (begins != NULL)
        prefilter_scan_joined(group->prefilter, run->worker->scratch, text, length, (const gsize *)(gpointer)begins->data, begins->len,
                              run->worker->candidates, ends);
    else
        prefilter_scan(group->prefilter, run->worker->scratch, text, length, run->worker->candidates, ends);
}

/* TRUE: the rule, a candidate, has to wait for tags. */
static gboolean
waits(struct run *run, const struct spam_rule *rule)
{
    if (rule->templates == NULL || rule->exists)
        return FALSE;
    if (run->waiting == NULL)
        run->waiting = g_hash_table_new(NULL, NULL);
    g_hash_table_add(run->waiting, (gpointer)rule);
    return TRUE;
}

/* ---- lists of texts ---- */

static void
run_rule_on_list(struct run *run, const struct engine_group *group, guint r, const GPtrArray *texts, guint n_texts, guint first)
{
    const struct spam_rule *rule = g_ptr_array_index(group->rules, r);
    const struct pattern *pattern = run->engine->patterns[rule->index];
    const struct repeats_texts joined = {run->whole, run->whole_length, run->worker->begins};
    gboolean several = (rule->flags & SPAM_TFLAG_MULTIPLE) != 0;

    if ((rule->flags & SPAM_TFLAG_NOSUBJECT) != 0)
        first = MAX(first, 1);
    for (guint i = first; i < n_texts; i++) {
        gsize length;
        const char *text = g_bytes_get_data(g_ptr_array_index(texts, i), &length);
        length = MIN(length, ENGINE_TEXT_MAX);
        struct places places;
        gboolean known = repeats_starts(group->repeats, &run->worker->seen, run->worker->scratch, r, i, &joined, &places.starts, &places.n);
        if (known && places.n == 0)
            continue;
        places.begin = known ? g_array_index(run->worker->begins, gsize, i) : 0;
        if (look(run, rule, pattern, text, length, known ? &places : NULL) && !several)
            break;
    }
}

/* All texts with a line end after each, in addition to its own: so $ holds, with /m, wherever it would hold in the text alone. begins[i]:
 * where the i-th is. */
static void
join(struct run *run, const GPtrArray *texts, guint n_texts)
{
    struct engine_worker *worker = run->worker;
    gsize length, zero = 0;

    g_byte_array_set_size(worker->joined, 0);
    g_array_set_size(worker->begins, 0);
    if (n_texts == 1) {
        g_array_append_val(worker->begins, zero);
        run->whole = g_bytes_get_data(g_ptr_array_index(texts, 0), &length);
        run->whole_length = MIN(length, ENGINE_TEXT_MAX);
        return;
    }
    for (guint i = 0; i < n_texts; i++) {
        const guint8 *text = g_bytes_get_data(g_ptr_array_index(texts, i), &length);
        gsize begin = worker->joined->len;
        if (begin + length + 1 > ENGINE_TEXT_MAX)
            break;
        g_array_append_val(worker->begins, begin);
        g_byte_array_append(worker->joined, text, (guint)length);
        g_byte_array_append(worker->joined, (const guint8 *)"\n", 1);
    }
    run->whole = (const char *)worker->joined->data;
    run->whole_length = worker->joined->len;
}

/* The text that holds the byte before the offset: what ends there, ends in it or later. */
static guint
text_at(const struct engine_worker *worker, gsize offset)
{
    guint low = 0, high = worker->begins->len;

    while (high - low > 1) {
        guint middle = (low + high) / 2;
        if (g_array_index(worker->begins, gsize, middle) < offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Whether the rule, a candidate, may find something in the joined texts, and in which it may first. */
static gboolean
may_find(struct run *run, const struct engine_group *group, guint r, guint *first_r)
{
    const struct engine_worker *worker = run->worker;
    gsize end = worker->ends[r];

    if (group->screens != NULL && group->screens[r] != NULL) {
        enum match outcome = pattern_match(group->screens[r], worker->matcher, run->whole, run->whole_length, 0, NULL, NULL);
        if (outcome == MATCH_NO)
            return FALSE;
        end = 0; /* an earlier text may hold a match that this one hides */
    }
    *first_r = end > 0 ? text_at(worker, end) : 0;
    return TRUE;
}

static void
run_list(struct run *run, const struct engine_group *group, const GPtrArray *texts)
{
    const guint32 *bits = run->worker->candidates;
    guint n_texts = texts != NULL ? MIN(texts->len, ENGINE_TEXTS_MAX) : 0, first;

    if (n_texts == 0)
        return;
    join(run, texts, n_texts);
    filter(run, group, run->whole, run->whole_length, run->worker->begins, run->worker->ends);
    repeats_begin(group->repeats, &run->worker->seen);
    for (guint r = next_set(group, bits, 0); r < group->rules->len && !is_over_time(run); r = next_set(group, bits, r + 1)) {
        const struct spam_rule *rule = g_ptr_array_index(group->rules, r);
        if (is_on(run, rule) && !waits(run, rule) && may_find(run, group, r, &first))
            run_rule_on_list(run, group, r, texts, n_texts, first);
    }
}

/* ---- headers ---- */

static void
run_header_rule(struct run *run, const struct spam_rule *rule, const struct pattern *pattern, GBytes *value)
{
    gsize length = 0;
    const char *text = value != NULL ? g_bytes_get_data(value, &length) : rule->if_unset;

    if (value == NULL && text != NULL)
        length = strlen(text);
    if (rule->exists) {
        if ((text != NULL) != rule->negated)
            hit(run, rule, 1);
    } else if (rule->negated) {
        enum match outcome = pattern_match(pattern, run->worker->matcher, text, MIN(length, ENGINE_TEXT_MAX), 0, NULL, NULL);
        run->result->gave_up += outcome == MATCH_GAVE_UP;
        if (outcome == MATCH_NO)
            hit(run, rule, 1);
    } else {
        look(run, rule, pattern, text != NULL ? text : "", MIN(length, ENGINE_TEXT_MAX), NULL);
    }
}

/* The rules that may hit: without the header, those that may then; else candidates, or all where there is no prefilter. */
static const guint32 *
header_candidates(struct run *run, const struct engine_group *group, GBytes *value)
{
    guint32 *candidates = run->worker->candidates;
    gsize length;
    const char *text;

    if (value == NULL)
        return group->on_missing;
    text = g_bytes_get_data(value, &length);
    filter(run, group, text, MIN(length, ENGINE_TEXT_MAX), NULL, NULL);
    for (guint word = 0; word < PREFILTER_WORDS(group->rules->len); word++)
        candidates[word] |= group->unfiltered[word];
    return candidates;
}

static void
run_headers(struct run *run)
{
    for (guint h = 0; h < run->engine->headers->len && !is_over_time(run); h++) {
        const struct engine_group *group = g_ptr_array_index(run->engine->headers, h);
        g_autoptr(GBytes) value = run->source->header(run->data, group->header);
        const guint32 *bits = header_candidates(run, group, value);

        for (guint r = next_set(group, bits, 0); r < group->rules->len; r = next_set(group, bits, r + 1)) {
            const struct spam_rule *rule = g_ptr_array_index(group->rules, r);
            if (is_on(run, rule) && !waits(run, rule))
                run_header_rule(run, rule, run->engine->patterns[rule->index], value);
        }
    }
}

static void
run_full(struct run *run)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    GBytes *full = run->engine->groups[ENGINE_FULL].rules->len > 0 ? run->source->full(run->data) : NULL;

    if (full != NULL)
        g_ptr_array_add(one, full);
    run_list(run, &run->engine->groups[ENGINE_FULL], one);
}

/* ---- templates ---- */

static void
run_filled_on_list(struct run *run, const struct spam_rule *rule, const struct pattern *pattern, const GPtrArray *texts)
{
    guint n_texts = texts != NULL ? MIN(texts->len, ENGINE_TEXTS_MAX) : 0;

    for (guint i = (rule->flags & SPAM_TFLAG_NOSUBJECT) != 0 ? 1 : 0; i < n_texts; i++) {
        gsize length;
        const char *text = g_bytes_get_data(g_ptr_array_index(texts, i), &length);
        if (look(run, rule, pattern, text, MIN(length, ENGINE_TEXT_MAX), NULL) && (rule->flags & SPAM_TFLAG_MULTIPLE) == 0)
            break;
    }
}

static void
run_filled(struct run *run, const struct spam_rule *rule, const struct pattern *pattern)
{
    const struct engine_source *source = run->source;
    g_autoptr(GPtrArray) full = g_ptr_array_new();
    g_autoptr(GBytes) header = NULL;

    switch (rule->type) {
    case SPAM_RULE_HEADER:
        header = source->header(run->data, rule->header);
        run_header_rule(run, rule, pattern, header);
        break;
    case SPAM_RULE_BODY:
        run_filled_on_list(run, rule, pattern, source->body(run->data));
        break;
    case SPAM_RULE_RAWBODY:
        run_filled_on_list(run, rule, pattern, source->rawbody(run->data));
        break;
    case SPAM_RULE_URI:
        run_filled_on_list(run, rule, pattern, source->uris(run->data));
        break;
    default: /* full: there is one, else the rule would not wait */
        g_ptr_array_add(full, source->full(run->data));
        run_filled_on_list(run, rule, pattern, full);
    }
}

/* Rules with templates see the tags that have been set when it is their turn in SpamAssassin, where those that capture come first. All
 * others have run here: what they took is set turn by turn. A rule with a template that nothing fills is not run. */
static void
run_templates(struct run *run)
{
    for (guint i = 0; i < run->engine->turns->len && (run->captures.by_rule != NULL || run->waiting != NULL); i++) {
        const struct spam_rule *rule = g_ptr_array_index(run->engine->turns, i);
        gboolean runs = run->waiting != NULL && g_hash_table_contains(run->waiting, rule) && !is_over_time(run);
        struct pattern *filled = runs ? engine_fill_templates(run->source, run->data, run->result->tags, rule) : NULL;

        if (filled != NULL)
            run_filled(run, rule, filled);
        pattern_free(filled);
        captures_set_tags(&run->captures, rule, run->result->tags);
    }
    g_clear_pointer(&run->waiting, g_hash_table_unref);
    captures_clear(&run->captures);
}

/* ---- the rest ---- */

static void
run_evals(struct run *run)
{
    for (guint i = 0; run->source->eval != NULL && i < run->engine->evals->len && !is_over_time(run); i++) {
        const struct spam_rule *rule = g_ptr_array_index(run->engine->evals, i);
        double value = is_on(run, rule) ? run->source->eval(run->data, rule) : 0;
        if (value != 0)
            hit(run, rule, value);
    }
}

static void
run_metas(struct run *run)
{
    GArray *hits = run->worker->hits;
    guint before = hits->len;

    meta_order_run(run->engine->metas, run->set, hits, run->result->values, run->worker->marks);
    for (guint i = before; i < hits->len; i++)
        run->result->times[g_array_index(hits, guint, i)] = 1;
}

/* Those that wait; FALSE: they have found nothing. */
static gboolean
run_late(struct run *run, gboolean all)
{
    guint before = run->worker->hits->len;

    for (guint i = 0; i < run->engine->late->len; i++) {
        const struct engine_late *late = &g_array_index(run->engine->late, struct engine_late, i);
        if (all || late_is_needed(late->late, run->engine->metas, run->set, run->result->values))
            run_list(run, &late->group, run->source->body(run->data));
    }
    return run->worker->hits->len > before;
}

/* Metas without those that wait, which are looked for where that may change one; then metas once more. */
static void
run_metas_and_late(struct run *run)
{
    GArray *hits = run->worker->hits;
    guint first = hits->len, end;

    run_metas(run);
    end = hits->len;
    if (!run_late(run, FALSE))
        return;
    for (guint i = first; i < end; i++) {
        guint meta = g_array_index(hits, guint, i);
        run->result->values[meta] = 0;
        run->result->times[meta] = 0;
    }
    g_array_remove_range(hits, first, end - first);
    run_metas(run);
}

static gint
by_index(gconstpointer a, gconstpointer b)
{
    guint x = *(const guint *)a, y = *(const guint *)b;

    return (x > y) - (x < y);
}

static void
sum_up(struct run *run)
{
    GArray *hits = run->worker->hits;

    g_array_sort(hits, by_index);
    for (guint i = 0; i < hits->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(run->engine->ruleset->rules, g_array_index(hits, guint, i));
        gboolean is_sub = g_str_has_prefix(rule->name, "__");

        g_ptr_array_add(is_sub ? run->result->sub_hits : run->result->hits, (gpointer)rule);
        run->result->score += is_sub ? 0 : rule->scores[run->set] * run->result->times[rule->index];
    }
}

void
engine_run(struct engine_worker *worker, const struct engine_source *source, gpointer data, guint score_set, enum engine_extent extent,
           gint64 time_ms, struct engine_result *result_r)
{
    const struct spam_engine *engine = worker->engine;
    guint n = engine->ruleset->rules->len;
    struct run run = {.worker = worker, .engine = engine, .source = source, .data = data, .set = score_set, .result = result_r,
                      .deadline_us = g_get_monotonic_time() + time_ms * 1000};

    *result_r = (struct engine_result){.hits = g_ptr_array_new(), .sub_hits = g_ptr_array_new(), .values = g_new0(double, n + 1),
                                       .times = g_new0(guint, n + 1)};
    g_array_set_size(worker->hits, 0);
    result_r->tags = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    run_headers(&run);
    run_list(&run, &engine->groups[ENGINE_BODY], source->body(data));
    if (extent == ENGINE_ALL_RULES)
        run_late(&run, TRUE);
    run_list(&run, &engine->groups[ENGINE_URI], source->uris(data));
    run_list(&run, &engine->groups[ENGINE_RAWBODY], source->rawbody(data));
    run_full(&run);
    run_templates(&run);
    run_evals(&run);
    if (source->outside != NULL)
        source->outside(data, result_r->values, result_r->times, worker->hits);
    if (extent == ENGINE_ALL_RULES)
        run_metas(&run);
    else
        run_metas_and_late(&run);
    sum_up(&run);
}

void
engine_result_clear(struct engine_result *result)
{
    g_clear_pointer(&result->hits, g_ptr_array_unref);
    g_clear_pointer(&result->sub_hits, g_ptr_array_unref);
    g_clear_pointer(&result->values, g_free);
    g_clear_pointer(&result->times, g_free);
    g_clear_pointer(&result->tags, g_hash_table_unref);
}
