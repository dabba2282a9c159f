/* test_lists.c: globs, welcome and block lists, bounces. */
#include "tests/unit/spam/scan_test.h"
#include "lib/spam/eval/glob_list.h"
#include "lib/spam/eval/message_addresses.h"

static gboolean
has(enum glob_kind kind, const char *glob, const char *text)
{
    struct glob_list *list = glob_list_new(kind);
    gboolean found;

    glob_list_add(list, "other@else.where", NULL);
    glob_list_add(list, glob, NULL);
    found = glob_list_has(list, text, strlen(text));
    glob_list_free(list);
    return found;
}

static void
test_globs(void **state)
{
    (void)state;
    assert_true(has(GLOB_ADDRESS, "*@x.com", "a@x.com"));
    assert_false(has(GLOB_ADDRESS, "*@x.com", "a@y.x.com"));
    assert_true(has(GLOB_ADDRESS, "a@*", "a@x.com"));
    assert_false(has(GLOB_ADDRESS, "a@*", "b@x.com"));
    assert_true(has(GLOB_ADDRESS, "*", ""));
    assert_true(has(GLOB_ADDRESS, "?b*d@x.???", "abcdd@x.com"));
    assert_false(has(GLOB_ADDRESS, "?@x.com", "@x.com"));
    assert_true(has(GLOB_ADDRESS, "*a*b*", "xxaxxbxx"));
    assert_false(has(GLOB_ADDRESS, "*a*b*", "xxbxxaxx"));
    assert_true(has(GLOB_ADDRESS, "*@x.com", "a@x.com\n")); /* as "$" has it */
    assert_false(has(GLOB_ADDRESS, "*@x.com", "a\nb@x.com"));
    /* "(" counts as "_", but a text as written matches */
    assert_true(has(GLOB_ADDRESS, "a(b@x", "a_b@x"));
    assert_true(has(GLOB_ADDRESS, "a(b@x", "a(b@x"));
    assert_false(has(GLOB_PATTERN, "a(b@x", "a(b@x"));
    assert_true(has(GLOB_EXACT, "*@x", "*@x"));
    assert_false(has(GLOB_EXACT, "*@x", "a@x"));
    /* a domain's "*" stays within a label, "?" does not */
    assert_true(has(GLOB_DOMAIN, "yahoo.*", "yahoo.fr"));
    assert_false(has(GLOB_DOMAIN, "yahoo.*", "yahoo.co.uk"));
    assert_true(has(GLOB_DOMAIN, "yahoo.co*.*", "yahoo.com.tw"));
    assert_true(has(GLOB_DOMAIN, "*?*.x", "a.b.x"));
}

/* A hostile address against globs that make the most of it. */
static void
test_globs_are_bounded(void **state)
{
    struct glob_list *list = glob_list_new(GLOB_ADDRESS), *domains = glob_list_new(GLOB_DOMAIN);
    g_autofree char *text = g_strnfill(60000, 'a'), *longer = g_strnfill(GLOB_TEXT_MAX + 1, 'a');

    (void)state;
    glob_list_add(list, "*a*a*a*a*a*a*b", NULL);
    glob_list_add(domains, "*a*a*a*a*b*a*", NULL);
    assert_false(glob_list_has(list, text, strlen(text)));
    assert_false(glob_list_has(domains, text, strlen(text)));
    glob_list_add(list, "*", NULL);
    assert_true(glob_list_has(list, text, strlen(text)));
    assert_false(glob_list_has(list, longer, strlen(longer)));
    glob_list_free(list);
    glob_list_free(domains);
}

#define FROM "From: a@x.com\nSubject: s\n\nb\n"

