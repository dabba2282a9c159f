/* test_dmarc_store.c: the schema "reports" on both engines: tallies become a report, nothing is counted or
 * kept twice, hostile texts fit their columns. */
#include <string.h>
#include "lib/mail/auth/dmarc_store.h"
#include "tests/unit/auth/reports_test.h"

#define DAY 20000
#define WRITER "0123456789abcdef0123456789abcdef"

SQLTEST_STATEMENT(count_tallies, "SELECT COUNT(*) FROM dmarc_tally");
SQLTEST_STATEMENT(count_policies, "SELECT COUNT(*) FROM dmarc_policy");
SQLTEST_STATEMENT(sum_tallies, "SELECT COALESCE(SUM(messages), 0) + 0 FROM dmarc_tally");

static struct dmarc_record *
record_of(const char *text)
{
    const char *why = NULL;
    struct dmarc_record *record = dmarc_record_parse(text, strlen(text), &why);

    if (record == NULL)
        fail_msg("%s: %s", text, why);
    return record;
}

static struct dmarc_tally *
tally_of(const char *domain, const char *record_text, const char *ip, gint64 messages)
{
    struct dmarc_record *record = record_of(record_text);
    struct dmarc_tally *tally = dmarc_tally_new(DAY, domain, record);

    dmarc_record_free(&record);
    dmarc_tally_set(tally, TALLY_SOURCE_IP, ip);
    dmarc_tally_set(tally, TALLY_DISPOSITION, "quarantine");
    dmarc_tally_set(tally, TALLY_REASON, "local_policy");
    dmarc_tally_set(tally, TALLY_COMMENT, "arc=pass");
    dmarc_tally_set(tally, TALLY_ALIGNED_DKIM, "fail");
    dmarc_tally_set(tally, TALLY_ALIGNED_SPF, "pass");
    dmarc_tally_set(tally, TALLY_ENVELOPE_FROM, "bounce.test");
    dmarc_tally_set(tally, TALLY_HEADER_FROM, "a.test");
    dmarc_tally_set(tally, TALLY_DKIM, "d1.test s1 pass; d2.test  fail");
    dmarc_tally_set(tally, TALLY_SPF, "bounce.test mfrom softfail");
    dmarc_tally_seal(tally);
    tally->messages = messages;
    return tally;
}

static GPtrArray *
batch_of(struct dmarc_tally *first, struct dmarc_tally *second)
{
    GPtrArray *batch = g_ptr_array_new_with_free_func((GDestroyNotify)dmarc_tally_free);

    g_ptr_array_add(batch, first);
    if (second != NULL)
        g_ptr_array_add(batch, second);
    return batch;
}

/* ---- what is sent ---- */

#define RECORD                                                                                               \
    "v=DMARC1; p=quarantine; sp=reject; np=none; adkim=s; pct=7; fo=1:d; t=y; "                              \
    "rua=mailto:a@x.test!10m,mailto:b@y.test"

