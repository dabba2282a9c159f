/* test_results.c: what is counted of a message for DMARC reports, and that it comes to the database once,
 * whenever that is there. */
#include "tests/unit/milter/test.h"
#include "lib/mail/databases.h"
#include "milters/results.h"
#include "milters/stats.h"

struct world {
    char *dir, *path;
    struct config *config;
};

static void
world_configure(struct world *w, const char *driver)
{
    struct settings_report *report = settings_report_new();
    g_autofree char *file = g_build_filename(w->dir, "postern.conf", NULL);
    g_autofree char *text = g_strdup_printf("dmarc { driver = %s\npath = \"%s\" }\n", driver, w->path);

    g_clear_pointer(&w->config, config_unref);
    assert_true(g_file_set_contents(file, text, -1, NULL));
    w->config = config_load(file, report);
    assert_non_null(w->config);
    settings_report_free(&report);
}

static struct sql *
open_database(struct world *w)
{
    struct sql_options options;
    g_autoptr(GError) error = NULL;
    struct sql *sql;

    assert_true(databases_reports(&w->config->dmarc, &options));
    options.create = TRUE;
    sql = sql_open(&options, &error);
    assert_non_null(sql);
    return sql;
}

static void
make_database(struct world *w)
{
    struct sql *sql = open_database(w);

    assert_true(sql_migrate(sql, DMARC_STORE_SCHEMA, NULL, NULL));
    sql_close(&sql);
}

static struct world *
world_new(gboolean with_database)
{
    struct world *w = g_new0(struct world, 1);

    stats_init();
    w->dir = g_dir_make_tmp("results-XXXXXX", NULL);
    w->path = g_build_filename(w->dir, "reports.db", NULL);
    world_configure(w, "sqlite");
    if (with_database)
        make_database(w);
    return w;
}

static void
world_free(struct world *w)
{
    config_unref(w->config);
    test_remove_tree(w->dir);
    g_free(w->dir);
    g_free(w->path);
    g_free(w);
}

/* ---- a message ---- */

struct mail {
    struct capture *capture;
    struct spf_result spf;
    struct auth_findings findings;
    enum verdict_action action;
};

