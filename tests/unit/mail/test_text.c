/* test_text.c: charsets declared, wrong and missing, on strings that iconv encodes here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/mail/text.h"

static char *
encode(const char *utf8, const char *charset, gsize *length_r)
{
    g_autoptr(GError) error = NULL;
    char *bytes = g_convert(utf8, -1, charset, "UTF-8", NULL, length_r, &error);

    if (bytes == NULL)
        fail_msg("%s into %s: %s", utf8, charset, error->message);
    return bytes;
}

/* Encodes, then reads with what is declared (NULL: guessed). */
static void
assert_reads(const char *utf8, const char *encode_as, const char *declared)
{
    gsize length;
    g_autofree char *bytes = encode(utf8, encode_as, &length);
    g_autoptr(GString) out = g_string_new(NULL);
    const char *used = text_to_utf8(bytes, length, declared, 1 << 20, out);

    if (strcmp(out->str, utf8) != 0)
        fail_msg("%s in %s (declared %s) read as %s: %s", utf8, encode_as, declared != NULL ? declared : "nothing", used,
                 out->str);
}

static void
declared_charsets(void **state)
{
    static const char *const cases[][3] = {
        {"简体中文，測試鎔喆", "GB18030", "gb2312"}, {"简体中文，測試", "GBK", "GBK"},
        {"中文€", "GB18030", "\"GB_2312-80\""}, {"繁體中文測試", "BIG5", "big5"},
        {"香港嘅電郵", "BIG5-HKSCS", "Big5"}, {"裏碁恒", "CP950", "x-big5"},
        {"日本語の文①", "CP932", "shift_jis"}, {"日本語の文", "EUC-JP", "euc-jp"},
        {"日本語の文", "ISO-2022-JP", "ISO-2022-JP"}, {"한국어 편지", "EUC-KR", "ks_c_5601-1987"},
        {"Привет, мир", "KOI8-R", "koi8-r"}, {"Привет, мир", "CP1251", "Windows-1251"},
        {"naïve “quotes” €", "CP1252", "ISO-8859-1"}, {"žluťoučký", "ISO-8859-2", "iso-8859-2"},
        {"中文 mail", "UTF-7", "unicode-1-1-utf-7"}, {"中文 mail", "UTF-16BE", "utf-16be"},
        {"中文 mail", "UTF-16", "utf-16"}, {"ไทย", "TIS-620", "tis-620"}, {"中文", "UTF-8", "utf8"},
    };

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_reads(cases[i][0], cases[i][1], cases[i][2]);
}

static const char long_hans[] = "尊敬的客户：您好！感谢您一直以来对我们公司的支持与信任。现将本月的对账单发送给您，请在三个工作日内核对，如有疑问请及时与我们联系。";
static const char long_hant[] = "親愛的同事：本週五下午三點在會議室舉行部門會議，請各位準時出席，並攜帶上個月的業績報告。如果無法參加，請事先通知秘書。謝謝大家的合作！";
static const char long_ja[] = "お世話になっております。先日ご依頼いただいた資料を添付いたしますので、ご確認のほどよろしくお願いいたします。";
static const char long_ko[] = "안녕하세요. 지난주에 요청하신 자료를 첨부하여 보내드립니다. 확인 후 회신 부탁드립니다.";
static const char long_ru[] = "Здравствуйте! Направляем вам счёт на оплату за прошлый месяц. Просим подтвердить получение письма.";

static void
undeclared_long_text(void **state)
{
    static const char *const cases[][2] = {
        {long_hans, "GB2312"}, {long_hans, "UTF-8"}, {long_hant, "BIG5"}, {long_hant, "GB18030"}, {long_ja, "CP932"},
        {long_ja, "EUC-JP"}, {long_ja, "ISO-2022-JP"}, {long_ko, "EUC-KR"}, {long_ru, "KOI8-R"}, {long_ru, "CP1251"},
        {"Das hätte schöner für Größen wäre, sagte der Müller", "ISO-8859-1"},
        {"Le café était déjà fermé, où êtes-vous allés après le dîner ?", "ISO-8859-1"},
        {"El niño comió en la mañana, ¿verdad?", "ISO-8859-1"},
        {"Přílišžluťoučký kůň úpěl ďábelské ódy, prosím o potvrzení, děkuji vám za spolupráci", "ISO-8859-2"},
        {"Η συνάντηση θα γίνει αύριο το πρωί στο γραφείο μας, παρακαλώ επιβεβαιώστε", "ISO-8859-7"},
    };

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_reads(cases[i][0], cases[i][1], NULL);
}