static void
tallies_become_a_report(const struct sqltest *test)
{
    struct sql *sql = open_migrated(test);
    g_autoptr(GPtrArray) one = batch_of(tally_of("a.test", "v=DMARC1; p=none", "192.0.2.1", 3),
                                        tally_of("a.test", RECORD, "2001:db8::1", 2));
    g_autoptr(GPtrArray) two = batch_of(tally_of("a.test", RECORD, "192.0.2.1", 4), NULL);
    struct dmarc_record *record = NULL;
    struct dmarc_report *report;
    const struct dmarc_report_row *row;
    const struct dmarc_report_dkim *dkim;
    g_autoptr(GError) failure = NULL;

    assert_done(dmarc_store_add_batch(sql, WRITER, 1, one, &error));
    assert_done(dmarc_store_add_batch(sql, WRITER, 2, two, &error));
    assert_done(dmarc_store_policy(sql, DAY, "a.test", &record, &error));
    assert_non_null(record);
    report = dmarc_store_report(sql, DAY, "a.test", record, &failure);
    assert_non_null(report);
    assert_int_equal(report->begin, (guint64)DAY * 86400);
    assert_int_equal(report->end, (guint64)DAY * 86400 + 86399);
    assert_string_equal(report->p, "quarantine"); /* the day's last record */
    assert_string_equal(report->sp, "reject");
    assert_string_equal(report->np, "none");
    assert_string_equal(report->adkim, "s");
    assert_string_equal(report->aspf, "r");
    assert_string_equal(report->pct, "7");
    assert_string_equal(report->fo, "1:d");
    assert_string_equal(report->testing, "y");
    assert_int_equal(report->rows->len, 2);
    row = g_ptr_array_index(report->rows, 0);
    assert_string_equal(row->source_ip, "192.0.2.1");
    assert_int_equal(row->count, 7);
    assert_string_equal(row->disposition, "quarantine");
    assert_string_equal(row->dkim, "fail");
    assert_string_equal(row->spf, "pass");
    assert_null(row->envelope_to);
    assert_string_equal(row->envelope_from, "bounce.test");
    assert_string_equal(row->header_from, "a.test");
    assert_int_equal(row->dkim_results->len, 2);
    dkim = g_ptr_array_index(row->dkim_results, 1);
    assert_string_equal(dkim->domain, "d2.test");
    assert_null(dkim->selector);
    assert_string_equal(dkim->result, "fail");
    assert_string_equal(((struct dmarc_report_spf *)g_ptr_array_index(row->spf_results, 0))->result,
                        "softfail");
    assert_string_equal(((struct dmarc_report_reason *)g_ptr_array_index(row->reasons, 0))->comment,
                        "arc=pass");
    assert_int_equal(record->rua->len, 2);
    assert_int_equal(((struct dmarc_uri *)g_ptr_array_index(record->rua, 0))->max_bytes, 10 << 20);
    dmarc_report_free(&report);
    dmarc_record_free(&record);
    assert_done(dmarc_store_policy(sql, DAY + 1, "a.test", &record, &error));
    assert_null(record);
    sql_close(&sql);
}

/* A writer that does not know whether its commit arrived says it again. */
static void
a_batch_counts_once(const struct sqltest *test)
{
    struct sql *sql = open_migrated(test);
    g_autoptr(GPtrArray) batch = batch_of(tally_of("a.test", RECORD, "192.0.2.1", 3), NULL);

    for (guint i = 0; i < 3; i++)
        assert_done(dmarc_store_add_batch(sql, WRITER, 1, batch, &error));
    assert_int_equal(sqltest_int(sql, &sum_tallies, NULL, 0), 3);
    assert_done(dmarc_store_add_batch(sql, "ffffffffffffffffffffffffffffffff", 1, batch, &error));
    assert_done(dmarc_store_add_batch(sql, WRITER, 2, batch, &error));
    assert_int_equal(sqltest_int(sql, &sum_tallies, NULL, 0), 9);
    assert_int_equal(sqltest_int(sql, &count_tallies, NULL, 0), 1);
    sql_close(&sql);
}

