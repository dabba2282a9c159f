/* test_message.c: header spans, the parts, their content and text, and the caps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/mail/message_internal.h"

static struct message *
from_string(const char *text, const struct message_limits *limits)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

    return message_new(bytes, limits);
}

static void
assert_span(const struct message *message, struct span span, const char *expected)
{
    g_autofree char *text = g_strndup((const char *)message->data + span.offset, span.length);

    assert_string_equal(text, expected);
}

static void
assert_body(const struct message *message, const char *expected)
{
    gsize offset = message_body_offset(message);

    assert_span(message, (struct span){offset, message->size - offset}, expected);
}

/* The parts as "depth type flags(t a c) [raw]" lines. */
static void
assert_parts(struct message *message, const char *expected)
{
    g_autoptr(GString) shown = g_string_new(NULL);

    for (guint i = 0; i < message_part_count(message); i++) {
        const struct message_part *part = message_part(message, i);

        g_string_append_printf(shown, "%u %s%s%s%s", part->depth, part->type, part->is_text ? " t" : "",
                               part->is_attachment ? " a" : "", part->is_container ? " c" : "");
        if (!part->is_container)
            g_string_append_printf(shown, " [%.*s]", (int)part->raw.length,
                                   (const char *)message->data + part->raw.offset);
        g_string_append_c(shown, '\n');
    }
    assert_string_equal(shown->str, expected);
}

static void
header_spans(void **state)
{
    struct message *m = from_string("A: 1\r\nB :\r\n 2\r\n\t3\r\nEmpty:\r\na: x\r\n\r\nbody\r\n", NULL);

    (void)state;
    assert_int_equal(message_header_count(m), 4);
    assert_span(m, message_header(m, 0)->raw, "A: 1\r\n");
    assert_span(m, message_header(m, 0)->value, " 1\r\n");
    assert_span(m, message_header(m, 1)->name, "B");
    assert_span(m, message_header(m, 1)->value, "\r\n 2\r\n\t3\r\n");
    assert_span(m, message_header(m, 2)->value, "\r\n");
    assert_ptr_equal(message_find_header(m, "A", 1), message_header(m, 3));
    assert_null(message_find_header(m, "A", 2));
    assert_null(message_header(m, 4));
    assert_body(m, "body\r\n");
    assert_string_equal(message_header_utf8(m, "b"), "2 3");
    assert_string_equal(message_header_utf8(m, "b"), "2 3");
    assert_null(message_header_utf8(m, "nothing"));
    message_free(&m);
    assert_null(m);
}

static void
where_headers_end(void **state)
{
    static const struct {
        const char *text;
        guint headers;
        const char *body;
    } cases[] = {
        {"A: 1\n\nbody", 1, "body"},         {"A: 1\nno colon\nB: 2\n\n", 1, "no colon\nB: 2\n\n"},
        {"A: 1", 1, ""},                     {"", 0, ""},
        {"\nbody", 0, "body"},               {" folded\nA: 1\n\n", 0, " folded\nA: 1\n\n"},
        {"A: 1\n \n\nbody", 1, "body"},      {"A b: 1\n\n", 0, "A b: 1\n\n"},
        {": 1\n\n", 0, ": 1\n\n"},           {"\xc3\xa9: 1\n\nx", 0, "\xc3\xa9: 1\n\nx"},
        {"From me@x Mon Jan 1\nA: 1\n\nb", 1, "b"}, {"A: 1\r\n\r\n", 1, ""},
        {"A: 1\r\rB: 2\n\nx", 1, "x"},
    };

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct message *m = from_string(cases[i].text, NULL);

        assert_int_equal(message_header_count(m), cases[i].headers);
        assert_body(m, cases[i].body);
        message_free(&m);
    }
}

