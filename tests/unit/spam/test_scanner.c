/* test_scanner.c: whole messages over rules of a text: what rules see of a message and of its session, hits and score, reasons, time,
 * the report, and scans side by side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <utime.h>
#include "lib/spam/scan/scan_report.h"
#include "lib/spam/scan/scanner.h"

#define PLUGINS                                      \
    "loadplugin Mail::SpamAssassin::Plugin::Check\n" \
    "loadplugin Mail::SpamAssassin::Plugin::HeaderEval\nloadplugin Mail::SpamAssassin::Plugin::HTMLEval\n" \
    "loadplugin Mail::SpamAssassin::Plugin::MIMEEval\nloadplugin Mail::SpamAssassin::Plugin::BodyEval\n"   \
    "loadplugin Mail::SpamAssassin::Plugin::URIEval\nutil_rb_tld test com\n"

static struct scanner *
new_scanner(const char *rules)
{
    g_autofree char *text = g_strconcat(PLUGINS, rules, NULL);
    const struct rules_options options = {.local_tests_only = TRUE};
    g_autoptr(GError) error = NULL;
    struct scanner *scanner = scanner_of(rules_load_text(&options, "test.cf", text, strlen(text)), SCANNER_COMPILED, NULL, &error);

    assert_non_null(scanner);
    return scanner;
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the hits, sorted, between blanks; sub-rules too. */
static char *
names_of(const struct scan_result *result)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < result->engine.hits->len; i++)
        g_ptr_array_add(names, ((const struct spam_rule *)result->engine.hits->pdata[i])->name);
    for (guint i = 0; i < result->engine.sub_hits->len; i++)
        g_ptr_array_add(names, ((const struct spam_rule *)result->engine.sub_hits->pdata[i])->name);
    g_ptr_array_sort(names, by_name);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

static void
scan(struct scanner *scanner, const char *message, const struct relays_session *session, struct scan_result *result)
{
    scanner_scan(scanner, &(struct scan_request){.message = message, .length = strlen(message), .session = session,
                                                 .now = 1700000000}, result);
}

static void
check(const char *rules, const char *message, const struct relays_session *session, const char *names, double score)
{
    struct scanner *scanner = new_scanner(rules);
    struct scan_result result;
    g_autofree char *found = NULL;

    scan(scanner, message, session, &result);
    found = names_of(&result);
    assert_string_equal(found, names);
    assert_true(fabs(result.engine.score - score) < 1e-9);
    scan_result_clear(&result);
    scanner_unref(scanner);
}

#define HTML                                                                                                            \
    "From: \"A B\" <a@x.test>\nSubject: =?utf-8?q?Caf=C3=A9?=\nContent-Type: text/html; charset=utf-8\n"                 \
    "Content-Transfer-Encoding: quoted-printable\n\n"                                                                    \
    "<p>Buy <b>now</b></p><a href=3D\"http://www.shop.test/p?q=3D1\">here</a><img src=3Dx>\n"

static void
test_each_kind_of_rule_sees_its_part(void **state)
{
    (void)state;
    check("body A /^Buy now/\nscore A 1\nrawbody B /<b>now/\nscore B 2\nuri C /^http:\\/\\/www\\.shop\\.test\\/p/\nscore C 0.5\n"
          "full D /href=3D/\nscore D 0.25\nheader E Subject =~ /^Caf\\xc3\\xa9$/\nscore E 0.1\nheader F From:name =~ /^A B$/\n"
          "score F 0.1\nheader G From:addr:domain =~ /^x\\.test$/\nscore G 0.1\nbody H eval:html_tag_exists('img')\nscore H 0.1\n"
          "meta I __J && !K\nscore I 4\nheader __J exists:From\nbody K /not there/\nscore K 9\nbody L eval:check_for_mime_html_only()\n"
          "score L 0.2\n",
          HTML, NULL, "A B C D E F G H I L __J", 8.35);
}

static void
test_several_hits_count_several_times(void **state)
{
    (void)state;
    check("body A /ab/\ntflags A multiple\nscore A 1\nbody B /ab/\ntflags B multiple maxhits=2\nscore B 10\nmeta C A > 2\nscore C 100\n",
          "Subject: x\n\nab ab ab ab\n", NULL, "A B C", 124);
}

