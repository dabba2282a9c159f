/* test_evals.c: eval functions on URIs, texts, MIME parts and images; expectations are SpamAssassin 4.0.1's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include "lib/spam/eval/body_eval.h"
#include "lib/spam/eval/charset_locale.h"
#include "lib/spam/eval/image_info.h"
#include "lib/spam/eval/mime_eval.h"
#include "lib/spam/eval/uri_eval.h"
#include "lib/spam/eval/word_counts.h"

static const char *const tlds[] = {"com", "org", "uk", NULL}, *const twos[] = {"co.uk", NULL}, *const threes[] = {NULL};

static struct perl_text
text_of(const char *text)
{
    return (struct perl_text){text, strlen(text), FALSE};
}

/* A leaf with what most tests need. */
static struct eval_part
leaf(const char *type, const char *encoding, const char *raw)
{
    const gboolean is_text = strcmp(type, "text/plain") == 0 || strcmp(type, "text/html") == 0;

    return (struct eval_part){.type = type,
                              .declared_type = type,
                              .encoding = encoding,
                              .disposition = "",
                              .is_leaf = TRUE,
                              .raw = text_of(raw),
                              .decoded = text_of(raw),
                              .rendered_type = is_text ? type : NULL,
                              .rendered = text_of(raw)};
}

static struct eval_part
multipart(const char *type, guint below)
{
    return (struct eval_part){.type = type, .declared_type = type, .encoding = "", .disposition = "", .below = below};
}

static struct eval_parts
parts_of(const struct eval_part *parts, gsize count)
{
    return (struct eval_parts){parts, count};
}

static gboolean
redirects(const struct registry *registry, const char *uri)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)uri_text_free);

    g_ptr_array_add(all, uri_text_new(text_of(uri)));
    return uri_eval_http_redirector(registry, all);
}

static void
test_redirector(void **state)
{
    struct registry *registry = registry_new(tlds, twos, threes);

    (void)state;
    assert_true(redirects(registry, "http://a.com/http://b.com"));
    assert_true(redirects(registry, "http://a.com/?u=https:b.com"));
    assert_true(redirects(registry, "http://www.a.com/http://x.a.com/http://b.com/"));
    assert_false(redirects(registry, "http://www.a.com/http://x.a.com/"));
    assert_false(redirects(registry, "http://a.com/http:///b.com"));
    assert_false(redirects(registry, "http://a.com/b.com"));
    assert_false(redirects(registry, "xhttp://a.com/http://b.com"));
    assert_true(redirects(registry, "http://xyhttp:b.com")); /* a host of one letter, and one between */
    assert_false(redirects(registry, "http://xhttp:b.com"));
    registry_free(&registry);
}

static const char *const anchor[] = {"a", NULL};

static gboolean
ip_mismatch(const char *uri, const char *text)
{
    const struct perl_text said = text_of(text);
    const struct uris_link link = {text_of(uri), anchor, &said, 1};
    const struct uris_html html = {&link, 1, FALSE};

    return uri_eval_https_ip_mismatch(&html, 1);
}

static void
test_ip_mismatch(void **state)
{
    (void)state;
    assert_true(ip_mismatch("http://1.2.3.4/x", "see HTTPS://bank.com"));
    assert_true(ip_mismatch("https:/u@1.2.3.4", "https://bank.com"));
    assert_false(ip_mismatch("http://1.2.3.4/x", "https://5.6.7.8/"));
    assert_false(ip_mismatch("http://1.2.3/x", "https://bank.com"));
    assert_false(ip_mismatch("http://1.2.3.4/x", "http://bank.com"));
}

static gboolean
http_mismatch(const char *uri, const char *text, double min, double max)
{
    struct registry *registry = registry_new(tlds, twos, threes);
    const struct perl_text said = text_of(text);
    const struct uris_link link = {text_of(uri), anchor, &said, 1};
    const struct uris_html html = {&link, 1, FALSE};
    gboolean hit = uri_eval_https_http_mismatch(registry, &html, 1, min, max);

    registry_free(&registry);
    return hit;
}

static void
test_http_mismatch(void **state)
{
    (void)state;
    assert_true(http_mismatch("http://www.a.com/", "https://www.b.com/", 1, 10));
    assert_true(http_mismatch("http://www.a.com/", "https://1.2.3.4", 0, NAN));
    assert_false(http_mismatch("http://www.a.co.uk/", "https://x.a.co.uk/", 1, 10));
    assert_false(http_mismatch("http://www.a.com/", "http://www.b.com/", 1, 10));
    assert_false(http_mismatch("http://1.2.3.4/", "https://www.b.com/", 1, 10));
    assert_false(http_mismatch("http://www.a.com/", "https://www.b.invalid/", 1, 10));
    assert_false(http_mismatch("http://www.a.com/", "https://www.b.com/", 2, 10));
    assert_false(http_mismatch("http://www.a.com/", "https://www.b.com/", 1, 1));
}