static void
domains_come_in_pages(const struct sqltest *test)
{
    struct sql *sql = open_migrated(test);
    g_autoptr(GPtrArray) batch =
        batch_of(tally_of("b.test", RECORD, "192.0.2.1", 1), tally_of("a.test", RECORD, "192.0.2.1", 1));
    g_autoptr(GError) failure = NULL;

    assert_done(dmarc_store_add_batch(sql, WRITER, 1, batch, &error));
    g_autoptr(GPtrArray) first = dmarc_store_domains(sql, DAY, "", FALSE, 1, &failure);
    assert_int_equal(first->len, 1);
    assert_string_equal(first->pdata[0], "a.test");
    g_autoptr(GPtrArray) rest = dmarc_store_domains(sql, DAY, "a.test", FALSE, 10, &failure);
    assert_int_equal(rest->len, 1);
    assert_string_equal(rest->pdata[0], "b.test");
    /* One that is done comes no more, also when more is counted of it; the other days' do. */
    assert_done(dmarc_store_done(sql, DAY, "a.test", &error));
    assert_done(dmarc_store_done(sql, DAY + 1, "b.test", &error));
    assert_done(dmarc_store_add_batch(sql, WRITER, 2, batch, &error));
    g_autoptr(GPtrArray) open = dmarc_store_domains(sql, DAY, "", FALSE, 10, &failure);
    assert_int_equal(open->len, 1);
    assert_string_equal(open->pdata[0], "b.test");
    g_autoptr(GPtrArray) all = dmarc_store_domains(sql, DAY, "", TRUE, 10, &failure);
    assert_int_equal(all->len, 2);
    sql_close(&sql);
}

static void
what_was_sent_is_known(const struct sqltest *test)
{
    struct sql *sql = open_migrated(test);
    struct dmarc_sent sent = {
        .day = DAY, .domain = "a.test", .uri = "mailto:a@x.test", .part = 1, .outcome = "sent"};
    gboolean is_sent = TRUE;

    assert_done(dmarc_store_is_sent(sql, &sent, &is_sent, &error));
    assert_false(is_sent);
    assert_done(dmarc_store_sent(sql, &sent, 1000, &error));
    assert_done(dmarc_store_is_sent(sql, &sent, &is_sent, &error));
    assert_true(is_sent);
    g_autoptr(GError) failure = NULL;
    assert_false(dmarc_store_sent(sql, &sent, 1000, &failure));
    assert_true(g_error_matches(failure, SQL_ERROR, SQL_ERROR_DUPLICATE));
    const struct dmarc_sent others[] = {{DAY + 1, "a.test", "mailto:a@x.test", 1, NULL, NULL},
                                        {DAY, "b.test", "mailto:a@x.test", 1, NULL, NULL},
                                        {DAY, "a.test", "mailto:b@x.test", 1, NULL, NULL},
                                        {DAY, "a.test", "mailto:a@x.test", 0, NULL, NULL},
                                        {DAY, "a.test", "mailto:a@x.test", DMARC_SENT_ALL, NULL, NULL}};
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        assert_done(dmarc_store_is_sent(sql, &others[i], &is_sent, &error));
        assert_false(is_sent);
    }
    sql_close(&sql);
}

static gboolean
take_flag(const struct sql_row *row, gpointer data)
{
    *(gint64 *)data = sql_row_int(row, 0);
    return FALSE;
}

static gint64
lock(struct sql *sql)
{
    gint64 got = -1;

    assert_done(sql_run(sql, "dmarc_send_lock", NULL, 0, take_flag, &got, NULL, &error));
    return got;
}

/* A database has one name, whoever asks. */
static void
the_site_keeps_its_name(const struct sqltest *test)
{
    struct sql *one = open_migrated(test), *two = sqltest_open(test);
    g_autofree char *first = dmarc_store_site(one, NULL), *again = dmarc_store_site(one, NULL);
    g_autofree char *other = dmarc_store_site(two, NULL);

    assert_non_null(first);
    assert_int_equal(strspn(first, "0123456789abcdef"), 16);
    assert_string_equal(first, again);
    assert_string_equal(first, other);
    sql_close(&one);
    sql_close(&two);
}

/* MariaDB's lock is one run's until its connection ends; with SQLite a locked file does that
 * (cli/dmarc_report.c). */
static void
one_run_at_a_time(const struct sqltest *test)
{
    struct sql *one = open_migrated(test), *two = sqltest_open(test);

    assert_int_equal(lock(one), 1);
    assert_int_equal(lock(two), test->mariadb ? 0 : 1);
    sql_close(&one);
    for (guint i = 0; i < 100 && lock(two) != 1; i++)
        g_usleep(20000);
    assert_int_equal(lock(two), 1);
    sql_close(&two);
}

