/* test_auth.c: the modules auth and sign at the end of a message: what is told to the MTA, over a table of DNS records. */
#include "tests/unit/milter/test.h"
#include <glib/gstdio.h>
#include "lib/mail/accounts.h"
#include "lib/mail/databases.h"
#include "milters/results.h"
#include "milters/stats.h"
#include "tests/support/dns_table.h"
#include "tests/unit/milter/mta_double.h"

struct world {
    struct config *config;
    struct dns_table *table; /* freed with the resolver */
    struct runtime runtime;
    struct session *session;
    struct mta_double mta;
    char *dir;
    struct dkim_key *key;
};

/* A runtime with auth and sign; settings: lines of sections. */
static struct world *
world_new(const char *settings)
{
    struct world *w = g_new0(struct world, 1);
    struct settings_report *report = settings_report_new();
    g_autofree char *path = NULL, *keys = NULL, *key = NULL, *text = NULL;

    stats_init();
    w->dir = g_dir_make_tmp("auth-XXXXXX", NULL);
    keys = g_build_filename(w->dir, "keys", "ours.test", NULL);
    key = g_build_filename(keys, "s1.pem", NULL);
    path = g_build_filename(w->dir, "postern.conf", NULL);
    g_mkdir_with_parents(keys, 0700);
    w->key = dkim_key_generate(DKIM_ED25519, 0, NULL);
    assert_true(dkim_key_save(w->key, key, NULL));
    text = g_strdup_printf("milter { modules = {auth, sign} }\ndns { timeout = 200ms }\n%s\n", settings);
    g_autoptr(GString) whole = g_string_new(text);
    g_string_replace(whole, "KEYS", w->dir, 0);
    assert_true(g_file_set_contents(path, whole->str, -1, NULL));
    w->config = config_load(path, report);
    if (w->config == NULL)
        fail_msg("%s", (char *)g_ptr_array_index(report->errors, 0));
    settings_report_free(&report);
    w->table = dns_table_new();
    w->runtime.config = w->config;
    w->runtime.instance = "inbound";
    w->runtime.dns = dns_table_dns(w->table);
    w->runtime.accounts = accounts_new(NULL, "+");
    g_atomic_ref_count_init(&w->runtime.refs);
    assert_true(milter_modules_select(w->config->milter.modules, &w->runtime.selected, NULL));
    for (guint i = 0; milter_modules[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        if ((w->runtime.selected & 1u << i) == 0)
            continue;
        w->runtime.states[i] = milter_modules[i]->open(&w->runtime, &error);
        if (w->runtime.states[i] == NULL)
            fail_msg("%s", error->message);
    }
    w->mta.told = g_string_new(NULL);
    w->session = session_new(runtime_ref(&w->runtime));
    return w;
}

static void
world_free(struct world *w)
{
    session_free(&w->session);
    for (guint i = 0; milter_modules[i] != NULL; i++)
        if (w->runtime.states[i] != NULL)
            milter_modules[i]->close(w->runtime.states[i]);
    accounts_free(&w->runtime.accounts);
    dns_unref(w->runtime.dns);
    config_unref(w->config);
    dkim_key_unref(w->key);
    g_string_free(w->mta.told, TRUE);
    test_remove_tree(w->dir);
    g_free(w->dir);
    g_free(w);
}

/* Sends "Name: value" lines, an empty line, a body (lines end LF) and gives what the MTA was told. */
static const char *
send(struct world *w, const char *client, const char *user, const char *from, const char *text, enum mta_answer expected)
{
    g_auto(GStrv) parts = g_strsplit(text, "\n\n", 2);
    g_auto(GStrv) lines = g_strsplit(parts[0], "\n", -1);

    g_string_truncate(w->mta.told, 0);
    session_client(w->session, "client.test", client, 99);
    session_helo(w->session, "helo.test");
    session_mail(w->session, from, user, NULL, NULL);
    transaction_rcpt(w->session->tx, "<rcpt@ours.test>");
    for (guint i = 0; lines[i] != NULL; i++) {
        g_autoptr(GString) value = g_string_new(strchr(lines[i], ':') + 1);
        g_autofree char *name = g_strndup(lines[i], strcspn(lines[i], ":"));

        for (; lines[i + 1] != NULL && g_ascii_isspace(lines[i + 1][0]); i++)
            g_string_append_printf(value, "\n%s", lines[i + 1]);
        transaction_header(w->session->tx, name, value->str, TRUE);
    }
    g_auto(GStrv) body = g_strsplit(parts[1], "\n", -1);
    g_autofree char *crlf = g_strjoinv("\r\n", body);
    transaction_body(w->session->tx, crlf, strlen(crlf));
    assert_int_equal(eom_run(w->session, "4Q", &ops, &w->mta), expected);
    return w->mta.told->str;
}

#define assert_has(text, words)                                                                                \
    do {                                                                                                       \
        const char *whole = (text);                                                                            \
        if (strstr(whole, words) == NULL)                                                                      \
            fail_msg("\"%s\" is not in: %s", words, whole);                                                    \
    } while (0)

static const char plain[] = "From: Ann <ann@outside.test>\nSubject: hi\n\nbody\n";

static void
outside_test(struct world *w, const char *dmarc)
{
    dns_table_add(w->table, "outside.test", DNS_TXT, 0, "v=spf1 ip4:192.0.2.1 -all exp=why.outside.test", -1);
    dns_table_add(w->table, "why.outside.test", DNS_TXT, 0, "not from %{i}", -1);
    dns_table_add(w->table, "_dmarc.outside.test", DNS_TXT, 0, dmarc, -1);
}

static void
test_results_are_told(void **state)
{
    struct world *w = world_new("auth { authserv_id = mx.ours.test }");

    (void)state;
    outside_test(w, "v=DMARC1; p=reject");
    assert_string_equal(send(w, "192.0.2.1", NULL, "<ann@outside.test>", plain, MTA_ACCEPT),
                        "i0 Authentication-Results=mx.ours.test;\n\tspf=pass smtp.mailfrom=ann@outside.test;\n\tdkim=none;\n\t"
                        "dmarc=pass header.from=outside.test;\n\tarc=none;");
    assert_int_equal(metrics_get(stats.auth, STATS_DMARC * (AUTH_PERMERROR + 1) + AUTH_PASS), 1);
    /* The null sender is checked by its HELO. */
    dns_table_add(w->table, "helo.test", DNS_TXT, 0, "v=spf1 -all", -1);
    assert_has(send(w, "192.0.2.1", NULL, "<>", plain, MTA_ACCEPT), "spf=fail smtp.helo=helo.test;");
    world_free(w);
}

static void
test_who_is_not_checked(void **state)
{
    struct world *w = world_new("auth { authserv_id = mx.ours.test\nskip_networks = {10.0.0.0/8} }");
    static const char forged[] = "Authentication-Results: mx.ours.test; dmarc=pass\nFrom: x@nokey.test\n\nbody\n";

    (void)state;
    assert_string_equal(send(w, "10.1.2.3", NULL, "<ann@outside.test>", forged, MTA_ACCEPT), "");
    /* A user who signed in is not checked, but can't speak in our name either. */
    assert_string_equal(send(w, "192.0.2.9", "bob@ours.test", "<bob@ours.test>", forged, MTA_ACCEPT),
                        "c1 Authentication-Results=(delete);");
    world_free(w);
}

static void
test_forged_results_go(void **state)
{
    struct world *w = world_new("auth { authserv_id = mx.ours.test\nchecks = {spf} }");
    static const char text[] = "Authentication-Results: MX.ours.test.; dmarc=pass\n"
                               "Authentication-Results: other.test; dmarc=pass\n"
                               "Authentication-Results: (c) mx.ours.test 1;\n\tdkim=pass\n"
                               "From: x@outside.test\nauthentication-results: broken\"\n\nbody\n";

    (void)state;
    assert_string_equal(send(w, "192.0.2.1", NULL, "<x@outside.test>", text, MTA_ACCEPT),
                        "c4 Authentication-Results=(delete);c3 Authentication-Results=(delete);"
                        "c1 Authentication-Results=(delete);"
                        "i0 Authentication-Results=mx.ours.test;\n\tspf=none smtp.mailfrom=x@outside.test;");
    world_free(w);
}

/* A field without a name, as Microsoft writes it, would be read as ours by those who read it at all; one of another name is
 * theirs, whatever it says. */
static void
test_results_without_a_name_go(void **state)
{
    struct world *w = world_new("auth { authserv_id = mx.ours.test\nchecks = {spf} }");
    static const char text[] = "Authentication-Results: spf=pass (sender IP is 192.0.2.1)\n\tsmtp.mailfrom=outside.test; "
                               "dkim=pass (signature was verified)\n\theader.d=outside.test;dmarc=pass action=none\n"
                               "Authentication-Results: relay.test; dmarc=pass header.from=outside.test\n"
                               "Authentication-Results: dkim=none (message not signed)\n\theader.d=none;dmarc=none\n"
                               "From: x@outside.test\n\nbody\n";

    (void)state;
    assert_string_equal(send(w, "192.0.2.1", NULL, "<x@outside.test>", text, MTA_ACCEPT),
                        "c3 Authentication-Results=(delete);c1 Authentication-Results=(delete);"
                        "i0 Authentication-Results=mx.ours.test;\n\tspf=none smtp.mailfrom=x@outside.test;");
    world_free(w);
}

/* What the author domain asks for, by the settings. */
static void
test_dmarc_policy(void **state)
{
    static const struct {
        const char *settings, *record, *told;
        enum mta_answer answer;
    } cases[] = {
        {"", "v=DMARC1; p=none", NULL, MTA_ACCEPT},
        {"", "v=DMARC1; p=quarantine", "+X-Spam-Flag=YES;", MTA_ACCEPT},
        {"", "v=DMARC1; p=reject", "+X-Spam-Flag=YES;", MTA_ACCEPT},
        {"dmarc_junk = no", "v=DMARC1; p=reject", NULL, MTA_ACCEPT},
        {"junk_header = \"X-Junk: really so\"", "v=DMARC1; p=reject", "+X-Junk=really so;", MTA_ACCEPT},
        {"dmarc_reject = yes", "v=DMARC1; p=quarantine", "+X-Spam-Flag=YES;", MTA_ACCEPT},
        {"dmarc_reject = yes", "v=DMARC1; p=reject",
         "y550 5.7.1 outside.test asks to refuse mail that fails DMARC, and this message does (ref ", MTA_REJECT},
        {"dmarc_reject = yes", "v=DMARC1; p=reject; pct=0", "+X-Spam-Flag=YES;", MTA_ACCEPT},
        {"dmarc_reject = yes\nforwarders = {203.0.113.0/24}", "v=DMARC1; p=reject", NULL, MTA_ACCEPT},
        {"dmarc_reject = yes\nchecks = {spf, dkim}", "v=DMARC1; p=reject", NULL, MTA_ACCEPT},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *settings = g_strdup_printf("auth { authserv_id = mx.ours.test\n%s }", cases[i].settings);
        struct world *w = world_new(settings);

        outside_test(w, cases[i].record);
        const char *told = send(w, "203.0.113.7", NULL, "<ann@outside.test>", plain, cases[i].answer);
        if (cases[i].told != NULL)
            assert_has(told, cases[i].told);
        else if (strstr(told, "+") != NULL || strstr(told, "y5") != NULL)
            fail_msg("case %u: %s", i, told);
        if (cases[i].answer == MTA_ACCEPT)
            assert_has(told, "spf=fail");
        world_free(w);
    }
}

/* The wish for names that are not there, when the DNS says that this is one. */
static void
test_dmarc_policy_of_no_name(void **state)
{
    struct world *w = world_new("auth { dmarc_reject = yes }");
    static const char there[] = "From: a@there.outside.test\n\nx\n", not_there[] = "From: a@not.outside.test\n\nx\n",
                      slow[] = "From: a@slow.outside.test\n\nx\n";

    (void)state;
    outside_test(w, "v=DMARC1; p=none; np=reject");
    dns_table_add(w->table, "there.outside.test", DNS_A, 0, "192.0.2.1", -1);
    dns_table_silence(w->table, "slow.outside.test");
    send(w, "203.0.113.7", NULL, "<a@there.outside.test>", there, MTA_ACCEPT);
    assert_has(send(w, "203.0.113.7", NULL, "<a@not.outside.test>", not_there, MTA_REJECT), "y550 5.7.1 ");
    send(w, "203.0.113.7", NULL, "<a@outside.test>", slow, MTA_ACCEPT);
    world_free(w);
}

static void
test_spf_reject(void **state)
{
    struct world *w = world_new("auth { spf_reject = yes }");

    (void)state;
    outside_test(w, "v=DMARC1; p=none");
    assert_has(send(w, "203.0.113.7", NULL, "<ann@outside.test>", plain, MTA_REJECT),
               "y550 5.7.23 SPF: this client may not send mail of outside.test; the domain says: not from 203.0.113.7 (ref ");
    send(w, "192.0.2.1", NULL, "<ann@outside.test>", plain, MTA_ACCEPT);
    world_free(w);
}

/* What the DNS does not answer is no verdict. */
static void
test_dns_away(void **state)
{
    struct world *w = world_new("auth { authserv_id = mx.ours.test\ndmarc_reject = yes\nspf_reject = yes }");
    gint64 begun = g_get_monotonic_time();

    (void)state;
    dns_table_silence(w->table, "outside.test");
    dns_table_silence(w->table, "_dmarc.outside.test");
    const char *told = send(w, "203.0.113.7", NULL, "<ann@outside.test>", plain, MTA_ACCEPT);
    assert_has(told, "spf=temperror");
    assert_has(told, "dmarc=temperror");
    assert_true(g_get_monotonic_time() - begun < 20 * G_USEC_PER_SEC); /* one deadline of 200 ms, not one a lookup */
    world_free(w);
}

/* Several From fields never pass, whatever is authenticated (CVE-2019-16378). */
static void
test_several_authors(void **state)
{
    struct world *w = world_new("auth { authserv_id = mx.ours.test }");

    (void)state;
    outside_test(w, "v=DMARC1; p=reject");
    assert_has(send(w, "192.0.2.1", NULL, "<ann@outside.test>", "From: ceo@bank.test\nFrom: ann@outside.test\n\nbody\n", MTA_ACCEPT),
               "dmarc=permerror");
    world_free(w);
}

/* Nobody hides a field behind more fields than are looked at. */
static void
test_header_over_a_cap(void **state)
{
    struct world *w = world_new("");
    GString *text = g_string_new("From: ann@outside.test\n");

    (void)state;
    for (guint i = 0; i < 2100; i++)
        g_string_append(text, "X: 1\n");
    g_string_append(text, "\nbody\n");
    assert_has(send(w, "192.0.2.1", NULL, "<ann@outside.test>", text->str, MTA_REJECT), "y550 5.6.0 ");
    g_string_free(text, TRUE);
    world_free(w);
}

/* The message with what was told inserted on top, as the next hop gets it. */
static char *
with_inserted(const char *told, const char *text)
{
    g_autoptr(GString) header = g_string_new(NULL);
    const char *end;

    for (; g_str_has_prefix(told, "i0 "); told = end + 1) {
        const char *equals = strchr(told, '=');

        /* Values hold ";" themselves: the next operation, or the end, closes one. */
        for (end = strchr(equals, ';'); end[1] != '\0' && !g_str_has_prefix(end + 1, "i0 "); end = strchr(end + 1, ';'))
            ;
        g_autofree char *field = g_strdup_printf("%.*s: %.*s\n", (int)(equals - told - 3), told + 3, (int)(end - equals - 1), equals + 1);
        g_string_prepend(header, field);
    }
    return g_strconcat(header->str, text, NULL);
}

static void
ours_test(struct world *w)
{
    g_autofree char *record = dkim_key_record(w->key);

    dns_table_add(w->table, "s1._domainkey.ours.test", DNS_TXT, 0, record, -1);
    dns_table_add(w->table, "_dmarc.ours.test", DNS_TXT, 0, "v=DMARC1; p=reject", -1);
}

static const char from_bob[] = "From: Bob <bob@ours.test>\nTo: x@y.test\nSubject: hi\n\nbody  text\n\n";

static void
test_signed_and_verified(void **state)
{
    struct world *w = world_new("sign { directory = \"KEYS/keys\" }\nauth { authserv_id = mx.ours.test }");

    (void)state;
    ours_test(w);
    g_autofree char *told = g_strdup(send(w, "192.0.2.9", "bob@ours.test", "<bob@ours.test>", from_bob, MTA_ACCEPT));
    assert_has(told, "i0 DKIM-Signature=v=1; a=ed25519-sha256; c=relaxed/relaxed; d=ours.test;");
    assert_int_equal(metrics_get(stats.signatures, 0), 1);
    g_autofree char *sent = with_inserted(told, from_bob);
    const char *verified = send(w, "192.0.2.1", NULL, "<bob@ours.test>", sent, MTA_ACCEPT);
    assert_has(verified, "dkim=pass header.d=ours.test");
    assert_has(verified, "dmarc=pass header.from=ours.test");
    g_autoptr(GString) changed = g_string_new(sent);
    g_string_replace(changed, "Subject: hi", "Subject: ha", 0);
    assert_has(send(w, "192.0.2.1", NULL, "<bob@ours.test>", changed->str, MTA_ACCEPT), "dkim=fail");
    world_free(w);
}

/* What a transport would change is recoded before it is signed, unless told not to; what is signed is what leaves. */
static void
test_recoded_before_signing(void **state)
{
    static const char eight[] = "From: Bob <bob@ours.test>\nContent-Transfer-Encoding: 8bit\n\nGr\xc3\xbc\xc3\x9f" "e an alle im ganzen Dorf\n";
    static const char as_sent[] = "From: Bob <bob@ours.test>\nContent-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\n\n"
                                  "Gr=C3=BC=C3=9Fe an alle im ganzen Dorf\n";
    struct world *w = world_new("sign { directory = \"KEYS/keys\" }\nauth { authserv_id = mx.ours.test }");

    (void)state;
    ours_test(w);
    g_autofree char *told = g_strdup(send(w, "192.0.2.9", "bob@ours.test", "<bob@ours.test>", eight, MTA_ACCEPT));
    assert_has(told, "c1 Content-Transfer-Encoding=quoted-printable;+MIME-Version=1.0;i0 DKIM-Signature=");
    assert_true(g_str_has_suffix(told, "bGr=C3=BC=C3=9Fe an alle im ganzen Dorf\r\n;"));
    *strstr(told, "bGr=") = '\0';
    g_autofree char *sent = with_inserted(strstr(told, "i0 "), as_sent);
    assert_has(send(w, "192.0.2.1", NULL, "<bob@ours.test>", sent, MTA_ACCEPT), "dkim=pass header.d=ours.test");
    /* A stranger's mail is nobody's to change. */
    assert_null(strstr(send(w, "192.0.2.1", NULL, "<bob@ours.test>", eight, MTA_ACCEPT), "Transfer"));
    world_free(w);
    w = world_new("sign { directory = \"KEYS/keys\"\nrecode = no }\nauth { authserv_id = mx.ours.test }");
    told = (g_free(told), g_strdup(send(w, "192.0.2.9", "bob@ours.test", "<bob@ours.test>", eight, MTA_ACCEPT)));
    assert_true(g_str_has_prefix(told, "i0 DKIM-Signature=") && strstr(told, "Transfer-Encoding=") == NULL);
    world_free(w);
}

static gboolean
take_row(const struct sql_row *row, gpointer data)
{
    g_string_append_printf(data, "%d %s %s %s;", (int)sql_row_int(row, 0), sql_row_text(row, 1, NULL), sql_row_text(row, 5, NULL),
                           sql_row_text(row, 10, NULL));
    return TRUE;
}

/* What becomes of a message is counted for reports, its signatures up to the cap, those that passed first. */
static void
test_counted_for_reports(void **state)
{
    struct world *w = world_new("sign { directory = \"KEYS/keys\" }\ndmarc { driver = sqlite\npath = \"KEYS/reports.db\" }");
    struct sql_options options;
    g_autoptr(GString) rows = g_string_new(NULL);

    (void)state;
    ours_test(w);
    g_autofree char *told = g_strdup(send(w, "192.0.2.9", "bob@ours.test", "<bob@ours.test>", from_bob, MTA_ACCEPT));
    g_autofree char *sent = with_inserted(told, from_bob);
    const char *end = strstr(sent, "\nFrom: Bob") + 1;
    g_autofree char *signature = g_strndup(sent, (gsize)(end - sent));
    g_autoptr(GString) broken = g_string_new(signature), many = g_string_new(NULL);
    g_string_replace(broken, "s=s1", "s=none", 0);
    g_string_append(many, broken->str);
    for (guint i = 0; i < 6; i++)
        g_string_append(many, signature);
    g_string_append(many, end);
    databases_reports(&w->config->dmarc, &options);
    options.create = TRUE;
    struct sql *sql = sql_open(&options, NULL);
    assert_true(sql_migrate(sql, DMARC_STORE_SCHEMA, NULL, NULL));
    results_start(w->config);
    send(w, "192.0.2.1", NULL, "<bob@ours.test>", sent, MTA_ACCEPT);
    w->mta.refuses = TRUE; /* what gets a 4xx in the end comes again: it counts when it is through */
    send(w, "192.0.2.1", NULL, "<bob@ours.test>", sent, MTA_TEMPFAIL);
    w->mta.refuses = FALSE;
    send(w, "192.0.2.1", NULL, "<bob@ours.test>", sent, MTA_ACCEPT);
    send(w, "192.0.2.2", NULL, "<bob@ours.test>", many->str, MTA_ACCEPT);
    send(w, "192.0.2.3", NULL, "<x@none.test>", "From: x@none.test\n\nno record\n", MTA_ACCEPT);
    results_stop();
    const struct sql_value values[] = {SQL_I(g_get_real_time() / G_USEC_PER_SEC / DMARC_STORE_DAY_S), SQL_T("ours.test"),
                                       SQL_I(10)};
    assert_true(sql_run(sql, "dmarc_tallies", values, 3, take_row, rows, NULL, NULL));
    assert_string_equal(rows->str,
                        "2 192.0.2.1 pass ours.test s1 pass;"
                        "1 192.0.2.2 pass ours.test s1 pass; ours.test s1 pass; ours.test s1 pass; ours.test s1 pass; "
                        "ours.test s1 pass;");
    sql_close(&sql);
    world_free(w);
}

/* Who is signed for, and for which author. */
static void
test_who_is_signed(void **state)
{
    struct world *w = world_new("sign { directory = \"KEYS/keys\"\nnetworks = {198.51.100.0/24} }");
    static const char other[] = "From: Eve <eve@other.test>\n\nx\n", two[] = "From: bob@ours.test, eve@ours.test\n\nx\n",
                      unclear[] = "From: <bob@ours.test> <eve@ours.test>\n\nx\n";

    (void)state;
    assert_has(send(w, "198.51.100.1", NULL, "<x@ours.test>", from_bob, MTA_ACCEPT), "DKIM-Signature");
    assert_null(strstr(send(w, "192.0.2.1", NULL, "<x@ours.test>", from_bob, MTA_ACCEPT), "DKIM-Signature"));
    assert_null(strstr(send(w, "192.0.2.9", "eve@other.test", "<x@ours.test>", from_bob, MTA_ACCEPT), "DKIM-Signature"));
    assert_null(strstr(send(w, "192.0.2.9", "eve@other.test", "<x@other.test>", other, MTA_ACCEPT), "DKIM-Signature"));
    assert_null(strstr(send(w, "192.0.2.9", "bob@ours.test", "<bob@ours.test>", two, MTA_ACCEPT), "DKIM-Signature"));
    assert_null(strstr(send(w, "192.0.2.9", "bob@ours.test", "<bob@ours.test>", unclear, MTA_ACCEPT), "DKIM-Signature"));
    world_free(w);
    w = world_new("sign { directory = \"KEYS/keys\"\nany_sender = yes }");
    assert_has(send(w, "192.0.2.9", "eve@other.test", "<x@ours.test>", from_bob, MTA_ACCEPT), "DKIM-Signature");
    world_free(w);
}

/* Mail from outside gets a seal that the next one can check, and trust over DMARC's failure. */
static void
test_sealed_and_trusted(void **state)
{
    struct world *w = world_new("sign { directory = \"KEYS/keys\"\narc = yes\narc_domain = ours.test }\n"
                                "auth { authserv_id = mx.ours.test\ndmarc_reject = yes\narc_trusted = {ours.test} }");
    static const char *const fields[] = {"ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"};

    (void)state;
    ours_test(w);
    outside_test(w, "v=DMARC1; p=reject");
    g_autofree char *told = g_strdup(send(w, "192.0.2.1", NULL, "<ann@outside.test>", plain, MTA_ACCEPT));
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        assert_has(told, fields[i]);
    assert_has(told, "cv=none");
    g_autofree char *sent = with_inserted(told, plain);
    const char *next = send(w, "203.0.113.7", NULL, "<ann@outside.test>", sent, MTA_ACCEPT);
    assert_has(next, "dmarc=fail");
    assert_has(next, "arc=pass");
    assert_has(next, "cv=pass");
    /* Without trust, or with a broken seal, the author domain's wish counts. */
    g_autoptr(GString) changed = g_string_new(sent);
    g_string_replace(changed, "\n\nbody", "\n\nchanged", 0);
    assert_has(send(w, "203.0.113.7", NULL, "<ann@outside.test>", changed->str, MTA_REJECT), "y550 5.7.1 ");
    world_free(w);
    w = world_new("auth { dmarc_reject = yes\narc_trusted = {else.test} }");
    ours_test(w);
    outside_test(w, "v=DMARC1; p=reject");
    assert_has(send(w, "203.0.113.7", NULL, "<ann@outside.test>", sent, MTA_REJECT), "y550 5.7.1 ");
    world_free(w);
}

/* The message sealed by ours.test, which says those results. */
static char *
sealed(struct world *w, const char *text, const char *payload)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    struct message *message = message_new(bytes, NULL);
    struct auth_message *view = auth_message_new(message, NULL);
    const struct arc_seal_options options = {.key = w->key, .domain = "ours.test", .selector = "s1", .payload = payload,
                                             .cv = AUTH_NONE, .now_s = g_get_real_time() / G_USEC_PER_SEC};
    struct arc_set set = {0};
    g_autoptr(GError) error = NULL;

    if (!arc_seal(view, &options, &set, &error))
        fail_msg("%s", error->message);
    char *whole = g_strdup_printf("ARC-Seal: %s\nARC-Message-Signature: %s\nARC-Authentication-Results: %s\n%s", set.seal,
                                  set.signature, set.results, text);
    arc_set_clear(&set);
    auth_message_free(&view);
    message_free(&message);
    return whole;
}

