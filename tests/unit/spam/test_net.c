/* test_net.c: network rules: what SpamAssassin itself can't show (tests/parity/spam_net.py compares the rest): lists that refuse, answers that
 * don't come, bounds, blocks. */
#include "tests/unit/spam/net_test.h"
#include "lib/spam/scan/scanner.h"
#include "lib/spam/net/auth_eval.h"
#include "lib/spam/net/questions.h"

static void
add(struct net_case *c, const char *name, const char *address)
{
    dns_table_add(c->table, name, DNS_A, 0, address, -1);
}

/* ---- what lists can't mean ---- */

#define LIST_RULES \
    "header ANY eval:check_rbl('one', 'bl.test')\nheader SUB_RE eval:check_rbl_sub('one', '^127\\.')\n" \
    "header SUB_MASK eval:check_rbl_sub('one', '254')\n" \
    "header EXACT eval:check_rbl_sub('one', '127.255.255.254')\nheader EXACT_RE eval:check_rbl_sub('one', '^127\\.255\\.255\\.254$')\n" \
    "urirhsbl URI_ANY bl.test A\nbody URI_ANY eval:check_uridnsbl('URI_ANY')\n" \
    "urirhssub URI_MASK bl.test A 2\nbody URI_MASK eval:check_uridnsbl('URI_MASK')\n" \
    "urirhssub URI_RANGE bl.test A 127.0.0.0-127.255.255.255\nbody URI_RANGE eval:check_uridnsbl('URI_RANGE')\n" \
    "urirhssub URI_EXACT bl.test A 127.255.255.254\nbody URI_EXACT eval:check_uridnsbl('URI_EXACT')\n" \
    "urirhssub URI_BIT bl.test A 1\nbody URI_BIT eval:check_uridnsbl('URI_BIT')\n" \
    "askdns ASK_ANY _SENDERDOMAIN_.bl.test A\naskdns ASK_RE _SENDERDOMAIN_.bl.test A /^127\\.\\d+\\.\\d+\\./\n" \
    "askdns ASK_EXACT _SENDERDOMAIN_.bl.test A /^127\\.255\\.255\\.254$/\n" \
    "header HASH eval:check_hashbl_emails('bl.test', 'user', 'From')\n" \
    "header HASH_EXACT eval:check_hashbl_emails('bl.test', 'user', 'From', '^127\\.255\\.255\\.254$')\n"

static const char *
listed_by(const char *code)
{
    static char hits[1000];
    struct net_case c;

    net_case_init(&c, LIST_RULES);
    add(&c, "9.2.0.192.bl.test", code);
    add(&c, "sender.com.bl.test", code);
    add(&c, "linked.com.bl.test", code);
    add(&c, "user.bl.test", code);
    g_strlcpy(hits, net_case_run(&c, NET_MESSAGE "http://www.linked.com/\n"), sizeof hits);
    net_case_clear(&c);
    return hits;
}

/* A listing hits all but what asks for a refusal; a refusal only that; another network nothing. */
static void
test_refusals(void **state)
{
    (void)state;
    assert_string_equal(listed_by("127.0.0.2"), "ANY SUB_RE SUB_MASK URI_ANY URI_MASK URI_RANGE ASK_ANY ASK_RE HASH");
    assert_string_equal(listed_by("127.255.255.254"), "EXACT EXACT_RE URI_EXACT ASK_EXACT HASH_EXACT");
    assert_string_equal(listed_by("127.0.0.1"), "URI_BIT"); /* as multi.uribl.com says that it refuses */
    assert_string_equal(listed_by("192.0.2.1"), "");
}

/* Where a rule has 127.0.0.1 for a listing it is one, also for the others of that list. */
static void
test_localhost_lists(void **state)
{
    struct net_case c;

    (void)state;
    net_case_init(&c, "header ANY eval:check_rbl('one', 'bl.test')\nheader LISTED eval:check_rbl_sub('one', '127.0.0.1')\n"
                      "header MORE eval:check_rbl_sub('one', '^127\\.0\\.1\\.')\n");
    add(&c, "9.2.0.192.bl.test", "127.0.0.1");
    add(&c, "9.2.0.192.bl.test", "127.0.1.255");
    assert_string_equal(net_case_run(&c, NET_MESSAGE), "ANY LISTED MORE");
    net_case_clear(&c);
}

