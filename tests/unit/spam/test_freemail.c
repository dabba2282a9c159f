/* test_freemail.c: addresses in texts, and rules on those of free providers. */
#include "tests/unit/spam/scan_test.h"
#include "lib/spam/eval/freemail_private.h"
#include "lib/spam/eval/mail_scan.h"

static struct registry *
known(void)
{
    static const char *const tlds[] = {"com", "uk", "de", NULL}, *const none[] = {NULL};

    return registry_new(tlds, none, none);
}

/* All addresses, with "|" between them. */
static char *
found(const char *text)
{
    struct registry *registry = known();
    struct mail_scan scan = {text, strlen(text), registry, 0};
    struct mail_found address;
    GString *all = g_string_new(NULL);

    while (mail_scan_next(&scan, &address)) {
        if (all->len > 0)
            g_string_append_c(all, '|');
        g_string_append_len(all, text + address.start, (gssize)(address.end - address.start));
    }
    registry_free(&registry);
    return g_string_free(all, FALSE);
}

static void
assert_found(const char *text, const char *addresses)
{
    g_autofree char *all = found(text);

    assert_string_equal(all, addresses);
}

static void
test_addresses(void **state)
{
    g_autofree char *long_local = g_strnfill(65, 'a'), *label = g_strnfill(62, 'b');
    g_autofree char *too_long = g_strconcat(long_local, "@x.com", NULL), *parted = g_strconcat(long_local, ".z@x.com", NULL);
    g_autofree char *wide = g_strconcat("a@", label, ".com", NULL);

    (void)state;
    assert_found("a@x.com, <B.c@y.co.uk>", "a@x.com|B.c@y.co.uk");
    assert_found("a..b@x.com", "b@x.com");
    assert_found(".a@x.com a.@x.com", "a@x.com");
    assert_found("a@b@x.com", "b@x.com");
    assert_found("a@x.nowhere a@x.com1 a@x.com- a@com", "");
    assert_found("a@x.com.", "a@x.com");
    assert_found("a@x.com.-", "a@x.com");
    assert_found("a@-x.com a@x-.com a@x..com", "");
    assert_found("a@1.2.3.4.com a@1.2.3.4.5.com", "a@1.2.3.4.com");
    assert_found(too_long, "");
    assert_found(parted, "z@x.com");
    assert_found(wide, "");
    assert_found("a@x.comb@y.com", "x.comb@y.com");
    assert_found("x\xe9""a@x.com", "a@x.com");
}

static void
assert_stripped(const char *text, const char *wanted)
{
    struct registry *registry = known();
    g_autoptr(GString) got = mail_scan_stripped(registry, text, strlen(text));

    assert_string_equal(got->str, wanted);
    registry_free(&registry);
}

static void
test_what_is_quoted(void **state)
{
    (void)state;
    assert_stripped("On Monday <a@x.com> wrote: b@x.com", "On Monday   wrote: b@x.com");
    assert_stripped("a@x.com wrote: hi", "  hi");
    assert_stripped("a@x.com  mail: b@x.com e-mail: c@x.com fax: d@x.com phone:", "a@x.com  mail: b@x.com e-mail: c@x.com fax: d@x.com phone:");
    assert_stripped("a@x.com abcdefghijkl: b@x.com w:", "a@x.com abcdefghijkl: b@x.com w:");
    assert_stripped("mailto:a@x.com> <mailto:b@x.com>", "mailto:a@x.com> <mailto:b@x.com>");
    assert_stripped("mailto:a.b@x.com>", "mailto:a. "); /* its second half begins an address, too */
    assert_stripped("see https://h.com/?u=a@x.com&v now <HTTP://h/%40 x", "see   now   x");
    assert_stripped("http://h.com/ a@x.com", "http://h.com/ a@x.com");
}

/* Long texts that look like much and are nothing. */
static void
test_long_texts(void **state)
{
    g_autofree char *at = g_strnfill(1 << 20, '@'), *dots = g_strnfill(1 << 20, '.');
    g_autoptr(GString) links = g_string_new(NULL);

    (void)state;
    assert_found(at, "");
    assert_found(dots, "");
    for (guint i = 0; i < 50000; i++)
        g_string_append(links, "http://a.b@");
    struct registry *registry = known();
    g_string_free(mail_scan_stripped(registry, links->str, links->len), TRUE);
    registry_free(&registry);
}

static gboolean
is_role(const char *address)
{
    return freemail_is_role(address, strlen(address));
}

static gboolean
is_bulk(const char *sender)
{
    return freemail_is_bulk(sender, strlen(sender));
}

static void
test_names(void **state)
{
    (void)state;
    assert_true(is_role("Info@x.com") && is_role("hostmaster@x") && is_role("undisclosed-recipients@x") && is_role("bounced-@x"));
    assert_true(is_role("request-0123456789abcdef@x") && is_role("01234567.89abcdef@x") && is_role("01234567-89ab-cdef-0123-456789abcdef@x"));
    assert_true(is_role("a=b=c@x"));
    assert_false(is_role("information@x") || is_role("request-0123@x") || is_role("01234567@x") || is_role("a=b@x") || is_role("a==c@x"));
    assert_true(is_bulk("postmaster@x") && is_bulk("owner-l@x") && is_bulk("l-bounces@x") && is_bulk("a=b@x") && is_bulk("grbounce-1@x"));
    assert_true(is_bulk("noreply@x") && is_bulk("no.replies@x") && is_bulk("do_no_reply@x") && is_bulk("dotnoreply@x"));
    /* the pattern that means to take "-" takes "_" to "t" */
    assert_true(is_bulk("notreply@x"));
    assert_false(is_bulk("no-reply@x") || is_bulk("do.not.reply@x") || is_bulk("canoreply@x") || is_bulk("owner-@x") || is_bulk("=b@x") || is_bulk("a@x") || is_bulk(""));
}