static void
simple_messages(void **state)
{
    struct message *m = from_string("Subject: x\n\nHello\n", NULL);

    (void)state;
    assert_parts(m, "0 text/plain t [Hello\n]\n");
    assert_string_equal(message_text(m, NULL), "Hello\n");
    assert_false(message_has_attachment(m));
    message_free(&m);
    m = from_string("Content-Type: text/html; charset=gb2312\nContent-Transfer-Encoding: Base64 (x)\n\nPGI+1tA8L2I+zsQ8YnI+\n", NULL);
    assert_string_equal(message_text(m, NULL), "中文");
    assert_string_equal(message_part(m, 0)->encoding, "base64");
    message_free(&m);
    m = from_string("Content-Type: text/html\n\n<meta http-equiv=x content=\"text/html; charset=big5\">\xa4\xa4\xa4\xe5", NULL);
    assert_string_equal(message_text(m, NULL), "中文");
    message_free(&m);
    for (guint i = 0; i < 2; i++) { /* no bytes at all to look for a charset in */
        m = from_string(i == 0 ? "Content-Type: text/html\n\n"
                               : "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n\n", NULL);
        assert_string_equal(message_text(m, NULL), "");
        message_free(&m);
    }
    m = from_string("Content-Type: application/pdf; name=\"x.pdf\"\nContent-Transfer-Encoding: base64\n\nAAAA", NULL);
    assert_parts(m, "0 application/pdf a [AAAA]\n");
    assert_string_equal(message_text(m, NULL), "");
    message_free(&m);
}

static const char nested[] =
    "Content-Type: multipart/mixed; boundary=\"out er\"\r\n\r\npreamble\r\n--out er\r\n"
    "Content-Type: multipart/alternative;\r\n boundary=in\r\n\r\n"
    "--in\r\n\r\nplain\r\n--in\r\nContent-Type: text/html\r\n\r\n<p>html\r\n\r\n--in--\r\nepilogue\r\n"
    "--out er \t\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: ATTACHMENT; filename=\"n.txt\"\r\n\r\nnote\r\n"
    "--out er\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n"
    "--out er\r\nContent-Type: text/plain\r\nContent-Disposition: inline; filename=i.txt\r\n\r\n"
    "--out er\r\nContent-Type: image/png\r\n--out er--\r\nafter\r\n";

static void
nested_parts(void **state)
{
    struct message *m = from_string(nested, NULL);

    (void)state;
    assert_parts(m, "0 multipart/mixed c\n1 multipart/alternative c\n2 text/plain t [plain]\n"
                    "2 text/html t [<p>html\r\n]\n1 text/plain a [note]\n1 message/rfc822 c\n"
                    "2 text/plain t [inner text]\n1 text/plain t a []\n1 image/png a []\n");
    assert_string_equal(message_part(m, 4)->filename, "n.txt");
    assert_string_equal(message_part(m, 4)->disposition, "attachment");
    assert_string_equal(message_part(m, 4)->charset, "utf-8");
    assert_string_equal(message_text(m, NULL), "plain\nhtml\ninner text\n");
    assert_true(message_has_attachment(m));
    assert_int_equal(message_limit(m), MESSAGE_LIMIT_NONE);
    assert_null(message_part(m, 9));
    message_free(&m);
}

static void
boundary_that_never_occurs(void **state)
{
    struct message *m = from_string("Content-Type: multipart/mixed; boundary=b\n\n\xd6\xd0\xce\xc4\xb5\xc4\n", NULL);

    (void)state;
    assert_parts(m, "0 multipart/mixed t [\xd6\xd0\xce\xc4\xb5\xc4\n]\n");
    assert_string_equal(message_text(m, NULL), "中文的\n");
    message_free(&m);
    m = from_string("Content-Type: multipart/mixed\n\n<html>a<p>b", NULL);
    assert_string_equal(message_text(m, NULL), "a\nb");
    message_free(&m);
    m = from_string("Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\nx\n--a\n\ny\n", NULL);
    assert_parts(m, "0 multipart/mixed c\n1 multipart/mixed t [x]\n1 text/plain t [y\n]\n");
    message_free(&m);
}

