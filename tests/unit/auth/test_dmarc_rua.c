/* test_dmarc_rua.c: where reports go: addresses of a record, and whether those outside want them (RFC
 * 7489 7.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/mail/auth/dmarc_rua.h"
#include "tests/support/dns_table.h"

static void
test_addresses(void **state)
{
    static const struct {
        const char *uri, *address;
    } cases[] = {
        {"mailto:a@x.test", "a@x.test"},
        {"MAILTO:a.b+c@X.Test.", "a.b+c@x.test"},
        {"mailto:a@x.test?subject=hi", "a@x.test"},
        {"mailto:a%2Bb@x.test", "a+b@x.test"},
        {"mailto:a@b\xc3\xbc"
         "cher.test",
         "a@xn--bcher-kva.test"},
        {"https://x.test/report", NULL},
        {"mailto:", NULL},
        {"mailto:x.test", NULL},
        {"mailto:@x.test", NULL},
        {"mailto:a@", NULL},
        {"mailto:a@[192.0.2.1]", NULL},
        {"mailto:a%0d%0aBcc:b@x.test", NULL},
        {"mailto:a%00@x.test", NULL},
        {"mailto:a%zz@x.test", NULL},
        {"mailto:a%20b@x.test", NULL},
        {"mailto:a%3Eb@x.test", NULL},
        {"mailto:a@y.test,b@x.test", NULL},
        {"mailto:.a@x.test", NULL},
        {"mailto:a.@x.test", NULL},
        {"mailto:a..b@x.test", NULL},
        {"mailto:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@x.test",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@x.test"},
        {"mailto:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@x.test", NULL},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *address = dmarc_rua_address(cases[i].uri);

        if (g_strcmp0(address, cases[i].address) != 0)
            fail_msg("%s: %s", cases[i].uri, address != NULL ? address : "NULL");
    }
}

/* "state address max;" of each */
static char *
find(struct dns *dns, const char *domain, const char *rua)
{
    static const char *const states[] = {"good", "unusable", "unverified", "unknown"};
    g_autofree char *text = g_strdup_printf("v=DMARC1; p=none; rua=%s", rua);
    const char *why;
    struct dmarc_record *record = dmarc_record_parse(text, strlen(text), &why);
    struct dmarc_rua_search *search = dmarc_rua_start(dns, domain, record);
    g_autoptr(GPtrArray) found = dmarc_rua_finish(search, g_get_monotonic_time() + 200000);
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < found->len; i++) {
        const struct dmarc_rua *one = g_ptr_array_index(found, i);

        g_string_append_printf(out, "%s %s %d;", states[one->state],
                               one->address != NULL ? one->address : one->uri, (int)one->max_bytes);
    }
    dmarc_rua_search_free(&search);
    dmarc_rua_search_free(&search);
    dmarc_record_free(&record);
    return g_string_free(out, FALSE);
}

static void
test_who_wants_reports(void **state)
{
    static const struct {
        const char *domain, *rua, *found;
    } cases[] = {
        {"a.example", "mailto:x@a.example", "good x@a.example 0;"},
        {"a.example", "mailto:x@sub.a.example!1k", "good x@sub.a.example 1024;"},
        {"sub.a.example", "mailto:x@a.example", "good x@a.example 0;"},
        /* Outside: with, without, with a record of another kind. */
        {"a.example", "mailto:x@yes.example", "good x@yes.example 0;"},
        {"a.example", "mailto:x@no.example", "unverified x@no.example 0;"},
        {"a.example", "mailto:x@spf.example", "unverified x@spf.example 0;"},
        {"b.example", "mailto:x@yes.example", "unverified x@yes.example 0;"},
        {"a.example", "mailto:x@fails.example", "unknown x@fails.example 0;"},
        {"a.example", "mailto:x@silent.example", "unknown x@silent.example 0;"},
        /* Another address at the same host; one elsewhere counts for nothing. */
        {"a.example", "mailto:x@instead.example", "good y@instead.example 2048;"},
        {"a.example", "mailto:x@elsewhere.example", "good x@elsewhere.example 0;"},
        /* Several, each once, in order. */
        {"a.example",
         "mailto:x@a.example!1k,https://a.example,mailto:x@no.example,mailto:x@A.example,mailto:z@a.example",
         "good x@a.example 1024;unusable https://a.example 0;unverified x@no.example 0;good z@a.example 0;"},
        /* A public suffix is nobody's organisation. */
        {"com", "mailto:x@com", "good x@com 0;"},
        {"com", "mailto:x@a.com", "unverified x@a.com 0;"},
    };
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);

    (void)state;
    dns_table_add(table, "a.example._report._dmarc.yes.example", DNS_TXT, 0, "v=DMARC1", -1);
    dns_table_add(table, "a.example._report._dmarc.spf.example", DNS_TXT, 0, "v=spf1 -all", -1);
    dns_table_fail(table, "a.example._report._dmarc.fails.example", 0);
    dns_table_silence(table, "a.example._report._dmarc.silent.example");
    dns_table_add(table, "a.example._report._dmarc.instead.example", DNS_TXT, 0,
                  "v=DMARC1; rua=mailto:y@instead.example!2k", -1);
    dns_table_add(table, "a.example._report._dmarc.elsewhere.example", DNS_TXT, 0,
                  "v=DMARC1; rua=mailto:victim@a.example", -1);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *found = find(dns, cases[i].domain, cases[i].rua);

        if (strcmp(found, cases[i].found) != 0)
            fail_msg("%s %s: %s", cases[i].domain, cases[i].rua, found);
    }
    dns_unref(dns);
}

static void
test_a_name_that_is_too_long(void **state)
{
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);
    g_autofree char *label = g_strnfill(60, 'a');
    g_autofree char *domain = g_strdup_printf("%s.%s.%s.example", label, label, label);
    g_autofree char *rua = g_strdup_printf("mailto:x@%s.%s.other", label, label);
    g_autofree char *found = find(dns, domain, rua);

    (void)state;
    assert_true(g_str_has_prefix(found, "unverified "));
    dns_unref(dns);
}

/* However many addresses others name instead. */
static void
test_no_more_than_the_cap(void **state)
{
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);
    g_autoptr(GString) rua = g_string_new(NULL), instead = g_string_new("v=DMARC1; rua=");

    (void)state;
    for (guint i = 0; i < 15; i++) {
        g_string_append_printf(rua, "%smailto:x%u@h%u.example", i > 0 ? "," : "", i, i % 2);
        g_string_append_printf(instead, "%smailto:y%u@h0.example", i > 0 ? "," : "", i);
    }
    dns_table_add(table, "a.example._report._dmarc.h0.example", DNS_TXT, 0, instead->str, -1);
    dns_table_add(table, "a.example._report._dmarc.h1.example", DNS_TXT, 0, "v=DMARC1", -1);
    g_autofree char *found = find(dns, "a.example", rua->str);
    g_auto(GStrv) parts = g_strsplit(found, ";", -1);
    assert_int_equal(g_strv_length(parts) - 1, DMARC_RUA_TARGETS_MAX);
    dns_unref(dns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_who_wants_reports),
        cmocka_unit_test(test_a_name_that_is_too_long),
        cmocka_unit_test(test_no_more_than_the_cap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