/* A tag holds what the last rule captured, of all its matches, each once. */
static void
test_captures_become_tags(void **state)
{
    static const char message[] = "Subject: b9\n\nb1 b2 b1\n\nb3 c\n";
    struct scanner *scanner = new_scanner("header A Subject =~ /(?<W>b\\d)/\nbody B /(?<W>b\\d)|(?<NONE>zz)/\ntflags B multiple nosubject\n"
                                          "body C /(?<ONE>b\\d)(?<EMPTY>x?)/\ntflags C nosubject\n");
    struct scan_result result;
    g_autoptr(GString) values = g_string_new(NULL);

    (void)state;
    scan(scanner, message, NULL, &result);
    const GPtrArray *many = g_hash_table_lookup(result.engine.tags, "W"), *one = g_hash_table_lookup(result.engine.tags, "ONE");
    for (guint i = 0; i < many->len; i++)
        g_string_append_len(values, g_bytes_get_data(many->pdata[i], NULL), (gssize)g_bytes_get_size(many->pdata[i]));
    assert_string_equal(values->str, "b1b2b3");
    assert_int_equal(one->len, 1);
    assert_null(g_hash_table_lookup(result.engine.tags, "NONE"));
    assert_null(g_hash_table_lookup(result.engine.tags, "EMPTY"));
    scan_result_clear(&result);
    scanner_unref(scanner);
}

/* Patterns see what the message has from the first, too; a rule is not run where that is nothing. */
static void
test_tags_of_the_message_in_patterns(void **state)
{
    static const char message[] = "Return-Path: <bounce@sender.test>\nReceived: from mx.sender.test (mx.sender.test [192.0.2.7]) by here.test; "
                                  "Mon, 1 Jan 2024 00:00:00 +0000\nFrom: a@one.test, b@two.test\nTo: me@here.test\nSubject: s\n\n"
                                  "sender.test 192.0.2.7 two.test me@here.test\n";
    static const char rules[] = "body A /^%{SENDERDOMAIN} /m\nbody B / %{LASTEXTERNALIP} /\nbody C / %{AUTHORDOMAIN} /\nbody D /two.test %{HEADER(To:addr)}/\n"
                                "body E /./\nbody F /%{HEADER(Cc)}|./\nheader G From !~ /%{HEADER(Cc)}/\nbody H /%{RELAYSTRUSTED}|./\n"
                                "body J /%{HEADER()}|./\nbody K /%{LASTEXTERNALPORT}|./\nbody L /%{AUTHORDOMAIN}/\n";
    struct scanner *scanner = new_scanner(rules);
    struct scan_result result;

    (void)state;
    scan(scanner, message, NULL, &result);
    g_autofree char *names = names_of(&result);
    assert_string_equal(names, "A B C D E L");
    scan_result_clear(&result);
    scanner_unref(scanner);
    /* A capture takes the place of a domain, but not of a hop. */
    scanner = new_scanner("header A Subject =~ /(?<SENDERDOMAIN>s)(?<LASTEXTERNALIP>)/\nheader B From =~ /a@one.test/\nbody C /^%{SENDERDOMAIN}ender/m\n"
                          "header D To =~ /(?<LASTEXTERNALIP>me)/\nbody E / %{LASTEXTERNALIP}@/\nbody F / %{LASTEXTERNALIP} /\n");
    scan(scanner, message, NULL, &result);
    g_autofree char *captured = names_of(&result);
    assert_string_equal(captured, "A B C D F");
    scan_result_clear(&result);
    scanner_unref(scanner);
}