static void
odd_structures(void **state)
{
    static const char *const cases[][2] = {
        /* an inner part without end is ended by the outer delimiter */
        {"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--a--\n",
         "0 multipart/mixed c\n1 multipart/mixed c\n2 text/plain t [x]\n"},
        /* the same boundary inside: innermost first */
        {"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\n--a\n\ny\n",
         "0 multipart/mixed c\n1 multipart/mixed c\n2 text/plain t [x]\n1 text/plain t [y\n]\n"},
        /* a prefix is not a delimiter */
        {"Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--ab\n--a --\n--a--\n",
         "0 multipart/mixed c\n1 text/plain t [x\n--ab\n--a --]\n"},
        /* no empty line between headers and delimiter, or text */
        {"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/html\n--a\nnot a header\n--a--\n",
         "0 multipart/mixed c\n1 text/html t []\n1 text/plain t [not a header]\n"},
        {"Content-Type: multipart/mixed; boundary=a\n--a\n\nx\n--a--", "0 multipart/mixed c\n1 text/plain t [x]\n"},
        {"Content-Type: multipart/digest; boundary=a\n\n--a\n\nSubject: s\n\nx\n--a--\n",
         "0 multipart/digest c\n1 message/rfc822 c\n2 text/plain t [x]\n"},
        {"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogYgoKYw==\n",
         "0 message/rfc822 a [QTogYgoKYw==\n]\n"},
        {"Content-Type: message/rfc822\n\n>From x y\nSubject: s\n\nx", "0 message/rfc822 c\n1 text/plain t [x]\n"},
        /* two types: the one that opens it */
        {"Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--",
         "0 multipart/mixed c\n1 text/plain t [x]\n"},
        {"Content-Type: multipart/mixed; boundary=a\nContent-Type: multipart/mixed; boundary=b\n\n--a\n\nx\n--b--",
         "0 multipart/mixed c\n1 text/plain t [x\n--b--]\n"},
        {"Content-Type: garbage\n\nx", "0 text/plain t [x]\n"},
        {"Content-Type: a/b/c\n\nx", "0 text/plain t [x]\n"},
        {"Content-Type: text/x-diff\n\nx", "0 text/x-diff [x]\n"},
        {"Content-Type: multipart/mixed; boundary=a\n\n--a\n", "0 multipart/mixed c\n1 text/plain t []\n"},
        {"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\nx\n--ab--",
         "0 multipart/mixed c\n1 text/plain t [x]\n"},
    };

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct message *m = from_string(cases[i][0], NULL);

        assert_parts(m, cases[i][1]);
        message_free(&m);
    }
}

static void
content_is_decoded_up_to_max(void **state)
{
    struct message *m = from_string("Content-Transfer-Encoding: quoted-printable\n\na=3Db=\nc\n", NULL);
    g_autoptr(GBytes) whole = message_part_content(m, 0, 100), part = message_part_content(m, 0, 2);
    g_autoptr(GBytes) absent = message_part_content(m, 7, 2);

    (void)state;
    assert_int_equal(g_bytes_get_size(whole), 5);
    assert_memory_equal(g_bytes_get_data(whole, NULL), "a=bc\n", 5);
    assert_int_equal(g_bytes_get_size(part), 2);
    assert_int_equal(g_bytes_get_size(absent), 0);
    message_free(&m);
    m = from_string("Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n#0V%T\n`\nend\n", NULL);
    g_bytes_unref(whole);
    whole = message_part_content(m, 0, 100);
    assert_int_equal(g_bytes_get_size(whole), 3);
    assert_memory_equal(g_bytes_get_data(whole, NULL), "Cat", 3);
    message_free(&m);
}

static void
dates(void **state)
{
    static const struct {
        const char *text;
        gint64 date;
    } cases[] = {
        {"Date: Thu, 7 Oct 2004 19:04:12 +0800\n\n", 1097147052},
        {"Date: 7 Oct 2004 11:04:12 GMT (x)\n\n", 1097147052},
        {"Date: nonsense\n\n", -1},
        {"Date:\n\n", -1},
        {"Subject: none\n\n", -1},
    };

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct message *m = from_string(cases[i].text, NULL);

        assert_int_equal(message_date(m), cases[i].date);
        message_free(&m);
    }
}

