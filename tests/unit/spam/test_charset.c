/* test_charset.c: which reading of a text is settled on, and what the charsets make of their bytes. */
#include "tests/unit/spam/view_test.h"
#include "lib/spam/view/charset.h"

#define assert_text(text, declared, mode, expected)                                                                            \
    do {                                                                                                                       \
        g_autoptr(GString) out_ = charset_normalize(text, sizeof(text) - 1, declared, mode, NULL);                            \
        assert_bytes(out_, expected);                                                                                          \
    } while (0)

static void
the_declared_charset(void **state)
{
    (void)state;
    assert_text("\xa4\xa4\xa4\xe5", "Big5", CHARSET_CHARACTERS, "中文");
    assert_text("\xd6\xd0\xce\xc4", "GB_2312-80", CHARSET_CHARACTERS, "中文");
    assert_text("\xd6\xd0", "gb18030", CHARSET_CHARACTERS, "中");
    assert_text("\xa4\xa2", "x-euc-jp", CHARSET_CHARACTERS, "あ");
    assert_text("\x82\xa0", "shift_jis", CHARSET_CHARACTERS, "あ");
    assert_text("\x1b$B$\"\x1b(Bx", "iso-2022-jp", CHARSET_CHARACTERS, "あx");
    assert_text("\xb0\xa1", "ks_c_5601-1987", CHARSET_CHARACTERS, "가");
    assert_text("\x1b$)C\x0e" "0!\x0f", "iso-2022-kr", CHARSET_CHARACTERS, "가");
    assert_text("~{VPND~}a", "hz", CHARSET_CHARACTERS, "中文a");
    assert_text("+ZeVnLIqe-", "unicode-1-1-utf-7", CHARSET_CHARACTERS, "日本語");
    assert_text("\xd0\xd2", "koi8r", CHARSET_CHARACTERS, "пр");
    assert_text("\xe9", "latin-2", CHARSET_CHARACTERS, "é");
    assert_text("\x80\x93", "ISO-8859-1", CHARSET_CHARACTERS, "€“");
    assert_text("\xc7\xf3", "big5", CHARSET_CHARACTERS, "А");          /* ETEN's Cyrillic, which ICU lacks */
    assert_text("a\0b\0 \0", "utf-16", CHARSET_CHARACTERS, "ab ");      /* no mark: the order is guessed */
}

static void
utf8_goes_first_but_in_encoded_words(void **state)
{
    (void)state;
    assert_text("中", "big5", CHARSET_CHARACTERS, "中");
    assert_text("中", "big5", CHARSET_AS_DECLARED, "銝"); /* (the rest of it is an incomplete end) */
}

static void
what_fits_nothing(void **state)
{
    (void)state;
    assert_text("caf\xe9", "us-ascii", CHARSET_CHARACTERS, "café");
    assert_text("caf\xe9", "no-such", CHARSET_CHARACTERS, "café");
    assert_text("\x81\x80", "no-such", CHARSET_CHARACTERS, "\xef\xbf\xbd€");
    assert_text("plain", "no-such", CHARSET_CHARACTERS, "plain");
    assert_text("\0a\0 ", "utf-16", CHARSET_AS_DECLARED, "\0a\0 "); /* recognised, but handed on as it is */
}

static void
malformed_utf8_in_words(void **state)
{
    (void)state;
    assert_text("a\xe4\xb8x\xff", "utf-8", CHARSET_AS_DECLARED, "a\xef\xbf\xbdx\xef\xbf\xbd");
    assert_text("\x80\xe4\xb8\xad", "utf-8", CHARSET_AS_DECLARED, "\xef\xbf\xbd"); /* (Perl swallows the character) */
    assert_text("\xed\xa0\x80", "utf-8", CHARSET_AS_DECLARED, "\xef\xbf\xbd");
    assert_false(charset_is_utf8("\xef\xbf\xbe", 3)); /* a noncharacter */
    assert_true(charset_is_utf8("\xf0\x9f\x98\x80", 4));
    assert_false(charset_is_utf8("\xc0\x80", 2));
}

static void
characters_or_bytes(void **state)
{
    (void)state;
    gboolean decoded;
    g_autoptr(GString) ascii = charset_normalize("a", 1, "utf-8", CHARSET_CHARACTERS, &decoded);
    assert_false(decoded);
    g_autoptr(GString) wide = charset_normalize("\xe9", 1, "iso-8859-1", CHARSET_CHARACTERS, &decoded);
    assert_true(decoded);
    g_autoptr(GString) utf7 = charset_normalize("\xe9+-", 3, "utf-7", CHARSET_CHARACTERS, &decoded);
    assert_false(decoded);
    assert_bytes(utf7, "\xe9+");
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_declared_charset),
                                        cmocka_unit_test(utf8_goes_first_but_in_encoded_words),
                                        cmocka_unit_test(what_fits_nothing), cmocka_unit_test(malformed_utf8_in_words),
                                        cmocka_unit_test(characters_or_bytes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