static const struct pattern *
pattern(const char *text)
{
    return pattern_new(text, strlen(text), NULL, NULL);
}

static void
test_uri_detail(void **state)
{
    struct registry *registry = registry_new(tlds, twos, threes);
    const struct uris_settings settings = {registry, NULL};
    struct uris *uris = uris_new();
    const struct perl_text text = text_of("http://www.a.com/x b.org");
    struct matcher *matcher = matcher_new();
    struct uri_detail_condition conditions[] = {
        {URI_DETAIL_TYPE, FALSE, pattern("^schemeless$")},
        {URI_DETAIL_HOST, TRUE, pattern("^www")},
        {URI_DETAIL_RAW, FALSE, pattern("b\\.org$")},
        {URI_DETAIL_DOMAIN, FALSE, pattern("^a\\.com$")},
        {URI_DETAIL_TEXT, TRUE, pattern("x")},
    };

    (void)state;
    uris_add_texts(uris, &settings, &text, 1);
    assert_true(uri_eval_detail(uris, conditions, 3, matcher));
    assert_false(uri_eval_detail(uris, conditions, 4, matcher)); /* one URI must meet all */
    assert_true(uri_eval_detail(uris, conditions + 3, 1, matcher));
    assert_false(uri_eval_detail(uris, conditions + 4, 1, matcher)); /* no text: not even one that doesn't match */
    for (guint i = 0; i < G_N_ELEMENTS(conditions); i++)
        pattern_free((struct pattern *)(guintptr)conditions[i].pattern);
    matcher_free(matcher);
    uris_free(&uris);
    registry_free(&registry);
}

static void
test_difference(void **state)
{
    struct eval_part parts[] = {multipart("multipart/alternative", 2), leaf("text/plain", "", "one two two - *"),
                                leaf("text/html", "", "one two two two three!")};
    struct body_difference difference = body_eval_difference(parts_of(parts, 3));

    (void)state;
    assert_int_equal(difference.html, 3);
    assert_int_equal(difference.plain, 2);
    assert_true(fabs(difference.percent - 200.0 / 3) < 1e-9);
    assert_true(body_eval_differs(&difference, 0, 70));
    assert_false(body_eval_differs(&difference, 67, INFINITY));
    parts[1].type = "text/html";
    parts[2].type = "text/calendar"; /* a meeting request */
    assert_true(body_eval_difference(parts_of(parts, 3)).html == 0);
    parts[1] = leaf("text/html", "", "- ");
    parts[1].has_image = TRUE;
    parts[2] = leaf("text/plain", "", "words");
    assert_true(body_eval_difference(parts_of(parts, 3)).percent == 100); /* an image and no words */
}

/* How often each word is there, found the plain way. */
static GHashTable *
counted(struct perl_text text)
{
    GHashTable *counts = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    gboolean has_word = FALSE;
    gsize start = 0, size;

    for (gsize i = 0; i <= text.length; i += size) {
        gunichar c = i < text.length ? perl_text_char(text, i, &size) : ' ';
        size = i < text.length ? size : 1;
        has_word = has_word || perl_is_word(c, text.is_chars);
        if (!perl_is_space(c, text.is_chars))
            continue;
        if (has_word) {
            GBytes *key = g_string_free_to_bytes(perl_text_key(perl_text_slice(text, start, i)));
            guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, key));
            g_hash_table_replace(counts, key, GUINT_TO_POINTER(count + 1));
        }
        start = i + size;
        has_word = FALSE;
    }
    return counts;
}

static guint
counted_more(GHashTable *one, GHashTable *other)
{
    GHashTableIter iter;
    gpointer word, count;
    guint more = 0;

    g_hash_table_iter_init(&iter, one);
    while (g_hash_table_iter_next(&iter, &word, &count))
        more += GPOINTER_TO_UINT(count) > GPOINTER_TO_UINT(g_hash_table_lookup(other, word));
    return more;
}