/* ---- caps: ten times over each; the work is counted in bytes looked at, not timed ---- */

/* Builds, checks the limit and that the scan looked at no byte more than a few times; returns the message. */
static struct message *
assert_bounded(GString *text, enum message_limit limit, guint max_parts)
{
    struct message *m = from_string(text->str, NULL);

    if (message_limit(m) != limit)
        fail_msg("limit %s", message_limit_name(message_limit(m)));
    assert_true(m->work <= 3 * text->len + 1000);
    assert_in_range(message_part_count(m), 1, max_parts);
    for (guint i = 0; i < message_part_count(m); i++)
        assert_non_null(message_part(m, i)->type);
    message_text(m, NULL);
    g_string_free(text, TRUE);
    return m;
}

static void
hundred_thousand_parts(void **state)
{
    GString *text = g_string_new("Content-Type: multipart/mixed; boundary=b\n\n");
    struct message *m;

    (void)state;
    for (guint i = 0; i < 100000; i++)
        g_string_append(text, "--b\n\nx\n");
    m = assert_bounded(text, MESSAGE_LIMIT_PARTS, 1000);
    assert_int_equal(message_part_count(m), 1000);
    assert_int_equal(message_part(m, 0)->raw.length, 0); /* end not known */
    assert_int_equal(message_part(m, 999)->raw.length, 1);
    message_free(&m);
}

static void
hundred_thousand_headers(void **state)
{
    GString *text = g_string_new(NULL);
    struct message *m;

    (void)state;
    for (guint i = 0; i < 100000; i++)
        g_string_append_printf(text, "H%u: v\n", i);
    g_string_append(text, "\nbody");
    m = assert_bounded(text, MESSAGE_LIMIT_HEADERS, 1);
    assert_int_equal(message_header_count(m), 2000);
    assert_body(m, "body");
    message_free(&m);
}

static void
headers_of_parts(void **state)
{
    GString *text = g_string_new("Content-Type: multipart/mixed; boundary=b\n\n");
    struct message *m;

    (void)state;
    for (guint i = 0; i < 1000; i++) {
        g_string_append(text, "--b\n");
        for (guint j = 0; j < 100; j++)
            g_string_append(text, "X: y\n");
        g_string_append(text, "\nx\n");
    }
    m = assert_bounded(text, MESSAGE_LIMIT_HEADERS, 202);
    message_free(&m);
    text = g_string_new("Content-Type: message/rfc822\n\n");
    for (guint i = 0; i < 10000; i++)
        g_string_append(text, "X: y\n");
    g_string_append(text, "Content-Type: text/html\n\nx");
    m = assert_bounded(text, MESSAGE_LIMIT_HEADERS, 2);
    assert_string_equal(message_text(m, NULL), "x");
    message_free(&m);
}

static void
long_header_blocks(void **state)
{
    GString *text = g_string_new("Subject:");
    struct message *m;

    (void)state;
    for (guint i = 0; i < 10 << 15; i++)
        g_string_append(text, " thirty-two bytes of one value.\n");
    g_string_append(text, "To: x\n\nbody");
    m = assert_bounded(text, MESSAGE_LIMIT_HEADER_BYTES, 1);
    assert_int_equal(message_header_count(m), 0);
    assert_string_equal(message_text(m, NULL), "body");
    message_free(&m);
}