/* What a sealer saw pass must be this author's mail. */
static void
test_a_seal_vouches_for_its_author_only(void **state)
{
    struct world *w = world_new("auth { dmarc_reject = yes\narc_trusted = {ours.test} }");

    (void)state;
    ours_test(w);
    outside_test(w, "v=DMARC1; p=reject");
    g_autofree char *right = sealed(w, plain, "mx.ours.test; dmarc=pass header.from=outside.test");
    assert_has(send(w, "203.0.113.7", NULL, "<ann@outside.test>", right, MTA_ACCEPT), "arc=pass");
    g_autofree char *other = sealed(w, plain, "mx.ours.test; dmarc=pass header.from=else.test");
    assert_has(send(w, "203.0.113.7", NULL, "<ann@outside.test>", other, MTA_REJECT), "y550 5.7.1 ");
    g_autofree char *fails = sealed(w, plain, "mx.ours.test; dmarc=fail header.from=outside.test");
    assert_has(send(w, "203.0.113.7", NULL, "<ann@outside.test>", fails, MTA_REJECT), "y550 5.7.1 ");
    world_free(w);
}

/* Mail from outside that comes back by a filter or by Sieve is not ours, whoever it says it is from. */
static void
test_what_came_from_outside_is_not_signed(void **state)
{
    struct world *w = world_new("sign { directory = \"KEYS/keys\" }\nauth { authserv_id = mx.ours.test }");
    g_autofree char *again = g_strconcat("Authentication-Results: mx.ours.test; dmarc=fail\n", from_bob, NULL);
    g_autofree char *others = g_strconcat("Authentication-Results: else.test; dmarc=fail\n", from_bob, NULL);
    g_autofree char *nobodys = g_strconcat("Authentication-Results: dkim=none (message not signed) header.d=none\n", from_bob, NULL);

    (void)state;
    assert_string_equal(send(w, "127.0.0.1", NULL, "<bob@ours.test>", again, MTA_ACCEPT), "");
    assert_has(send(w, "127.0.0.1", NULL, "<bob@ours.test>", others, MTA_ACCEPT), "DKIM-Signature");
    /* Exchange Online stamps that on what its own users send through us: it is not from here. */
    assert_has(send(w, "127.0.0.1", NULL, "<bob@ours.test>", nobodys, MTA_ACCEPT), "DKIM-Signature");
    /* A user who signed in is who wrote it: the field goes, the signature comes. */
    assert_has(send(w, "192.0.2.9", "bob@ours.test", "<bob@ours.test>", again, MTA_ACCEPT), "DKIM-Signature");
    world_free(w);
}