/* One refusal spoils what came with it. */
static void
test_mixed(void **state)
{
    struct net_case c;

    (void)state;
    net_case_init(&c, "header ANY eval:check_rbl('one', 'bl.test')\n");
    add(&c, "9.2.0.192.bl.test", "127.0.0.2");
    add(&c, "9.2.0.192.bl.test", "127.255.255.255");
    assert_string_equal(net_case_run(&c, NET_MESSAGE), "");
    net_case_clear(&c);
}

/* ---- score sets ---- */

static void
test_scores(void **state)
{
    struct net_case c;

    (void)state;
    net_case_init(&c, "header OFF eval:check_rbl('off', 'off.test')\nscore OFF 1 0 1 0\nheader ON eval:check_rbl('on', 'on.test')\n"
                      "score ON 0 1 0 1\n");
    add(&c, "9.2.0.192.off.test", "127.0.0.2");
    add(&c, "9.2.0.192.on.test", "127.0.0.2");
    assert_string_equal(net_case_run(&c, NET_MESSAGE), "ON");
    assert_int_equal(dns_table_asked(c.table), 1);
    net_case_clear(&c);
    net_case_init(&c, "dns_available no\nheader ON eval:check_rbl('on', 'on.test')\n");
    assert_string_equal(net_case_run(&c, NET_MESSAGE), "");
    assert_int_equal(dns_table_asked(c.table), 0);
    net_case_clear(&c);
}

/* ---- time ---- */

/* What is silent is waited for rbl_timeout; less when the others have answered; and never beyond the message's budget. */
static void
test_time(void **state)
{
    static const char rules[] = "rbl_timeout 30 0.2\nheader SLOW eval:check_rbl('slow', 'slow.test')\n"
                                "uridnsbl_max_domains 100\nurirhsbl FAST fast.test A\nbody FAST eval:check_uridnsbl('FAST')\n";
    g_autoptr(GString) message = g_string_new(NET_MESSAGE);
    struct net_case c;
    gint64 began;

    (void)state;
    for (guint i = 0; i < 100; i++)
        g_string_append_printf(message, "http://link%u.com/\n", i);
    net_case_init(&c, rules);
    dns_table_silence(c.table, "9.2.0.192.slow.test");
    add(&c, "link5.com.fast.test", "127.0.0.2");
    began = g_get_monotonic_time();
    assert_string_equal(net_case_run(&c, message->str), "FAST"); /* 100 of 101 answered: 0.2 s and 2 % of 30 s */
    assert_in_range(g_get_monotonic_time() - began, 200000, 3000000);
    began = g_get_monotonic_time();
    net_case_start(&c, NET_MESSAGE, 0);
    assert_string_equal(net_case_hits(&c), "");
    assert_in_range(g_get_monotonic_time() - began, 0, 1000000);
    net_case_clear(&c);
}

static void
test_failures(void **state)
{
    struct net_case c;

    (void)state;
    net_case_init(&c, "header ANY eval:check_rbl('one', 'bl.test')\naskdns FAILED _SENDERDOMAIN_ A [SERVFAIL]\n"
                      "askdns SILENT silent.com A [SERVFAIL,NOERROR,NXDOMAIN]\nrbl_timeout 0.1 0.1\n");
    dns_table_fail(c.table, "9.2.0.192.bl.test", 0);
    dns_table_fail(c.table, "sender.com", 0);
    dns_table_silence(c.table, "silent.com");
    assert_string_equal(net_case_run(&c, NET_MESSAGE), "FAILED");
    net_case_clear(&c);
}

/* ---- restrictions ---- */

static void
test_restrictions(void **state)
{
    struct net_case c;

    (void)state;
    net_case_init(&c, "dns_query_restriction deny bl.test\ndns_query_restriction allow 9.2.0.192.good.bl.test\n"
                      "header ONE eval:check_rbl('one', 'bl.test')\nheader TWO eval:check_rbl('two', 'good.bl.test')\n");
    add(&c, "9.2.0.192.bl.test", "127.0.0.2");
    add(&c, "9.2.0.192.good.bl.test", "127.0.0.2");
    assert_string_equal(net_case_run(&c, NET_MESSAGE), "TWO");
    net_case_clear(&c);
}

