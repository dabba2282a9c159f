/* test_policy_match.c: whom lists of the policy daemon's checks mean, and what may stand in its answers. */
#include "lib/mail/policy_action.h"
#include "lib/mail/policy_match.h"
#include "tests/unit/base/test.h"

static struct policy_match *
make(enum policy_match_kind kind, const char *const *items)
{
    g_autoptr(GError) error = NULL;
    struct policy_match *match = policy_match_new(kind, (char *const *)(gpointer)items, &error);

    assert_null(error);
    assert_non_null(match);
    return match;
}
#define ADDRESSES(...) make(POLICY_MATCH_ADDRESSES, (const char *const[]){__VA_ARGS__, NULL})
#define CLIENTS(...) make(POLICY_MATCH_CLIENTS, (const char *const[]){__VA_ARGS__, NULL})

/* Lists: "away" is not known, any other holds its own name @x.test, and the client 192.0.2.9. */
static int
ask(const char *list, const char *subject, gpointer data)
{
    (*(guint *)data)++;
    if (strcmp(list, "away") == 0)
        return -1;
    return g_str_has_prefix(subject, list) || strcmp(subject, "192.0.2.9") == 0;
}

static int
address(const struct policy_match *match, const char *text)
{
    guint asked = 0;
    return policy_match_address(match, text, ask, &asked);
}

static int
client(const struct policy_match *match, const char *text, const char *name)
{
    guint asked = 0;
    return policy_match_client(match, text, name, ask, &asked);
}

static void
test_addresses(void **state)
{
    (void)state;
    struct policy_match *match = ADDRESSES("Bob@Example.org", "@all.test", ".below.test", "<>");
    assert_int_equal(address(match, "bob@example.org"), 1);
    assert_int_equal(address(match, "eve@example.org"), 0);
    assert_int_equal(address(match, "any@all.test"), 1);
    assert_int_equal(address(match, "any@sub.all.test"), 0);
    assert_int_equal(address(match, "any@below.test"), 1);
    assert_int_equal(address(match, "any@a.b.below.test"), 1);
    assert_int_equal(address(match, "any@notbelow.test"), 0);
    assert_int_equal(address(match, ""), 1);
    assert_int_equal(address(match, "below.test"), 0);
    assert_false(policy_match_is_empty(match));
    policy_match_free(match);
}

static void
test_empty_means_all(void **state)
{
    (void)state;
    struct policy_match *match = make(POLICY_MATCH_ADDRESSES, (const char *const[]){NULL});
    assert_true(policy_match_is_empty(match));
    assert_int_equal(address(match, "a@b"), 1);
    assert_int_equal(address(match, ""), 1);
    policy_match_free(match);
    policy_match_free(NULL);
}

static void
test_negated(void **state)
{
    (void)state;
    struct policy_match *match = ADDRESSES("!<>", "!@no.test");
    assert_int_equal(address(match, ""), 0);
    assert_int_equal(address(match, "a@no.test"), 0);
    assert_int_equal(address(match, "a@b.test"), 1); /* nothing but such items: all others */
    policy_match_free(match);
    match = ADDRESSES(".x.test", "!a@x.test");
    assert_int_equal(address(match, "a@x.test"), 0);
    assert_int_equal(address(match, "b@x.test"), 1);
    assert_int_equal(address(match, "b@y.test"), 0);
    policy_match_free(match);
}

static void
test_clients(void **state)
{
    (void)state;
    struct policy_match *match = CLIENTS("192.0.2.0/24", "2001:db8::/32", ".Mail.test", "!192.0.2.66");
    assert_int_equal(client(match, "192.0.2.1", "unknown"), 1);
    assert_int_equal(client(match, "::ffff:192.0.2.1", ""), 1);
    assert_int_equal(client(match, "192.0.2.66", ""), 0);
    assert_int_equal(client(match, "2001:db8:1::1", ""), 1);
    assert_int_equal(client(match, "198.51.100.1", "mx.mail.test"), 1);
    assert_int_equal(client(match, "198.51.100.1", "mail.TEST."), 1);
    assert_int_equal(client(match, "198.51.100.1", "xmail.test"), 0);
    assert_int_equal(client(match, "unix:x", "unknown"), 0);
    policy_match_free(match);
    match = CLIENTS(".unknown"); /* what Postfix says without a name is no name */
    assert_int_equal(client(match, "198.51.100.1", "unknown"), 0);
    policy_match_free(match);
}

