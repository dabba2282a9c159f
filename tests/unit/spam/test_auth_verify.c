/* test_auth_verify.c: SPF, DKIM, ARC and DMARC that a scan finds itself: what it asks for, and when it does not wait. What is found is
 * compared with SpamAssassin's findings by tests/parity/spam_auth.py. */
#include "tests/unit/spam/net_test.h"
#include "lib/mail/auth/dkim_sign.h"
#include "lib/mail/auth/spf_task.h"
#include "lib/spam/scan/scanner.h"

#define RULES \
    "header SPF eval:check_for_spf_pass()\nheader SPF_FAIL eval:check_for_spf_fail()\nheader HELO eval:check_for_spf_helo_pass()\n" \
    "header HELO_SOFT eval:check_for_spf_helo_softfail()\nfull DKIM eval:check_dkim_valid_author_sig()\n" \
    "full SIGNED eval:check_dkim_signed()\nfull ARC eval:check_arc_signed()\nheader DMARC eval:check_dmarc_pass()\n" \
    "header DMARC_REJECT eval:check_dmarc_reject()\nheader DMARC_NONE eval:check_dmarc_missing()\n" \
    "askdns BY_DKIM _DKIMDOMAIN_.wl.test A\n"
#define BODY "To: b@ours.test\n\ntext\n"

struct world {
    struct dns_table *table;
    struct dns *dns;
    struct spf_pool *spf;
    struct scanner *scanner;
    char *message; /* NET_MESSAGE, signed by author.com */
    struct scan_request request;
};

/* Signs it as one from user@author.com, and puts the key in the DNS. */
static char *
signed_message(struct world *w, enum dkim_key_type type)
{
    static const char text[] = "From: A <user@author.com>\nSubject: x\n" BODY;
    g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
    struct message *message = message_new(bytes, NULL);
    struct auth_message *view = auth_message_new(message, NULL);
    struct dkim_key *key = dkim_key_generate(type, type == DKIM_RSA ? 2048 : 0, NULL);
    g_autofree char *record = dkim_key_record(key);
    const struct dkim_signer signer = {.key = key, .domain = "author.com", .selector = "s"};
    const struct dkim_sign_options options = {.now_s = 1600000000};
    g_autoptr(GPtrArray) values = dkim_sign(view, &signer, 1, &options, NULL);

    assert_non_null(values);
    dns_table_add(w->table, "s._domainkey.author.com", DNS_TXT, 0, record, -1);
    char *whole = g_strconcat("Received: from helo.sender.com (host.sender.com [192.0.2.9]) by mx.ours.test (Postfix) with ESMTP id 1\n"
                              "\t(envelope-from <user@sender.com>); Fri, 1 Jan 2021 00:00:00 +0000\n",
                              "DKIM-Signature: ", values->pdata[0], "\n", text, NULL);
    dkim_key_unref(key);
    auth_message_free(&view);
    message_free(&message);
    return whole;
}

static struct world
world_with_key(const char *rules, enum dkim_key_type type)
{
    g_autofree char *text = g_strconcat(NET_PLUGINS, rules, NULL);
    const struct rules_options options = {0};
    struct world w = {.table = dns_table_new()};

    w.dns = dns_table_dns(w.table);
    w.spf = spf_pool_new(w.dns, 4, "mx.ours.test", 10000);
    w.scanner = scanner_of(rules_load_text(&options, "test.cf", text, strlen(text)), SCANNER_COMPILED, NULL, NULL);
    w.message = signed_message(&w, type);
    w.request = (struct scan_request){.message = w.message, .length = strlen(w.message), .dns = w.dns, .spf = w.spf, .find_auth = TRUE};
    dns_table_add(w.table, "sender.com", DNS_TXT, 0, "v=spf1 ip4:192.0.2.9 -all", -1);
    dns_table_add(w.table, "helo.sender.com", DNS_TXT, 0, "v=spf1 ip4:192.0.2.8 ~all", -1);
    dns_table_add(w.table, "_dmarc.author.com", DNS_TXT, 0, "v=DMARC1; p=reject", -1);
    dns_table_add(w.table, "author.com.wl.test", DNS_A, 0, "127.0.0.2", -1);
    return w;
}