/* Two databases of one server don't wait for each other. */
static void
each_database_has_its_lock(const struct sqltest *test)
{
    struct sql *one = open_migrated(test);
    struct sqltest other = *test;

    sqltest_script(one, "CREATE DATABASE IF NOT EXISTS dmarc_other");
    other.options.database = "dmarc_other";
    struct sql *two = sqltest_open(&other);
    assert_int_equal(lock(one), 1);
    assert_int_equal(lock(two), 1);
    sqltest_script(two, "DROP DATABASE dmarc_other");
    sql_close(&one);
    sql_close(&two);
}

static void
hostile_texts_fit(const struct sqltest *test)
{
    struct sql *sql = open_migrated(test);
    g_autofree char *huge = g_strnfill(70000, 'x');
    struct dmarc_tally *tally = tally_of("a.test", RECORD, "192.0.2.1", 1);
    struct dmarc_record *record = record_of(RECORD);
    g_autoptr(GError) failure = NULL;

    memcpy(huge, "\xf0\x9f\x93\xa7\xff\x1b[2J\n", 10);
    for (guint i = 0; i < TALLY_TEXTS; i++)
        dmarc_tally_set(tally, i, huge);
    dmarc_tally_seal(tally);
    g_autoptr(GPtrArray) batch = batch_of(tally, NULL);
    assert_done(dmarc_store_add_batch(sql, WRITER, 1, batch, &error));
    struct dmarc_report *report = dmarc_store_report(sql, DAY, "a.test", record, &failure);
    const struct dmarc_report_row *row = g_ptr_array_index(report->rows, 0);
    assert_true(g_utf8_validate(row->header_from, -1, NULL));
    assert_true(strlen(row->header_from) <= DMARC_STORE_TEXT_MAX && strlen(row->header_from) > 200);
    assert_null(strpbrk(row->header_from, "\x1b\n\xff"));
    dmarc_report_free(&report);
    dmarc_record_free(&record);
    sql_close(&sql);
}

static void
old_ones_go(const struct sqltest *test)
{
    struct sql *sql = open_migrated(test);
    g_autoptr(GPtrArray) batch = batch_of(tally_of("a.test", RECORD, "192.0.2.1", 3), NULL);
    const struct dmarc_sent sent = {
        .day = DAY, .domain = "a.test", .uri = "mailto:a@x.test", .outcome = "sent"};
    gboolean is_sent;

    assert_done(dmarc_store_add_batch(sql, WRITER, 1, batch, &error));
    assert_done(dmarc_store_sent(sql, &sent, 1000, &error));
    assert_done(dmarc_store_prune(sql, DAY, &error));
    assert_int_equal(sqltest_int(sql, &count_tallies, NULL, 0), 1);
    assert_done(dmarc_store_is_sent(sql, &sent, &is_sent, &error));
    assert_true(is_sent);
    assert_done(dmarc_store_prune(sql, DAY + 1, &error));
    assert_int_equal(sqltest_int(sql, &count_tallies, NULL, 0), 0);
    assert_done(dmarc_store_is_sent(sql, &sent, &is_sent, &error));
    assert_false(is_sent);
    sql_close(&sql);
}

/* More than one statement takes away. */
static void
much_that_is_old_goes(const struct sqltest *test)
{
    struct sql *sql = open_migrated(test);
    g_autoptr(GPtrArray) batch = g_ptr_array_new_with_free_func((GDestroyNotify)dmarc_tally_free);

    for (guint i = 0; i < 2 * DMARC_STORE_PRUNE_ROWS + 1; i++) {
        g_autofree char *domain = g_strdup_printf("d%u.test", i);

        g_ptr_array_add(batch, tally_of(domain, RECORD, "192.0.2.1", 1));
    }
    assert_done(dmarc_store_add_batch(sql, WRITER, 1, batch, &error));
    assert_done(dmarc_store_prune(sql, DAY + 1, &error));
    assert_int_equal(sqltest_int(sql, &count_tallies, NULL, 0), 0);
    assert_int_equal(sqltest_int(sql, &count_policies, NULL, 0), 0);
    sql_close(&sql);
}