#define DOMAINS "freemail_domains free.com yahoo.*\n"

static void
test_rules(void **state)
{
    const char *reply = DOMAINS "header X eval:check_freemail_replyto()", *or_from = DOMAINS "header X eval:check_freemail_replyto('reply')";

    (void)state;
    assert_true(scanned(DOMAINS "header X eval:check_freemail_from()", "From: A@Free.com\n\nb\n") == 1);
    assert_true(scanned(DOMAINS "header X eval:check_freemail_from()", "From: a@yahoo.de\n\nb\n") == 1);
    assert_true(scanned(DOMAINS "header X eval:check_freemail_from()", "From: info@free.com\n\nb\n") == 0);
    assert_true(scanned(DOMAINS "freemail_welcomelist a@free.com\nheader X eval:check_freemail_from()", "From: a@free.com\n\nb\n") == 0);
    assert_true(scanned(DOMAINS "freemail_import_welcomelist_auth 1\nwelcomelist_auth *@free.com\nheader X eval:check_freemail_from()",
                        "From: a@free.com\n\nb\n") == 0);
    assert_true(scanned("header X eval:check_freemail_from()", "From: a@free.com\n\nb\n") == 0);
    assert_true(scanned(DOMAINS "header X eval:check_freemail_from('\\d@')", "From: a1@free.com\n\nb\n") == 1);
    assert_true(scanned(DOMAINS "header X eval:check_freemail_from('\\d@')", "From: a@free.com\n\nb\n") == 0);
    assert_true(scanned(DOMAINS "header X eval:check_freemail_from('(')", "From: a@free.com\n\nb\n") == 0);
    assert_true(scanned(DOMAINS "header X eval:check_freemail_header('X-To', '^b')", "X-To: a@free.com, b@free.com\n\nb\n") == 1);
    assert_true(scanned(reply, "From: a@free.com\nReply-To: b@free.com\n\nb\n") == 1);
    assert_true(scanned(reply, "Return-Path: <l-bounces@x.com>\nFrom: a@free.com\nReply-To: b@free.com\n\nb\n") == 0);
    assert_true(scanned(reply, "From: b@free.com\nReply-To: b@free.com\n\nb\n") == 0);
    assert_true(scanned(reply, "From: a@x.com\nReply-To: b@free.com\n\nwrite to c@free.com\n") == 1);
    assert_true(scanned(reply, "From: a@x.com\nReply-To: b@free.com\n\nwrite to b@free.com\n") == 0);
    assert_true(scanned(reply, "From: a@free.com\n\nwrite to c@free.com\n") == 0);
    assert_true(scanned(or_from, "From: a@free.com\n\nwrite to c@free.com\n") == 1);
    assert_true(scanned(or_from, "From: a@free.com\nReply-To: b@x.com\n\nwrite to c@free.com\n") == 0);
}

static void
test_body(void **state)
{
    const char *rule = DOMAINS "header X eval:check_freemail_body()";

    (void)state;
    assert_true(scanned(rule, "Subject: s\n\nwrite to c@free.com\n") == 1);
    assert_true(scanned(rule, "Subject: s\n\n<c@free.com>\n") == 0);
    assert_true(scanned(rule, "Content-Type: text/html\n\n<a href=\"mailto:C@free.com\">me</a>\n") == 1);
    assert_true(scanned(rule, "Subject: s\n\na@free.com b@free.com c@free.com\n") == 0); /* freemail_max_body_freemails */
    assert_true(scanned(rule, "Subject: s\n\na@free.com 1@x.com 2@x.com 3@x.com 4@x.com\n") == 0);
    assert_true(scanned("freemail_skip_when_over_max 0\n" DOMAINS "header X eval:check_freemail_body()",
                        "Subject: s\n\na@free.com b@free.com c@free.com\n") == 1);
}

/* Body rules see the body as FreeMail leaves it, when it looks at it. */
static void
test_body_is_changed(void **state)
{
    const char *message = "From: a@free.com\n\n<b@x.com> wrote: c@x.com\n";

    (void)state;
    assert_true(scanned("body X /b\\@x/", message) == 1);
    assert_true(scanned(DOMAINS "header Y eval:check_freemail_replyto('reply')\nbody X /b\\@x/", message) == 0);
    assert_true(scanned(DOMAINS "header Y eval:check_freemail_replyto('reply')\nbody X /c\\@x/", message) == 1);
    assert_true(scanned(DOMAINS "header Y eval:check_freemail_replyto('reply')\nscore Y 0\nbody X /b\\@x/", message) == 1);
    assert_true(scanned(DOMAINS "header Y eval:check_freemail_replyto('reply')\nbody X /b\\@x/", "From: a@x.com\n\n<b@x.com>\n") == 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_what_is_quoted), cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_names),     cmocka_unit_test(test_rules),          cmocka_unit_test(test_body),
        cmocka_unit_test(test_body_is_changed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
