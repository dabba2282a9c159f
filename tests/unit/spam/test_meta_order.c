/* test_meta_order.c: over random metas and hits, looking only at metas that watch something gives what looking at all of them gives, and so
 * does running only those rules that need not wait, and those that are needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/spam/engine/late.h"
#include "lib/spam/engine/meta_order.h"
#include "lib/spam/engine/meta_watch.h"

#define RULES 12
#define METAS 60

static void
add_expression(GString *out, GRand *random, guint meta, guint depth)
{
    static const char *const operators[] = {"&&", "||", "&&", "||", "&&", "+", "-", ">", "==", "*", "<=", "^"};
    gint kind = g_rand_int_range(random, 0, depth > 4 ? 3 : 9);

    if (kind == 0 && meta > 0)
        g_string_append_printf(out, "__M%d", g_rand_int_range(random, 0, (gint)meta));
    else if (kind <= 1)
        g_string_append_printf(out, "__R%d", g_rand_int_range(random, 0, RULES));
    else if (kind == 2)
        g_string_append_printf(out, "%d", g_rand_int_range(random, 0, 3));
    else if (kind == 3) {
        g_string_append(out, g_rand_boolean(random) ? "!" : "-");
        add_expression(out, random, meta, depth + 5);
    } else if (kind == 4) {
        g_string_append_c(out, '(');
        add_expression(out, random, meta, depth + 1);
        g_string_append(out, " ? ");
        add_expression(out, random, meta, depth + 1);
        g_string_append(out, " : ");
        add_expression(out, random, meta, depth + 1);
        g_string_append_c(out, ')');
    } else {
        g_string_append_c(out, '(');
        add_expression(out, random, meta, depth + 1);
        for (gint more = g_rand_int_range(random, 1, 3); more > 0; more--) {
            g_string_append_printf(out, " %s ", operators[g_rand_int_range(random, 0, G_N_ELEMENTS(operators))]);
            add_expression(out, random, meta, depth + 1);
        }
        g_string_append_c(out, ')');
    }
}

/* n_long: the first rules have so long patterns that they may wait, and every seventh meta counts. */
static struct spam_ruleset *
random_ruleset(GRand *random, guint n_long)
{
    const struct rules_options options = {.local_tests_only = TRUE};
    g_autoptr(GString) rules = g_string_new("loadplugin Mail::SpamAssassin::Plugin::Check\n");

    g_autofree char *filler = g_strnfill(LATE_PATTERN_MIN, 'r');

    for (guint i = 0; i < RULES; i++)
        g_string_append_printf(rules, "body __R%u /%s/\n", i, i < n_long ? filler : "r");
    for (guint i = 0; i < METAS; i++) {
        g_string_append_printf(rules, "meta __M%u ", i);
        add_expression(rules, random, i, 0);
        g_string_append_printf(rules, "\nscore __M%u %s\n", i, g_rand_int_range(random, 0, 8) == 0 ? "0" : "1");
        if (n_long > 0 && i % 7 == 0)
            g_string_append_printf(rules, "meta C%u __M%u && !__R%u\n", i, i, RULES - 1);
    }
    return rules_load_text(&options, "test.cf", rules->str, rules->len);
}

/* The values after the run; hits_r: how many rules have hit. */
static double *
run(const struct spam_ruleset *ruleset, const struct meta_order *order, const double *hit, gboolean all, guint *hits_r)
{
    guint n = ruleset->rules->len;
    double *values = g_memdup2(hit, (n + 1) * sizeof *hit);
    g_autofree guint64 *marks = g_new0(guint64, META_ORDER_WORDS(order));
    g_autoptr(GArray) hits = g_array_new(FALSE, FALSE, sizeof(guint));

    for (guint i = 0; i < n; i++)
        if (hit[i] != 0)
            g_array_append_val(hits, i);
    for (guint place = 0; place < meta_order_length(order) && all; place++)
        marks[place / 64] |= G_GUINT64_CONSTANT(1) << place % 64;
    meta_order_run(order, 0, hits, values, marks);
    for (guint i = 0; i < META_ORDER_WORDS(order); i++)
        assert_int_equal(marks[i], 0);
    *hits_r = hits->len;
    return values;
}