static void
test_word_counts(void **state)
{
    static const char *const pieces[] = {"a", "b", "_", " ", " ", "\n", "-", "\xc3\xa9", "\xe9", "\xc2\xa0", "\xff", "7", "word"};
    g_autoptr(GRand) random = g_rand_new_with_seed(1);

    (void)state;
    for (guint round = 0; round < 300; round++) {
        GString *texts[] = {g_string_new(NULL), g_string_new(NULL)};
        struct word_counts *words[] = {word_counts_new(), word_counts_new()};
        GHashTable *plain[2];
        for (guint t = 0; t < 2; t++) {
            for (gint n = g_rand_int_range(random, 0, round == 0 ? 20000 : 300); n > 0; n--)
                g_string_append(texts[t], pieces[g_rand_int_range(random, 0, G_N_ELEMENTS(pieces))]);
            struct perl_text text = {texts[t]->str, texts[t]->len, g_rand_boolean(random)};
            word_counts_add_text(words[t], text);
            plain[t] = counted(text);
            assert_int_equal(word_counts_size(words[t]), g_hash_table_size(plain[t]));
        }
        assert_int_equal(word_counts_more(words[0], words[1]), counted_more(plain[0], plain[1]));
        assert_int_equal(word_counts_more(words[1], words[0]), counted_more(plain[1], plain[0]));
        for (guint t = 0; t < 2; t++) {
            word_counts_free(words[t]);
            g_hash_table_unref(plain[t]);
            g_string_free(texts[t], TRUE);
        }
    }
}

static void
test_texts(void **state)
{
    const struct perl_text texts[] = {text_of("a\n \n\nb"), text_of(""), text_of("c\n")};
    const struct perl_text narrow[] = {text_of("a b c d"), text_of("a  b "), text_of("abcdef")};

    (void)state;
    assert_true(body_eval_blank_lines(texts, 3, NAN) == 40);
    assert_true(body_eval_blank_lines(texts, 3, 6) == -1);
    assert_true(body_eval_blank_lines_within(-1, 0, 10));
    assert_false(body_eval_blank_lines_within(10, 10, 20));
    assert_int_equal(body_eval_vertical_words(narrow, 3), 75);
    assert_int_equal(body_eval_vertical_words(narrow + 1, 1), -1); /* too short */
    assert_true(body_eval_vertical_words_within(100, 50, 100));
    assert_false(body_eval_vertical_words_within(10, 0, 10));
}

static void
test_stock_info(void **state)
{
    struct eval_part parts[] = {
        leaf("text/plain", "", "Sym-bol: ABCD\n\n  Current Price :\n5\nCurrent price: 6\nfoo: x\nMy trade date: 1\n"),
        leaf("text/plain", "", "Target: 5\n")};

    (void)state;
    assert_int_equal(body_eval_stock_info(parts_of(parts, 2)), 2);
    assert_int_equal(body_eval_stock_info(parts_of(parts + 1, 1)), 1);
}

static void
test_signature(void **state)
{
    struct eval_part part = leaf("text/plain", "", "text\n-- \nold\n--\r\nme and you\n-- \nx");
    struct body_signature signature;

    (void)state;
    assert_true(body_eval_signature(parts_of(&part, 1), &signature));
    assert_int_equal(signature.body, 13);
    assert_int_equal(signature.signature, 17); /* the last mark has too little behind it */
    part = leaf("text/html", "", "x");
    assert_false(body_eval_signature(parts_of(&part, 1), &signature));
}

static void
test_mime_facts(void **state)
{
    struct eval_part parts[] = {multipart("multipart/alternative", 2),
                                leaf("text/plain", "quoted-printable", "=41=3D=42 =20\nplain\rcaf\xc3\xa9\n"),
                                leaf("text/html", "base64", "AAAA\n")};
    struct mime_facts facts;
    static const char *const english[] = {"en", NULL};

    (void)state;
    parts[1].charset = "iso-9999-1";
    mime_facts_init(&facts, parts_of(parts, 3), english, TRUE);
    assert_int_equal(facts.qp_count, 2); /* 41 and 42 and the space, which is well encoded at the end */
    assert_int_equal(facts.qp_bytes, 26);
    assert_true(facts.bad_iso_charset && facts.base64_encoded_text && facts.missing_boundary && facts.faraway_charset);
    assert_int_equal(facts.ascii_text_illegal, 0);
    assert_true(fabs(facts.multipart_ratio - 26.0 / 5) < 1e-9);
    assert_true(mime_eval_has(&facts, "mime_base64_count"));
    assert_false(mime_eval_has(&facts, "mime_attachment") || mime_eval_has(&facts, "no such"));
    assert_false(mime_eval_html_only(&facts, "text/plain"));
    assert_true(mime_eval_html_only(&facts, "TEXT/html; x"));
    mime_facts_clear(&facts);
    parts[1] = leaf("text/plain", "7bit", "&#x4E2D;&#x12;ab\r\n");
    parts[1].charset = "us-ascii";
    mime_facts_init(&facts, parts_of(parts + 1, 1), NULL, FALSE);
    assert_int_equal(facts.ascii_text_illegal, 1);
    assert_true(mime_eval_unicode_ratio(&facts, "0.1"));
    assert_false(mime_eval_unicode_ratio(&facts, "0.11"));
    assert_false(mime_eval_unicode_ratio(&facts, "0"));
    mime_facts_clear(&facts);
}

