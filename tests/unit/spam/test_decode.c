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
                                        cmocka_unit_test(quoted_printable), cmocka_unit_test(squash) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
