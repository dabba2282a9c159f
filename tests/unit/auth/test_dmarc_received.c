/* test_dmarc_received.c: reports of others in the schema "reports" on both engines: kept once, counted up,
 * and numbers that would break a sum. */
#include <string.h>
#include "lib/mail/auth/dmarc_received.h"
#include "tests/unit/auth/reports_test.h"

SQLTEST_STATEMENT(count_rows, "SELECT COUNT(*) FROM dmarc_report_row");

static void
see_reporter(const struct dmarc_received_reporter *r, gpointer data)
{
    g_string_append_printf(data, "%s %d %d;", r->name, (int)r->reports, (int)r->messages);
}

static void
see_source(const struct dmarc_received_source *s, gpointer data)
{
    g_string_append_printf(data, "%s %d dkim=%d spf=%d either=%d %d %d by %d;", s->ip, (int)s->messages,
                           (int)s->dkim, (int)s->spf, (int)s->either, (int)s->quarantined, (int)s->rejected,
                           (int)s->reporters);
}

static void
see_failure(const struct dmarc_received_failure *f, gpointer data)
{
    g_string_append_printf(data, "%s %s [%s] [%s] %s [%s] %d;", f->ip, f->header_from, f->dkim, f->spf,
                           f->disposition, f->reason, (int)f->messages);
}

static struct dmarc_report *
report_of(const char *name, const char *id, const char *domain)
{
    struct dmarc_report *report = dmarc_report_new();

    report->org_name = g_strdup(name);
    report->report_id = g_strdup(id);
    report->domain = g_strdup(domain);
    report->p = g_strdup("reject");
    report->begin = 1000000;
    report->end = 1086399;
    return report;
}

static struct dmarc_report_row *
add_row(struct dmarc_report *report, const char *ip, guint64 count, const char *dkim, const char *spf,
        const char *disposition)
{
    struct dmarc_report_row *row = dmarc_report_add_row(report);

    row->source_ip = g_strdup(ip);
    row->count = count;
    row->dkim = g_strdup(dkim);
    row->spf = g_strdup(spf);
    row->disposition = g_strdup(disposition);
    row->header_from = g_strdup("News.A.test.");
    return row;
}

static enum dmarc_received
keep(struct sql *sql, struct dmarc_report *report, gint64 now)
{
    enum dmarc_received what;

    assert_done(dmarc_received_add(sql, report, now, &what, &error));
    dmarc_report_free(&report);
    return what;
}

static void
reports_are_counted_up(const struct sqltest *test)
{
    struct sql *sql = open_migrated(test);
    struct dmarc_report *report = report_of("Goo", "1", "A.test.");
    struct dmarc_report_row *bad;
    struct dmarc_received_query query = {.domain = "a.test", .begin_s = 900000, .end_s = 1000000, .max = 10};
    g_autoptr(GString) seen = g_string_new(NULL);

    add_row(report, "192.0.2.1", 10, "pass", "fail", "none");
    add_row(report, "192.0.2.1", 5, "fail", "pass", "none");
    bad = add_row(report, "192.0.2.9", 2, "fail", "fail", "reject");
    dmarc_report_add_dkim(bad)->domain = g_strdup("evil.test");
    dmarc_report_add_spf(bad)->result = g_strdup("softfail");
    dmarc_report_add_reason(bad)->comment = g_strdup("\xe4\xb8\xad");
    assert_int_equal(keep(sql, report, 2000000), DMARC_RECEIVED_NEW);
    report = report_of("Yah", "1", "sub.a.test");
    add_row(report, "192.0.2.9", 100, "fail", "fail", "quarantine");
    assert_int_equal(keep(sql, report, 2000000), DMARC_RECEIVED_NEW);
    assert_int_equal(keep(sql, report_of("Yah", "2", "xa.test"), 2000000), DMARC_RECEIVED_NEW);
    assert_done(dmarc_received_reporters(sql, &query, see_reporter, seen, &error));
    assert_string_equal(seen->str, "Yah 1 100;Goo 1 17;");
    g_string_truncate(seen, 0);
    assert_done(dmarc_received_sources(sql, &query, see_source, seen, &error));
    assert_string_equal(
        seen->str,
        "192.0.2.9 102 dkim=0 spf=0 either=0 100 2 by 2;192.0.2.1 15 dkim=10 spf=5 either=15 0 0 by 1;");
    g_string_truncate(seen, 0);
    assert_done(dmarc_received_failures(sql, &query, see_failure, seen, &error));
    assert_string_equal(
        seen->str,
        "192.0.2.9 news.a.test [] [] quarantine [] 100;"
        "192.0.2.9 news.a.test [evil.test ? ?] [? mfrom softfail] reject [other (\xe4\xb8\xad)] 2;");
    g_string_truncate(seen, 0);
    query.end_s = 999999;
    assert_done(dmarc_received_reporters(sql, &query, see_reporter, seen, &error));
    assert_string_equal(seen->str, "");
    sql_close(&sql);
}