/* A list that refuses us isn't asked again for the next messages. */
static void
test_block(void **state)
{
    struct net_case c;

    (void)state;
    net_case_init(&c, "header BLOCKED eval:check_rbl('one', 'bl.test', '^127\\.255\\.255\\.255$')\n"
                      "header OTHER eval:check_rbl('two', 'other.test')\ndns_block_rule BLOCKED bl.test\ndns_block_time 300\n");
    add(&c, "9.2.0.192.bl.test", "127.255.255.255");
    add(&c, "9.2.0.192.other.test", "127.0.0.2");
    assert_string_equal(net_case_run(&c, NET_MESSAGE), "BLOCKED OTHER");
    assert_int_equal(net_check_asked(c.check), 2);
    assert_string_equal(net_case_run(&c, NET_MESSAGE), "OTHER");
    assert_int_equal(net_check_asked(c.check), 1);
    net_case_clear(&c);
}

/* ---- bounds ---- */

static void
test_bounds(void **state)
{
    g_autoptr(GString) message = g_string_new(NET_MESSAGE);
    struct net_case c;

    (void)state;
    for (guint i = 0; i < 1500; i++)
        g_string_append_printf(message, "http://link%u.com/ user%u@mail%u.com\n", i, i, i);
    net_case_init(&c, "urirhsbl URI bl.test A\nbody URI eval:check_uridnsbl('URI')\n");
    net_case_run(&c, message->str);
    assert_int_equal(net_check_asked(c.check), 20); /* uridnsbl_max_domains */
    net_case_clear(&c);
    net_case_init(&c, "uridnsbl_max_domains 5000\nurirhsbl URI bl.test A\nbody URI eval:check_uridnsbl('URI')\n"
                      "urirhsbl MORE more.test A\nbody MORE eval:check_uridnsbl('MORE')\n");
    net_case_run(&c, message->str);
    assert_int_equal(net_check_asked(c.check), NET_QUESTIONS_MAX);
    assert_true(net_check_truncated(c.check));
    net_case_clear(&c);
    net_case_init(&c, "header HASH eval:check_hashbl_emails('bl.test', 'sha1/max=5000', 'body')\n"
                      "uridnsbl_max_domains 400\naskdns ASK _URIHOSTS_.ask.test A\n");
    net_case_run(&c, message->str);
    assert_int_equal(net_check_asked(c.check), NET_HASHED_MAX + NET_ASK_QUERIES_MAX);
    net_case_clear(&c);
}

/* ---- askdns ---- */

/* Several types are asked one by one; what can't be asked for is told. */
static void
test_types(void **state)
{
    struct net_case c;

    (void)state;
    net_case_init(&c, "askdns TWO _SENDERDOMAIN_ A,TXT /^two$/\naskdns ANY _AUTHORDOMAIN_ ANY /^10 mx\\.author\\.com\\.$/\n"
                      "askdns SRV _SENDERDOMAIN_ SRV\n");
    dns_table_add(c.table, "sender.com", DNS_TXT, 0, "two", -1);
    dns_table_add(c.table, "author.com", DNS_MX, 10, "mx.author.com", -1);
    assert_string_equal(net_case_run(&c, NET_MESSAGE), "TWO ANY");
    assert_int_equal(c.warnings->len, 1);
    assert_string_equal(c.warnings->pdata[0], "SRV: the DNS is not asked for records of type SRV");
    net_case_clear(&c);
}

/* A name that resolves to the loopback network is no list's answer. */
static void
test_plain_names(void **state)
{
    struct net_case c;

    (void)state;
    net_case_init(&c, "askdns HELO _LASTEXTERNALHELO_ A /./\naskdns REFUSED _SENDERDOMAIN_ A /./\n");
    add(&c, "helo.sender.com", "127.0.0.1");
    add(&c, "sender.com", "127.255.255.254");
    assert_string_equal(net_case_run(&c, NET_MESSAGE), "HELO");
    net_case_clear(&c);
}