static void
set(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

static void
mail_init(struct mail *m, const char *record)
{
    const char *why;

    memset(m, 0, sizeof *m);
    m->capture = capture_new();
    m->capture->received_us = (gint64)20000 * 86400 * G_USEC_PER_SEC + 1;
    set(&m->capture->client_address, "192.0.2.1");
    set(&m->capture->helo, "helo.test");
    set(&m->capture->mail_from, "ann@Bounce.test");
    capture_add_recipient(m->capture, "bob@ours.test");
    m->spf = (struct spf_result){
        .result = AUTH_PASS, .identity = SPF_MAIL_FROM, .domain = (char *)(guintptr) "Bounce.test"};
    m->findings.spf_asked = m->findings.dkim_asked = m->findings.dmarc_asked = TRUE;
    m->findings.spf = &m->spf;
    m->findings.author.domain = g_strdup("news.a.test");
    m->findings.dmarc.record_domain = g_strdup("a.test");
    m->findings.dmarc.record = dmarc_record_parse(record, strlen(record), &why);
    m->findings.dmarc.result = AUTH_FAIL;
}

static void
mail_clear(struct mail *m)
{
    dmarc_author_clear(&m->findings.author);
    dmarc_result_clear(&m->findings.dmarc);
    capture_free(&m->capture);
}

static char *
told(const struct mail *m)
{
    struct dmarc_tally *t = results_tally(&m->findings, m->capture, m->action);
    g_autofree char *texts = NULL;
    char *all;

    assert_non_null(t);
    texts = g_strjoin("|", t->texts[0], t->texts[1], t->texts[2], t->texts[3], t->texts[4], t->texts[5],
                      t->texts[6], t->texts[7], t->texts[8], t->texts[9], t->texts[10], NULL);
    all = g_strdup_printf("%d %s %s", (int)t->day, t->domain, texts);
    dmarc_tally_free(t);
    return all;
}

#define assert_told(m, text)                                                                                 \
    do {                                                                                                     \
        g_autofree char *is = told(m);                                                                       \
        assert_string_equal(is, text);                                                                       \
    } while (0)

static void
test_what_is_told(void **state)
{
    struct mail m;

    (void)state;
    mail_init(&m, "v=DMARC1; p=reject");
    assert_told(
        &m,
        "20000 a.test 192.0.2.1|none|||fail|fail|ours.test|bounce.test|news.a.test||bounce.test mfrom pass");
    m.findings.dmarc.aligned_spf = TRUE;
    m.findings.disposition = AUTH_JUNKED;
    m.findings.override = AUTH_BY_SETTING;
    assert_told(&m, "20000 a.test "
                    "192.0.2.1|quarantine|local_policy||fail|pass|ours.test|bounce.test|news.a.test||bounce."
                    "test mfrom pass");
    m.findings.override = AUTH_BY_ARC;
    m.findings.disposition = AUTH_DELIVERED;
    m.findings.dmarc.aligned_dkim = TRUE;
    assert_told(&m, "20000 a.test "
                    "192.0.2.1|none|local_policy|arc=pass|pass|pass|ours.test|bounce.test|news.a.test||"
                    "bounce.test mfrom pass");
    m.findings.override = AUTH_BY_FORWARDER;
    assert_told(&m, "20000 a.test "
                    "192.0.2.1|none|trusted_forwarder||pass|pass|ours.test|bounce.test|news.a.test||bounce."
                    "test mfrom pass");
    m.findings.override = AUTH_NO_OVERRIDE;
    m.findings.dmarc.is_sampled_out = TRUE;
    assert_told(
        &m,
        "20000 a.test 192.0.2.1|none|sampled_out||pass|pass|ours.test|bounce.test|news.a.test||bounce.test "
        "mfrom pass");
    /* Refused, but not because DMARC asked for that. */
    m.findings.disposition = AUTH_REFUSED;
    m.action = VERDICT_REJECT;
    assert_told(&m, "20000 a.test "
                    "192.0.2.1|reject|local_policy|spf=fail|pass|pass|ours.test|bounce.test|news.a.test||"
                    "bounce.test mfrom pass");
    m.findings.dmarc.is_sampled_out = FALSE;
    m.findings.dmarc.applied = DMARC_REJECT;
    assert_told(&m, "20000 a.test "
                    "192.0.2.1|reject|||pass|pass|ours.test|bounce.test|news.a.test||bounce.test mfrom pass");
    mail_clear(&m);
}

/* Another module decides over what the domain asks for; nothing is said of messages that come again. */
static void
test_what_is_told_when_others_decide(void **state)
{
    static const struct {
        enum verdict_action action;
        enum dmarc_policy applied;
        enum auth_disposition done;
        enum auth_override override;
        const char *disposition, *reason, *comment; /* NULL: not counted */
    } cases[] = {
        {VERDICT_ACCEPT, DMARC_NONE, AUTH_DELIVERED, AUTH_NO_OVERRIDE, "none", "", ""},
        {VERDICT_TAG, DMARC_QUARANTINE, AUTH_JUNKED, AUTH_NO_OVERRIDE, "quarantine", "", ""},
        {VERDICT_REJECT, DMARC_REJECT, AUTH_REFUSED, AUTH_NO_OVERRIDE, "reject", "", ""},
        /* DMARC had nothing against it: that a virus was in it is not the domain's affair. */
        {VERDICT_REJECT, DMARC_NONE, AUTH_DELIVERED, AUTH_NO_OVERRIDE, "none", "", ""},
        {VERDICT_DISCARD, DMARC_NONE, AUTH_DELIVERED, AUTH_NO_OVERRIDE, "none", "", ""},
        {VERDICT_REJECT, DMARC_QUARANTINE, AUTH_JUNKED, AUTH_NO_OVERRIDE, "none", "local_policy", "other filter: reject"},
        {VERDICT_DISCARD, DMARC_QUARANTINE, AUTH_JUNKED, AUTH_NO_OVERRIDE, "none", "local_policy", "other filter: discard"},
        {VERDICT_REJECT, DMARC_REJECT, AUTH_JUNKED, AUTH_BY_SETTING, "none", "local_policy", "other filter: reject"},
        {VERDICT_QUARANTINE, DMARC_QUARANTINE, AUTH_JUNKED, AUTH_NO_OVERRIDE, "quarantine", "", ""},
        {VERDICT_QUARANTINE, DMARC_NONE, AUTH_DELIVERED, AUTH_NO_OVERRIDE, "none", "", ""},
        {VERDICT_TEMPFAIL, DMARC_REJECT, AUTH_REFUSED, AUTH_NO_OVERRIDE, NULL, NULL, NULL},
        {VERDICT_TEMPFAIL, DMARC_NONE, AUTH_DELIVERED, AUTH_NO_OVERRIDE, NULL, NULL, NULL},
    };
    struct mail m;

    (void)state;
    mail_init(&m, "v=DMARC1; p=reject");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        m.action = cases[i].action;
        m.findings.dmarc.applied = cases[i].applied;
        m.findings.disposition = cases[i].done;
        m.findings.override = cases[i].override;
        struct dmarc_tally *t = results_tally(&m.findings, m.capture, m.action);
        assert_int_equal(t != NULL, cases[i].disposition != NULL);
        if (t == NULL)
            continue;
        assert_string_equal(t->texts[TALLY_DISPOSITION], cases[i].disposition);
        assert_string_equal(t->texts[TALLY_REASON], cases[i].reason);
        assert_string_equal(t->texts[TALLY_COMMENT], cases[i].comment);
        dmarc_tally_free(t);
    }
    /* What could not be looked up is no failure that was overlooked. */
    m.action = VERDICT_ACCEPT;
    m.findings.dmarc.result = AUTH_TEMPERROR;
    m.findings.dmarc.applied = DMARC_NONE;
    m.findings.disposition = AUTH_DELIVERED;
    assert_told(&m, "20000 a.test 192.0.2.1|none|other|dmarc=temperror|fail|fail|ours.test|bounce.test|"
                    "news.a.test||bounce.test mfrom pass");
    mail_clear(&m);
}