static void
duplicates_are_known(const struct sqltest *test)
{
    struct sql *sql = open_migrated(test);
    struct dmarc_report *report = report_of("Goo", "1", "a.test");

    add_row(report, "192.0.2.1", 10, "pass", "pass", "none");
    assert_int_equal(keep(sql, report, 2000000), DMARC_RECEIVED_NEW);
    report = report_of("Goo", "1", "A.TEST");
    add_row(report, "192.0.2.2", 1, "pass", "pass", "none");
    assert_int_equal(keep(sql, report, 2000000), DMARC_RECEIVED_KNOWN);
    assert_int_equal(sqltest_int(sql, &count_rows, NULL, 0), 1);
    assert_int_equal(keep(sql, report_of("Goo", "2", "a.test"), 2000000), DMARC_RECEIVED_NEW);
    assert_int_equal(keep(sql, report_of("Goo2", "1", "a.test"), 2000000), DMARC_RECEIVED_NEW);
    assert_int_equal(keep(sql, report_of("Goo", "1", "b.test"), 2000000), DMARC_RECEIVED_NEW);
    assert_int_equal(keep(sql, report_of(NULL, "1", "b.test"), 2000000), DMARC_RECEIVED_USELESS);
    assert_int_equal(keep(sql, report_of("Goo", NULL, "b.test"), 2000000), DMARC_RECEIVED_USELESS);
    assert_int_equal(keep(sql, report_of("Goo", "1", NULL), 2000000), DMARC_RECEIVED_USELESS);
    sql_close(&sql);
}

/* Counts that would overflow a sum, times after the end of days. */
static void
hostile_numbers_are_cut(const struct sqltest *test)
{
    struct sql *sql = open_migrated(test);
    struct dmarc_report *report = report_of("Goo", "1", "a.test");
    struct dmarc_received_query query = {.domain = "a.test", .begin_s = 0, .end_s = G_MAXINT64, .max = 10};
    g_autoptr(GString) seen = g_string_new(NULL);

    report->begin = report->end = G_MAXUINT64;
    add_row(report, "192.0.2.1", G_MAXUINT64, "pass", "pass", "none");
    add_row(report, "192.0.2.1", G_MAXUINT64, "pass", "pass", "none");
    assert_int_equal(keep(sql, report, 2000000), DMARC_RECEIVED_NEW);
    assert_done(dmarc_received_sources(sql, &query, see_source, seen, &error));
    assert_string_equal(seen->str,
                        "192.0.2.1 2000000000 dkim=2000000000 spf=2000000000 either=2000000000 0 0 by 1;");
    sql_close(&sql);
}

static void
old_ones_go(const struct sqltest *test)
{
    struct sql *sql = open_migrated(test);
    struct dmarc_report *report = report_of("Goo", "1", "a.test");

    add_row(report, "192.0.2.1", 10, "pass", "pass", "none");
    assert_int_equal(keep(sql, report, 100 * DMARC_STORE_DAY_S + 5), DMARC_RECEIVED_NEW);
    assert_done(dmarc_store_prune(sql, 100, &error));
    assert_int_equal(sqltest_int(sql, &count_rows, NULL, 0), 1);
    assert_done(dmarc_store_prune(sql, 101, &error));
    assert_int_equal(sqltest_int(sql, &count_rows, NULL, 0), 0);
    assert_int_equal(keep(sql, report_of("Goo", "1", "a.test"), 200 * DMARC_STORE_DAY_S), DMARC_RECEIVED_NEW);
    sql_close(&sql);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST(reports_are_counted_up),
        SQLTEST(duplicates_are_known),
        SQLTEST(hostile_numbers_are_cut),
        SQLTEST(old_ones_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
