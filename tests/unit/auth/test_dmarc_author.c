/* test_dmarc_author.c: the author domain: what names one, and every From that two readers may read differently. */
#include "lib/mail/auth/dmarc.h"
#include "tests/unit/base/test.h"

static void
author_of(const char *text, gsize length, struct dmarc_author *author)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, length);
    struct message *message = message_new(bytes, NULL);

    dmarc_author(message, author);
    message_free(&message);
    assert_true((author->outcome == AUTH_PASS) == (author->domain != NULL));
    assert_true((author->outcome == AUTH_PASS) == (author->why == NULL));
}

/* value of one From field; expected: the domain, or why there is none. */
static void
assert_author(const char *value, gssize length, enum auth_result outcome, const char *expected)
{
    struct dmarc_author author;
    GString *text = g_string_new("To: x@to.example\r\nfrom :");

    g_string_append_len(text, value, length >= 0 ? length : (gssize)strlen(value));
    g_string_append(text, "\r\nSubject: s\r\n\r\nFrom: body@body.example\r\n");
    author_of(text->str, text->len, &author);
    if (author.outcome != outcome || g_strcmp0(author.domain != NULL ? author.domain : author.why, expected) != 0)
        fail_msg("%s: %s, %s", value, auth_result_name(author.outcome), author.domain != NULL ? author.domain : author.why);
    g_string_free(text, TRUE);
    dmarc_author_clear(&author);
}

