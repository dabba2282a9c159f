/* test_limit_text.c: limits as people write them, and back. */
#include <gio/gio.h>
#include <string.h>
#include "policyd/tables/limit_text.h"
#include "tests/unit/base/test.h"

static void
good(void **state G_GNUC_UNUSED)
{
    static const struct {
        const char *text;
        gint64 amount;
        guint32 seconds;
    } table[] = {{"500/hour", 500, 3600}, {"0/day", 0, 86400}, {"none/minute", -1, 60}, {"1000000000/day", 1000000000, 86400}};

    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        struct limit_text limit;
        assert_true(limit_text_parse(table[i].text, &limit, NULL));
        assert_int_equal(limit.amount, table[i].amount);
        assert_int_equal(limit.seconds, table[i].seconds);
        g_autofree char *again = limit_text_make(limit.amount, limit.seconds);
        assert_string_equal(again, table[i].text);
    }
    g_autofree char *odd = limit_text_make(5, 7200), *less = limit_text_make(-7, 3600);
    assert_string_equal(odd, "5/7200s");
    assert_string_equal(less, "none/hour");
}

static void
bad(void **state G_GNUC_UNUSED)
{
    static const char *const table[] = {"", "500", "500/", "/hour", "500/week", "-1/hour", "1000000001/hour", "5/hour/day", "5 /hour", "none", "None/hour",
                                        "5/Hour", "0x5/hour", "\xff\n/hour"};

    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;
        struct limit_text limit;
        if (limit_text_parse(table[i], &limit, &error))
            fail_msg("taken: %s", table[i]);
        assert_true(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT));
        assert_true(g_utf8_validate(error->message, -1, NULL) && strchr(error->message, '\n') == NULL);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
