/* test_expand.c: answers are cached, outages remembered, time and mailboxes bounded. */
#include "tests/unit/milter/test.h"
#include "lib/base/sql.h"
#include "milters/expand.h"

struct accounts_double {
    guint asked;
    gboolean away, not_configured;
    guint mailboxes;
    gulong delay_us;
};

static int
answer(gpointer source, const char *address, char ***mailboxes_r, GError **error)
{
    struct accounts_double *accounts = source;

    accounts->asked++;
    g_usleep(accounts->delay_us);
    if (accounts->away) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_AWAY, "no server");
        return -1;
    }
    *mailboxes_r = g_new0(char *, accounts->mailboxes + 1);
    for (guint i = 0; i < accounts->mailboxes; i++)
        (*mailboxes_r)[i] = g_strdup(address);
    return accounts->not_configured ? 0 : 1;
}

static struct capture *
capture_for(guint recipients, gboolean same)
{
    struct capture *capture = capture_new();

    for (guint i = 0; i < recipients; i++) {
        g_autofree char *address = g_strdup_printf("u%u@b.test", same ? 0 : i);

        capture_add_recipient(capture, address);
    }
    return capture;
}

static const struct capture_recipient *
recipient(struct capture *capture, guint i)
{
    return g_ptr_array_index(capture->recipients, i);
}

static void
test_expanded_and_cached(void **state)
{
    struct accounts_double accounts = {.mailboxes = 2};
    struct expander *expander = expander_new(answer, &accounts, 100);
    struct capture *capture = capture_for(50, TRUE);

    (void)state;
    assert_int_equal(expander_fill(expander, capture, 1000), 0);
    assert_int_equal(accounts.asked, 1);
    assert_int_equal(recipient(capture, 49)->expansion, CAPTURE_EXPANDED);
    assert_int_equal(g_strv_length(recipient(capture, 49)->mailboxes), 2);
    capture_free(&capture);
    expander_free(&expander);
}

static void
test_not_configured(void **state)
{
    struct accounts_double accounts = {.mailboxes = 1, .not_configured = TRUE};
    struct expander *expander = expander_new(answer, &accounts, 100);
    struct capture *capture = capture_for(1, TRUE);

    (void)state;
    assert_int_equal(expander_fill(expander, capture, 1000), 0);
    assert_int_equal(recipient(capture, 0)->expansion, CAPTURE_NOT_CONFIGURED);
    assert_string_equal(recipient(capture, 0)->mailboxes[0], "u0@b.test");
    capture_free(&capture);
    expander_free(&expander);
}

static void
test_outage_is_remembered(void **state)
{
    struct accounts_double accounts = {.mailboxes = 1, .away = TRUE};
    struct expander *expander = expander_new(answer, &accounts, 100);
    struct capture *capture = capture_for(100, FALSE);

    (void)state;
    assert_int_equal(expander_fill(expander, capture, 1000), 100);
    assert_int_equal(accounts.asked, 1); /* not once a recipient */
    assert_int_equal(recipient(capture, 99)->expansion, CAPTURE_PENDING);
    assert_int_equal(g_strv_length(recipient(capture, 99)->mailboxes), 0);
    accounts.away = FALSE;
    assert_int_equal(expander_fill(expander, capture, 1000), 100); /* within the pause */
    g_usleep(120000);
    assert_int_equal(expander_fill(expander, capture, 1000), 0);
    assert_int_equal(recipient(capture, 99)->expansion, CAPTURE_EXPANDED);
    capture_free(&capture);
    expander_free(&expander);
}

static void
test_budget_and_mailboxes(void **state)
{
    struct accounts_double slow = {.mailboxes = 1, .delay_us = 20000}, many = {.mailboxes = 1000};
    struct expander *expander = expander_new(answer, &slow, 100);
    struct capture *capture = capture_for(100, FALSE);
    g_autoptr(GBytes) bytes = NULL;
    struct capture *decoded;
    guint pending;

    (void)state;
    pending = expander_fill(expander, capture, 100);
    assert_true(pending > 50 && pending < 100);
    expander_free(&expander);
    capture_free(&capture);
    expander = expander_new(answer, &many, 100);
    capture = capture_for(150, TRUE);
    assert_int_equal(expander_fill(expander, capture, 5000), 50); /* 100,000 mailboxes at most */
    bytes = capture_encode(capture, TRUE);
    decoded = capture_decode(bytes, NULL);
    assert_non_null(decoded); /* the archive can read it */
    capture_free(&decoded);
    capture_free(&capture);
    expander_free(&expander);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expanded_and_cached),
        cmocka_unit_test(test_not_configured),
        cmocka_unit_test(test_outage_is_remembered),
        cmocka_unit_test(test_budget_and_mailboxes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