/* ---- HashBL ---- */

static void
test_hashes(void **state)
{
    struct net_case c;

    (void)state;
    net_case_init(&c, "header SHA1 eval:check_hashbl_emails('one.test', 'sha1', 'From')\n"
                      "header SHA256 eval:check_hashbl_emails('two.test', 'sha256', 'From')\n"
                      "header MD5 eval:check_hashbl_emails('three.test', 'md5', 'From')\n"
                      "header PLAIN eval:check_hashbl_emails('four.test', 'raw', 'From')\nbody NUM eval:check_hashbl_bodyre('five.test', 'raw/num', '(\\d+ \\d+)')\n");
    add(&c, "041f1d1ccc5303b4186441bfe38c0b3a1a3475ce.one.test", "127.0.0.2");
    add(&c, "o26razyeemvqpaytc7ndjbupg3a4woogpvw5fwrsppi4lkus2eza.two.test", "127.0.0.2");
    add(&c, "5500c4097732fca17ecf8522373d4f04.three.test", "127.0.0.2");
    add(&c, "user@author.com.four.test", "127.0.0.2");
    add(&c, "123456.five.test", "127.0.0.2");
    const char *hits = net_case_run(&c, NET_MESSAGE "call 123 456 or 123 456, 123 456 a@b.com a@b.com a@b.com\n");
    assert_string_equal(hits, "SHA1 SHA256 MD5 PLAIN NUM");
    net_case_clear(&c);
}

/* ---- a whole scan ---- */

/* Hits count as others do, metas see them, templates get their tags; without a resolver nothing of it runs. */
static void
test_scan(void **state)
{
    static const char rules[] = NET_PLUGINS
        "header LISTED eval:check_rbl('one', 'bl.test')\nscore LISTED 0 2 0 2\nmeta BOTH LISTED && SUBJECT\nscore BOTH 3\n"
        "header SUBJECT Subject =~ /x/\nscore SUBJECT 0.5\nasn_lookup asn.test _ASN_ _ASNCIDR_\n"
        "header SPF_FAIL eval:check_for_spf_fail()\nscore SPF_FAIL 1\naskdns BY_DKIM _DKIMDOMAIN_.wl.test A\nscore BY_DKIM -1\n";
    const struct rules_options options = {0};
    const struct auth_signature signature = {.result = AUTH_PASS, .domain = "signer.com", .selector = "s", .key_bits = 2048};
    const struct auth_known known = {.has_spf = TRUE, .spf = AUTH_FAIL, .has_dkim = TRUE, .signatures = &signature, .n_signatures = 1};
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);
    struct scanner *scanner = scanner_of(rules_load_text(&options, "test.cf", rules, strlen(rules)), SCANNER_COMPILED, NULL, NULL);
    struct scan_request request = {.message = NET_MESSAGE "text\n", .length = strlen(NET_MESSAGE "text\n"), .dns = dns, .known = &known};
    struct scan_result result;

    (void)state;
    dns_table_add(table, "9.2.0.192.bl.test", DNS_A, 0, "127.0.0.2", -1);
    dns_table_add(table, "signer.com.wl.test", DNS_A, 0, "127.0.0.5", -1);
    dns_table_add(table, "9.2.0.192.asn.test", DNS_TXT, 0, "64500 | 192.0.2.0/24 | ZZ", -1);
    scanner_scan(scanner, &request, &result);
    assert_int_equal(result.score_set, 1);
    assert_int_equal(result.engine.hits->len, 5);
    assert_in_range((int)(10 * result.engine.score), 54, 56); /* 2 + 3 + 0.5 + 1 - 1 */
    const GPtrArray *asn = g_hash_table_lookup(result.engine.tags, "ASN");
    assert_non_null(asn);
    assert_int_equal(g_bytes_get_size(asn->pdata[0]), 7);
    assert_memory_equal(g_bytes_get_data(asn->pdata[0], NULL), "AS64500", 7);
    scan_result_clear(&result);
    dns_table_silence(table, "9.2.0.192.bl.test");
    request.dns_ms = 200;
    gint64 began = g_get_monotonic_time();
    scanner_scan(scanner, &request, &result);
    assert_in_range(g_get_monotonic_time() - began, 200000, 2000000);
    assert_int_equal(result.engine.hits->len, 3); /* without what is not known in time, and the meta on it */
    scan_result_clear(&result);
    request.dns = NULL;
    scanner_scan(scanner, &request, &result);
    assert_int_equal(result.engine.hits->len, 1);
    scan_result_clear(&result);
    scanner_unref(scanner);
    dns_unref(dns);
}

