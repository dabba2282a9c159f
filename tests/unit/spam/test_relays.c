/* test_relays.c: hops of Received lines, trust, the envelope sender, ranges of headers, and our own line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/spam/view/relays.h"

/* NULL-terminated texts as values. */
static GPtrArray *
values_of(const char *const *texts)
{
    GPtrArray *values = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    for (; *texts != NULL; texts++)
        g_ptr_array_add(values, g_bytes_new(*texts, strlen(*texts)));
    return values;
}

static struct spam_relays *
parsed(const char *const *lines, const struct relays_options *options)
{
    static const struct relays_options none = {0};
    g_autoptr(GPtrArray) values = values_of(lines);

    return relays_parse(values, NULL, options != NULL ? options : &none);
}

/* The hop as text, "ignored" or "unparseable". */
static char *
hop(const char *line)
{
    const char *lines[] = {line, NULL};
    struct spam_relays *relays = parsed(lines, NULL);
    const struct spam_relay *relay = relays->all->len > 0 ? g_ptr_array_index(relays->all, 0) : NULL;
    char *text = g_strdup(relay != NULL             ? relay->as_string->str
                          : relays->unparseable > 0 ? "unparseable"
                                                    : "ignored");

    spam_relays_free(relays);
    return text;
}

static void
test_forms(void **state)
{
    static const char *const cases[][2] = {
        {"from a.example (b.example [192.0.2.1])\n\tby mx.example (Postfix) with ESMTPSA id 9XY for <x@y>; "
         "Tue, 1 Apr 2003 15:04:55 +0100",
         "[ ip=192.0.2.1 rdns=b.example helo=a.example by=mx.example ident= envfrom= intl=1 id=9XY "
         "auth=ESMTPSA msa=0 ]"},
        {"from a (unknown [192.0.2.1]) by mx (Postfix) with SMTP id 9XY (envelope-from <u@v.example>)",
         "[ ip=192.0.2.1 rdns= helo=a by=mx ident= envfrom=u@v.example intl=0 id=9XY auth= msa=0 ]"},
        {"from c.example ([IPv6:2001:db8::2] helo=d.example ident=me) by e with esmtp (Exim 4.96) id 1GI-0",
         "[ ip=2001:db8::2 rdns=c.example helo=d.example by=e ident=me envfrom= intl=0 id=1GI-0 auth= msa=0 "
         "]"},
        {"from f.example (HELO g) (who@192.0.2.3) by h with SMTP; 1 Apr 2003 15:04:55 -0000",
         "[ ip=192.0.2.3 rdns=f.example helo=g by=h ident=who envfrom= intl=0 id= auth= msa=0 ]"},
        {"from i (IDENT:root@j.example [::ffff:192.0.2.4]) by k (8.1/8.1) id 7XY",
         "[ ip=192.0.2.4 rdns=j.example helo=i by=k ident=root envfrom= intl=0 id=7XY auth= msa=0 ]"},
        {"from o.example ([192.0.2.6] verified) by p.example (account u) by (CommuniGate Pro SMTP 5.1.13) with ESMTP id 9777",
         "[ ip=192.0.2.6 rdns=o.example helo=o.example by=p.example ident= envfrom= intl=1 id=9777 auth=Communigate msa=0 ]"},
        {"from o.example ([192.0.2.6] verified) by p.example (other) with ESMTP id 9777",
         "[ ip=192.0.2.6 rdns= helo=o.example by=p.example ident= envfrom= intl=0 id=9777 auth= msa=0 ]"},
        {"FROM [192.168.1.24] (l.example [192.0.2.5]) BY m.example ID 43.5 ; 11 Oct 2005 01:40:33 -0400",
         "[ ip=192.0.2.5 rdns=l.example helo=!192.168.1.24! by=m.example ident= envfrom= intl=0 id=43.5 "
         "auth= msa=0 ]"},
        {"by n.example (bulk_mailer v1.13); Wed, 26 Mar 2003 20:44:41 -0600", "ignored"},
        {"from localhost (mailnull@localhost) by x.example (8.12.6/8.9.3) with SMTP id h2R2; Wed, 26 Mar "
         "2003 20:44:44 -0600",
         "ignored"},
        {"from o.example by p.example ; Thu, 20 Feb 2003 23:32:58 +0100", "ignored"},
        {"from q with nothing that says more", "unparseable"},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = hop(cases[i][0]);
        assert_string_equal(text, cases[i][1]);
    }
}

