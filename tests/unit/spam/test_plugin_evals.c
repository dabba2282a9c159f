/* test_plugin_evals.c: MIMEHeader, URIDetail, AntiVirus, FromNameSpoof, Phishing, PDFInfo; and that the table of plugins says what is so. */
#include "tests/unit/spam/scan_test.h"
#include <glib/gstdio.h>
#include "lib/spam/rules/plugin_table.h"
#include "lib/spam/scan/evals.h"

#define TWO_PARTS \
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain;\n charset=x\n\na\n" \
    "--b\nContent-Type: text/html\nX-A: 1\n\n<p>\n--b--\n"

static void
test_mime_headers(void **state)
{
    (void)state;
    assert_true(scanned("mimeheader X Content-Type =~ /html/", TWO_PARTS) == 1);
    assert_true(scanned("mimeheader X Content-Type =~ /pdf/", TWO_PARTS) == 0);
    assert_true(scanned("mimeheader X Content-Type !~ /./", TWO_PARTS) == 1); /* always */
    assert_true(scanned("mimeheader X Content-Type:raw =~ /;\\n charset/", TWO_PARTS) == 1);
    assert_true(scanned("mimeheader X Content-Type =~ /;\\n charset/", TWO_PARTS) == 0);
    assert_true(scanned("mimeheader X X-B =~ /^no$/ [if-unset: no]", TWO_PARTS) == 1);
    assert_true(scanned("mimeheader X X-B:raw =~ /^no$/ [if-unset: no]", TWO_PARTS) == 0);
    assert_true(scanned("mimeheader X ALL =~ /html\\nX-A: 1\\n/", TWO_PARTS) == 1);
    assert_true(scanned("mimeheader X Content-Type =~ /t/\ntflags X multiple", TWO_PARTS) == 2); /* of the first part that has any */
    assert_true(scanned("mimeheader X Content-Type =~ /[a-z]/\ntflags X multiple maxhits=4", TWO_PARTS) == 4);
    assert_true(scanned("mimeheader X Content-Type =~ /multipart/\ntflags X range=2-", TWO_PARTS) == 0);
    assert_true(scanned("mimeheader X Content-Type =~ /html/\ntflags X range=-2", TWO_PARTS) == 0);
    assert_true(scanned("mimeheader X Content-Type =~ /mixed.*html/s\ntflags X concat", TWO_PARTS) == 1);
    assert_true(scanned("mimeheader X Content-Type =~ /mixed.*html/s", TWO_PARTS) == 0);
}

static void
test_uri_details(void **state)
{
    const char *mail = "Content-Type: text/html\n\n<a href=\"http://www.a.com/\">https://b.com</a> <img src=\"http://c.org/i\">\n";

    (void)state;
    assert_true(scanned("uri_detail X text =~ /https:/ domain =~ /^a\\.com$/", mail) == 1);
    assert_true(scanned("uri_detail X text =~ /https:/ domain =~ /^c\\.org$/", mail) == 0);
    assert_true(scanned("uri_detail X type =~ /^img$/ raw !~ /a\\.com/", mail) == 1);
}

static void
test_suspect_files(void **state)
{
    const char *program = "body X eval:check_microsoft_executable()", *name = "body X eval:check_suspect_name()";

    (void)state;
    assert_true(scanned(program, "Content-Type: application/x; name=\"a.EXE\"\n\nx\n") == 1);
    assert_true(scanned(program, "Content-Type: application/x; name=\"a.exe.txt\"\n\nx\n") == 0);
    assert_true(scanned(program, "Content-Type: application/x\nContent-Transfer-Encoding: base64\n\nTVqQAAMAAAAEAAAA\n") == 1);
    assert_true(scanned(program, "Content-Type: application/x\n\nTVqQAAMAAAAEAAAA\n") == 0);
    assert_true(scanned(program, "Content-Type: text/plain\n\nbegin\nM35GX`XX`X````\n") == 1);
    assert_true(scanned(program, "Content-Type: text/plain\n\nbegin\nM35GX`XX`X```\n") == 0);
    assert_true(scanned(name, "Content-Type: text/plain; name=a.jpg\n\nx\n") == 1);
    assert_true(scanned(name, "Content-Type: image/jpeg; name=a.jpg\n\nx\n") == 0);
    assert_true(scanned(name, "Content-Type: application/vnd.ms-word; name=a.doc\n\nx\n") == 0);
    assert_true(scanned(name, "Content-Type: application/octet-stream; name=a.jpg\n\nx\n") == 0);
}