/* ---- without a database ---- */

static void
test_records_survive(void **state)
{
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"v=DMARC1; p=none", "v=DMARC1; p=none; adkim=r; aspf=r; pct=100; fo=0"},
        {"v=DMARC1; p=reject; sp=quarantine; aspf=s; fo=s:1",
         "v=DMARC1; p=reject; sp=quarantine; adkim=r; aspf=s; pct=100; fo=1:s"},
        {"v=DMARC1; p=none; rua=mailto:a@x.test!1k , mailto:b@x.test",
         "v=DMARC1; p=none; adkim=r; aspf=r; pct=100; fo=0; rua=mailto:a@x.test!1024,mailto:b@x.test"},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct dmarc_record *record = record_of(cases[i].from);
        g_autofree char *text = dmarc_store_record(record);

        assert_string_equal(text, cases[i].to);
        dmarc_record_free(&record);
        record = record_of(text); /* and what is written is read as the same */
        g_autofree char *again = dmarc_store_record(record);
        assert_string_equal(again, cases[i].to);
        dmarc_record_free(&record);
    }
}

/* Many long addresses with limits that grow when they are written in bytes. */
static void
test_a_record_stays_readable(void **state)
{
    g_autoptr(GString) text = g_string_new("v=DMARC1;p=none;rua=");

    (void)state;
    for (guint i = 0; i < 16; i++) {
        g_autofree char *local = g_strnfill(236, 'a');
        g_string_append_printf(text, "%smailto:%s@x!9g", i > 0 ? "," : "", local);
    }
    assert_true(text->len <= DMARC_RECORD_MAX);
    struct dmarc_record *record = record_of(text->str);
    g_autofree char *stored = dmarc_store_record(record);
    assert_true(strlen(stored) <= DMARC_RECORD_MAX);
    dmarc_record_free(&record);
    record = record_of(stored);
    assert_int_equal(record->rua->len, 15);
    dmarc_record_free(&record);
}

static void
test_keys_differ(void **state)
{
    struct dmarc_tally *a = tally_of("a.test", RECORD, "192.0.2.1", 1),
                       *b = tally_of("a.test", RECORD, "192.0.2.1", 1);

    (void)state;
    assert_string_equal(a->key, b->key);
    for (guint i = 0; i < TALLY_TEXTS; i++) {
        g_autofree char *text = g_strdup(b->texts[i]);

        dmarc_tally_set(b, i, "other");
        dmarc_tally_seal(b);
        assert_string_not_equal(a->key, b->key);
        dmarc_tally_set(b, i, text);
        dmarc_tally_seal(b);
        assert_string_equal(a->key, b->key);
    }
    /* Texts that are alike when they are put together. */
    g_autofree char *one = dmarc_store_key((const char *const[]){"ab", "c"}, 2);
    g_autofree char *two = dmarc_store_key((const char *const[]){"a", "bc"}, 2);
    assert_string_not_equal(one, two);
    dmarc_tally_free(a);
    dmarc_tally_free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST(tallies_become_a_report),
        SQLTEST(a_batch_counts_once),
        SQLTEST(domains_come_in_pages),
        SQLTEST(the_site_keeps_its_name),
        SQLTEST(one_run_at_a_time),
        SQLTEST_MARIADB(each_database_has_its_lock),
        SQLTEST(what_was_sent_is_known),
        SQLTEST(hostile_texts_fit),
        SQLTEST(old_ones_go),
        SQLTEST(much_that_is_old_goes),
        cmocka_unit_test(test_records_survive),
        cmocka_unit_test(test_a_record_stays_readable),
        cmocka_unit_test(test_keys_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
