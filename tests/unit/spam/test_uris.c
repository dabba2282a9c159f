/* test_uris.c: URIs in texts, their readings, and the domains they lead to; expectations are SpamAssassin 4.0.1's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/spam/view/uris.h"

static const char *const tlds[] = {"com", "uk", "net", "org", "us", "tw", NULL},
                         *const twos[] = {"co.uk", "com.tw", "pvt.us", NULL}, *const threes[] = {"demon.co.uk", NULL};
static const char *const patterns[] = {"(?i)^http://r\\.example\\.com/go/(.*)$", NULL};

struct fixture {
    struct registry *registry;
    struct uri_redirectors *redirectors;
    struct uris_settings settings;
};

static int
setup(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);

    f->registry = registry_new(tlds, twos, threes);
    f->redirectors = uri_redirectors_new(patterns, NULL);
    f->settings = (struct uris_settings){f->registry, f->redirectors};
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    uri_redirectors_free(&f->redirectors);
    registry_free(&f->registry);
    g_free(f);
    return 0;
}

static struct perl_text
text_of(const char *text)
{
    return (struct perl_text){text, strlen(text), FALSE};
}

static int
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The strings, sorted, with blanks between. */
static char *
joined(GPtrArray *strings)
{
    GString *all = g_string_new(NULL);

    g_ptr_array_sort(strings, compare);
    for (guint i = 0; i < strings->len; i++)
        g_string_append_printf(all, "%s%s", i > 0 ? " " : "", (const char *)g_ptr_array_index(strings, i));
    return g_string_free(all, FALSE);
}

/* All readings in the text, sorted. */
static char *
uris_in(const struct fixture *f, const char *text)
{
    struct uris *uris = uris_new();
    const struct perl_text one = text_of(text);
    g_autoptr(GPtrArray) strings = g_ptr_array_new();

    uris_add_texts(uris, &f->settings, &one, 1);
    g_autoptr(GPtrArray) all = uris_all(uris);
    for (guint i = 0; i < all->len; i++)
        g_ptr_array_add(strings, ((const struct uri_text *)g_ptr_array_index(all, i))->bytes);
    char *out = joined(strings);
    uris_free(&uris);
    return out;
}

static void
assert_uris(const struct fixture *f, const char *text, const char *expected)
{
    g_autofree char *found = uris_in(f, text);

    assert_string_equal(found, expected);
}

static void
test_texts(void **state)
{
    const struct fixture *f = *state;

    assert_uris(f, "see http://www.example.com/a.html, or not", "http://www.example.com/a.html");
    assert_uris(f, "(http://example.com/x)y)z", "http://example.com/x)y"); /* up to the last ')' */
    assert_uris(f, "www2.example.com and ftp.example.net", "ftp://ftp.example.net http://www2.example.com");
    assert_uris(f, "bare example.com.tw here", "http://example.com.tw");
    assert_uris(f, "bare example.com/ here", ""); /* nothing behind the slash: not taken as a host either */
    assert_uris(f, "bare example.com:80/x here", "http://example.com/x http://example.com:80/x");
    assert_uris(f, "file.txt v1.2.3 e.g.this", "");
    assert_uris(f, "foo_bar.com", "");   /* no '_' in the last two labels */
    assert_uris(f, "x%example.com", ""); /* '%' is nothing a host begins behind */
    assert_uris(f, "write me@example.com!", "mailto:me@example.com");
    assert_uris(f, "mail:me@example.com", "mailto:me@example.com");
    assert_uris(f, "Vi@gra", "");
    assert_uris(f, "me@example.invalid", "");
    assert_uris(f, "mailto:me%40example.com", ""); /* no '@' before decoding */
    assert_uris(f, "mailto:me%2eyou@example.com", "mailto:me.you@example.com");
    assert_uris(f, "[cid:image001.png@01D4986E.com]", "");
    assert_uris(f, "\x1b(Bhttp://example.com\x1b$B", "http://example.com");
    assert_uris(f, "http:// http://)", "");
    assert_uris(f, "a http://example.invalid b", "");
}