static void
test_what_is_told_of_the_envelope(void **state)
{
    struct mail m;

    (void)state;
    mail_init(&m, "v=DMARC1; p=none");
    capture_add_recipient(m.capture, "eve@OURS.test");
    assert_told(
        &m,
        "20000 a.test 192.0.2.1|none|||fail|fail|ours.test|bounce.test|news.a.test||bounce.test mfrom pass");
    capture_add_recipient(m.capture, "eve@other.test"); /* one message, several domains: none is told */
    assert_told(&m,
                "20000 a.test 192.0.2.1|none|||fail|fail||bounce.test|news.a.test||bounce.test mfrom pass");
    m.findings.spf = NULL; /* did not come in time */
    assert_told(
        &m, "20000 a.test 192.0.2.1|none|||fail|fail||bounce.test|news.a.test||bounce.test mfrom temperror");
    set(&m.capture->mail_from, "");
    assert_told(&m, "20000 a.test 192.0.2.1|none|||fail|fail|||news.a.test||helo.test helo temperror");
    /* What would be read as two entries, or command a terminal. */
    m.findings.spf = &m.spf;
    m.spf.domain = (char *)(guintptr) "a b;c\x1b\xff";
    assert_told(&m, "20000 a.test 192.0.2.1|none|||fail|fail|||news.a.test||a?b?c?? mfrom pass");
    m.findings.spf_asked = FALSE;
    assert_told(&m, "20000 a.test 192.0.2.1|none|||fail|fail|||news.a.test||");
    dmarc_record_free(&m.findings.dmarc.record);
    assert_null(results_tally(&m.findings, m.capture, m.action));
    mail_clear(&m);
}

/* ---- the database ---- */

static gboolean
take_sum(const struct sql_row *row, gpointer data)
{
    ((gint64 *)data)[0] += sql_row_int(row, 0);
    ((gint64 *)data)[1]++;
    return TRUE;
}