static struct world
world_new(const char *rules)
{
    return world_with_key(rules, DKIM_RSA);
}

static void
world_clear(struct world *w)
{
    scanner_unref(w->scanner);
    spf_pool_free(&w->spf);
    dns_unref(w->dns);
    g_free(w->message);
}

/* The rules that hit. */
static char *
hits(struct world *w)
{
    struct scan_result result;
    GString *names = g_string_new(NULL);

    scanner_scan(w->scanner, &w->request, &result);
    for (guint i = 0; i < result.engine.hits->len; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? " " : "", ((const struct spam_rule *)result.engine.hits->pdata[i])->name);
    scan_result_clear(&result);
    return g_string_free(names, FALSE);
}

static void
expect(struct world *w, const char *names)
{
    g_autofree char *found = hits(w);

    assert_string_equal(found, names);
}

static void
test_all_is_found(void **state)
{
    struct world w = world_new(RULES);

    (void)state;
    expect(&w, "SPF HELO_SOFT DKIM SIGNED DMARC BY_DKIM");
    w.message[strlen(w.message) - 2] = 'T'; /* of the text */
    expect(&w, "SPF HELO_SOFT SIGNED DMARC_REJECT");
    world_clear(&w);
}

/* Ed25519's 256 bits are not what dkim_minimum_key_bits means: as in SpamAssassin the size is not known, so that the signature is good
 * for all but being the author's. */
static void
test_size_of_ed25519(void **state)
{
    struct world w = world_with_key("full DKIM eval:check_dkim_valid('author.com')\nfull AUTHOR eval:check_dkim_valid_author_sig()\n"
                                    "header WELCOME eval:check_for_dkim_welcomelist_from()\nwelcomelist_from_dkim *@author.com\n",
                                    DKIM_ED25519);

    (void)state;
    expect(&w, "DKIM WELCOME");
    world_clear(&w);
}

/* A name that tells another's address is no matter where the signer is one of fns_ignore_dkim. */
static void
test_signers_of_names(void **state)
{
    static const char *const settings[] = {"fns_ignore_dkim Author.COM\n", "fns_ignore_dkim other.com\n", ""};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(settings); i++) {
        g_autofree char *rules = g_strconcat("loadplugin Mail::SpamAssassin::Plugin::FromNameSpoof\nfns_extrachars 99\n", settings[i],
                                             "header NAME eval:check_fromname_contains_email()\nfull DKIM eval:check_dkim_valid()\n", NULL);
        struct world w = world_new(rules);
        g_autoptr(GString) message = g_string_new(w.message);
        expect(&w, "DKIM"); /* "A" */
        const struct auth_signature signature = {.result = AUTH_PASS, .domain = "author.com", .selector = "s"};
        const struct auth_known known = {.has_dkim = TRUE, .signatures = &signature, .n_signatures = 1};
        g_string_replace(message, "From: A <", "From: \"b@bank.com\" <", 0);
        w.request.message = message->str;
        w.request.length = message->len;
        w.request.known = &known;
        w.request.find_auth = FALSE;
        expect(&w, i == 0 ? "DKIM" : "NAME DKIM");
        w.request.known = NULL;
        expect(&w, "NAME");
        world_clear(&w);
    }
}