static void
test_from_names(void **state)
{
    const char *spoofed = "From: \"boss@firm.com\" <x@other.org>\n\nb\n";

    (void)state;
    assert_true(scanned("header X eval:check_fromname_spoof()", spoofed) == 1);
    assert_true(scanned("header X eval:check_fromname_spoof()", "From: \"boss@firm.com\" <boss@firm.com>\n\nb\n") == 0);
    assert_true(scanned("header X eval:check_fromname_different()", "From: \"boss@firm.com\" <b@firm.com>\n\nb\n") == 1);
    assert_true(scanned("header X eval:check_fromname_domain_differ()", "From: \"boss@firm.com\" <b@a.firm.com>\n\nb\n") == 0);
    assert_true(scanned("fns_add_addrlist (Us) *@firm.com *@other.org\nheader X eval:check_fromname_owners_differ()", spoofed) == 0);
    assert_true(scanned("header X eval:check_fromname_owners_differ()", spoofed) == 1);
    assert_true(scanned("fns_ignore_headers List-Id\nheader X eval:check_fromname_contains_email()", "List-Id: x\nFrom: \"a@b.com\" <a@b.com>\n\nb\n") == 0);
    assert_true(scanned("header X eval:check_fromname_contains_email()", "From: \"a@b.nowhere\" <a@b.com>\n\nb\n") == 0);
    assert_true(scanned("fns_extrachars 3\nheader X eval:check_fromname_different()", "From: \"The chief boss@firm.com\" <a@b.com>\n\nb\n") == 0);
    assert_true(scanned("header X eval:check_fromname_equals_to()", "From: \"me@b.com\" <a@c.com>\nTo: me@b.com\n\nb\n") == 1);
    assert_true(scanned("header X eval:check_fromname_equals_replyto()", "From: \"me@b.com\" <a@c.com>\nReply-To: Me@b.com\n\nb\n") == 1);
}

static void
test_phishing(void **state)
{
    g_autofree char *path = g_strdup_printf("%s/phishing-%u", g_get_tmp_dir(), g_random_int());
    g_autofree char *open_feed = g_strdup_printf("phishing_openphish_feed %s\nbody X eval:check_phishing()", path);
    g_autofree char *stats_feed = g_strdup_printf("phishing_phishstats_feed %s\nbody X eval:check_phishing()", path);
    g_autofree char *plain = g_strdup_printf("phishing_uri_noparam 1\n%s", open_feed);

    (void)state;
    assert_true(g_file_set_contents(path, "# c\nhttp://bad.com/p/q/r?x\nhttp://bad.org/\nnothing\n", -1, NULL));
    assert_true(scanned(open_feed, "Subject: s\n\nhttp://bad.org/\n") == 1);
    assert_true(scanned(open_feed, "Subject: s\n\nhttp://bad.com/p/q/r?y\n") == 0);
    assert_true(scanned(plain, "Subject: s\n\nhttp://bad.com/p/q/r?y\n") == 1);
    assert_true(scanned(plain, "Subject: s\n\nhttp://bad.org/\n") == 0); /* too short to say much */
    assert_true(g_file_set_contents(path, "date,score,url\n\"1\",\"6.1\",\"http://a.com/\"\n\"1\",\"6\",\"http://b.com/\"\n", -1, NULL));
    assert_true(scanned(stats_feed, "Subject: s\n\nhttp://a.com/\n") == 1);
    assert_true(scanned(stats_feed, "Subject: s\n\nhttp://b.com/\n") == 0);
    g_unlink(path);
    assert_true(scanned(open_feed, "Subject: s\n\nhttp://bad.org/\n") == 0);
}

#define PDF "Subject: s\nContent-Type: application/pdf; name=a.pdf\n\n"

static void
test_pdfs(void **state)
{
    (void)state;
    assert_true(scanned("body X eval:pdf_count(1)", PDF "%PDF-1.4\n") == 1);
    assert_true(scanned("body X eval:pdf_count(2)", PDF "%PDF-1.4\n") == 0);
    assert_true(scanned("body X eval:pdf_named('a.pdf')", PDF "%PDF-1.4\n") == 1);
    assert_true(scanned("body X eval:pdf_named('a.pdf')", PDF "nothing\n") == 0);
    assert_true(scanned("body X eval:pdf_name_regex('/^A/i')", PDF "%PDF-1.4\n") == 1);
    assert_true(scanned("body X eval:pdf_image_size_exact(3, 5)", PDF "%PDF-1.4\n/Image\n5 0 0 3 0 0 cm\n") == 1);
    assert_true(scanned("body X eval:pdf_image_count(1)", PDF "%PDF-1.4\n5 0 0 3 0 0 cm\n") == 0); /* no image before it */
    assert_true(scanned("body X eval:pdf_pixel_coverage(15, 15)", PDF "%PDF-1.4\n/Image\n</Width 5/Height 3\n") == 1);
    assert_true(scanned("body X eval:pdf_image_size_range(2, 2, 9, 9)", PDF "%PDF-1.4\n/Image\n5 0 0 3 0 0 cm\n") == 1);
    assert_true(scanned("body X eval:pdf_is_encrypted()", PDF "%PDF-1.4\n/Encrypt 1 0 R\n") == 1);
    assert_true(scanned("body X eval:pdf_is_empty_body()", PDF "%PDF-1.4\n") == 1);
    assert_true(scanned("body X eval:pdf_match_md5('2E1EB3F6D2A7A5A1D7BA6B8A1F0B3C0A')", PDF "%PDF-1.4\n") == 0);
    assert_true(scanned("body X eval:pdf_match_details('author', '/^a\\(b$/')", PDF "%PDF-1.4\n/Author(a\\(b)\n") == 1);
    assert_true(scanned("body X eval:pdf_match_details('title', '/^Word$/')", PDF "%PDF-1.4\n/Title <FEFF0057006f00720064>\n") == 1);
    assert_true(scanned("body X eval:pdf_match_details('created', '/^2007$/')", PDF "%PDF-1.4\n/CreationDate (D:2007)\n") == 1);
    assert_true(scanned("uri X /pdf/", PDF "%PDF-1.4\n/URI(http://pdf.a.com/)\n") == 1);
    assert_true(scanned("uri X /pdf/", PDF "%PDF-1.4\n(http://pdf.a.com/)>>\n") == 1);
    assert_true(scanned("uri X /pdf/", PDF "%PDF-1.4\nx /URI(http://pdf.a.com/)\n") == 0);
}