static void
thousand_levels(void **state)
{
    GString *multipart = g_string_new(NULL), *messages = g_string_new(NULL);
    struct message *m;

    (void)state;
    g_string_append(multipart, "Content-Type: multipart/mixed; boundary=b0\n\n");
    for (guint i = 1; i <= 1000; i++) {
        g_string_append_printf(multipart, "--b%u\nContent-Type: multipart/mixed; boundary=b%u\n\n", i - 1, i);
        g_string_append(messages, "Content-Type: message/rfc822\n\n");
    }
    m = assert_bounded(multipart, MESSAGE_LIMIT_DEPTH, 101);
    assert_int_equal(message_part(m, 100)->depth, 100);
    assert_true(message_part(m, 100)->is_container);
    message_free(&m);
    m = assert_bounded(messages, MESSAGE_LIMIT_DEPTH, 101);
    assert_int_equal(message_part_count(m), 101);
    message_free(&m);
}

static void
hundred_thousand_parameters(void **state)
{
    GString *text = g_string_new("Content-Type: multipart/mixed");
    struct message *m;

    (void)state;
    for (guint i = 0; i < 100000; i++)
        g_string_append(text, "; a=b");
    g_string_append(text, "; boundary=b\n\n--b\n\nx");
    m = assert_bounded(text, MESSAGE_LIMIT_PARAMETERS, 1);
    assert_string_equal(message_text(m, NULL), "--b\n\nx");
    message_free(&m);
}

/* Delimiter-like lines against a hundred open boundaries of the same length. */
static void
many_open_boundaries(void **state)
{
    GString *text = g_string_new(NULL);
    struct message *m;

    (void)state;
    g_string_append(text, "Content-Type: multipart/mixed; boundary=b000\n\n");
    for (guint i = 1; i < 100; i++)
        g_string_append_printf(text, "--b%03u\nContent-Type: multipart/mixed; boundary=b%03u\n\n", i - 1, i);
    for (guint i = 0; i < 20000; i++)
        g_string_append(text, "--b999\n");
    m = from_string(text->str, NULL);
    assert_true(m->work <= 100 * text->len);
    assert_int_equal(message_part_count(m), 100);
    message_free(&m);
    g_string_free(text, TRUE);
}

static void
text_is_capped(void **state)
{
    const struct message_limits limits = {.max_text = 10};
    struct message *m = from_string("\n1234567890", &limits);

    (void)state;
    assert_string_equal(message_text(m, NULL), "1234567890");
    assert_int_equal(message_limit(m), MESSAGE_LIMIT_NONE);
    message_free(&m);
    m = from_string("\n12345678901", &limits);
    assert_int_equal(message_limit(m), MESSAGE_LIMIT_NONE);
    assert_string_equal(message_text(m, NULL), "1234567890");
    assert_int_equal(message_limit(m), MESSAGE_LIMIT_TEXT);
    message_free(&m);
    m = from_string("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1234567890\n--b\n\nmore\n--b--", &limits);
    assert_string_equal(message_text(m, NULL), "1234567890");
    assert_int_equal(message_limit(m), MESSAGE_LIMIT_TEXT);
    message_free(&m);
}

static void
limit_names(void **state)
{
    (void)state;
    assert_string_equal(message_limit_name(MESSAGE_LIMIT_NONE), "none");
    assert_string_equal(message_limit_name(MESSAGE_LIMIT_HEADER_BYTES), "header_bytes");
    assert_string_equal(message_limit_name((enum message_limit)99), "unknown");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_spans),       cmocka_unit_test(where_headers_end),
        cmocka_unit_test(simple_messages),    cmocka_unit_test(nested_parts),
        cmocka_unit_test(boundary_that_never_occurs), cmocka_unit_test(odd_structures),
        cmocka_unit_test(content_is_decoded_up_to_max), cmocka_unit_test(dates),
        cmocka_unit_test(hundred_thousand_parts), cmocka_unit_test(hundred_thousand_headers),
        cmocka_unit_test(headers_of_parts),   cmocka_unit_test(long_header_blocks),
        cmocka_unit_test(thousand_levels),    cmocka_unit_test(hundred_thousand_parameters),
        cmocka_unit_test(many_open_boundaries), cmocka_unit_test(text_is_capped),
        cmocka_unit_test(limit_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