static void
test_from_and_to(void **state)
{
    (void)state;
    assert_true(scanned("blocklist_from *@X.com\nheader X eval:check_from_in_blocklist()", FROM) == 1);
    assert_true(scanned("header X eval:check_from_in_blocklist()", FROM) == 0);
    assert_true(scanned("blacklist_from *@x.com\nunblocklist_from *@x.com\nheader X eval:check_from_in_blacklist()", FROM) == 0);
    assert_true(scanned("enlist_addrlist (L) a@*\nheader X eval:check_from_in_list('L')", FROM) == 1);
    assert_true(scanned("header X eval:check_from_in_list('NONE')", FROM) == 0);
    assert_true(scanned("enlist_addrlist (L) r@*\nheader X eval:check_replyto_in_list('L')", "Reply-To: r@x.com\n" FROM) == 1);
    assert_true(scanned("enlist_addrlist (L) *\nheader X eval:check_replyto_in_list('L')", FROM) == 0);
    assert_true(scanned("more_spam_to c@d.de\nheader X eval:check_to_in_more_spam()", "Cc: c@d.de\n" FROM) == 1);
    assert_true(scanned("all_spam_to c@d.de\nheader X eval:check_to_in_all_spam()",
                        "Received: from a by b for <c@d.de>; x\n" FROM) == 1);
    /* Resent- fields count alone */
    assert_true(scanned("blocklist_from a@x.com\nheader X eval:check_from_in_blocklist()", "Resent-From: r@r.de\n" FROM) == 0);
    assert_true(scanned("blocklist_to c@d.de\nheader X eval:check_to_in_blocklist()", "Resent-To: e@f.de\nTo: c@d.de\n" FROM) == 0);
    /* dots that are too many */
    assert_true(scanned("blocklist_from a@x.com\nheader X eval:check_from_in_blocklist()", "From: a@x..com\n\nb\n") == 1);
}

#define HOP(name, ip) "Received: from h (" name " [" ip "]) by mx.me.de (Postfix) with ESMTP id 1; Mon, 1 Jan 2024 10:00:00 +0000\n"
#define LISTED "header X eval:check_from_in_welcomelist()"
#define FORGED "header X eval:check_forged_in_welcomelist()"

static void
test_from_a_host(void **state)
{
    const char *list = "welcomelist_from_rcvd *@x.com good.net\n" LISTED, *forged = "welcomelist_from_rcvd *@x.com good.net\n" FORGED;

    (void)state;
    assert_true(scanned(list, HOP("mail.GOOD.net", "1.2.3.4") FROM) == 1);
    assert_true(scanned(list, HOP("notgood.net", "1.2.3.4") FROM) == 0);
    assert_true(scanned(list, FROM) == 0);
    assert_true(scanned(forged, FROM) == 0); /* no hop: nothing is known */
    assert_true(scanned(forged, HOP("bad.net", "1.2.3.4") FROM) == 1);
    assert_true(scanned(forged, HOP("good.net", "1.2.3.4") FROM) == 0);
    assert_true(scanned("welcomelist_allows_relays a@*\nwelcomelist_from_rcvd *@x.com good.net\n" FORGED, HOP("bad.net", "1.2.3.4") FROM) == 0);
    assert_true(scanned("def_welcomelist_from_rcvd *@x.com bad.net\nwelcomelist_from_rcvd *@x.com good.net\n" FORGED,
                        HOP("bad.net", "1.2.3.4") FROM) == 0);
    /* only the newest hop outside counts */
    assert_true(scanned(list, HOP("bad.net", "1.2.3.4") HOP("good.net", "5.6.7.8") FROM) == 0);
    assert_true(scanned("welcomelist_from_rcvd *@x.com [1.2.3.4]\n" LISTED, HOP("b.net", "1.2.3.4") FROM) == 1);
    assert_true(scanned("welcomelist_from_rcvd *@x.com [1.2.3]\n" LISTED, HOP("b.net", "1.2.3.4") FROM) == 1);
    assert_true(scanned("welcomelist_from_rcvd *@x.com [1.2]\n" LISTED, HOP("b.net", "1.20.3.4") FROM) == 0);
    assert_true(scanned("welcomelist_from_rcvd *@x.com [1.2.3.0]/24\n" LISTED, HOP("b.net", "1.2.3.4") FROM) == 1);
    assert_true(scanned("welcomelist_from_rcvd *@x.com [2001:db8::]/32\n" LISTED, HOP("b.net", "IPv6:2001:db8::7") FROM) == 1);
    assert_true(scanned("welcomelist_from_rcvd *@x.com [nonsense]\n" LISTED, HOP("b.net", "1.2.3.4") FROM) == 0);
    assert_true(scanned("welcomelist_from *@x.com\n" LISTED, FROM) == 1);
}