/* The milter's auth module has looked: what it doesn't know but for HELO stays so. */
static void
test_of_known_only_helo_is_found(void **state)
{
    struct auth_known known = {.has_spf = TRUE, .spf = AUTH_FAIL};
    struct world w = world_new(RULES);

    (void)state;
    w.request.find_auth = FALSE;
    w.request.known = &known;
    expect(&w, "SPF_FAIL HELO_SOFT");
    known.has_spf = FALSE; /* its answer did not come */
    expect(&w, "HELO_SOFT");
    known = (struct auth_known){.has_spf_helo = TRUE, .spf_helo = AUTH_PASS}; /* a null sender */
    guint before = dns_table_asked(w.table);
    expect(&w, "HELO");
    assert_int_equal(dns_table_asked(w.table), before);
    known.has_spf_helo = FALSE;
    w.request.spf = NULL;
    expect(&w, "");
    world_clear(&w);
}

static void
asks(const char *rules, guint least, guint most)
{
    struct world w = world_new(rules);
    g_autofree char *found = hits(&w);

    assert_in_range(dns_table_asked(w.table), least, most);
    world_clear(&w);
}

static void
expect_restricted(const char *restriction, const char *names)
{
    g_autofree char *rules = g_strconcat(RULES "header SPF_TEMP eval:check_for_spf_temperror()\ndns_query_restriction ", restriction, "\n", NULL);
    struct world w = world_new(rules);

    expect(&w, names);
    world_clear(&w);
}

/* What dns_query_restriction denies fails, without a question, as SpamAssassin has it for the libraries that ask for it. */
static void
test_restrictions(void **state)
{
    (void)state;
    expect_restricted("deny nobody.com", "SPF HELO_SOFT DKIM SIGNED DMARC BY_DKIM");
    expect_restricted("deny Sender.com", "DKIM SIGNED DMARC BY_DKIM SPF_TEMP");
    expect_restricted("deny sender.com\ndns_query_restriction allow helo.sender.com", "HELO_SOFT DKIM SIGNED DMARC BY_DKIM SPF_TEMP");
    expect_restricted("deny author.com", "SPF HELO_SOFT SIGNED"); /* DMARC is asked for, but has no answer without the key */
    expect_restricted("deny _dmarc.author.com", "SPF HELO_SOFT DKIM SIGNED DMARC BY_DKIM");
    expect_restricted("deny *\ndns_query_restriction allow sender.com wl.test", "SPF HELO_SOFT SIGNED");
    expect_restricted("deny *\ndns_query_restriction allow com", "SPF HELO_SOFT DKIM SIGNED DMARC");
}

/* Rules that can't score, or that are not there, ask nothing. */
static void
test_only_what_rules_ask_for(void **state)
{
    (void)state;
    asks("header SUBJECT Subject =~ /x/\n", 0, 0);
    asks("header SPF eval:check_for_spf_pass()\nscore SPF 0\nfull DKIM eval:check_dkim_valid()\nscore DKIM 1 0 1 0\n", 0, 0);
    asks("header SPF eval:check_for_spf_pass()\n", 1, 1);
    asks("header HELO eval:check_for_spf_helo_pass()\n", 1, 1);
    asks("full DKIM eval:check_dkim_valid()\n", 1, 1);
    asks("header DMARC eval:check_dmarc_pass()\n", 3, 3);
    asks("dns_available no\n" RULES, 0, 0);
}

/* What an internal host has written is not asked for again. */
static void
test_fields_of_internal_hosts(void **state)
{
    struct world w = world_new("header SPF eval:check_for_spf_pass()\nheader SPF_FAIL eval:check_for_spf_fail()\n");
    g_autofree char *message = g_strconcat("Received-SPF: fail identity=mailfrom\n", w.message, NULL);

    (void)state;
    w.request.message = message;
    w.request.length = strlen(message);
    expect(&w, "SPF_FAIL");
    assert_int_equal(dns_table_asked(w.table), 0);
    world_clear(&w);
}

