/* test_negotiate.c: what is asked of the MTA: nothing that it does not offer, no step that nobody needs, no
 * reply where none is needed; and the table of modules. */
#include <libmilter/mfapi.h>
#include "tests/unit/milter/test.h"
#include "milters/module.h"
#include "milters/negotiate.h"

#define ALL_ACTIONS SMFI_CURR_ACTS
#define ALL_STEPS SMFI_CURR_PROT
#define SILENT_ALL                                                                                                   \
    (SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_HDR | SMFIP_NR_BODY)

static const guint archive_needs =
    NEED_CLIENT | NEED_HELO | NEED_SENDER | NEED_RECIPIENTS | NEED_HEADERS | NEED_BODY | NEED_EXPANSION;

static void
test_archive_only(void **state)
{
    struct negotiation n;

    (void)state;
    negotiate(archive_needs, ALL_ACTIONS, ALL_STEPS, &n);
    assert_int_equal(n.steps, SILENT_ALL | SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOUNKNOWN | SMFIP_HDR_LEADSPC);
    assert_int_equal(n.actions, SMFIF_SETSYMLIST);
    assert_true(n.symbols);
    assert_int_equal(n.missing, 0);
    assert_string_equal(negotiate_symbols(archive_needs, SMFIM_EOM), "i");
    assert_null(negotiate_symbols(archive_needs, SMFIM_ENVRCPT));
}

static void
test_editing(void **state)
{
    struct negotiation n;

    (void)state;
    negotiate(archive_needs | MAY_EDIT | MAY_REMOVE, ALL_ACTIONS, ALL_STEPS, &n);
    assert_int_equal(n.actions, SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_DELRCPT | SMFIF_SETSYMLIST);
    negotiate(archive_needs | MAY_REPLACE_BODY, ALL_ACTIONS, ALL_STEPS, &n);
    assert_int_equal(n.actions, SMFIF_CHGBODY | SMFIF_SETSYMLIST);
    negotiate(archive_needs | MAY_EDIT, SMFI_V1_ACTS & ~SMFIF_ADDHDRS, ALL_STEPS, &n);
    assert_int_equal(n.actions, 0);
    assert_int_equal(n.missing, SMFIF_ADDHDRS | SMFIF_CHGHDRS);
    assert_false(n.symbols);
}

static void
test_nothing_needed(void **state)
{
    struct negotiation n;

    (void)state;
    negotiate(0, ALL_ACTIONS, ALL_STEPS, &n);
    assert_int_equal(n.steps, SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NORCPT | SMFIP_NOHDRS |
                                  SMFIP_NOBODY | SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOUNKNOWN);
    assert_null(negotiate_symbols(0, SMFIM_CONNECT));
}

/* Never a bit that is not offered, for any offer and any needs. */
static void
test_old_mtas(void **state)
{
    struct negotiation n;

    (void)state;
    negotiate(archive_needs, SMFI_V2_ACTS, SMFI_V2_PROT, &n);
    assert_int_equal(n.steps, SMFIP_NOEOH);
    assert_int_equal(n.actions, 0);
    for (int bit = 0; bit < 21; bit++)
        for (guint needs = 0; needs < 512; needs++) {
            negotiate(needs, ~(1ul << bit), ~(1ul << bit), &n);
            assert_int_equal(n.steps & (1ul << bit), 0);
            assert_int_equal(n.actions & (1ul << bit), 0);
            /* a step that is needed is never switched off */
            if (needs & NEED_BODY)
                assert_int_equal(n.steps & SMFIP_NOBODY, 0);
            if (needs & NEED_RECIPIENTS)
                assert_int_equal(n.steps & SMFIP_NORCPT, 0);
        }
}

static void
test_module_table(void **state)
{
    char *both[] = {(char *)"envelope", (char *)"archive", (char *)"archive", NULL}, *none[] = {NULL};
    char *wrong[] = {(char *)"archive", (char *)"virus!", NULL};
    g_autoptr(GError) error = NULL;
    guint selected = 99, n = 0;

    (void)state;
    static const char *const order[] = {"auth", "spam", "sign", "archive", "envelope"};
    for (guint i = 0; i < G_N_ELEMENTS(order); i++)
        assert_string_equal(milter_modules[i]->name, order[i]);
    while (milter_modules[n] != NULL)
        assert_non_null(milter_modules[n++]->needs);
    assert_int_equal(n, G_N_ELEMENTS(order));
    assert_true(n <= MILTER_MODULES_MAX);
    assert_true(milter_modules_select(both, &selected, NULL));
    assert_int_equal(selected, 8 | 16); /* the order given does not matter */
    assert_true(milter_modules_select(none, &selected, NULL));
    assert_int_equal(selected, 0);
    assert_false(milter_modules_select(wrong, &selected, &error));
    assert_non_null(strstr(error->message, "virus!"));
    assert_non_null(strstr(error->message, "auth, spam, sign, archive, envelope"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_archive_only),   cmocka_unit_test(test_editing),
        cmocka_unit_test(test_nothing_needed), cmocka_unit_test(test_old_mtas),
        cmocka_unit_test(test_module_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