/* Rules on headers of parts capture, too: before body rules, which may take their place. */
static void
test_mimeheader_captures(void **state)
{
    static const char message[] = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; x=one; x=two; x=one\n\nhas two\n"
                                  "--b\nContent-Type: image/png; x=three\n\n\n--b--\n";
    static const char rules[] = "loadplugin Mail::SpamAssassin::Plugin::MIMEHeader\nmimeheader A Content-Type =~ /x=(?<W>\\w+)/\n"
                                "tflags A multiple\nbody B /has %{W}/\nmimeheader C Content-Type =~ /^(?<KIND>\\w+)\\//\ntflags C range=2\n"
                                "body D /(?<KIND>has)/\nmimeheader E X-None =~ /(?<NONE>.)/ [if-unset: none]\n";
    struct scanner *scanner = new_scanner(rules);
    struct scan_result result;

    (void)state;
    scan(scanner, message, NULL, &result);
    g_autofree char *names = names_of(&result);
    assert_string_equal(names, "A B C D E");
    const GPtrArray *w = g_hash_table_lookup(result.engine.tags, "W"), *kind = g_hash_table_lookup(result.engine.tags, "KIND");
    assert_int_equal(w->len, 2); /* of the first part that it hits */
    assert_int_equal(kind->len, 1);
    assert_memory_equal(g_bytes_get_data(kind->pdata[0], NULL), "has", 3);
    assert_non_null(g_hash_table_lookup(result.engine.tags, "NONE"));
    scan_result_clear(&result);
    scanner_unref(scanner);
}

/* However many there are. */
static void
test_captures_are_bounded(void **state)
{
    struct scanner *scanner = new_scanner("body A /(?<W>\\w+)/\ntflags A multiple\n");
    g_autoptr(GString) message = g_string_new("Subject: x\n\n");
    struct scan_result result;

    (void)state;
    for (guint i = 0; i < 200000; i++)
        g_string_append_printf(message, "w%u%s", i % 5000, i % 10 == 0 ? "\n\n" : " ");
    scan(scanner, message->str, NULL, &result);
    assert_int_equal(((const GPtrArray *)g_hash_table_lookup(result.engine.tags, "W"))->len, ENGINE_TAG_VALUES_MAX);
    assert_false(result.engine.over_time);
    scan_result_clear(&result);
    scanner_unref(scanner);
}

#define LATIN(type) "From: a@x.test\nContent-Type: " type "\n\n"

/* normalize_charset 0: bytes as they came, but for what is UTF-8 and says so (or nothing). */
static void
test_texts_as_they_came(void **state)
{
    static const char rules[] = "body A /caf\\xe9/\nscore A 1\nbody B /caf\\xc3\\xa9/\nscore B 2\n",
                      off[] = "normalize_charset 0\nbody A /caf\\xe9/\nscore A 1\nbody B /caf\\xc3\\xa9/\nscore B 2\n";

    (void)state;
    check(rules, LATIN("text/plain; charset=iso-8859-1") "caf\xe9\n", NULL, "B", 2);
    check(off, LATIN("text/plain; charset=iso-8859-1") "caf\xe9\n", NULL, "A", 1);
    check(off, LATIN("text/plain") "caf\xe9\n", NULL, "A", 1);
    check(off, LATIN("text/plain; charset=utf-8") "caf\xc3\xa9\n", NULL, "B", 2);
    check(rules, LATIN("text/html; charset=iso-8859-1") "<p>caf\xe9</p>\n", NULL, "B", 2);
    check(off, LATIN("text/html; charset=iso-8859-1") "<p>caf&eacute;</p>\n", NULL, "B", 2);
}

/* ---- the session ---- */

#define SESSION_RULES                                                                                                    \
    "header A X-Spam-Relays-Untrusted =~ /^\\[ ip=192\\.0\\.2\\.7 rdns=client\\.test helo=helo\\.test by=mx\\.test /\nscore A 1\n" \
    "header B EnvelopeFrom =~ /^s\\@x\\.test$/\nscore B 2\nheader C Return-Path =~ /^<>$/\nscore C 4\n"                   \
    "header D Subject =~ /^x$/\nscore D 8\nheader E ALL =~ /^Return-Path: .*\\nReceived: from helo/\nscore E 16\n"

static void
test_the_mta_has_not_written_its_lines_yet(void **state)
{
    struct relays_session session = {.client_ip = "192.0.2.7", .client_name = "client.test", .helo = "helo.test",
                                     .mta_name = "mx.test", .queue_id = "3Q", .mail_from = "s@x.test", .time = 1700000000};

    (void)state;
    check(SESSION_RULES, "Subject: x\r\n\r\nbody\r\n", &session, "A B D E", 27);
    session.mail_from = "";
    check(SESSION_RULES, "Subject: x\r\n\r\nbody\r\n", &session, "A C D E", 29);
    check(SESSION_RULES, "Subject: x\r\n\r\nbody\r\n", NULL, "D", 8);
    /* A sender is no place to put further fields. */
    session.mail_from = "s@x.test>\r\nSubject: y\r\nX: <";
    check(SESSION_RULES, "Subject: x\r\n\r\nbody\r\n", &session, "A D E", 25);
}