static void
test_lists(void **state)
{
    (void)state;
    struct policy_match *match = ADDRESSES("list:vip", "@x.test");
    assert_int_equal(address(match, "vip@y.test"), 1);
    assert_int_equal(address(match, "a@x.test"), 1);
    assert_int_equal(address(match, "a@y.test"), 0);
    assert_int_equal(policy_match_address(match, "vip@y.test", NULL, NULL), 0);
    policy_match_free(match);
    match = ADDRESSES("list:away", "@x.test");
    assert_int_equal(address(match, "a@x.test"), 1); /* the list would not change it */
    assert_int_equal(address(match, "a@y.test"), -1);
    policy_match_free(match);
    match = ADDRESSES("!list:away", "@x.test");
    assert_int_equal(address(match, "a@x.test"), -1);
    assert_int_equal(address(match, "a@y.test"), 0);
    policy_match_free(match);
    match = CLIENTS("list:good");
    assert_int_equal(client(match, "192.0.2.9", ""), 1);
    assert_int_equal(client(match, "192.0.2.8", ""), 0);
    policy_match_free(match);
}

static void
test_bad_items(void **state)
{
    (void)state;
    static const char *const addresses[] = {"bob", "@", "a@", ".", "..x", "a b@c", "list:", "list:a b", "!", "<a@b>"};
    static const char *const clients[] = {"192.0.2.1/24", "192.0.2.0/33", "mail.test", "..x", "!", "a@b", "list:x/y"};
    for (guint i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_autoptr(GError) error = NULL;
        char *items[] = {(char *)addresses[i], NULL};
        assert_null(policy_match_new(POLICY_MATCH_ADDRESSES, items, &error));
        assert_non_null(error);
    }
    for (guint i = 0; i < G_N_ELEMENTS(clients); i++) {
        g_autoptr(GError) error = NULL;
        char *items[] = {(char *)clients[i], NULL};
        assert_null(policy_match_new(POLICY_MATCH_CLIENTS, items, &error));
        assert_non_null(error);
    }
}

static void
test_actions(void **state)
{
    (void)state;
    static const char *const good[] = {"DUNNO", "dunno", "OK", "REJECT", "reject no, thanks", "550 5.7.1 no", "450 later", "DEFER_IF_PERMIT 4.2.0 wait",
                                       "HOLD", "HOLD why", "PREPEND X-A: b", "WARN me", "INFO x", "DISCARD", "REDIRECT a@b", "BCC a@b",
                                       "FILTER smtp:[127.0.0.1]:10025", "DEFER"};
    static const char *const bad[] = {"", "NO", "DUNNO x", "OK fine", "550", "550 ", "250 ok", "450 5.7.1 mixed", "550 4.7.1 mixed", "PREPEND x",
                                      "PREPEND : x", "PREPEND a b: x", "REDIRECT a", "FILTER x", "5505 x", "REJECT a\nb", "REJECTED"};
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        assert_true(policy_action_check(good[i], NULL));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        assert_false(policy_action_check(bad[i], &error));
        assert_non_null(error);
    }
    assert_true(policy_action_is_mild("DUNNO"));
    assert_true(policy_action_is_mild("PREPEND X: y"));
    assert_false(policy_action_is_mild("REJECT"));
    assert_false(policy_action_is_mild("450 4.7.1 x"));
    static const char *const refuse[] = {"REJECT", "reject no", "DEFER", "DEFER_IF_PERMIT 4.2.0 x", "450 4.7.1 x", "550 x"};
    static const char *const take[] = {"DUNNO", "OK", "HOLD", "DISCARD", "WARN x", "PREPEND X: y", "DEFER_IF_REJECT x", "250 x"};
    for (guint i = 0; i < G_N_ELEMENTS(refuse); i++)
        assert_true(policy_action_refuses(refuse[i]));
    for (guint i = 0; i < G_N_ELEMENTS(take); i++)
        assert_false(policy_action_refuses(take[i]));
}

static void
test_answers_are_one_line(void **state)
{
    (void)state;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *longer = g_strnfill(5000, 'x');
    policy_action_write(out, "REJECT a\nb\r\x7f");
    assert_string_equal(out->str, "action=REJECT a?b??\n\n");
    g_string_truncate(out, 0);
    policy_action_write(out, "");
    assert_string_equal(out->str, "action=DUNNO\n\n");
    g_string_truncate(out, 0);
    policy_action_write(out, longer);
    assert_int_equal(out->len, strlen("action=\n\n") + POLICY_ACTION_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_empty_means_all), cmocka_unit_test(test_negated), cmocka_unit_test(test_clients),
        cmocka_unit_test(test_lists),     cmocka_unit_test(test_bad_items),       cmocka_unit_test(test_actions), cmocka_unit_test(test_answers_are_one_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
