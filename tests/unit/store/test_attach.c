/* test_attach.c: base64 that can be encoded back exactly, and only that, is kept decoded. */
#include "store_test.h"

static gboolean
decodes(const char *text, struct attach_coding *coding, gsize *from, gsize *length, GBytes **plain)
{
    return attach_decode_base64((const guint8 *)text, strlen(text), coding, from, length, plain);
}

static void
exact_forms(void **state)
{
    static const struct {
        const char *text, *plain;
        guint line;
        guint8 line_end;
    } cases[] = {
        {"QUJD", "ABC", 0, 0},
        {"QUI=", "AB", 0, 0},
        {"QQ==", "A", 0, 0},
        {"QUJD\r\nREVG\r\n", "ABCDEF", 4, 2},
        {"QUJDREVG\nRw==\n", "ABCDEFG", 8, 1},
        {"\r\n\r\nQUJDR\r\nEVG", "ABCDEF", 5, 2},
        {"QUJD\nREVG\n\n\n", "ABCDEF", 4, 1},
    };

    (void)state;
    for (gsize n = 0; n < G_N_ELEMENTS(cases); n++) {
        struct attach_coding c;
        gsize from, length;
        g_autoptr(GBytes) plain = NULL;
        assert_true(decodes(cases[n].text, &c, &from, &length, &plain));
        assert_int_equal(g_bytes_get_size(plain), strlen(cases[n].plain));
        assert_memory_equal(g_bytes_get_data(plain, NULL), cases[n].plain, strlen(cases[n].plain));
        assert_int_equal(c.line, cases[n].line);
        assert_int_equal(c.line_end, cases[n].line_end);
        g_autofree guint8 *again = g_malloc(length);
        assert_int_equal(attach_coded_length(&c, g_bytes_get_size(plain)), length);
        attach_encode(&c, g_bytes_get_data(plain, NULL), g_bytes_get_size(plain), again);
        assert_memory_equal(again, cases[n].text + from, length);
        assert_true(attach_coding_valid(&c, (guint32)g_bytes_get_size(plain), (guint32)length));
        assert_false(attach_coding_valid(&c, (guint32)g_bytes_get_size(plain) + 3, (guint32)length));
    }
}

static void
other_forms(void **state)
{
    static const char *const texts[] = {
        "",                     /* nothing */
        "\r\n",                 /* nothing but line ends */
        "QUJD REVG",            /* white space within */
        "QUJ",                  /* cut off */
        "QUJDR",                /* a digit too many */
        "QUI",                  /* no pad */
        "QUJ=",                 /* bits after the end aren't zero */
        "QUJD\r\nREVG\nQUJD",   /* mixed line ends */
        "QUJDREVG\nQUJD\nREVG", /* uneven lines */
        "QUJD\nREVGQUJD",       /* last line longer */
        "QUJD\r\n\r\nREVG",     /* an empty line within */
        "QQ==QUJD",             /* goes on after the pad */
        "QUJD-",                /* no base64 */
    };

    (void)state;
    for (gsize n = 0; n < G_N_ELEMENTS(texts); n++) {
        struct attach_coding c;
        gsize from, length;
        GBytes *plain = NULL;
        if (decodes(texts[n], &c, &from, &length, &plain))
            fail_msg("accepted: %s", texts[n]);
        assert_null(plain);
    }
}

static GBytes *
with_attachment(const guint8 *data, gsize length, guint line, const char *line_end)
{
    GByteArray *out = g_byte_array_new();
    struct attach_coding c = {ATTACH_BASE64, (guint8)strlen(line_end), line};
    gsize coded = attach_coded_length(&c, length);
    g_autofree guint8 *text = g_malloc(coded);
    g_autofree char *head = g_strdup_printf(
        "Subject: x%1$sMIME-Version: 1.0%1$sContent-Type: multipart/mixed; boundary=b%1$s%1$s--b%1$s"
        "Content-Type: text/plain%1$s%1$sHello%1$s--b%1$sContent-Type: application/pdf%1$s"
        "Content-Transfer-Encoding: base64%1$s%1$s",
        line_end);
    g_autofree char *tail = g_strdup_printf("%1$s--b--%1$s", line_end);

    attach_encode(&c, data, length, text);
    g_byte_array_append(out, (const guint8 *)head, (guint)strlen(head));
    g_byte_array_append(out, text, (guint)coded);
    g_byte_array_append(out, (const guint8 *)tail, (guint)strlen(tail));
    return g_byte_array_free_to_bytes(out);
}

static void
found_in_messages(void **state)
{
    guint8 data[9000];

    (void)state;
    for (guint n = 0; n < sizeof data; n++)
        data[n] = (guint8)(n * n >> 3);
    for (int form = 0; form < 2; form++) {
        g_autoptr(GBytes) message = with_attachment(data, sizeof data, form ? 60 : 76, form ? "\n" : "\r\n");
        g_autoptr(GArray) found = attach_find(message, 4096);
        assert_int_equal(found->len, 1);
        const struct attachment *a = &g_array_index(found, struct attachment, 0);
        assert_int_equal(a->coding.kind, ATTACH_BASE64);
        assert_int_equal(g_bytes_get_size(a->plain), sizeof data);
        assert_memory_equal(g_bytes_get_data(a->plain, NULL), data, sizeof data);
        g_autoptr(GArray) none = attach_find(message, 9001);
        assert_int_equal(none->len, 0);
    }
    g_autoptr(GBytes) big = make_message(1, 20000);
    g_autoptr(GArray) body = attach_find(big, 4096);
    assert_int_equal(body->len, 1);
    assert_int_equal(g_array_index(body, struct attachment, 0).coding.kind, ATTACH_AS_IS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exact_forms), cmocka_unit_test(other_forms),
                                       cmocka_unit_test(found_in_messages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