static void
test_uri_hosts(void **state)
{
    const char *mail = "Subject: s\n\nhttp://www.a.example.com/ http://1.2.3.4/ mailto:x@gone.org\n";

    (void)state;
    assert_true(scanned("blocklist_uri_host example.com\nheader X eval:check_uri_host_in_blocklist()", mail) == 1);
    assert_true(scanned("blocklist_uri_host com !example.com\nheader X eval:check_uri_host_in_blocklist()", mail) == 0);
    assert_true(scanned("welcomelist_uri_host 1.2.3.4\nheader X eval:check_uri_host_in_welcomelist()", mail) == 1);
    assert_true(scanned("enlist_uri_host (L) 3.4\nheader X eval:check_uri_host_listed('L')", mail) == 0);
    assert_true(scanned("enlist_uri_host (L) gone.org\nheader X eval:check_uri_host_listed('L')", mail) == 0); /* addresses don't count */
    assert_true(scanned("enlist_uri_host (L) com\nheader X eval:check_uri_host_listed('M')", mail) == 0);
}

static void
test_subjects(void **state)
{
    (void)state;
    assert_true(scanned("welcomelist_subject [Bug ?*]\nheader X eval:check_subject_in_welcomelist()", "Subject: Re: [bug 12] x\n\nb\n") == 1);
    assert_true(scanned("welcomelist_subject [Bug ?*]\nheader X eval:check_subject_in_welcomelist()", "Subject: Re: bug 12\n\nb\n") == 0);
    assert_true(scanned("blocklist_subject a*b\nheader X eval:check_subject_in_blocklist()", "Subject: xAyBz\n\nb\n") == 1);
    assert_true(scanned("blocklist_subject a*b\nheader X eval:check_subject_in_blocklist()", "Subject: a\nSubject: b\n\nb\n") == 0);
    assert_true(scanned("blocklist_subject *\nheader X eval:check_subject_in_blocklist()", "From: a@x.com\n\nb\n") == 0);
}

static void
test_bounces(void **state)
{
    const char *rule = "welcomelist_bounce_relays mail*.x.com\nbody X eval:check_welcomelist_bounce_relays()";

    (void)state;
    assert_true(scanned("body X eval:have_any_bounce_relays()", FROM) == 0);
    assert_true(scanned("welcomelist_bounce_relays x\nbody X eval:have_any_bounce_relays()", FROM) == 1);
    assert_true(scanned(rule, "Subject: s\n\nSorry.\n\n> Received: by Mail2.x.com (Postfix)\n") == 1);
    assert_true(scanned(rule, "Subject: s\n\nSorry.\n\nReceived: by mail2.y.com (Postfix)\n") == 0);
    assert_true(scanned(rule, "Subject: s\n\nthe mail2.x.com (Postfix)\n") == 0);
    /* in an attached message, folded */
    assert_true(scanned(rule, "Content-Type: message/rfc822\n\nReceived: from a.b.c\n\tby mail2.x.com with x\nSubject: y\n\nb\n") == 1);
    assert_true(scanned(rule, "Content-Type: message/rfc822\n\nSubject: y\n\tby mail2.x.com with x\n\nb\n") == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_globs),       cmocka_unit_test(test_globs_are_bounded), cmocka_unit_test(test_from_and_to),
        cmocka_unit_test(test_from_a_host), cmocka_unit_test(test_uri_hosts),         cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_bounces)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
