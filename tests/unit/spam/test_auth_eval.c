/* test_auth_eval.c: rules on SPF, DKIM and DMARC: what SpamAssassin can't show here, for want of Perl modules (spam_net.py compares the
 * rest): DMARC, and what is not known. */
#include "lib/spam/net/auth_eval.h"
#include "tests/unit/spam/net_test.h"

/* Whether a rule with the function hits. */
static gboolean
hits(const struct auth_known *known, const char *text, const char *function, const char *argument)
{
    const char *const args[] = {argument, NULL};
    struct net_case c;
    gboolean hit;

    net_case_init(&c, "welcomelist_from_spf *@sender.com\nwelcomelist_from_dkim *@author.com signer.com\n");
    c.view = message_view_new(c.settings, text, strlen(text));
    struct auth_eval_options options = {.ruleset = c.ruleset, .headers = message_view_headers(c.view),
                                        .relays = message_view_relays(c.view), .known = known, .parts = G_MAXUINT, .dns = c.dns,
                                        .deadline_us = G_MAXINT64};
    struct auth_eval *eval = auth_eval_new(&options);
    assert_non_null(auth_eval_find(function));
    hit = auth_eval_find(function)(eval, args, argument != NULL ? 1 : 0);
    auth_eval_free(&eval);
    net_case_clear(&c);
    return hit;
}

static void
test_dmarc(void **state)
{
    static const struct {
        gboolean known;
        enum auth_result result;
        const char *policy, *hit;
    } cases[] = {
        {TRUE, AUTH_PASS, "reject", "check_dmarc_pass"},
        {TRUE, AUTH_FAIL, "reject", "check_dmarc_reject"},
        {TRUE, AUTH_FAIL, "quarantine", "check_dmarc_quarantine"},
        {TRUE, AUTH_FAIL, "none", "check_dmarc_none"},
        {TRUE, AUTH_NONE, NULL, "check_dmarc_missing"},
        {TRUE, AUTH_TEMPERROR, NULL, ""},
        {TRUE, AUTH_PERMERROR, NULL, ""},
        {FALSE, AUTH_PASS, NULL, ""},
    };
    static const char *const functions[] = {"check_dmarc_pass", "check_dmarc_reject", "check_dmarc_quarantine", "check_dmarc_none",
                                            "check_dmarc_missing"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct auth_known known = {.has_dmarc = cases[i].known, .dmarc = cases[i].result, .dmarc_policy = cases[i].policy};
        for (guint f = 0; f < G_N_ELEMENTS(functions); f++)
            assert_int_equal(hits(&known, NET_MESSAGE, functions[f], NULL), strcmp(functions[f], cases[i].hit) == 0);
    }
    assert_false(hits(&(struct auth_known){.has_dmarc = TRUE, .dmarc = AUTH_PASS}, "From: a@author.com\n\n", functions[0], NULL));
}

/* What isn't known hits nothing, and least of all a welcome list. */
static void
test_unknown(void **state)
{
    static const char *const functions[] = {"check_for_spf_pass", "check_for_spf_none", "check_for_spf_fail", "check_dkim_signed",
                                            "check_dkim_valid", "check_dkim_dependable", "check_arc_valid", "check_dmarc_missing",
                                            "check_for_spf_welcomelist_from", "check_for_dkim_welcomelist_from"};
    const struct auth_known nothing = {0};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(functions); i++) {
        assert_false(hits(NULL, NET_MESSAGE, functions[i], NULL));
        assert_false(hits(&nothing, NET_MESSAGE, functions[i], NULL));
    }
    assert_false(hits(NULL, NET_MESSAGE, "check_dkim_adsp", "*"));
    assert_null(auth_eval_find("check_for_spf"));
}

/* A sender's field below the border of trust is nobody's word. */
static void
test_foreign_fields(void **state)
{
    (void)state;
    assert_false(hits(NULL, NET_MESSAGE "Received-SPF: pass\n\n", "check_for_spf_pass", NULL));
    assert_false(hits(NULL, "Received: from a.sender.com (a.sender.com [192.0.2.9]) by mx.ours.test with ESMTP; Fri, 1 Jan 2021 00:00:00 +0000\n"
                            "Received-SPF: pass\nAuthentication-Results: mx.ours.test; spf=pass\nFrom: a@author.com\n\n",
                      "check_for_spf_pass", NULL));
}

static void
test_welcome(void **state)
{
    struct auth_signature signature = {.result = AUTH_PASS, .domain = "signer.com", .selector = "s", .key_bits = 2048};
    struct auth_known known = {.has_spf = TRUE, .spf = AUTH_PASS, .has_dkim = TRUE, .signatures = &signature, .n_signatures = 1};

    (void)state;
    assert_true(hits(&known, NET_MESSAGE, "check_for_spf_welcomelist_from", NULL));
    assert_true(hits(&known, NET_MESSAGE, "check_for_dkim_welcomelist_from", NULL));
    known.spf = AUTH_SOFTFAIL;
    signature.key_bits = 512;
    assert_false(hits(&known, NET_MESSAGE, "check_for_spf_welcomelist_from", NULL));
    assert_false(hits(&known, NET_MESSAGE, "check_for_dkim_welcomelist_from", NULL));
    signature.key_bits = 2048;
    signature.result = AUTH_TEMPERROR;
    assert_false(hits(&known, NET_MESSAGE, "check_for_dkim_welcomelist_from", NULL));
}

/* Who has written thousands of authors is not looked at for ever. */
static void
test_many_authors(void **state)
{
    const struct auth_signature signature = {.result = AUTH_PASS, .domain = "signer.com", .selector = "s", .key_bits = 2048};
    const struct auth_known known = {.has_dkim = TRUE, .signatures = &signature, .n_signatures = 1};
    g_autoptr(GString) text = g_string_new(NULL);

    (void)state;
    for (guint i = 0; i < AUTH_ADDRESSES_MAX - 1; i++)
        g_string_append_printf(text, "From: a%u@other.com\n", i);
    g_string_append(text, "From: x@author.com\n\n");
    assert_true(hits(&known, text->str, "check_for_dkim_welcomelist_from", NULL));
    g_string_prepend(text, "From: one.more@other.com\n");
    assert_false(hits(&known, text->str, "check_for_dkim_welcomelist_from", NULL));
}

static void
test_globs(void **state)
{
    g_autofree char *stars = g_strnfill(100, '*'), *text = g_strnfill(20000, 'a');

    (void)state;
    assert_true(auth_eval_glob_matches("*@example.com", "a@example.com"));
    assert_true(auth_eval_glob_matches("a?c@*.example.com", "abc@x.y.example.com"));
    assert_true(auth_eval_glob_matches("*", ""));
    assert_true(auth_eval_glob_matches(stars, text));
    assert_false(auth_eval_glob_matches("*@example.com", "a@example.com.evil.test"));
    assert_false(auth_eval_glob_matches("a.c", "abc"));
    assert_false(auth_eval_glob_matches("*@example.com", "a\n@example.com"));
    assert_false(auth_eval_glob_matches("", "a"));
    assert_false(auth_eval_glob_matches("*a*a*a*a*b", text));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dmarc),   cmocka_unit_test(test_unknown), cmocka_unit_test(test_foreign_fields),
        cmocka_unit_test(test_welcome), cmocka_unit_test(test_globs),
        cmocka_unit_test(test_many_authors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
