/* test_transfer_encoding.c: quoted-printable and base64, by RFC 2045's rules and back through the message's decoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/mail/message.h"
#include "lib/mail/transfer_encoding.h"

static void
assert_printable(const char *data, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);

    encode_quoted_printable((const guint8 *)data, strlen(data), out);
    assert_string_equal(out->str, expected);
}

static void
test_quoted_printable(void **state)
{
    g_autofree char *sixties = g_strnfill(76, 'x'), *more = g_strnfill(77, 'x');
    g_autofree char *soft = g_strconcat(sixties + 1, "=\r\nxx", NULL);

    (void)state;
    assert_printable("", "");
    assert_printable("a=b\r\n\r\nc", "a=3Db\r\n\r\nc");
    assert_printable("\xc3\xa4 \t\x7f\x01", "=C3=A4 \t=7F=01");
    assert_printable("end \r\nend\t\r\nin side ", "end=20\r\nend=09\r\nin side=20");
    assert_printable("a\rb\nc\r", "a=0Db=0Ac=0D");
    assert_printable(".\r\n.x\r\n.", "=2E\r\n.x\r\n=2E");
    assert_printable("From me\r\nFrom", "=46rom me\r\nFrom");
    assert_printable("-a\r\n--a\r\n-", "-a\r\n=2D-a\r\n-");
    assert_printable(sixties, sixties); /* 76 with nothing after it fit */
    assert_printable(more, soft);
}

/* What comes back from the decoder, of a message with that content in that encoding. */
static GBytes *
decoded(const char *encoding, const GString *content)
{
    g_autoptr(GString) text = g_string_new(NULL);
    struct message *message;
    GBytes *bytes, *result;

    g_string_append_printf(text, "Content-Type: text/plain\r\nContent-Transfer-Encoding: %s\r\n\r\n", encoding);
    g_string_append_len(text, content->str, (gssize)content->len);
    bytes = g_bytes_new(text->str, text->len);
    message = message_new(bytes, NULL);
    result = message_part_content(message, 0, G_MAXUINT);
    message_free(&message);
    g_bytes_unref(bytes);
    return result;
}

static void
assert_lines(const GString *text)
{
    g_auto(GStrv) lines = g_strsplit(text->str, "\r\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        assert_true(strlen(lines[i]) <= 76);
        assert_true(strspn(lines[i], "\t !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~") ==
                    strlen(lines[i]));
        assert_false(g_str_has_suffix(lines[i], " ") || g_str_has_suffix(lines[i], "\t") || g_str_has_prefix(lines[i], "From ") ||
                     strcmp(lines[i], ".") == 0);
    }
}

/* Random bytes, rich in what has rules of its own, come back as they were. */
static void
test_there_and_back(void **state)
{
    static const char special[] = " \t\r\n.=F";
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);

    (void)state;
    for (guint round = 0; round < 2000; round++) {
        g_autoptr(GString) data = g_string_new(NULL), printable = g_string_new(NULL), base64 = g_string_new(NULL);
        guint length = (guint)g_rand_int_range(rand, 0, 400);

        while (data->len < length) {
            int dice = g_rand_int_range(rand, 0, 10);
            if (dice == 0)
                g_string_append(data, "\r\n");
            else if (dice == 1)
                g_string_append(data, "From ");
            else
                g_string_append_c(data, dice < 4 ? special[g_rand_int_range(rand, 0, 7)] : (char)g_rand_int_range(rand, 1, 256));
        }
        encode_quoted_printable((const guint8 *)data->str, data->len, printable);
        encode_base64((const guint8 *)data->str, data->len, base64);
        assert_lines(printable);
        assert_lines(base64);
        g_autoptr(GBytes) wanted = g_bytes_new(data->str, data->len);
        g_autoptr(GBytes) back = decoded("quoted-printable", printable);
        g_autoptr(GBytes) back64 = decoded("base64", base64);
        assert_true(g_bytes_equal(wanted, back));
        assert_true(g_bytes_equal(wanted, back64));
    }
}

static void
test_base64_lines(void **state)
{
    g_autofree char *text = g_strnfill(58, 'a');
    g_autoptr(GString) out = g_string_new(NULL);

    (void)state;
    encode_base64((const guint8 *)text, 58, out);
    assert_string_equal(out->str, "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\r\nYQ==\r\n");
    g_string_truncate(out, 0);
    encode_base64((const guint8 *)text, 0, out);
    assert_string_equal(out->str, "");
}

static void
test_which_is_shorter(void **state)
{
    static const char german[] = "Grüße aus Köln, und bis sehr bald in Hamburg.\r\n", chinese[] = "會議紀錄\r\n", lines[] = "a\r\n\r\nb\r\n";

    (void)state;
    assert_false(is_shorter_in_base64((const guint8 *)german, strlen(german)));
    assert_true(is_shorter_in_base64((const guint8 *)chinese, strlen(chinese)));
    assert_false(is_shorter_in_base64((const guint8 *)lines, strlen(lines)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quoted_printable), cmocka_unit_test(test_there_and_back),
                                       cmocka_unit_test(test_base64_lines), cmocka_unit_test(test_which_is_shorter)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