static const char *const trail[] = {
    "from a (a.example [10.0.0.1]) by b (Postfix) with ESMTP id 1",
    "from c (c.example [192.0.2.1]) by a (Postfix) with ESMTP id 2",
    "from d (d.example [198.51.100.1]) by c (Postfix) with ESMTP id 3",
    NULL,
};

static void
test_trust_is_guessed(void **state)
{
    struct spam_relays *relays = parsed(trail, NULL);

    (void)state;
    assert_int_equal(relays->trusted->len, 1);
    assert_int_equal(relays->internal->len, 1);
    assert_int_equal(relays->untrusted->len, 2);
    assert_int_equal(relays->last_trusted_index, 0);
    assert_true(g_str_has_prefix(relays->trusted_text->str, "[ ip=10.0.0.1 "));
    assert_non_null(strstr(relays->trusted_text->str, " intl=1 "));
    assert_non_null(strstr(relays->untrusted_text->str, " ] [ ip=198.51.100.1 "));
    spam_relays_free(relays);
}

static struct relay_networks *
networks(const char *const *entries)
{
    struct relay_networks *set = relay_networks_new();

    for (; *entries != NULL; entries++)
        assert_true(relay_networks_add(set, *entries, NULL));
    return set;
}

static void
test_trust_is_set(void **state)
{
    static const char *const ours[] = {"10.", "192.0.2.0/24", NULL}, *const inner[] = {"10.0.0.0/8", NULL},
                             *const msa[] = {"192.0.2.1", NULL};
    struct relay_networks *trusted = networks(ours), *internal = networks(inner), *agents = networks(msa);
    struct relays_options options = {
        .trusted = trusted, .internal = internal, .trusted_configured = TRUE, .internal_configured = TRUE};
    struct spam_relays *relays = parsed(trail, &options);

    (void)state;
    assert_int_equal(relays->trusted->len, 2);
    assert_int_equal(relays->internal->len, 1);
    assert_int_equal(relays->external->len, 2);
    spam_relays_free(relays);
    options.msa = agents; /* what is before a submission agent is trusted with it */
    relays = parsed(trail, &options);
    assert_int_equal(relays->trusted->len, 3);
    assert_non_null(strstr(relays->trusted_text->str, " msa=1 "));
    spam_relays_free(relays);
    relay_networks_free(trusted);
    relay_networks_free(internal);
    relay_networks_free(agents);
}

static void
test_fetcher_starts_anew(void **state)
{
    static const char *const lines[] = {
        "from a (a.example [10.0.0.1]) by b (Postfix) with ESMTP id 1",
        "from pop.example (192.0.2.7) by b with POP3; 14 Apr 2010 11:14:29 -0000",
        "from c (c.example [192.0.2.1]) by a (Postfix) with ESMTP id 2", NULL};
    struct spam_relays *relays = parsed(lines, NULL);

    (void)state;
    assert_int_equal(relays->trusted->len, 0);
    assert_int_equal(relays->untrusted->len, 1);
    assert_int_equal(relays->last_trusted_index, 1); /* lines count all the same */
    spam_relays_free(relays);
}

static void
test_qmail_scanner_tells_of_the_next_hop(void **state)
{
    static const char *const lines[] = {"from 192.0.2.9 by a (envelope-from <l@m.example>, uid 502) with "
                                        "qmail-scanner-1.24 (x); 06 Feb 2005 21:11:38 -0000",
                                        "from c (c.example [192.0.2.1]) by a (Postfix) with ESMTP id 2",
                                        NULL};
    struct spam_relays *relays = parsed(lines, NULL);

    (void)state;
    assert_int_equal(relays->untrusted->len, 1);
    assert_non_null(strstr(relays->untrusted_text->str, " envfrom=l@m.example "));
    spam_relays_free(relays);
}