/* ---- reasons ---- */

static void
check_why(struct scan_result *result, const char *rule, const char *expected)
{
    g_autoptr(GBytes) why = scan_result_why(result, rules_find(scanner_ruleset(result->scanner), rule));
    gsize length;
    const char *text = why != NULL ? g_bytes_get_data(why, &length) : NULL;

    if (expected == NULL) {
        assert_null(why);
        return;
    }
    assert_non_null(why);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(text, expected, length);
}

static void
test_what_was_matched(void **state)
{
    struct scanner *scanner = new_scanner("body A /no./\nscore A 1\nuri B /shop\\.test/\nscore B 1\nheader C From =~ /A\\sB/\nscore C 1\n"
                                          "header D To =~ /x/ [if-unset: x-less]\nscore D 1\nheader E exists:Subject\nscore E 1\n"
                                          "header F From =~ /(?<NAME>A)/\nscore F 1\nheader G From =~ /%{NAME} B/\nscore G 1\n"
                                          "meta H A && B\nscore H 1\nheader I Subject !~ /zzz/\nscore I 1\nfull J /<b>/\nscore J 1\n");
    struct scan_result result;

    (void)state;
    scan(scanner, HTML, NULL, &result);
    check_why(&result, "A", "now");
    check_why(&result, "B", "shop.test");
    check_why(&result, "C", "A B");
    check_why(&result, "D", "x");
    check_why(&result, "E", "Caf\xc3\xa9\n");
    check_why(&result, "G", "A B");
    check_why(&result, "H", NULL);
    check_why(&result, "I", "Caf\xc3\xa9\n");
    check_why(&result, "J", "<b>");
    scan_result_clear(&result);
    scanner_unref(scanner);
}

/* ---- time ---- */

static void
test_over_time_is_a_hit(void **state)
{
    g_autoptr(GString) rules = g_string_new(NULL);
    g_autoptr(GString) message = g_string_new("Subject: x\n\n");
    struct scanner *scanner;
    struct scan_result result;

    (void)state;
    for (int i = 0; i < 40; i++)
        g_string_append_printf(rules, "full SLOW_%d /(x+x+)+\\1[0-9]{%d}/s\nscore SLOW_%d 1\n", i, i + 1, i);
    for (int i = 0; i < 3000; i++)
        g_string_append_c(message, 'x');
    g_string_append(message, "!99999999999999999999999999999999999999999999999999\n");
    scanner = new_scanner(rules->str);
    scanner_scan(scanner, &(struct scan_request){.message = message->str, .length = message->len, .time_ms = 1}, &result);
    assert_true(result.engine.over_time);
    assert_int_equal(result.engine.hits->len, 1);
    assert_string_equal(((const struct spam_rule *)result.engine.hits->pdata[0])->name, "TIME_LIMIT_EXCEEDED");
    assert_true(fabs(result.engine.score - 0.001) < 1e-9);
    scan_result_clear(&result);
    scanner_unref(scanner);
    g_string_append(rules, "score TIME_LIMIT_EXCEEDED 3\ndescribe TIME_LIMIT_EXCEEDED Slow\n");
    scanner = new_scanner(rules->str);
    scanner_scan(scanner, &(struct scan_request){.message = message->str, .length = message->len, .time_ms = 1}, &result);
    assert_true(fabs(result.engine.score - 3) < 1e-9);
    scan_result_clear(&result);
    scanner_unref(scanner);
}

/* ---- the report ---- */

static void
field(gpointer out, const char *name, const GString *body)
{
    g_string_append_printf(out, "%s: %s\n", name, body->str);
}

