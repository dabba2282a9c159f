/* test_header.c: what rules get for the names and modifiers they ask with. */
#include "tests/unit/spam/view_test.h"
#include "lib/spam/view/header.h"
#include "lib/spam/view/registry.h"

static const char message[] =
    "Received: from a (a [192.0.2.7]) by b\nReceived: from c by [IPv6:2001:db8::1]\nReturn-Path: <env@mail.example.com>\n"
    "From: =?utf-8?q?J=C3=B6rg?= <joerg@mail.example.co.uk>\nTo: \"'X  Y'\" <x@y.org>, z@z.net\nCc: c@c.info\n"
    "Subject: =?utf-8?q?=C3=A9?=\n x\nMessage-ID: <1@host.example.com>\nX-Odd: see www.example.com. and foo.notld\n\nbody\n";

static gboolean
is_tld(gpointer data, const char *tld, gsize length)
{
    static const char *const known[] = { "com", "org", "net", "uk", "info" };

    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (strlen(known[i]) == length && g_ascii_strncasecmp(tld, known[i], length) == 0)
            return TRUE;
    return FALSE;
}

static GString *
domain_of(gpointer data, const GString *host)
{
    (void)data;
    return g_string_new(g_str_has_suffix(host->str, "example.co.uk") ? "example.co.uk" : "example.com");
}

static void
add_text(GPtrArray *values, const char *text)
{
    g_ptr_array_add(values, g_bytes_new_static(text, strlen(text)));
}

static gboolean
more(gpointer data, const char *name, gboolean raw, GPtrArray *values)
{
    (void)data;
    if (strcmp(name, "X-Spam-Relays-Untrusted") == 0)
        add_text(values, raw ? "raw relays" : "relays");
    else if (strcmp(name, "X-Languages") == 0)
        add_text(values, "en");
    else
        return FALSE;
    return TRUE;
}

static const struct header_help help = { NULL, is_tld, domain_of, more };

/* "a|b|c" */
static char *
joined_values(const GPtrArray *values)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < values->len; i++) {
        gsize length;
        const char *value = g_bytes_get_data(values->pdata[i], &length);
        assert_non_null(value);
        g_string_append(out, i > 0 ? "|" : "");
        g_string_append_len(out, value, (gssize)length);
    }
    return g_string_free(out, FALSE);
}

static void
check_in(const char *text, const char *request, const char *expected)
{
    struct spam_tree *tree = tree_new(text, strlen(text));
    struct header_view *view = header_view_new(tree, &help, NULL);
    const GPtrArray *values = header_get(view, request);
    g_autofree char *found = joined_values(values);

    assert_string_equal(found, expected);
    assert_ptr_equal(header_get(view, request), values); /* kept */
    header_view_free(&view);
    header_view_free(&view); /* NULL-safe */
    tree_free(&tree);
}

#define check(request, expected) check_in(message, request, expected)

static void
fields(void **state)
{
    (void)state;
    check("subject", "é x\n");
    check("Subject:raw", " =?utf-8?q?=C3=A9?=\n x\n");
    check("Nothing", "");
    check("Received:last", "from c by [IPv6:2001:db8::1]\n");
    check("X-Languages", "en");
    check("X-Spam-Relays-Untrusted", "relays");
}

static void
addresses_and_names(void **state)
{
    (void)state;
    check("From:addr", "joerg@mail.example.co.uk");
    check("From:name", "Jörg");
    check("From:name:raw", "=?utf-8?q?J=C3=B6rg?= ");
    check("To:name", "X Y");
    check("To:addr", "x@y.org|z@z.net");
    check("ToCc:addr", "x@y.org|z@z.net|c@c.info");
    check("From:addr:domain", "example.co.uk");
    check("From:addr:host", "mail.example.co.uk");
    check("MESSAGEID", "<1@host.example.com>\n");
    check("MESSAGEID:host", "host.example.com");
    check("X-Odd:host", "");
}