static void
test_originating_ip(void **state)
{
    static const char *const values[] = {"[192.0.2.8]\n", "none\n", NULL};
    g_autoptr(GPtrArray) originating = values_of(values);
    struct relays_options options = {0};
    struct spam_relays *relays = relays_parse(NULL, originating, &options);

    (void)state;
    assert_int_equal(relays->untrusted->len, 1);
    assert_true(g_str_has_prefix(relays->untrusted_text->str, "[ ip=192.0.2.8 rdns= helo="));
    spam_relays_free(relays);
}

static void
test_header_ranges(void **state)
{
    static const char *const texts[] = {"X-A: 1\n",      "Received: x\n", "X-B: 2\n",
                                        "Received: y\n", "X-C: 3\n",      NULL};
    g_autoptr(GPtrArray) lines = values_of(texts);
    struct spam_relays *relays = parsed(trail, NULL); /* the first hop is trusted */
    GPtrArray *found = relays_headers(relays, RELAYS_ALL_TRUSTED, lines);

    (void)state;
    assert_int_equal(found->len, 4); /* up to the first line that isn't */
    g_ptr_array_unref(found);
    found = relays_headers(relays, RELAYS_ALL_UNTRUSTED, lines);
    assert_int_equal(found->len, 2);
    assert_ptr_equal(g_ptr_array_index(found, 0), g_ptr_array_index(lines, 3));
    g_ptr_array_unref(found);
    spam_relays_free(relays);
}

static const GPtrArray *
get(gpointer message, const char *name)
{
    return g_hash_table_lookup(message, name);
}

static void
put(GHashTable *message, const char *name, const char *value)
{
    const char *values[] = {value, NULL};

    g_hash_table_replace(message, g_strdup(name), values_of(values));
}

static void
assert_sender(const char *const *lines, GHashTable *message, const char *expected)
{
    struct spam_headers headers = {.get = get, .message = message};
    struct spam_relays *relays = parsed(lines, NULL);
    g_autofree char *sender = relays_envelope_from(relays, &headers, NULL);

    if (expected == NULL) {
        assert_null(sender);
    } else {
        assert_non_null(sender);
        assert_string_equal(sender, expected);
    }
    spam_relays_free(relays);
}

static void
test_envelope_from(void **state)
{
    static const char *const told[] = {
        "from a (b.example [192.0.2.1]) by c (Postfix) with SMTP id 1 (envelope-from <u@v.example>)", NULL};
    g_autoptr(GHashTable) message =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);

    (void)state;
    assert_sender(told, message, "u@v.example");
    assert_sender(trail, message, NULL);
    put(message, "Return-Path:first:addr", "r@p.example");
    put(message, "ALL", "Return-Path: <r@p.example>\nReceived: x\n");
    assert_sender(trail, message, "r@p.example");
    put(message, "ALL", "Received: x\nreturn-path: <r@p.example>\n"); /* another envelope's */
    assert_sender(trail, message, NULL);
    put(message, "ALL", "X: y\n");
    put(message, "X-Sender:first:addr", "a@list.example");
    put(message, "Received", "by localhost with POP3 (fetchmail-6.2.0)\n");
    assert_sender(trail, message, NULL);
}

static void
test_configured_sender_header(void **state)
{
    g_autoptr(GHashTable) message =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    struct spam_headers headers = {.get = get, .message = message};
    struct spam_relays *relays = parsed(trail, NULL);

    (void)state;
    put(message, "Return-Path:first:addr", "r@p.example");
    assert_null(relays_envelope_from(relays, &headers, "X-Env"));
    put(message, "X-Env:first:addr", "e@p.example");
    g_autofree char *sender = relays_envelope_from(relays, &headers, "X-Env");
    assert_string_equal(sender, "e@p.example");
    spam_relays_free(relays);
}

static void
assert_synthetic(const struct relays_session *session, const char *expected)
{
    g_autofree char *line = relays_synthetic_received(session), *text = hop(line);

    assert_string_equal(text, expected);
}