/* Messages and kinds in the database. */
static void
assert_stored(struct world *w, gint64 messages, gint64 kinds)
{
    struct sql *sql = open_database(w);
    const struct sql_value values[] = {SQL_I(20000), SQL_T("a.test"), SQL_I(1000000)};
    gint64 sums[2] = {0, 0};

    assert_true(sql_run(sql, "dmarc_tallies", values, 3, take_sum, sums, NULL, NULL));
    assert_int_equal(sums[0], messages);
    assert_int_equal(sums[1], kinds);
    sql_close(&sql);
}

static void
add_from(struct mail *m, guint client)
{
    g_free(m->capture->client_address);
    m->capture->client_address =
        g_strdup_printf("10.%u.%u.%u", client >> 16, client >> 8 & 255, client & 255);
    results_add(&m->findings, m->capture, m->action);
}

static gint64
counter(enum stats_results what)
{
    return metrics_get(stats.results, (guint)what);
}

/* Waits until so many kinds are in memory. */
static void
wait_waiting(gint64 kinds)
{
    for (guint i = 0; i < 1000 && metrics_get(stats.results_waiting, 0) != kinds; i++)
        g_usleep(10000);
    assert_int_equal(metrics_get(stats.results_waiting, 0), kinds);
}

static void
test_counted_and_written(void **state)
{
    struct world *w = world_new(TRUE);
    gint64 stored = counter(STATS_RESULTS_STORED);
    struct mail m;

    (void)state;
    mail_init(&m, "v=DMARC1; p=none");
    results_add(&m.findings, m.capture, m.action); /* off: nothing */
    results_start(w->config);
    for (guint i = 0; i < 10; i++)
        add_from(&m, i % 3);
    wait_waiting(3);
    results_start(w->config); /* as a reload does: written at once */
    wait_waiting(0);
    assert_stored(w, 10, 3);
    add_from(&m, 1);
    results_stop();
    assert_stored(w, 11, 3);
    assert_int_equal(counter(STATS_RESULTS_STORED) - stored, 11);
    results_add(&m.findings, m.capture, m.action);
    results_stop(); /* harmless */
    assert_stored(w, 11, 3);
    mail_clear(&m);
    world_free(w);
}

static void
test_more_than_a_batch(void **state)
{
    struct world *w = world_new(TRUE);
    struct mail m;

    (void)state;
    mail_init(&m, "v=DMARC1; p=none");
    results_start(w->config);
    for (guint i = 0; i < RESULTS_BATCH_MAX + 10; i++)
        add_from(&m, i);
    results_start(w->config);
    wait_waiting(0);
    results_stop();
    assert_stored(w, RESULTS_BATCH_MAX + 10, RESULTS_BATCH_MAX + 10);
    mail_clear(&m);
    world_free(w);
}

/* Nothing is lost while the database is away, and nothing counted twice when it comes back. */
static void
test_database_away(void **state)
{
    struct world *w = world_new(FALSE);
    gint64 lost = counter(STATS_RESULTS_LOST);
    struct mail m;

    (void)state;
    mail_init(&m, "v=DMARC1; p=none");
    results_start(w->config);
    for (guint i = 0; i < 50; i++)
        add_from(&m, i % 5);
    results_start(w->config);
    g_usleep(200000);
    add_from(&m, 0); /* a kind that a batch under way has, too */
    add_from(&m, 99);
    results_start(w->config);
    g_usleep(200000);
    make_database(w);
    results_start(w->config);
    wait_waiting(0);
    results_stop();
    assert_stored(w, 52, 6);
    assert_int_equal(counter(STATS_RESULTS_LOST), lost);
    mail_clear(&m);
    world_free(w);
}