static void
test_report(void **state)
{
    struct scanner *scanner = new_scanner(
        "clear_headers\nadd_header all Status _YESNO_, _SCORE_ of _REQD_ _TESTS_ _SUBTESTS_\nadd_header all Hop _LASTEXTERNALIP_ _LASTEXTERNALREVIP_ "
        "_LASTEXTERNALHELO_\nadd_header all Who _AUTHORDOMAIN_ _SENDERDOMAIN_ _HEADER(Subject)_\nadd_header all Host _REMOTEHOSTADDR_ _HOSTNAME_\n"
        "add_header all Captured _WORD_\nbody A /ab/\ntflags A multiple\nscore A 2.5\nheader __B From =~ /(?<WORD>s)/\n"
        "body __C /ab/\ntflags __C multiple\nmeta D __C > 5\n");
    const struct relays_session session = {.client_ip = "192.0.2.7", .client_name = "client.test", .helo = "helo.test",
                                           .mta_name = "mx.test", .queue_id = "3Q", .mail_from = "s@sender.test"};
    const struct scan_report_options options = {.required = NAN, .host_name = "mx.test", .client_address = "192.0.2.7"};
    struct scan_result result;
    struct scan_report *report;
    g_autoptr(GString) fields = g_string_new(NULL);

    (void)state;
    scan(scanner, "From: s@author.test\nSubject: Hi\n\nab ab\n", &session, &result);
    report = scan_report_new(&result, &options);
    assert_true(report_is_spam(scan_report_get(report)));
    report_fields(scan_report_get(report), TRUE, field, fields);
    assert_string_equal(fields->str, "X-Spam-Checker-Version: SpamAssassin 4.0.1 (2024-03-25) on mx.test\nX-Spam-Status: Yes, 5.0 of 5.0 A,A __B,__C,__C\nX-Spam-Hop: 192.0.2.7 7.2.0.192 helo.test\n"
                                     "X-Spam-Who: author.test sender.test Hi\nX-Spam-Host: 192.0.2.7 mx.test\nX-Spam-Captured: s\n");
    scan_report_free(&report);
    scan_result_clear(&result);
    scanner_unref(scanner);
}

/* ---- side by side ---- */

static gpointer
scan_many(gpointer data)
{
    struct scanner *scanner = data;

    for (guint i = 0; i < 200; i++) {
        struct scan_result result;
        scan(scanner, HTML, NULL, &result);
        g_assert_true(fabs(result.engine.score - 1.5) < 1e-9);
        scan_result_clear(&result);
    }
    return NULL;
}

static void
test_threads_share_a_scanner(void **state)
{
    struct scanner *scanner = new_scanner("body A /Buy/\nscore A 1\nbody B eval:html_tag_exists('img')\nscore B 0.5\n");
    GThread *threads[2 * SCANNER_WORKERS_MAX];

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("scan", scan_many, scanner);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    scanner_unref(scanner);
}

/* ---- before the patterns are compiled ---- */

#define MANY_RULES                                                                                                          \
    "body A /^Buy/\nscore A 1\nbody B /not there/\nscore B 2\nrawbody C /<b>/\nscore C 4\nuri D /shop/\nscore D 8\nfull E /href/\nscore E 16\n" \
    "header F From =~ /A B/\nscore F 32\nheader G From =~ /a@x/\nscore G 64\nheader H From =~ /zz/\nscore H 128\nheader I From =~ /test/\nscore I 256\n" \
    "body J /[aeiou]/\ntflags J multiple\nscore J 1000\n"

static double
score_of(struct scanner *scanner)
{
    struct scan_result result;
    double score;

    scan(scanner, HTML, NULL, &result);
    score = result.engine.score;
    scan_result_clear(&result);
    return score;
}

static struct scanner *
cold_scanner(const char *cache)
{
    const struct rules_options options = {.local_tests_only = TRUE};
    const char *text = PLUGINS MANY_RULES;

    return scanner_of(rules_load_text(&options, "test.cf", text, strlen(text)), SCANNER_COMPILING, cache, NULL);
}

static void
remove_folder(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);

    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        assert_int_equal(g_unlink(file), 0);
    }
    g_dir_close(dir);
    assert_int_equal(g_rmdir(path), 0);
}

/* A file of the cache that nobody has used for years. */
static char *
make_stale(const char *cache)
{
    char *path = g_strdup_printf("%s/patterns-%064d.hs", cache, 0);
    struct utimbuf then = {.actime = 1, .modtime = 1};

    assert_true(g_file_set_contents(path, "x", 1, NULL));
    assert_int_equal(g_utime(path, &then), 0);
    return path;
}