static struct meta_order *
order_of(const struct spam_ruleset *ruleset)
{
    g_autoptr(GPtrArray) metas = g_ptr_array_new();

    for (guint i = 0; i < ruleset->rules->len; i++)
        if (((const struct spam_rule *)ruleset->rules->pdata[i])->type == SPAM_RULE_META)
            g_ptr_array_add(metas, ruleset->rules->pdata[i]);
    return meta_order_new(ruleset, metas);
}

static double *
random_hits(GRand *random, const struct spam_ruleset *ruleset)
{
    double *hit = g_new0(double, ruleset->rules->len + 1);

    for (guint i = 0; i < RULES; i++)
        if (g_rand_int_range(random, 0, 3) == 0) {
            g_autofree char *name = g_strdup_printf("__R%u", i);
            hit[rules_find(ruleset, name)->index] = g_rand_int_range(random, 1, 4);
        }
    return hit;
}

static void
test_random(void **state)
{
    GRand *random = g_rand_new_with_seed(3);

    (void)state;
    for (guint round = 0; round < 60; round++) {
        struct spam_ruleset *ruleset = random_ruleset(random, 0);
        struct meta_order *order = order_of(ruleset);

        assert_true(meta_order_length(order) > METAS / 2);
        for (guint message = 0; message < 60; message++) {
            g_autofree double *hit = random_hits(random, ruleset);
            guint few, many;
            g_autofree double *watched = run(ruleset, order, hit, FALSE, &few), *whole = run(ruleset, order, hit, TRUE, &many);
            for (guint i = 0; i < ruleset->rules->len; i++)
                assert_true(watched[i] == whole[i]);
            assert_int_equal(few, many);
        }
        meta_order_free(order);
        rules_free(&ruleset);
    }
    g_rand_free(random);
}

/* Metas that count are worth the same without the rules that wait and are not needed. Returns how many were not. */
static guint
check_late(const struct spam_ruleset *ruleset, const struct meta_order *order, const GPtrArray *late, const double *hit)
{
    guint n = ruleset->rules->len, hits, spared = 0;
    g_autofree double *without = g_memdup2(hit, (n + 1) * sizeof *hit);
    g_autofree double *with = g_memdup2(hit, (n + 1) * sizeof *hit);

    for (guint i = 0; i < late->len; i++)
        without[((const struct late_rule *)late->pdata[i])->rule->index] = 0;
    g_autofree double *first = run(ruleset, order, without, FALSE, &hits);
    for (guint i = 0; i < late->len; i++)
        if (!late_is_needed(late->pdata[i], order, 0, first)) {
            with[((const struct late_rule *)late->pdata[i])->rule->index] = 0;
            spared++;
        }
    g_autofree double *whole = run(ruleset, order, hit, FALSE, &hits), *less = run(ruleset, order, with, FALSE, &hits);
    for (guint i = 0; i < n; i++) {
        const struct spam_rule *rule = ruleset->rules->pdata[i];
        if (*rule->name == 'C' || rule->scores[0] == 0)
            assert_true(whole[i] == less[i]);
    }
    return spared;
}

static void
test_late(void **state)
{
    GRand *random = g_rand_new_with_seed(5);
    guint waiting = 0, spared = 0;

    (void)state;
    for (guint round = 0; round < 300; round++) {
        struct spam_ruleset *ruleset = random_ruleset(random, 4);
        struct meta_order *order = order_of(ruleset);
        GPtrArray *late = late_find(ruleset, order);

        waiting += late->len;
        for (guint message = 0; message < 60; message++) {
            g_autofree double *hit = random_hits(random, ruleset);
            spared += check_late(ruleset, order, late, hit);
        }
        g_ptr_array_unref(late);
        meta_order_free(order);
        rules_free(&ruleset);
    }
    g_rand_free(random);
    assert_true(waiting > 30 && spared > 300);
}

