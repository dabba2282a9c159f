/* test_verdict.c: the fold of outcomes into one decision, rule by rule of verdict.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "lib/mail/verdict.h"

static void
assert_guints(const GArray *array, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < array->len; i++)
        g_string_append_printf(text, "%s%u", i > 0 ? "," : "", g_array_index(array, guint, i));
    assert_string_equal(text->str, expected);
}

static const guint first[] = {0}, second[] = {1}, first_two[] = {0, 1}, absent[] = {7};

/* Adds outcomes written as "action:recipients" and checks the decision over three recipients. */
struct expectation {
    struct {
        enum verdict_action action;
        const guint *recipients;
        guint n;
    } outcomes[3];
    guint n_outcomes;
    enum verdict_action action;
    const char *remove, *quarantine;
};

static const struct expectation cases[] = {
    {{{0}}, 0, VERDICT_ACCEPT, "", ""},
    {{{VERDICT_TAG, first, 1}}, 1, VERDICT_TAG, "", ""},
    {{{VERDICT_REJECT, NULL, 0}}, 1, VERDICT_REJECT, "", ""},
    {{{VERDICT_DISCARD, NULL, 0}}, 1, VERDICT_DISCARD, "", ""},
    {{{VERDICT_QUARANTINE, NULL, 0}}, 1, VERDICT_QUARANTINE, "", "0,1,2"},
    {{{VERDICT_TEMPFAIL, second, 1}, {VERDICT_REJECT, NULL, 0}}, 2, VERDICT_TEMPFAIL, "", ""},
    /* partial reject: removed, but held */
    {{{VERDICT_REJECT, first_two, 2}}, 1, VERDICT_ACCEPT, "0,1", "0,1"},
    {{{VERDICT_DISCARD, first, 1}}, 1, VERDICT_ACCEPT, "0", ""},
    {{{VERDICT_QUARANTINE, second, 1}, {VERDICT_TAG, NULL, 0}}, 2, VERDICT_TAG, "1", "1"},
    /* the tag was only for somebody who doesn't get it */
    {{{VERDICT_TAG, first, 1}, {VERDICT_DISCARD, first, 1}}, 2, VERDICT_ACCEPT, "0", ""},
    /* nobody left, mixed */
    {{{VERDICT_DISCARD, NULL, 0}, {VERDICT_REJECT, first, 1}}, 2, VERDICT_QUARANTINE, "", "0"},
    {{{VERDICT_QUARANTINE, NULL, 0}, {VERDICT_DISCARD, second, 1}}, 2, VERDICT_QUARANTINE, "", "0,2"},
    /* strongest wins, whatever the order */
    {{{VERDICT_REJECT, NULL, 0}, {VERDICT_ACCEPT, NULL, 0}, {VERDICT_TAG, first, 1}}, 3, VERDICT_REJECT, "", ""},
    /* indexes out of range and empty sets name nobody */
    {{{VERDICT_TEMPFAIL, absent, 1}, {VERDICT_REJECT, first, 0}}, 2, VERDICT_ACCEPT, "", ""},
};

static void
folds_outcomes(void **state)
{
    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct expectation *c = &cases[i];
        struct verdict *verdict = verdict_new();
        struct decision decision;

        for (guint j = 0; j < c->n_outcomes; j++)
            verdict_add(verdict, c->outcomes[j].action, "m", "r", NULL, c->outcomes[j].recipients, c->outcomes[j].n);
        verdict_decide(verdict, 3, &decision);
        if (decision.action != c->action)
            fail_msg("case %zu: %s instead of %s", i, verdict_action_name(decision.action), verdict_action_name(c->action));
        assert_guints(decision.remove, c->remove);
        assert_guints(decision.quarantine, c->quarantine);
        decision_clear(&decision);
        verdict_free(&verdict);
        assert_null(verdict);
    }
}

static void
explains_by_the_first_deciding_outcome(void **state)
{
    struct verdict *verdict = verdict_new();
    struct decision decision;

    (void)state;
    verdict_add(verdict, VERDICT_REJECT, "spam", "somebody else", "5.7.1 nobody", absent, 1);
    verdict_add(verdict, VERDICT_REJECT, "spam", "score", "5.7.1 spam", NULL, 0);
    verdict_add(verdict, VERDICT_REJECT, "virus", "eicar", "5.7.1 virus", NULL, 0);
    verdict_decide(verdict, 2, &decision);
    assert_string_equal(decision.reply, "5.7.1 spam");
    assert_string_equal(decision.reason, "score");
    decision_clear(&decision);
    verdict_add(verdict, VERDICT_TEMPFAIL, "archive", "full", "4.3.1 full", second, 1);
    verdict_decide(verdict, 2, &decision);
    assert_string_equal(decision.reply, "4.3.1 full");
    decision_clear(&decision);
    verdict_free(&verdict);
}

static void
a_reject_that_became_quarantine_has_no_reply(void **state)
{
    struct verdict *verdict = verdict_new();
    struct decision decision;

    (void)state;
    verdict_add(verdict, VERDICT_REJECT, "spam", "score", "5.7.1 spam", first, 1);
    verdict_add(verdict, VERDICT_DISCARD, "user", "blocklist", NULL, second, 1);
    verdict_decide(verdict, 2, &decision);
    assert_int_equal(decision.action, VERDICT_QUARANTINE);
    assert_string_equal(decision.reason, "score");
    assert_null(decision.reply);
    decision_clear(&decision);
    decision_clear(&decision);
    verdict_free(&verdict);
}

static void
without_recipients_outcomes_for_all_decide(void **state)
{
    struct verdict *verdict = verdict_new();
    struct decision decision;

    (void)state;
    verdict_add(verdict, VERDICT_TEMPFAIL, "archive", "away", "4.3.0 away", NULL, 0);
    verdict_decide(verdict, 0, &decision);
    assert_int_equal(decision.action, VERDICT_TEMPFAIL);
    decision_clear(&decision);
    verdict_free(&verdict);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_outcomes),
        cmocka_unit_test(explains_by_the_first_deciding_outcome),
        cmocka_unit_test(a_reject_that_became_quarantine_has_no_reply),
        cmocka_unit_test(without_recipients_outcomes_for_all_decide),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
