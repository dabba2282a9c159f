/* test_mime_field.c: Content-Type and Content-Disposition as real senders write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/mail/mime_field.h"

static void
assert_parameter(const char *value, const char *name, const char *expected)
{
    struct mime_field *field = mime_field_parse(value, strlen(value), 200);
    g_autofree char *text = mime_field_utf8(field, name);

    if (expected == NULL)
        assert_null(text);
    else if (text == NULL)
        fail_msg("%s has no %s", value, name);
    else
        assert_string_equal(text, expected);
    mime_field_free(&field);
    assert_null(field);
}

static void
assert_value(const char *value, const char *expected)
{
    struct mime_field *field = mime_field_parse(value, strlen(value), 200);

    assert_string_equal(field->value, expected);
    mime_field_free(&field);
}

static void
values(void **state)
{
    (void)state;
    assert_value(" Text/Plain; charset=x\r\n", "text/plain");
    assert_value("text/plain (a (nested) comment); x=y", "text/plain");
    assert_value("(c) text/plain", "text/plain");
    assert_value("text/plain charset=x", "text/plain");
    assert_value("charset=x", "");
    assert_value("", "");
    assert_value("attachment;filename=x", "attachment");
}

static void
parameters(void **state)
{
    (void)state;
    assert_parameter("text/plain; charset=us-ascii (Plain text)", "charset", "us-ascii");
    assert_parameter("text/plain;\r\n\tCharset = \"gb2312\"", "charset", "gb2312");
    assert_parameter("text/plain charset=x", "charset", "x");
    assert_parameter("charset=x", "charset", "x");
    assert_parameter("a/b; x=\"a\\\"b\\\\c\"", "x", "a\"b\\c");
    assert_parameter("a/b; x=\"open", "x", "open");
    assert_parameter("a/b; x=; y=1", "x", "");
    assert_parameter("a/b; x; y=1", "y", "1");
    assert_parameter("a/b; =1; y=2", "y", "2");
    assert_parameter("a/b; x=1; x=2", "x", "1");
    assert_parameter("a/b; boundary=\"a;b\"; c=d", "boundary", "a;b");
    assert_parameter("a/b; boundary=\"a\r\n b\"", "boundary", "a b");
    assert_parameter("a/b", "x", NULL);
}

static void
file_names(void **state)
{
    (void)state;
    assert_parameter("attachment; filename=my file.pdf ; x=y", "filename", "my file.pdf");
    assert_parameter("attachment; filename=\"=?gb2312?B?1tDOxC5kb2M=?=\"", "filename", "中文.doc");
    assert_parameter("attachment; filename==?utf-8?B?5Lit5paHLnR4dA==?=", "filename", "中文.txt");
    assert_parameter("attachment; filename=\"\xb9\xab\xcb\xbe\xd5\xca\xb5\xa5.xls\"", "filename", "公司帐单.xls");
    assert_parameter("attachment; filename=\"\xe4\xb8\xad.txt\"", "filename", "中.txt");
    assert_parameter("attachment; filename=\"a\tb\x01\"", "filename", "a b ");
}

static void
rfc2231(void **state)
{
    (void)state;
    assert_parameter("a; filename*=utf-8''%E4%B8%AD.txt", "filename", "中.txt");
    assert_parameter("a; filename*=GB2312'zh-cn'%D6%D0.txt", "filename", "中.txt");
    assert_parameter("a; filename*=''plain.txt", "filename", "plain.txt");
    assert_parameter("a; filename=x; filename*=utf-8''y", "filename", "y");
    assert_parameter("a; filename*0=ab; filename*1=\"c d\"", "filename", "abc d");
    /* out of order, cut inside a character, encoded and plain mixed */
    assert_parameter("a; filename*1*=%AD%; filename*2=\".txt\"; filename*0*=utf-8''%E4%B8", "filename", "中%.txt");
    assert_parameter("a; filename*0=a; filename*2=c", "filename", "a"); /* a gap ends it */
    assert_parameter("a; filename*=no-quotes", "filename", "no-quotes");
    assert_parameter("a; filename*=\"utf-8''%E4%B8%AD\"", "filename", "中");
    assert_parameter("a; filename*9999999999=x", "filename", NULL);
    assert_parameter("a; filename*=utf-8''%", "filename", "%");
}

static void
parameters_are_capped(void **state)
{
    g_autoptr(GString) value = g_string_new("multipart/mixed");
    struct mime_field *field;

    (void)state;
    for (guint i = 0; i < 100000; i++)
        g_string_append_printf(value, "; p%u=v", i);
    field = mime_field_parse(value->str, value->len, 200);
    assert_int_equal(field->parameters->len, 200);
    assert_true(field->over);
    mime_field_free(&field);
    field = mime_field_parse("a/b; x=1 ", 9, 1);
    assert_false(field->over);
    mime_field_free(&field);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),  cmocka_unit_test(parameters),           cmocka_unit_test(file_names),
        cmocka_unit_test(rfc2231), cmocka_unit_test(parameters_are_capped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