/* A message does not wait for a database that is locked. */
static void
test_adding_never_waits(void **state)
{
    struct world *w = world_new(TRUE);
    struct sql *sql = open_database(w);
    struct mail m;
    gint64 longest = 0;

    (void)state;
    mail_init(&m, "v=DMARC1; p=none");
    results_start(w->config);
    add_from(&m, 0);
    assert_true(sql_begin(sql, NULL));
    results_start(w->config);
    g_usleep(100000); /* now the thread waits for the lock */
    for (guint i = 0; i < 100; i++) {
        gint64 begun = g_get_monotonic_time();

        add_from(&m, i);
        longest = MAX(longest, g_get_monotonic_time() - begun);
    }
    assert_true(longest < G_USEC_PER_SEC / 2);
    sql_rollback(sql);
    sql_close(&sql);
    results_stop();
    assert_stored(w, 101, 100);
    mail_clear(&m);
    world_free(w);
}

static void
test_the_cap(void **state)
{
    struct world *w = world_new(FALSE);
    gint64 lost = counter(STATS_RESULTS_LOST);
    struct mail m;

    (void)state;
    mail_init(&m, "v=DMARC1; p=none");
    results_start(w->config);
    for (guint i = 0; i < RESULTS_KINDS_MAX + 7; i++)
        add_from(&m, i);
    assert_int_equal(counter(STATS_RESULTS_LOST) - lost, 7);
    assert_int_equal(metrics_get(stats.results_waiting, 0), RESULTS_KINDS_MAX);
    add_from(&m, 0); /* known: it still counts */
    assert_int_equal(counter(STATS_RESULTS_LOST) - lost, 7);
    results_stop(); /* and a stop tells what is lost */
    assert_int_equal(counter(STATS_RESULTS_LOST) - lost, 7 + RESULTS_KINDS_MAX + 1);
    assert_int_equal(metrics_get(stats.results_waiting, 0), 0);
    mail_clear(&m);
    world_free(w);
}

/* Records as long as they may be fill memory before their number does; and it is free again when they are written. */
static void
test_the_cap_of_bytes(void **state)
{
    struct world *w = world_new(FALSE);
    gint64 lost = counter(STATS_RESULTS_LOST), fit;
    g_autoptr(GString) record = g_string_new("v=DMARC1; p=none; rua=");
    struct mail m;

    (void)state;
    for (guint i = 0; i < 15; i++) {
        g_autofree char *local = g_strnfill(240, 'a');
        g_string_append_printf(record, "%smailto:%s%u@a.test", i > 0 ? "," : "", local, i);
    }
    mail_init(&m, record->str);
    results_start(w->config);
    for (guint i = 0; i < 20000; i++)
        add_from(&m, i);
    fit = 20000 - (counter(STATS_RESULTS_LOST) - lost);
    assert_true(fit > RESULTS_BYTES_MAX / 6000 && fit < RESULTS_BYTES_MAX / 3500);
    assert_int_equal(metrics_get(stats.results_waiting, 0), fit);
    make_database(w);
    results_start(w->config);
    wait_waiting(0);
    lost = counter(STATS_RESULTS_LOST);
    for (guint i = 0; i < 1000; i++)
        add_from(&m, i);
    results_stop();
    assert_int_equal(counter(STATS_RESULTS_LOST), lost);
    assert_stored(w, fit + 1000, fit);
    mail_clear(&m);
    world_free(w);
}

static void
test_switched_off_by_a_reload(void **state)
{
    struct world *w = world_new(TRUE);
    struct mail m;

    (void)state;
    mail_init(&m, "v=DMARC1; p=none");
    results_start(w->config);
    add_from(&m, 0);
    world_configure(w, "none");
    results_start(w->config);
    add_from(&m, 1);
    world_configure(w, "sqlite");
    assert_stored(w, 1, 1);
    results_start(w->config);
    add_from(&m, 2);
    results_stop();
    assert_stored(w, 2, 2);
    mail_clear(&m);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_told),
        cmocka_unit_test(test_what_is_told_of_the_envelope),
        cmocka_unit_test(test_what_is_told_when_others_decide),
        cmocka_unit_test(test_counted_and_written),
        cmocka_unit_test(test_more_than_a_batch),
        cmocka_unit_test(test_database_away),
        cmocka_unit_test(test_adding_never_waits),
        cmocka_unit_test(test_the_cap),
        cmocka_unit_test(test_the_cap_of_bytes),
        cmocka_unit_test(test_switched_off_by_a_reload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