/* HELO speaks for a null sender, and for nobody else. */
static void
test_null_sender(void **state)
{
    struct world w = world_new("header DMARC eval:check_dmarc_pass()\nheader DMARC_REJECT eval:check_dmarc_reject()\n");
    g_autoptr(GString) message = g_string_new(w.message);

    (void)state;
    g_string_replace(message, "text\n", "other\n", 0);
    g_string_replace(message, "@author.com", "@sender.com", 0);
    dns_table_add(w.table, "_dmarc.sender.com", DNS_TXT, 0, "v=DMARC1; p=reject", -1);
    g_string_replace(message, "helo.sender.com", "mail.sender.com", 0);
    dns_table_add(w.table, "mail.sender.com", DNS_TXT, 0, "v=spf1 ip4:192.0.2.9 -all", -1);
    g_string_replace(message, "\n\t(envelope-from <user@sender.com>)", "", 0);
    g_string_prepend(message, "Return-Path: <>\n");
    w.request.message = message->str;
    w.request.length = message->len;
    expect(&w, "DMARC");
    g_string_replace(message, "Return-Path: <>", "Return-Path: <x@elsewhere.com>", 0);
    w.request.message = message->str;
    w.request.length = message->len;
    expect(&w, "DMARC_REJECT");
    world_clear(&w);
}

/* A field of results is no signature. */
static void
test_results_are_no_signature(void **state)
{
    struct world w = world_new("full ARC eval:check_arc_signed()\n");
    g_autofree char *lone = g_strconcat("ARC-Authentication-Results: i=1; mx.test; spf=pass\n", w.message, NULL);
    g_autofree char *signature = g_strconcat("ARC-Message-Signature: i=1; a=rsa-sha256; d=x.test\n", w.message, NULL);

    (void)state;
    w.request.message = lone;
    w.request.length = strlen(lone);
    expect(&w, "");
    w.request.message = signature;
    w.request.length = strlen(signature);
    expect(&w, "ARC");
    world_clear(&w);
}

/* Answers that don't come hold nothing for longer than the budget, and hit nothing. */
static void
test_silence(void **state)
{
    static const char *const names[] = {"sender.com", "helo.sender.com", "s._domainkey.author.com", "_dmarc.author.com"};
    struct world w = world_new(RULES);
    gint64 began = g_get_monotonic_time();

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        dns_table_silence(w.table, names[i]);
    w.request.dns_ms = 200;
    expect(&w, "SIGNED");
    assert_in_range(g_get_monotonic_time() - began, 200000, 3000000);
    world_clear(&w);
}

/* A check whose message has gone before a thread was free is left out. */
static void
test_a_check_that_nobody_waits_for(void **state)
{
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);
    struct spf_pool *pool = spf_pool_new(dns, 1, "mx.ours.test", 300);
    struct spf_task *tasks[3];

    (void)state;
    dns_table_silence(table, "slow.com");
    tasks[0] = spf_pool_start(pool, NULL, SPF_HELO, "192.0.2.1", "slow.com", "");
    tasks[1] = spf_pool_start(pool, NULL, SPF_HELO, "192.0.2.1", "left.com", "");
    tasks[2] = spf_pool_start(pool, NULL, SPF_HELO, "192.0.2.1", "wanted.com", "");
    spf_task_free(&tasks[1]);
    assert_non_null(spf_task_wait(tasks[2], G_MAXINT64));
    assert_int_equal(dns_table_asked(table), 2);
    spf_task_free(&tasks[0]);
    spf_task_free(&tasks[2]);
    spf_pool_free(&pool);
    dns_unref(dns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_found), cmocka_unit_test(test_size_of_ed25519), cmocka_unit_test(test_signers_of_names),
        cmocka_unit_test(test_of_known_only_helo_is_found), cmocka_unit_test(test_restrictions),
        cmocka_unit_test(test_only_what_rules_ask_for), cmocka_unit_test(test_fields_of_internal_hosts),
        cmocka_unit_test(test_null_sender), cmocka_unit_test(test_results_are_no_signature), cmocka_unit_test(test_silence),
        cmocka_unit_test(test_a_check_that_nobody_waits_for),
    };

    log_open("test_auth_verify", LOG_TO_STDERR, LOG_AS_TEXT, LOG_SEV_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