static void
test_arc_without_a_key(void **state)
{
    struct settings_report *report = settings_report_new();
    struct config config = {.auth = {.authserv_id = (char *)(guintptr)"mx.test"},
                            .sign = {.arc = TRUE, .arc_domain = (char *)(guintptr)"none.test", .directory = (char *)(guintptr)"/tmp",
                                     .networks = (char *[]){NULL}, .headers = (char *[]){NULL}, .oversign = (char *[]){NULL}}};
    struct runtime runtime = {.config = &config};
    g_autoptr(GError) error = NULL;

    (void)state;
    assert_null(sign_module.open(&runtime, &error));
    assert_has(error->message, "postern dkim keygen none.test");
    settings_report_free(&report);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_are_told),   cmocka_unit_test(test_who_is_not_checked),
        cmocka_unit_test(test_forged_results_go),  cmocka_unit_test(test_results_without_a_name_go),
        cmocka_unit_test(test_dmarc_policy),
        cmocka_unit_test(test_dmarc_policy_of_no_name),
        cmocka_unit_test(test_spf_reject),         cmocka_unit_test(test_dns_away),
        cmocka_unit_test(test_several_authors),    cmocka_unit_test(test_header_over_a_cap),
        cmocka_unit_test(test_signed_and_verified), cmocka_unit_test(test_recoded_before_signing),
        cmocka_unit_test(test_counted_for_reports), cmocka_unit_test(test_who_is_signed),
        cmocka_unit_test(test_a_seal_vouches_for_its_author_only),
        cmocka_unit_test(test_what_came_from_outside_is_not_signed),
        cmocka_unit_test(test_sealed_and_trusted), cmocka_unit_test(test_arc_without_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