static void
ip_addresses(void **state)
{
    (void)state;
    check("Received:ip", "192.0.2.7|IPv6:2001:db8::1");
    check("Received:revip", "7.2.0.192");
    check_in("X: 2001:db8::1\n\n", "X:revip", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2");
    check_in("X: 1.2.3.4.5\n\n", "X:ip", "");
}

static void
all(void **state)
{
    (void)state;
    check_in("A: 1\n b\nB:2\n\n", "ALL", "A: 1 b\n|B: 2\n");
    check_in("A: 1\n b\nB:2\n\n", "ALL:raw", "A: 1\n b\n|B:2\n");
    check_in("A: 1\r\nB:2\r\n\r\n", "ALL:raw", "A: 1\r\n|B:2\r\n|\r\n");
}

static void
all_is_limited(void **state)
{
    (void)state;
    g_autofree char *value = g_strnfill(8000, 'v');
    g_autoptr(GString) text = g_string_new("First: 1\n");
    for (int i = 0; i < 10; i++)
        g_string_append_printf(text, "Long: %s\n", value);
    g_string_append(text, "Last: 1\n\n");
    struct spam_tree *tree = tree_new(text->str, text->len);
    struct header_view *view = header_view_new(tree, NULL, NULL);
    assert_int_equal(header_get(view, "ALL")->len, 1 + 8);
    assert_true(tree->truncated_header);
    header_view_free(&view);
    tree_free(&tree);
}

static void
envelope_sender(void **state)
{
    (void)state;
    check("EnvelopeFrom", ""); /* a Received stands above Return-Path */
    check_in("Return-Path: <a@b.org>\nReceived: x\n\n", "EnvelopeFrom", "a@b.org");
    check_in("X-Envelope-From: a@b.org\n\n", "EnvelopeFrom:addr:host", "b.org");
    check_in("X-Sender: s@t.org\nReceived: x (fetchmail\nReturn-Path: <a@b.org>\n\n", "EnvelopeFrom", "");
}

/* Requests that were read beforehand are answered as any others. */
static void
foreseen_requests(void **state)
{
    (void)state;
    static const char *const requests[] = {"ALL", "All", "ALL:raw", "ALL-TRUSTED", "EnvelopeFrom", "envelopefrom:addr", "MESSAGEID", "MessageID",
                                           "X-Spam-Relays-Untrusted:raw", "TOCC:addr", "To:name", " To :raw", " To ", "To:addr:first",
                                           "To:addr:last:host", "Received:revip", "Received:last:ip", "X-Odd:host", "X-Odd:odd", "Nothing",
                                           "Nothing:addr", "X-Languages", "From:addr:domain", "From:name:raw", ""};
    struct header_requests *known = header_requests_new();
    struct spam_tree *tree = tree_new(message, strlen(message));
    for (guint i = 0; i < G_N_ELEMENTS(requests); i++) {
        const struct header_request *added = header_requests_add(known, requests[i]);
        assert_ptr_equal(header_requests_find(known, requests[i]), added);
    }
    g_autofree char *copy = g_strdup("Received:last"), *other = g_strdup(copy);
    header_requests_add_lasting(known, copy);
    header_requests_add_lasting(known, "ALL"); /* there already */
    assert_ptr_equal(header_requests_find(known, copy), header_requests_find(known, other));
    assert_ptr_not_equal(header_requests_find(known, copy), header_requests_find(known, "Received:last:ip"));
    assert_int_equal(header_requests_count(known), G_N_ELEMENTS(requests) + 1);
    struct header_view *view = header_view_new(tree, &help, known), *plain = header_view_new(tree, &help, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(requests); i++) {
        g_autofree char *found = joined_values(header_get(view, requests[i])), *expected = joined_values(header_get(plain, requests[i]));
        assert_string_equal(found, expected);
        assert_ptr_equal(header_get(view, requests[i]), header_get(view, requests[i]));
    }
    assert_int_equal(header_get(view, "To:raw")->len, 1); /* not foreseen */
    assert_null(header_requests_find(known, "To:raw"));
    header_view_free(&view);
    header_view_free(&plain);
    header_requests_free(&known);
    header_requests_free(&known); /* NULL-safe */
    tree_free(&tree);
}

/* More than there is room for at first: all are found, by their text and by an address of it. */
static void
many_requests(void **state)
{
    enum { REQUESTS = 500 };
    struct header_requests *set = header_requests_new();
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

    (void)state;
    for (guint i = 0; i < REQUESTS; i++) {
        g_ptr_array_add(texts, g_strdup_printf("X-%u:addr", i));
        header_requests_add_lasting(set, texts->pdata[i]);
    }
    assert_int_equal(header_requests_count(set), REQUESTS);
    for (guint i = 0; i < REQUESTS; i++) {
        g_autofree char *other = g_strdup(texts->pdata[i]);
        const struct header_request *found = header_requests_find(set, texts->pdata[i]);
        assert_int_equal(found->index, i);
        assert_string_equal(found->text, other);
        assert_ptr_equal(header_requests_find(set, other), found);
    }
    assert_null(header_requests_find(set, "X-500:addr"));
    header_requests_free(&set);
}

/* ALL as one text is what its values are, one behind the other. */
static void
all_in_one(void **state)
{
    static const char *const messages[] = {"A: 1\nB: 2\n 3\n\nbody\n", "A: 1\r\nB: 2\r\n\r\nbody\r\n", " x\n\ty\nA: 1\n z\n\n", " x\n y\n",
                                           "A: 1\nB: 2", "A: 1\nB: 2\n", "A: 1\n b", "\nbody", "", "X-Spam-A: 1\n\n", "-- \nA: 1\n\n"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(messages); i++)
        for (guint raw = 0; raw < 2; raw++) {
            const char *name = raw ? "ALL:raw" : "ALL";
            struct header_requests *known = header_requests_new();
            struct spam_tree *tree = tree_new(messages[i], strlen(messages[i]));
            struct header_view *view;
            g_autoptr(GString) expected = g_string_new(NULL);
            const GPtrArray *values;

            header_requests_add(known, name);
            view = header_view_new(tree, &help, known);
            g_autoptr(GBytes) text = header_get_text(view, name);
            values = header_get(view, name);
            for (guint n = 0; n < values->len; n++)
                g_string_append_len(expected, g_bytes_get_data(values->pdata[n], NULL), (gssize)g_bytes_get_size(values->pdata[n]));
            assert_ptr_equal(text, header_all(view, raw));
            assert_int_equal(text != NULL, values->len > 0);
            if (text != NULL) {
                assert_int_equal(g_bytes_get_size(text), expected->len);
                assert_memory_equal(g_bytes_get_data(text, NULL), expected->str, expected->len);
            }
            header_view_free(&view);
            header_requests_free(&known);
            tree_free(&tree);
        }
}

static void
host_names(void **state)
{
    (void)state;
    assert_true(registry_host_is_valid("a.b", 3));
    assert_true(registry_host_is_valid("_x.a.b.", 7));
    assert_false(registry_host_is_valid("a_x.b", 5));
    assert_false(registry_host_is_valid("a", 1));
    assert_false(registry_host_is_valid("-a.b", 4));
    assert_false(registry_host_is_valid("a..b", 4));
    check_in("X: x http://www.example.com/y\n\n", "X:host", "");
    check_in("X: x www.example.com/y\n\n", "X:host", "www.example.com");
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(fields),         cmocka_unit_test(addresses_and_names),
                                        cmocka_unit_test(ip_addresses),   cmocka_unit_test(all),
                                        cmocka_unit_test(all_is_limited), cmocka_unit_test(envelope_sender),
                                        cmocka_unit_test(host_names),     cmocka_unit_test(foreseen_requests), cmocka_unit_test(many_requests),
                                        cmocka_unit_test(all_in_one) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