/* Which of __L0 and __L1 wait, and for what. */
static void
test_late_for(void **state)
{
    static const struct {
        const char *metas, *expected;
    } cases[] = {
        {"meta A __R0 && __L0\n", "__L0: __R0; __L1:;"},
        {"meta A __R0 && __L0\nmeta B __L0 && __R1 && !__L1\n", "__L0: __R0 __R1; __L1: __R1;"},
        {"meta A __L0 || __R0\n", "__L1:;"},
        {"meta __A __L0 + __L1 > 1\nmeta B __A && __R0\n", "__L0: __R0; __L1: __R0;"},
        {"meta __A __L0 && __R0\nmeta __B __A && __R1\nmeta C __B && !(__L1 && __R2)\n", "__L0: __R0; __L1: __R0;"},
        {"meta A !__R0 && __L0\n", "__L1:;"},
        {"meta A __L0 && __L1\n", ""},
        {"meta __A __L0\nscore __A 0\nmeta B __A && __R0\n", "__L1:;"},
        {"meta A __B && __L0\nmeta __B __R0 && __R1\nmeta C A && __L1 && __R2\n", "__L0: __B; __L1: __B;"},
    };
    const struct rules_options options = {.local_tests_only = TRUE};
    g_autofree char *filler = g_strnfill(LATE_PATTERN_MIN, 'r');

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *rules = g_strdup_printf("loadplugin Mail::SpamAssassin::Plugin::Check\nbody __R0 /r/\nbody __R1 /r/\nbody __R2 /r/\n"
                                                 "body __L0 /%s/\nbody __L1 /%s/\nbody L2 /%s/\nbody __L3 /(?<T>%s)/\n%s",
                                                 filler, filler, filler, filler, cases[i].metas);
        struct spam_ruleset *ruleset = rules_load_text(&options, "test.cf", rules, strlen(rules));
        struct meta_order *order = order_of(ruleset);
        GPtrArray *late = late_find(ruleset, order);
        g_autoptr(GString) shown = g_string_new(NULL);

        for (guint k = 0; k < late->len; k++) {
            const struct late_rule *one = late->pdata[k];
            g_string_append_printf(shown, "%s%s:", k > 0 ? " " : "", one->rule->name);
            for (guint w = 0; w < one->watched->len; w++)
                g_string_append_printf(shown, " %s", ((const struct spam_rule *)ruleset->rules->pdata[g_array_index(one->watched, guint, w)])->name);
            g_string_append_c(shown, ';');
        }
        if (strcmp(shown->str, cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].metas, shown->str);
        g_ptr_array_unref(late);
        meta_order_free(order);
        rules_free(&ruleset);
    }
}

/* What is watched of a meta, when nothing has hit. */
static void
test_watch(void **state)
{
    static const struct {
        const char *meta;
        guint watched;
    } cases[] = {{"__R0 && __R1 && !__R2", 1}, {"__R0 && (__R1 || __R2)", 1}, {"(__R0 || __R1) && __R2", 1}, {"__R0 || __R1", 2},
                 {"!__R0 && __R1", 1}, {"!__R0 || __R1", 1}, {"__R0 + __R1 + __R2 > 1", 3}, {"!__R0 && !__R1", 2}, {"2", 0},
                 {"__R0 < __R1 < __R2", 3}, {"__R0 ? __R1 : __R2", 3}, {"__R0 && __R0", 1}, {"(__R0 > 1) && __R1", 1}};
    const struct rules_options options = {.local_tests_only = TRUE};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *rules = g_strdup_printf("loadplugin Mail::SpamAssassin::Plugin::Check\nbody __R0 /r/\nbody __R1 /r/\nbody __R2 /r/\n"
                                                 "meta M %s\n", cases[i].meta);
        struct spam_ruleset *ruleset = rules_load_text(&options, "test.cf", rules, strlen(rules));
        g_autofree double *none = g_new0(double, ruleset->rules->len + 1);
        g_autoptr(GArray) watched = g_array_new(FALSE, FALSE, sizeof(guint));

        meta_watch(rules_find(ruleset, "M")->meta, none, TRUE, NULL, watched);
        if (watched->len != cases[i].watched)
            fail_msg("%s: %u are watched", cases[i].meta, watched->len);
        rules_free(&ruleset);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_late), cmocka_unit_test(test_late_for),
                                       cmocka_unit_test(test_watch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
