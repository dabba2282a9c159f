/* test_decode.c: transfer encodings with their faults, as SpamAssassin reads them. */
#include "tests/unit/spam/view_test.h"
#include "lib/spam/view/decode.h"

static void
base64_of_alphabet_in_fours(void **state)
{
    (void)state;
    g_autoptr(GString) plain = decode_base64("aGVs\nbG8h\r\n", 11), padded = decode_base64("aGVsbG8=", 8);
    g_autoptr(GString) inner = decode_base64("aGVsbG8=aGVs", 12), none = decode_base64("====", 4);
    assert_bytes(plain, "hello!");
    assert_bytes(padded, "hello");
    assert_bytes(inner, "hello\0hel"); /* '=' in the middle is an 'A' */
    assert_bytes(none, "");
}

static void
base64_with_faults(void **state)
{
    (void)state;
    g_autoptr(GString) foreign = decode_base64("aGV*sb-G8=", 10), lone = decode_base64("aGVsb", 5);
    g_autoptr(GString) inner = decode_base64("aG=sx", 5), nothing = decode_base64("", 0);
    assert_bytes(foreign, "hello");
    assert_bytes(lone, "hel");
    assert_bytes(inner, "h\x6f\xec"); /* now '=' is the highest digit, and a fifth character falls off */
    assert_bytes(nothing, "");
}

static void
quoted_printable(void **state)
{
    (void)state;
    static const char text[] = "a=3Db=3db \t\nc=\nd=\r\ne=ZZ=4=\n1 \r\n=";
    g_autoptr(GString) out = decode_quoted_printable(text, sizeof text - 1);
    assert_bytes(out, "a=b=b\ncde=ZZA\r\n="); /* soft breaks go before codes are read: "=4=\n1" is "A" */
}

/* The same one step after the other, a byte at a time. */
static GString *
decoded_plainly(const char *source, gsize length)
{
    g_autoptr(GString) trimmed = g_string_new(NULL), joined = g_string_new(NULL);
    GString *out = g_string_new(NULL);

    for (gsize i = 0; i < length; i++) {
        if (source[i] == '\n' || (source[i] == '\r' && i + 1 < length && source[i + 1] == '\n'))
            while (trimmed->len > 0 && (trimmed->str[trimmed->len - 1] == ' ' || trimmed->str[trimmed->len - 1] == '\t'))
                g_string_truncate(trimmed, trimmed->len - 1);
        g_string_append_c(trimmed, source[i]);
    }
    for (gsize i = 0; i < trimmed->len; i++) { /* a NUL ends the string */
        const char *s = trimmed->str + i;
        gsize n = s[0] != '=' ? 0 : s[1] == '\n' ? 2 : s[1] == '\r' && s[2] == '\n' ? 3 : 0;
        if (n == 0)
            g_string_append_c(joined, s[0]);
        else
            i += n - 1;
    }
    for (gsize i = 0; i < joined->len; i++) {
        const char *s = joined->str + i;
        gboolean coded = s[0] == '=' && g_ascii_isxdigit(s[1]) && g_ascii_isxdigit(s[2]);
        g_string_append_c(out, coded ? (char)(g_ascii_xdigit_value(s[1]) * 16 + g_ascii_xdigit_value(s[2])) : s[0]);
        i += coded ? 2 : 0;
    }
    return out;
}

static void
quoted_printable_of_all_sorts(void **state)
{
    static const char bytes[] = "==\r\n\n \t4af\0x";
    g_autoptr(GRand) random = g_rand_new_with_seed(2045);
    char text[24];

    (void)state;
    for (guint i = 0; i < 200000; i++) {
        gsize length = (gsize)g_rand_int_range(random, 0, sizeof text);
        for (gsize at = 0; at < length; at++)
            text[at] = bytes[g_rand_int_range(random, 0, sizeof bytes - 1)];
        g_autoptr(GString) out = decode_quoted_printable(text, length), plain = decoded_plainly(text, length);
        assert_int_equal(out->len, plain->len);
        assert_memory_equal(out->str, plain->str, plain->len);
    }
}

static void
squash(void **state)
{
    (void)state;
    g_autoptr(GString) text = g_string_new("a\r\nb\rc\r\r\n\r");
    decode_squash_crlf(text);
    assert_bytes(text, "a\nb\rc\r\n\r");
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(base64_of_alphabet_in_fours), cmocka_unit_test(base64_with_faults),
                                        cmocka_unit_test(quoted_printable),
                                        cmocka_unit_test(quoted_printable_of_all_sorts), cmocka_unit_test(squash) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