static void
test_authors(void **state)
{
    static const struct {
        const char *value, *domain;
    } cases[] = {
        {" a@Example.COM", "example.com"},
        {"a@example.com.", "example.com"},
        {" <a@example.com>", "example.com"},
        {" Joe <a@example.com> (c)", "example.com"},
        {" a@example.com (Joe (x) =?utf-8?q?y?=)", "example.com"},
        {"\r\n \"Doe, Joe\" <a@example.com>\r\n ", "example.com"},
        {" Doe, Joe <a@example.com>", "example.com"},
        {" \"a@b\"@example.com", "example.com"},
        {" <\"a@b > c\"@example.com>", "example.com"},
        {" J\xc3\xb6 <a@b\xc3\xbc"
         "cher.example>",
         "xn--bcher-kva.example"},
        {" Big5 \xa4\xa4 <a@example.com>", "example.com"},
        {" a@x.example, B <b@X.example.>", "x.example"},
        {" a@b\xc3\xbc"
         "cher.example, b@XN--bcher-kva.example",
         "xn--bcher-kva.example"},
        {" Team: a@example.com, b@example.com;", "example.com"},
        /* display names that look like addresses */
        {" \"ceo@bank.example\" <x@evil.example>", "evil.example"},
        {" ceo@bank.example <x@evil.example>", "evil.example"},
        {" \"ceo@bank.example <ceo@bank.example>\" <x@evil.example>", "evil.example"},
        {" =?utf-8?q?ceo=40bank=2Eexample?= <x@evil.example>", "evil.example"},
        {" =?utf-8?b?Y2VvQGJhbmsuZXhhbXBsZSA8Y2VvQGJhbmsuZXhhbXBsZT4=?= <x@evil.example>", "evil.example"},
        {" \"=?utf-8?q?ceo=40bank.example?=\" <x@evil.example>", "evil.example"},
        {" (ceo@bank.example) x@evil.example", "evil.example"},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_author(cases[i].value, -1, AUTH_PASS, cases[i].domain);
}

static void
test_no_domain(void **state)
{
    (void)state;
    assert_author(" a@[192.0.2.1]", -1, AUTH_NONE, "From: an address literal");
    assert_author(" a@[IPv6:2001:db8::1]", -1, AUTH_NONE, "From: an address literal");
    assert_author(" undisclosed-senders:;", -1, AUTH_NONE, "From: a group without addresses");
    assert_author(" =?utf-8?q?Group?=:;", -1, AUTH_NONE, "From: a group without addresses");
    assert_author("", -1, AUTH_PERMERROR, "From: no address");
    assert_author(" root", -1, AUTH_PERMERROR, "From: no address");
    assert_author(" a@192.0.2.1", -1, AUTH_PERMERROR, "From: the domain is no domain name");
    assert_author(" a@b..example", -1, AUTH_PERMERROR, "From: the domain is no domain name");
    assert_author(" a@", -1, AUTH_PERMERROR, "From: the domain is no domain name");
}

/* "Composition Kills": each of these was read as two different addresses by a filter and a mail program. */
static void
test_two_readings(void **state)
{
    static const struct {
        const char *value, *why;
    } cases[] = {
        {" <a@bank.example> <b@evil.example>", "From: two addresses that no comma parts"},
        {" <a@bank.example><b@evil.example>", "From: two addresses that no comma parts"},
        {" <a@bank.example <b@evil.example>>", "From: not an address in <>"},
        {" <a@bank.example>b@evil.example", "From: text after an address"},
        {" <a@bank.example> \"b\"", "From: text after an address"},
        {" <@bank.example:b@evil.example>", "From: not an address in <>"},
        {" <a@bank.example,b@evil.example>", "From: not an address in <>"},
        {" <a@bank.example b@evil.example>", "From: not an address in <>"},
        {" <a@evil.example(@bank.example)>", "From: not an address in <>"},
        {" <a@bank .example>", "From: not an address in <>"},
        {" <a\\@bank.example>", "From: not an address in <>"},
        {" <a@b@evil.example>", "From: not an address in <>"},
        {" <root>", "From: no address in <>"},
        {" <>", "From: no address in <>"},
        {" <a@bank.example", "From: a < is not closed"},
        {" a@bank.example>", "From: a > too many"},
        {" a@bank.example b@evil.example", "From: text beside an address without <>"},
        {" a@bank.example foo", "From: text beside an address without <>"},
        {" foo a@bank.example", "From: text beside an address without <>"},
        {" a@bank(x).example", "From: text beside an address without <>"},
        {" a@ba\"nk.ex\"ample", "From: text beside an address without <>"},
        {" <a@ba\"nk.ex\"ample>", "From: the domain is no domain name"},
        {" a@b@evil.example", "From: text beside an address without <>"},
        {" \"Joe <a@bank.example>", "From: a quote is not closed"},
        {" Joe (x <a@bank.example>", "From: a comment is not closed"},
        {" <\"a@bank.example>", "From: a quote is not closed"},
        {" <=?utf-8?b?YUBiYW5rLmV4YW1wbGU=?=@evil.example>", "From: an encoded word in an address"},
        {" =?utf-8?q?a?=@evil.example", "From: an encoded word in an address"},
        {" \"=?utf-8?q?a?=\"@evil.example", "From: an encoded word in an address"},
        {" <\"=?utf-8?q?a\"@evil.example>", "From: an encoded word in an address"},
        {" =?utf-8?q?a=40bank.example?=", "From: an encoded word in place of an address"},
        {" =?utf-8?q?a=40bank.example?=, b@evil.example", "From: an encoded word in place of an address"},
        {" \"a@bank.example\"", "From: a quoted text in place of an address"},
        {" \"a@bank\".example", "From: a quoted text in place of an address"},
        {" \"a@bank.example\", b@bank.example", "From: a quoted text in place of an address"},
        {" a@b\xa4\x40.example", "From: text beside an address without <>"},
        {" <a\xa4@evil.example>", "From: an address is not UTF-8"},
        {" a\xa4@evil.example", "From: an address is not UTF-8"},
        {" G: H: a@bank.example;;", "From: a group in a group"},
        {" a@bank.example, b@evil.example", "From: authors in different domains"},
        {" a@bank.example, b@sub.bank.example", "From: authors in different domains"},
        {" G: a@bank.example; b@evil.example", "From: authors in different domains"},
        {" a@bank.example, b@[192.0.2.1]", "From: authors in different domains"},
        {" a@bank.example\x01", "From: a control character"},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_author(cases[i].value, -1, AUTH_PERMERROR, cases[i].why);
    assert_author(" a@bank.example\0, b@evil.example", 32, AUTH_PERMERROR, "From: a control character");
}

/* CVE-2019-16378 and CVE-2021-34555: several From fields, or several authors in one. */
static void
test_cve_2019_16378_several_from_fields(void **state)
{
    static const char *const texts[] = {"From: a@bank.example\r\nFrom: b@evil.example\r\n\r\n",
                                        "From: a@bank.example\r\nX: y\r\nFROM : a@bank.example\r\n\r\n",
                                        "From:\r\nFrom: b@evil.example\r\n\r\n"};
    struct dmarc_author author;

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        author_of(texts[i], strlen(texts[i]), &author);
        assert_int_equal(author.outcome, AUTH_PERMERROR);
        assert_string_equal(author.why, "several From fields");
    }
    author_of("To: a@b.example\r\n\r\nFrom: a@b.example\r\n", 38, &author);
    assert_int_equal(author.outcome, AUTH_PERMERROR);
    assert_string_equal(author.why, "no From field");
}

static void
test_cve_2021_34555_many_authors(void **state)
{
    GString *value = g_string_new(" a@x.example");

    (void)state;
    for (guint i = 1; i < DMARC_AUTHORS_MAX; i++)
        g_string_append(value, ", a@x.example");
    assert_author(value->str, -1, AUTH_PASS, "x.example");
    g_string_append(value, ", a@x.example");
    assert_author(value->str, -1, AUTH_PERMERROR, "From: too many authors");
    g_string_free(value, TRUE);
}

static void
test_huge(void **state)
{
    GString *value = g_string_new(NULL);
    g_autofree char *filler = g_strnfill(1023 - strlen("@bank.example"), 'x'), *space = g_strnfill(DMARC_FROM_MAX, ' ');

    (void)state;
    /* address.h cuts at 1,024 bytes: what is left would be an address at another domain. */
    g_string_printf(value, " <x%s@bank.example.evil.example>", filler);
    assert_author(value->str, -1, AUTH_PERMERROR, "From: an address is too long");
    g_string_printf(value, " x%s@bank.example.evil.example", filler);
    assert_author(value->str, -1, AUTH_PERMERROR, "From: an address is too long");
    g_string_printf(value, "%s<a@x.example>", space);
    assert_author(value->str, -1, AUTH_PERMERROR, "From: too long");
    assert_author(value->str + strlen("<a@x.example>\r\n"), -1, AUTH_PASS, "x.example");
    g_string_assign(value, "");
    while (value->len < (1 << 20))
        g_string_append(value, " a@x.example,\r\n");
    assert_author(value->str, -1, AUTH_PERMERROR, "the header is too long to be read whole");
    g_string_truncate(value, 0);
    while (value->len < 60000)
        g_string_append(value, "((((<<<<\"\"");
    assert_author(value->str, -1, AUTH_PERMERROR, "From: a comment is not closed");
    g_string_free(value, TRUE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authors),
        cmocka_unit_test(test_no_domain),
        cmocka_unit_test(test_two_readings),
        cmocka_unit_test(test_cve_2019_16378_several_from_fields),
        cmocka_unit_test(test_cve_2021_34555_many_authors),
        cmocka_unit_test(test_huge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
