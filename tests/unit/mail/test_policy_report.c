/* test_policy_report.c: what the milter writes is what the policy daemon reads, and what else may come is refused. */
#include "lib/mail/policy_report.h"
#include "tests/unit/base/test.h"
#include <string.h>

static void
set(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

static struct policy_report *
parse(const char *text)
{
    const char *problem;
    struct policy_report *report = policy_report_parse(text, strlen(text), &problem);

    assert_true((report == NULL) == (problem != NULL));
    return report;
}

static void
test_all_of_it_arrives(void **state)
{
    struct policy_report *report = policy_report_new(), *read;
    g_autofree char *text = NULL;
    gsize length;

    (void)state;
    set(&report->instance, "out");
    set(&report->queue_id, "4ABC");
    set(&report->client, "2001:db8::1");
    set(&report->login, "\"odd one\"@x.test");
    set(&report->sender, "a\xff\n@x.test");
    set(&report->author, "x.test");
    set(&report->virus, "Eicar");
    report->recipients = 7;
    report->verdict = VERDICT_QUARANTINE;
    report->from = REPORT_FROM_SUBMISSION;
    report->bounce = report->judged = report->spam = TRUE;
    report->score = -1.5;
    policy_report_add_dkim(report, "x.test", TRUE);
    policy_report_add_dkim(report, "y.test", FALSE);
    text = policy_report_write(report, &length);
    assert_int_equal(length, strlen(text));
    read = parse(text);
    assert_non_null(read);
    assert_string_equal(read->instance, "out");
    assert_string_equal(read->queue_id, "4ABC");
    assert_string_equal(read->client, "2001:db8::1");
    assert_string_equal(read->login, "\"odd one\"@x.test");
    assert_string_equal(read->sender, "a\xef\xbf\xbd?@x.test");
    assert_string_equal(read->virus, "Eicar");
    assert_string_equal(read->recipient, "");
    assert_int_equal(read->recipients, 7);
    assert_int_equal(read->verdict, VERDICT_QUARANTINE);
    assert_int_equal(read->from, REPORT_FROM_SUBMISSION);
    assert_true(read->bounce && read->judged && read->spam && read->score < -1.4 && read->score > -1.6);
    assert_int_equal(read->dkim->len, 2);
    assert_true(((struct policy_report_dkim *)g_ptr_array_index(read->dkim, 0))->aligned);
    assert_string_equal(((struct policy_report_dkim *)g_ptr_array_index(read->dkim, 1))->domain, "y.test");
    policy_report_free(read);
    policy_report_free(report);
}

static void
test_the_largest_fits(void **state)
{
    struct policy_report *report = policy_report_new(), *read;
    g_autofree char *quotes = g_strnfill(5000, '"'), *wild = g_strnfill(5000, '\xff'), *text = NULL;
    gsize length;

    (void)state;
    set(&report->instance, quotes);
    set(&report->queue_id, quotes);
    set(&report->ref, quotes);
    set(&report->client, wild);
    set(&report->login, wild);
    set(&report->sender, quotes);
    set(&report->author, quotes);
    set(&report->recipient, quotes);
    set(&report->virus, quotes);
    report->recipients = G_MAXUINT;
    report->judged = TRUE;
    report->score = G_MAXDOUBLE;
    for (guint i = 0; i < 50; i++)
        policy_report_add_dkim(report, quotes, FALSE);
    text = policy_report_write(report, &length);
    assert_true(length <= POLICY_REPORT_BYTES);
    read = parse(text);
    assert_non_null(read);
    assert_true(strlen(read->login) <= POLICY_REPORT_TEXT_MAX && strlen(read->login) > POLICY_REPORT_TEXT_MAX - 3);
    assert_int_equal(read->dkim->len, POLICY_REPORT_DKIM_MAX);
    policy_report_free(read);
    policy_report_free(report);
}

#define SOUND "\"v\":1,\"verdict\":\"accept\",\"from\":\"smtp\",\"recipients\":1"

static void
test_what_is_none(void **state)
{
    static const char *const bad[] = {
        "", "[]", "{}", "nonsense", "{" SOUND, "{" SOUND "} x", "{\"v\":2,\"verdict\":\"accept\",\"from\":\"smtp\",\"recipients\":1}",
        "{\"v\":1,\"verdict\":\"praise\",\"from\":\"smtp\",\"recipients\":1}", "{\"v\":1,\"verdict\":\"accept\",\"from\":\"moon\",\"recipients\":1}",
        "{\"v\":1,\"verdict\":\"accept\",\"from\":\"smtp\",\"recipients\":-1}", "{\"v\":1,\"verdict\":\"accept\",\"from\":\"smtp\",\"recipients\":\"1\"}",
        "{" SOUND ",\"v\":1}", "{" SOUND ",\"score\":1e300}", "{" SOUND ",\"score\":\"9\"}", "{" SOUND ",\"login\":7}", "{" SOUND ",\"login\":\"a\\nb\"}",
        "{" SOUND ",\"login\":\"a\\u0000b\"}", "{" SOUND ",\"dkim\":{}}", "{" SOUND ",\"dkim\":[1]}", "{" SOUND ",\"dkim\":[{\"domain\":null}]}",
        "{" SOUND ",\"dkim\":[{},{},{},{},{},{},{},{},{},{},{}]}", "{" SOUND ",\"sender\":\"\xff\"}"};
    g_autofree char *x = g_strnfill(POLICY_REPORT_TEXT_MAX + 1, 'x'), *deep = g_strnfill(9000, '[');
    g_autofree char *long_text = g_strdup_printf("{" SOUND ",\"sender\":\"%s\"}", x);
    struct policy_report *report;

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_null(parse(bad[i]));
    assert_null(parse(long_text));
    assert_null(parse(deep));
    report = parse("{" SOUND ",\"news\":{\"of\":[\"later\"]}}");
    assert_non_null(report);
    assert_false(report->judged);
    policy_report_free(report);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_it_arrives),
        cmocka_unit_test(test_the_largest_fits),
        cmocka_unit_test(test_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