static void
test_scans_before_the_patterns_are_compiled(void **state)
{
    g_autofree char *cache = g_dir_make_tmp("scanner-XXXXXX", NULL), *stale = make_stale(cache);
    struct scanner *warm = new_scanner(MANY_RULES), *cold = cold_scanner(cache);
    double expected = score_of(warm);
    struct scan_result kept;
    g_autofree char *before = NULL, *after = NULL;

    (void)state;
    assert_true(expected > 5000);
    scan(cold, HTML, NULL, &kept);
    before = names_of(&kept);
    assert_true(fabs(kept.engine.score - expected) < 1e-9);
    while (scanner_is_compiling())
        g_usleep(1000);
    assert_false(g_file_test(stale, G_FILE_TEST_EXISTS));
    assert_true(fabs(score_of(cold) - expected) < 1e-9);
    after = names_of(&kept); /* outlives the engine that it came from */
    assert_string_equal(before, after);
    scan_result_clear(&kept);
    scanner_unref(cold);
    scanner_unref(warm);
    cold = cold_scanner(cache); /* from the cache now */
    assert_false(scanner_is_compiling());
    assert_true(fabs(score_of(cold) - expected) < 1e-9);
    scanner_unref(cold);
    remove_folder(cache);
}

/* A sub-rule that may wait is not among the hits when it changes nothing, unless it is asked for, or a template shows it. */
static void
test_waiting(void **state)
{
    static const char message[] = "From: a@example.test\nSubject: s\n\npayme now\n", seldom[] = "From: a@example.test\nSubject: s\n\npayme seldom\n";
    static const struct {
        const char *more, *message, *expected;
        enum engine_extent extent;
        const char *score;
    } cases[] = {{"", message, "", ENGINE_WHAT_COUNTS, "0"},
                 {"", message, "__PAY", ENGINE_ALL_RULES, "0"},
                 {"", seldom, "A B __PAY __SELDOM", ENGINE_WHAT_COUNTS, "3"},
                 {"", seldom, "A B __PAY __SELDOM", ENGINE_ALL_RULES, "3"},
                 {"add_header all Sub _SUBTESTS(,)_\n", message, "__PAY", ENGINE_WHAT_COUNTS, "0"},
                 {"rewrite_header Subject _SUBTESTS_\n", message, "__PAY", ENGINE_WHAT_COUNTS, "0"},
                 {"clear_report_template\nreport _SUBTESTSCOLLAPSED_\n", message, "__PAY", ENGINE_WHAT_COUNTS, "0"}};
    g_autofree char *filler = g_strnfill(4000, 'q');

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *rules = g_strdup_printf("body __PAY /(?:payme|%s)/\nbody __SELDOM /seldom/\nmeta A __PAY && __SELDOM\nscore A 2\n"
                                                 "meta B A && __SELDOM\n%s", filler, cases[i].more);
        struct scanner *scanner = new_scanner(rules);
        const struct scan_request request = {.message = cases[i].message, .length = strlen(cases[i].message), .extent = cases[i].extent};
        struct scan_result result;

        scanner_scan(scanner, &request, &result);
        g_autofree char *names = names_of(&result), *score = g_strdup_printf("%g", result.engine.score);
        assert_string_equal(names, cases[i].expected);
        assert_string_equal(score, cases[i].score);
        scan_result_clear(&result);
        scanner_unref(scanner);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_each_kind_of_rule_sees_its_part),
        cmocka_unit_test(test_several_hits_count_several_times), cmocka_unit_test(test_texts_as_they_came),
        cmocka_unit_test(test_captures_become_tags), cmocka_unit_test(test_captures_are_bounded),
        cmocka_unit_test(test_tags_of_the_message_in_patterns), cmocka_unit_test(test_mimeheader_captures),
        cmocka_unit_test(test_the_mta_has_not_written_its_lines_yet),
        cmocka_unit_test(test_what_was_matched),
        cmocka_unit_test(test_over_time_is_a_hit),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_threads_share_a_scanner),
        cmocka_unit_test(test_scans_before_the_patterns_are_compiled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