static void
test_scan_limits(void **state)
{
    const struct fixture *f = *state;
    g_autofree char *path = g_strnfill(2048 - strlen("example.com/"), 'x');
    g_autofree char *long_path = g_strnfill(2049, 'x'), *longer = g_strconcat("(http://example.com/", long_path, NULL);
    g_autofree char *fits = g_strconcat("http://example.com/", path, NULL), *over = g_strconcat(fits, "y", NULL);
    g_autofree char *local = g_strnfill(252, 'x'), *mail = g_strconcat(" ", local, "@example.com", NULL);

    assert_uris(f, fits, fits);
    assert_uris(f, over, over);                 /* the bare host in it */
    assert_uris(f, longer, "");                 /* nor the bare host in it, which a '/' with more than 2048 bytes follows */
    assert_uris(f, mail, "http://example.com"); /* no address, but a host behind '@' */
    assert_uris(f, mail + 2,
                "mailto:" /* 251 */
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@example.com");
}

/* A web URI of pieces, by chance mostly a plain one. */
static void
spell_uri(GRand *random, GString *uri)
{
    static const char *const hosts[] = {"www.example.com", "a.org", "Example.COM", "x-y.co.uk", "r.example.com/go"};
    static const char *const odd[] = {"", "@", ":80", ":", "%41", "%", "\\", "&#65;", "&", "?", "#", " ", "\r", "1.2.3.4", "7", "..", ".", "-", "_",
                                      "http://b.org/", "\xc3\xa9", "/", "=", "nowhere", "\t"};
    const char *const usual[] = {g_rand_boolean(random) ? "http://" : "HTTPS://", hosts[g_rand_int_range(random, 0, G_N_ELEMENTS(hosts))], "/",
                                 "path", "?a=1&b=2"};

    g_string_truncate(uri, 0);
    for (guint i = 0; i < G_N_ELEMENTS(usual); i++) {
        if (g_rand_int_range(random, 0, 10) != 0)
            g_string_append(uri, usual[i]);
        if (g_rand_int_range(random, 0, 8) == 0)
            g_string_append(uri, odd[g_rand_int_range(random, 0, G_N_ELEMENTS(odd))]);
    }
}

static char *
readings_joined(const struct fixture *f, struct perl_text uri)
{
    g_autoptr(GPtrArray) readings = uri_canon_list(f->redirectors, f->registry, uri), strings = g_ptr_array_new();

    for (guint i = 0; i < readings->len; i++)
        g_ptr_array_add(strings, ((const struct uri_text *)g_ptr_array_index(readings, i))->bytes);
    return joined(strings);
}

/* A URI with but one reading is known by its looks; a line end behind it, which counts for nothing, leads the long way. */
static void
test_plain_uris(void **state)
{
    const struct fixture *f = *state;
    g_autoptr(GRand) random = g_rand_new_with_seed(3986);
    g_autoptr(GString) uri = g_string_new(NULL);

    for (guint i = 0; i < 20000; i++) {
        gboolean is_chars = g_rand_boolean(random);
        spell_uri(random, uri);
        g_autofree char *found = readings_joined(f, (struct perl_text){uri->str, uri->len, is_chars});
        g_string_append_c(uri, '\n');
        g_autofree char *long_way = readings_joined(f, (struct perl_text){uri->str, uri->len, is_chars});
        assert_string_equal(found, long_way);
    }
}

/* The readings of a URI, sorted. */
static void
assert_readings(const struct fixture *f, struct perl_text uri, const char *expected)
{
    g_autoptr(GPtrArray) readings = uri_canon_list(f->redirectors, f->registry, uri), strings = g_ptr_array_new();

    for (guint i = 0; i < readings->len; i++)
        g_ptr_array_add(strings, ((const struct uri_text *)g_ptr_array_index(readings, i))->bytes);
    g_autofree char *found = joined(strings);
    assert_string_equal(found, expected);
}

static void
test_readings(void **state)
{
    const struct fixture *f = *state;
    static const char *const cases[][2] = {
        {"http://example.com/", "http://example.com/"},
        {" http://exa\nmple.com\r ", "http://example.com"},
        {"#top", "#top"},
        {"http:example.com", "http://example.com http:example.com"},
        {"http:\\\\example.com\\a", "http://example.com/a http:\\\\example.com\\a"},
        {"http://%77ww.example.com?a", "http://%77ww.example.com?a http://www.example.com/?a"},
        {"http://a.com/%20%3c\"", "http://a.com/%20%3c\" http://a.com/%20<%22"},
        {"//example.com/x", "//example.com/x http:////example.com/x"},
        {"http://user:pw@example.com:80/", "http://example.com/ http://user:pw@example.com:80/"},
        {"https://example.com:443", "https://example.com https://example.com:443"},
        {"HTTPS://example.com:80/", "HTTPS://example.com:80/"},
        {"http://example.com:8080/", "http://example.com:8080/"},
        {"http://example.com.../", "http://example.com.../ http://example.com/"},
        {"http://foo/x", "http://foo/x http://www.foo.com/x"},
        {"http://localhost/", "http://localhost/"},
        {"http://www.com/", "http://www.com/"},
        {"http://0177.0x10.2.03/", "http://0177.0x10.2.03/ http://127.16.2.3/"},
        {"http://127.0.0.1/", "http://127...1/ http://127.0.0.1/"},
        {"http://0x7f000001/", "http://0x7f000001/ http://127.0.0.1/"},
        {"http://2130706433/", "http://127.0.0.1/ http://2130706433/"},
        {"http://a.com/&#101;&#x41;&#x2A;&#12290;&#0046;",
         "http://a.com/&#101;&#x41;&#x2A;&#12290;&#0046; http://a.com/eA&#x2A;.."},
        {"http://&#101;.com", "http://&#101;.com http://&/#101;.com http:///#101;.com http://www.&.com/#101;.com"},
        {"http://r.example.com/go/b.org/x", "b.org/x http://b.org/x http://r.example.com/go/b.org/x"},
        {"http://a.com/?u=https://b.com/&c", "http://a.com/?u=https://b.com/&c https://b.com/"},
        {"mailto:a@b.com?subject=x", "mailto:a@b.com mailto:a@b.com?subject=x"},
        {"mailto:%20a@b.com", "mailto:%20a@b.com mailto:a@b.com"},
        {"mailto:x <a@b.com> y", "mailto:a@b.com mailto:x <a@b.com> y"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_readings(f, text_of(cases[i][0]), cases[i][1]);
}

static void
test_readings_of_characters(void **state)
{
    const struct fixture *f = *state;
    const char uri[] = "http://b\xc3\xbc"
                       "cher.com/\xe2\x80\x83";

    /* Perl joins the host's bytes with characters: each byte of it becomes one. */
    assert_readings(f, (struct perl_text){uri, strlen(uri), TRUE},
                    "http://b\xc3\x83\xc2\xbc"
                    "cher.com/ http://b\xc3\xbc"
                    "cher.com/");
    assert_readings(f,
                    text_of("http://b\xc3\xbc"
                            "cher.com/"),
                    "http://b\xc3\xbc"
                    "cher.com/");
}

static void
test_redirects_are_bounded(void **state)
{
    const struct fixture *f = *state;
    g_autoptr(GString) uri = g_string_new(NULL);

    for (guint i = 0; i < 10000; i++)
        g_string_append_printf(uri, "http://a%u.com/", i);
    g_autoptr(GPtrArray) readings = uri_canon_list(f->redirectors, f->registry, (struct perl_text){uri->str, uri->len, FALSE});
    gsize bytes = 0;
    for (guint i = 0; i < readings->len; i++)
        bytes += ((const struct uri_text *)g_ptr_array_index(readings, i))->length;
    assert_true(readings->len > 1 && readings->len <= 3 * (URI_REDIRECTS_MAX + 1));
    assert_true(bytes <= URI_READINGS_MAX);
}

static void
assert_domain(const struct fixture *f, const char *uri, const char *expected)
{
    g_autofree char *domain = NULL, *host = NULL;
    gboolean found = registry_uri_domain(f->registry, text_of(uri), &domain, &host);

    assert_int_equal(found, expected != NULL);
    if (expected != NULL)
        assert_string_equal(domain, expected);
    else
        assert_null(host);
}

static void
test_domains(void **state)
{
    const struct fixture *f = *state;

    assert_domain(f, "http://www.Example.co.uk:80/x", "example.co.uk");
    assert_domain(f, "http://a.b.demon.co.uk", "b.demon.co.uk");
    assert_domain(f, "http://a.b.ci.la.ca.us", "b.ci.la.ca.us");
    assert_domain(f, "http://a.school.pvt.k12.ma.us", "school.pvt.k12.ma.us");
    assert_domain(f, "http://x.y.ca.us", "x.y.ca.us");
    assert_domain(f, "http://u@v@www.example.com/@", "example.com");
    assert_domain(f, "mailto:a@b.example.com?x", "example.com");
    assert_domain(f, "mailto:a@b@example.com", NULL);
    assert_domain(f, "cid:a@example.com", NULL);
    assert_domain(f, "http://ex%61mple.com", NULL);
    assert_domain(f, "http://-a.com", NULL);
    assert_domain(f, "http://a_b.com", NULL);
    assert_domain(f, "http://a_b.c.com", "c.com");
    assert_domain(f, "http://a..com", NULL);
    assert_domain(f, "http://1.2.3.4/", "1.2.3.4");
    assert_domain(f, "http://01.2.3.4/", NULL);
    assert_domain(f, "http://1.2.3.256/", NULL);
    assert_domain(f, "com", NULL);
}

static void
test_addresses(void **state)
{
    static const char *const good[] = {
        "1.2.3.4",        "255.0.0.255",         "::",          "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "a::1.2.3.4",
        "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "IPv6:fe80::1"};
    static const char *const bad[] = {"",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "1.2.3.04",
                                      ":1",
                                      "1:",
                                      ":::",
                                      "1::2::3",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7::8",
                                      "12345::",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "1:2:3:4:5::6:1.2.3.4",
                                      "g::"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        assert_true(registry_is_ip(good[i], strlen(good[i])));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_false(registry_is_ip(bad[i], strlen(bad[i])));
}

static void
test_details(void **state)
{
    const struct fixture *f = *state;
    static const char *const img[] = {"img", NULL};
    struct uris *uris = uris_new();
    const struct perl_text one = text_of("http://www.example.com http://www.example.com example.com");

    uris_add_texts(uris, &f->settings, &one, 1);
    uris_add(uris, &f->settings, text_of("http://www.example.com"), img, FALSE);
    uris_add_dkim(uris, &f->settings, text_of("v=1; d = exam\n ple.org; s=d; bd=a.com"));
    assert_int_equal(uris->details->len, 3);
    const struct uri_detail *detail = g_ptr_array_index(uris->details, 0);
    g_autofree char *types = joined(detail->types), *domains = joined(detail->domains);
    assert_string_equal(types, "img parsed");
    assert_string_equal(domains, "example.com");
    g_autofree char *bare = joined(((const struct uri_detail *)g_ptr_array_index(uris->details, 1))->types);
    assert_string_equal(bare, "parsed schemeless unlinked");
    detail = g_ptr_array_index(uris->details, 2);
    assert_string_equal(detail->raw->bytes, "domainkeys:example.org");
    assert_null(detail->cleaned);
    g_autoptr(GPtrArray) all = uris_all(uris);
    assert_int_equal(all->len, 2);
    uris_free(&uris);
}

static void
test_html(void **state)
{
    const struct fixture *f = *state;
    static const char *const none[] = {NULL}, *const both[] = {"a", "img", NULL};
    const struct perl_text texts[] = {text_of("here"), text_of("there"), text_of("here")};
    const struct uris_link links[] = {{{"http://a.com/\0b", 15, FALSE}, both, texts, 3}, {text_of("/x"), none, texts, 0}};
    const struct uris_html html = {links, 2, TRUE};
    struct uris *uris = uris_new();

    uris_add_html(uris, &f->settings, &html);
    assert_true(uris->truncated);
    assert_int_equal(uris->details->len, 2);
    const struct uri_detail *detail = g_ptr_array_index(uris->details, 0);
    g_autofree char *types = joined(detail->types);
    assert_string_equal(types, "a img");
    assert_int_equal(detail->raw->length, 15);
    assert_int_equal(detail->anchor_texts->len, 2);
    detail = g_ptr_array_index(uris->details, 1);
    assert_null(detail->anchor_texts);
    assert_string_equal(g_ptr_array_index(detail->types, 0), "parsed");
    uris_free(&uris);
}

static void
test_caps(void **state)
{
    const struct fixture *f = *state;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *path = g_strnfill(URIS_LENGTH_MAX, 'x'), *uri = g_strconcat("http://example.com/", path, NULL);
    static const char *const types[] = {"a", NULL};
    struct uris *uris = uris_new();

    for (guint i = 0; i < URIS_MAX + 100; i++)
        g_string_append_printf(text, "a%u.com ", i);
    const struct perl_text one = {text->str, text->len, FALSE};
    assert_non_null(uris_add(uris, &f->settings, text_of(uri), types, FALSE));
    assert_true(uris->truncated);
    assert_int_equal(
        ((const struct uri_text *)g_ptr_array_index(((const struct uri_detail *)g_ptr_array_index(uris->details, 0))->cleaned, 0))
            ->length,
        URIS_LENGTH_MAX);
    uris_add_texts(uris, &f->settings, &one, 1);
    assert_int_equal(uris->details->len, URIS_MAX);
    uris_free(&uris);
}

/* Texts that would make a search by places, or by runs, quadratic: a megabyte each, in well below a second. */
static void
test_hostile_texts_are_linear(void **state)
{
    static const char *const units[] = {"a@",     "www.",    "(", "a.", "http://", "-",
                                        "\x1b(B", "mailto:", ":", "@",  "a.com/",  "a@b.com&"};
    const struct fixture *f = *state;

    for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        struct uris *uris = uris_new();
        gint64 start = g_get_monotonic_time();

        while (text->len < 1 << 20)
            g_string_append(text, units[i]);
        const struct perl_text one = {text->str, text->len, FALSE};
        uris_add_texts(uris, &f->settings, &one, 1);
        assert_true(g_get_monotonic_time() - start < 10 * G_USEC_PER_SEC);
        uris_free(&uris);
    }
}

static void
test_bad_patterns_are_told(void **state)
{
    static const char *const bad[] = {"(", "(?i)http://(.*)", NULL};
    GPtrArray *errors;
    struct uri_redirectors *redirectors = uri_redirectors_new(bad, &errors);

    (void)state;
    assert_int_equal(errors->len, 1);
    assert_non_null(strstr(g_ptr_array_index(errors, 0), "redirector_pattern"));
    g_ptr_array_unref(errors);
    uri_redirectors_free(&redirectors);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_scan_limits),
        cmocka_unit_test(test_readings),
        cmocka_unit_test(test_plain_uris),
        cmocka_unit_test(test_readings_of_characters),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_redirects_are_bounded),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_hostile_texts_are_linear),
        cmocka_unit_test(test_bad_patterns_are_told),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