static void
test_synthetic(void **state)
{
    struct relays_session session = {.client_ip = "192.0.2.1",
                                     .client_name = "a.example",
                                     .helo = "b.example",
                                     .mta_name = "mx.example",
                                     .queue_id = "4XYZ",
                                     .mail_from = "u@v.example",
                                     .time = 1500000000};

    (void)state;
    assert_synthetic(&session, "[ ip=192.0.2.1 rdns=a.example helo=b.example by=mx.example ident= "
                               "envfrom=u@v.example intl=0 id=4XYZ auth= msa=0 ]");
    session.auth_user = "me";
    session.tls = TRUE;
    session.client_ip = "2001:db8::1";
    session.client_name = "unknown";
    assert_synthetic(&session, "[ ip=2001:db8::1 rdns= helo=b.example by=mx.example ident= "
                               "envfrom=u@v.example intl=1 id=4XYZ auth=ESMTPSA msa=0 ]");
}

/* Nothing that a client may say makes another line of it. */
static void
test_synthetic_is_not_misled(void **state)
{
    static const char *const names[] = {"Exim",         "envelope-from=x@y",
                                        "return-path:", "x) by evil (Postfix) with ESMTPA",
                                        "a\nb",         "",
                                        "helo=other",   "[192.0.2.77]",
                                        "<unknown>",    "x@y",
                                        "with",         "(HELO",
                                        "IDENT:root@z", "from"};
    struct relays_session session = {
        .client_ip = "192.0.2.1", .client_name = "a.example", .mta_name = "mx.example", .queue_id = "4XYZ"};

    (void)state;
    for (guint i = 0; i < 2 * G_N_ELEMENTS(names); i++) {
        g_autofree char *line = NULL;
        const char *lines[] = {NULL, NULL};
        struct spam_relays *relays;
        const struct spam_relay *relay;

        session.helo = i % 2 ? names[i / 2] : "b";
        session.mail_from = i % 2 ? "u@v" : names[i / 2];
        lines[0] = line = relays_synthetic_received(&session);
        relays = parsed(lines, NULL);
        assert_int_equal(relays->untrusted->len, 1);
        relay = g_ptr_array_index(relays->untrusted, 0);
        assert_string_equal(relay->ip, "192.0.2.1");
        assert_string_equal(relay->rdns, "a.example");
        assert_string_equal(relay->by, "mx.example");
        assert_string_equal(relay->ident, "");
        assert_int_equal(relay->auth->len, 0);
        assert_true(i % 2 == 0 || strcmp(relay->envfrom, "u@v") == 0);
        spam_relays_free(relays);
    }
}

static void
test_networks(void **state)
{
    static const char *const entries[] = {
        "!10.1.2.3",       "10.1/16",        "192.168.", "172.16.0.0/255.240.0.0",
        "[2001:db8::]/32", "fe80::%eth0/10", NULL};
    static const char *const bad[] = {
        "", "x", "1.2.3.4.5", "1.2.3.4/33", "::1/129", "1.2.3.4-1.2.3.9", "300.1.1.1", "1.2.3.4/255.0.255.0"};
    struct relay_networks *set = networks(entries);

    (void)state;
    assert_true(relay_networks_contain(set, "10.1.9.9"));
    assert_false(relay_networks_contain(set, "10.1.2.3"));
    assert_false(relay_networks_contain(set, "10.2.0.1"));
    assert_true(relay_networks_contain(set, "192.168.77.1"));
    assert_true(relay_networks_contain(set, "172.31.0.1"));
    assert_false(relay_networks_contain(set, "172.32.0.1"));
    assert_true(relay_networks_contain(set, "2001:db8:1::1"));
    assert_true(relay_networks_contain(set, "::ffff:192.168.1.1"));
    assert_true(relay_networks_contain(set, "fe80::1"));
    assert_false(relay_networks_contain(set, "name"));
    assert_false(relay_networks_contain(NULL, "10.1.9.9"));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        assert_false(relay_networks_add(set, bad[i], &error));
        assert_non_null(error);
    }
    relay_networks_free(set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_trust_is_guessed),
        cmocka_unit_test(test_trust_is_set),
        cmocka_unit_test(test_fetcher_starts_anew),
        cmocka_unit_test(test_qmail_scanner_tells_of_the_next_hop),
        cmocka_unit_test(test_originating_ip),
        cmocka_unit_test(test_header_ranges),
        cmocka_unit_test(test_envelope_from),
        cmocka_unit_test(test_configured_sender_header),
        cmocka_unit_test(test_synthetic),
        cmocka_unit_test(test_synthetic_is_not_misled),
        cmocka_unit_test(test_networks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