static void
test_charsets(void **state)
{
    static const char *const chinese[] = {"zh_TW", NULL}, *const english[] = {"en", NULL};
    struct mime_facts facts = {0};
    const struct perl_text high[] = {text_of("\xa4\xa4\xa4\xe5")}, shout[] = {text_of("\x1b$BABCDEF\x1b(B")};
    g_autofree char *words = g_strnfill(199, 'A');
    g_autofree char *loud = g_strconcat("a b ", words, NULL);
    const struct perl_text body = text_of(loud);

    (void)state;
    assert_true(charset_is_ok_for_locales("Big5", chinese));
    assert_false(charset_is_ok_for_locales("Big5", english));
    assert_true(charset_is_ok_for_locales("windows-1252", english));
    assert_false(charset_is_ok_for_locales("", english));
    assert_true(mime_eval_faraway_charset("text/plain; charset=\"big5\"", high, 1, english));
    assert_false(mime_eval_faraway_charset("text/plain; charset=big5", high, 1, chinese));
    assert_false(mime_eval_faraway_charset("text/plain; charset=big5", high, 1, NULL));
    assert_false(mime_eval_faraway_charset(NULL, high, 1, english));
    assert_true(mime_eval_uppercase(&facts, "text/plain", &body, 1) > 98);
    assert_true(mime_eval_uppercase(&facts, "text/plain; charset=Shift_JIS", &body, 1) == 0);
    assert_true(mime_eval_uppercase(&facts, NULL, shout, 1) == 0);
}

static void
test_structure(void **state)
{
    struct eval_part parts[] = {multipart("multipart/alternative", 3), leaf("text/plain", "", "x"),
                                multipart("multipart/related", 1), leaf("image/gif", "base64", "AAAAAAAA\nAA\n")};

    (void)state;
    assert_false(mime_eval_alternative_non_text(parts_of(parts, 4))); /* only direct children count */
    parts[2] = leaf("image/gif", "", "");
    assert_true(mime_eval_alternative_non_text(parts_of(parts, 4)));
    assert_int_equal(mime_eval_base64_length(parts_of(parts, 4)), 9);
}

static void
assert_size(const char *type, const char *bytes, gsize length, guint height, guint width)
{
    struct eval_part part = leaf(type, "BASE64", "");
    struct image_info info;

    part.decoded = (struct perl_text){bytes, length, FALSE};
    part.name = "a.gif";
    image_info_init(&info, parts_of(&part, 1));
    assert_int_equal(info.sizes->len, height > 0);
    if (height > 0) {
        assert_int_equal(g_array_index(info.sizes, struct image_size, 0).height, height);
        assert_int_equal(g_array_index(info.sizes, struct image_size, 0).width, width);
        assert_true(image_info_has_name(&info, "a.gif"));
        assert_true(image_info_pixels_within(&info, "all", height * width, NAN));
        assert_true(image_info_text_ratio(&info, "all", 1, 0, 1.1));
        assert_true(image_info_size_within(&info, "all", height, width, height, width));
        assert_false(image_info_size_within(&info, "all", height + 1, width, NAN, NAN));
    }
    assert_true(image_info_count_within(&info, "all", 1, 1)); /* also what has no size */
    assert_false(image_info_count_within(&info, "bmp", 0, 1));
    image_info_clear(&info);
}

static void
test_images(void **state)
{
    static const char gif[] = "GIF89a\x02\x01\x03\0", png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\0\7\10\2\0\0\0CRC!",
                      jpeg[] = "\xff\xd8\xff\xe0\0\4ab\xff\xc2\0\x0b\10\0\5\0\6\3";

    (void)state;
    assert_size("image/gif", gif, 10, 3, 258);
    assert_size("image/gif", gif, 9, 0, 0);
    assert_size("image/gif", png, sizeof png - 1, 0, 0);
    assert_size("image/png", png, sizeof png - 1, 7, 256);
    assert_size("image/png", png, 16, 0, 0);
    assert_size("image/jpeg", jpeg, sizeof jpeg - 1, 5, 6);
    assert_size("image/jpg", jpeg, 12, 0, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redirector), cmocka_unit_test(test_ip_mismatch), cmocka_unit_test(test_http_mismatch),
        cmocka_unit_test(test_uri_detail), cmocka_unit_test(test_difference),  cmocka_unit_test(test_texts),
        cmocka_unit_test(test_word_counts),
        cmocka_unit_test(test_stock_info), cmocka_unit_test(test_signature),   cmocka_unit_test(test_mime_facts),
        cmocka_unit_test(test_charsets),   cmocka_unit_test(test_structure),   cmocka_unit_test(test_images),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