static void
undeclared_subjects(void **state)
{
    static const char *const hans[] = {"会议通知", "请查收发票", "关于放假的通知", "你好朋友", "公司账单", "项目进度汇报",
                                       "回复：明天的安排", "转发: 合同", "周末聚会吗", "工资条2024年", "系统升级公告"};
    static const char *const hant[] = {"會議通知", "請查收發票", "關於放假的通知", "報價單更新", "專案進度", "回覆：明天的安排",
                                       "電子帳單", "訂單確認信", "業務會議記錄", "產品報價"};
    static const char *const ja[] = {"会議のお知らせ", "ご注文の確認", "株式会社", "明日の予定について", "テスト送信",
                                     "請求書の送付", "【重要】お知らせ"};
    static const char *const ru[] = {"Привет", "Счёт на оплату", "СРОЧНО", "Договор поставки", "Re: Встреча завтра",
                                     "Отчет за май", "Новости компании", "заказ", "Тема письма"};
    static const char *const ko[] = {"안녕하세요", "회의 일정 안내", "견적서 송부드립니다"};
    static const char *const western[] = {"Réunion demain", "Grüße aus München", "Confirmación de reserva", "naïve",
                                          "Überweisung", "Año nuevo"};

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(hans); i++)
        assert_reads(hans[i], "GB2312", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(hant); i++)
        assert_reads(hant[i], "BIG5", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(ja); i++)
        assert_reads(ja[i], "CP932", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(ru); i++) {
        assert_reads(ru[i], "KOI8-R", NULL);
        assert_reads(ru[i], "CP1251", NULL);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(ko); i++)
        assert_reads(ko[i], "EUC-KR", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(western); i++)
        assert_reads(western[i], "ISO-8859-1", NULL);
}

static void
wrong_declarations(void **state)
{
    (void)state;
    assert_reads(long_hans, "GB2312", "us-ascii");
    assert_reads(long_hans, "GB2312", "utf-8");
    assert_reads(long_hans, "UTF-8", "us-ascii");
    assert_reads(long_hant, "BIG5", "x-unknown");
    assert_reads(long_hans, "UTF-8", "no-such-charset");
    assert_reads(long_ru, "KOI8-R", "default");
    assert_reads(long_hans, "UTF-8", "gb2312");
}

static void
assert_converts(const char *bytes, gsize length, const char *charset, gsize max, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);

    text_to_utf8(bytes, length, charset, max, out);
    assert_string_equal(out->str, expected);
    assert_true(g_utf8_validate(out->str, (gssize)out->len, NULL));
}

static void
what_cannot_be_mapped(void **state)
{
    (void)state;
    assert_converts("a\0b", 3, "us-ascii", 100, "a\xef\xbf\xbd" "b");
    assert_converts("a\0b", 3, NULL, 100, "a\xef\xbf\xbd" "b");
    assert_converts("ab\xe4\xb8\xad\xe4\xb8\xad\xff", 9, "utf-8", 100, "ab中中\xef\xbf\xbd");
    assert_converts("\xef\xbb\xbf" "abc\xc3\xa9", 8, "utf-8", 100, "abcé");
    assert_converts("", 0, NULL, 100, "");
    assert_converts("\xd8\x00", 2, "utf-16be", 100, "\xef\xbf\xbd"); /* half a surrogate pair */
}

static void
cut_between_characters(void **state)
{
    (void)state;
    assert_converts("\xd6\xd0\xce\xc4", 4, "gb2312", 5, "中");
    assert_converts("中文", 6, "utf-8", 5, "中");
    assert_converts("abc", 3, NULL, 2, "ab");
    assert_converts("abc", 3, "utf-8", 0, "");
}

static void
hostile_charset_names(void **state)
{
    static const char *const names[] = {"ISO_2022,locale=ja,version=1", "SCSU", "BOCU-1", "LMBCS-1", "../../x", "%s%s",
                                        "imap-mailbox-name",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        assert_reads("plain text", "UTF-8", names[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declared_charsets),      cmocka_unit_test(undeclared_long_text),
        cmocka_unit_test(undeclared_subjects),    cmocka_unit_test(wrong_declarations),
        cmocka_unit_test(what_cannot_be_mapped),  cmocka_unit_test(cut_between_characters),
        cmocka_unit_test(hostile_charset_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