/* Thousands of hops are gone through once, not by each rule for each. */
static void
test_many_hops(void **state)
{
    g_autoptr(GString) rules = g_string_new(NULL), message = g_string_new(NULL);
    struct net_case c;

    (void)state;
    for (guint i = 0; i < 40; i++)
        g_string_append_printf(rules, "header R%u eval:check_rbl('set%u', 'bl%u.test')\n", i, i, i);
    for (guint i = 0; i < 30000; i++)
        g_string_append_printf(message, "Received: from h.x.com (h.x.com [20.%u.%u.9]) by mx.x.com with ESMTP; Fri, 1 Jan 2021 00:00:00 +0000\n",
                               i / 250, i % 250);
    g_string_append(message, "From: a@b.com\n\nx\n");
    net_case_init(&c, rules->str);
    assert_string_equal(net_case_run(&c, message->str), "");
    assert_int_equal(net_check_asked(c.check), 40 * 9);
    assert_false(net_check_truncated(c.check));
    net_case_clear(&c);
}

/* A rule that asks with what others have captured; each value is asked for, once. */
static void
test_captures(void **state)
{
    static const char rules[] = NET_PLUGINS
        "header __C1 Subject =~ /(?<NAME>x)/\nbody __C2 /code (?<CODE>\\w+)/\ntflags __C2 multiple\n"
        "askdns BY_NAME _NAME_.by.test A\naskdns BY_CODE _CODE_._NAME_.by.test A 127.0.0.3\naskdns BY_NONE _NONE_.by.test A\n"
        "header HASHED eval:check_hashbl_tag('hash.test', 'raw', 'CODE')\n";
    static const char message[] = NET_MESSAGE "code a1 code b2\n\ncode a1\n";
    const struct rules_options options = {0};
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);
    struct scanner *scanner = scanner_of(rules_load_text(&options, "test.cf", rules, strlen(rules)), SCANNER_COMPILED, NULL, NULL);
    struct scan_request request = {.message = message, .length = strlen(message), .dns = dns};
    struct scan_result result;

    (void)state;
    dns_table_add(table, "x.by.test", DNS_A, 0, "127.0.0.2", -1);
    dns_table_add(table, "b2.x.by.test", DNS_A, 0, "127.0.0.3", -1);
    dns_table_add(table, "a1.hash.test", DNS_A, 0, "127.0.0.2", -1);
    scanner_scan(scanner, &request, &result);
    assert_int_equal(dns_table_asked(table), 5); /* x, a1.x, b2.x, two hashes */
    assert_int_equal(result.engine.hits->len, 3);
    assert_string_equal(((const struct spam_rule *)result.engine.hits->pdata[0])->name, "BY_NAME");
    assert_string_equal(((const struct spam_rule *)result.engine.hits->pdata[1])->name, "BY_CODE");
    assert_string_equal(((const struct spam_rule *)result.engine.hits->pdata[2])->name, "HASHED");
    scan_result_clear(&result);
    scanner_unref(scanner);
    dns_unref(dns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_localhost_lists), cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_scores),   cmocka_unit_test(test_time),            cmocka_unit_test(test_failures),
        cmocka_unit_test(test_restrictions), cmocka_unit_test(test_block),       cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_types),    cmocka_unit_test(test_plain_names),     cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_scan), cmocka_unit_test(test_captures), cmocka_unit_test(test_many_hops),
    };

    log_open("test_net", LOG_TO_STDERR, LOG_AS_TEXT, LOG_SEV_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