/* Lines that would cost much if each of their words were looked at to the line's end. */
static void
test_long_pdf_line(void **state)
{
    g_autoptr(GString) message = g_string_new(PDF "%PDF-1.4\n");

    (void)state;
    for (guint i = 0; i < 200000; i++)
        g_string_append(message, "/Author(/URI(/Title<");
    assert_true(scanned("body X eval:pdf_match_details('author', '/./')", message->str) == 0);
}

/* Plugins that are said to do nothing here have no function; of those of this folder, all have theirs. */
static void
test_plugin_table(void **state)
{
    static const char *const whole[] = {"AntiVirus", "BodyEval", "FreeMail", "FromNameSpoof", "HTMLEval", "HTTPSMismatch", "HeaderEval", "ImageInfo", "MIMEEval",
                                        "PDFInfo", "Phishing", "RelayEval", "URIDetail", "URIEval", "VBounce", "WLBLEval", "WelcomeListSubject", NULL};
    static const struct rules_options options = {.local_tests_only = TRUE};
    g_autoptr(GString) text = g_string_new(NULL);

    (void)state;
    for (gsize i = 0; i < rules_n_plugins; i++)
        g_string_append_printf(text, "loadplugin Mail::SpamAssassin::Plugin::%s\n", rules_plugins[i].name);
    for (gsize i = 0; i < rules_n_functions; i++) {
        const char *kind = rules_functions[i].type == SPAM_RULE_FULL_EVAL ? "full" : rules_functions[i].type == SPAM_RULE_BODY_EVAL ? "body" : "header";
        g_string_append_printf(text, "%s R%zu eval:%s('a')\n", kind, i, rules_functions[i].name);
    }
    struct spam_ruleset *set = rules_load_text(&options, "test.cf", text->str, text->len);
    struct view_settings *settings = view_settings_new(set);
    struct eval_bindings *bindings = eval_bindings_new(settings);
    for (gsize p = 0; p < rules_n_plugins; p++)
        for (gsize i = 0; i < rules_n_functions; i++) {
            g_autofree char *name = g_strdup_printf("R%zu", i);
            const struct spam_rule *rule = rules_find(set, name);
            if (strcmp(rules_functions[i].plugin, rules_plugins[p].name) != 0 || rule == NULL || !rule->function_known)
                continue;
            gboolean has = eval_bindings_has(bindings, rule);
            if (has ? rules_plugins[p].lack != NULL : g_strv_contains(whole, rules_plugins[p].name))
                fail_msg("%s of %s", rules_functions[i].name, rules_plugins[p].name);
        }
    eval_bindings_free(&bindings);
    view_settings_free(&settings);
    rules_free(&set);
}

/* One warning, at the line, however often it is loaded. */
static void
test_unsupported_plugin(void **state)
{
    static const char text[] = "\nloadplugin Mail::SpamAssassin::Plugin::Razor2\nloadplugin Mail::SpamAssassin::Plugin::Razor2\n";
    static const struct rules_options options = {.local_tests_only = TRUE};
    struct spam_ruleset *set = rules_load_text(&options, "test.cf", text, strlen(text));
    const struct spam_diagnostic *said;

    (void)state;
    assert_int_equal(set->diagnostics->len, 1);
    said = set->diagnostics->pdata[0];
    assert_string_equal(said->text, "plugin Razor2 is not supported: its rules never hit");
    assert_int_equal(said->line, 2);
    assert_false(said->is_error);
    rules_free(&set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mime_headers),  cmocka_unit_test(test_uri_details),  cmocka_unit_test(test_suspect_files),
        cmocka_unit_test(test_from_names),    cmocka_unit_test(test_phishing),     cmocka_unit_test(test_pdfs),
        cmocka_unit_test(test_long_pdf_line), cmocka_unit_test(test_plugin_table), cmocka_unit_test(test_unsupported_plugin)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
