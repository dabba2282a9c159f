/* test_recode.c: what is recoded before a message is signed, what is left alone, and that the content stays the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/mail/recode.h"

/* What became of a message, as one text: "edits; notes; whole?", and the new body. */
struct outcome_of {
    char *told;
    char *body; /* NULL: as it was */
};

static struct message *
parse(const char *text)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

    return message_new(bytes, NULL);
}

static struct outcome_of
run(const char *text)
{
    struct message *message = parse(text);
    struct verdict *verdict = verdict_new();
    struct recoded recoded;
    g_autoptr(GString) told = g_string_new(NULL);
    struct outcome_of outcome = {0};

    message_recode(message, verdict, &recoded);
    for (guint i = 0; i < verdict->edits->len; i++) {
        const struct edit *edit = verdict->edits->pdata[i];
        g_string_append_printf(told, "%s%d %s=%s; ", edit->kind == EDIT_ADD_HEADER ? "+" : "c", edit->index, edit->name, edit->value);
    }
    for (guint i = 0; i < recoded.notes->len; i++)
        g_string_append_printf(told, "%s; ", (const char *)recoded.notes->pdata[i]);
    g_string_append(told, recoded.whole ? "whole" : "partly");
    if (recoded.body != NULL)
        outcome.body = g_strndup(g_bytes_get_data(recoded.body, NULL), g_bytes_get_size(recoded.body));
    outcome.told = g_string_free(g_steal_pointer(&told), FALSE);
    recoded_clear(&recoded);
    verdict_free(&verdict);
    message_free(&message);
    return outcome;
}

static void
assert_recoded(const char *text, const char *told, const char *body)
{
    struct outcome_of outcome = run(text);

    assert_string_equal(outcome.told, told);
    if (body == NULL)
        assert_null(outcome.body);
    else
        assert_string_equal(outcome.body, body);
    g_free(outcome.told);
    g_free(outcome.body);
}

static void
test_one_part(void **state)
{
    (void)state;
    assert_recoded("Subject: x\r\n\r\nplain\r\n", "whole", NULL);
    assert_recoded("MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9f" "e an alle, die dies lesen = viele.\r\n",
                   "c1 Content-Transfer-Encoding=quoted-printable; 54+42 8bit -> quoted-printable; whole",
                   "Gr=C3=BC=C3=9Fe an alle, die dies lesen =3D viele.\r\n");
    assert_recoded("MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xe6\x9c\x83\xe8\xad\xb0\r\n",
                   "c1 Content-Transfer-Encoding=base64; 54+8 8bit -> base64; whole", "5pyD6K2wDQo=\r\n");
    /* Nothing but the label is wrong. */
    assert_recoded("Content-Transfer-Encoding: 8BIT\r\n\r\na=b\r\n",
                   "c1 Content-Transfer-Encoding=7bit; 35+5 8bit -> 7bit; whole", NULL);
    /* Not declared: Postfix leaves it, so it stays. */
    assert_recoded("Subject: x\r\n\r\nGr\xc3\xbc\xc3\x9f" "e\r\n", "whole", NULL);
    assert_recoded("Content-Transfer-Encoding: quoted-printable\r\n\r\nGr\xc3\xbc\xc3\x9f" "e\r\n", "whole", NULL);
    assert_recoded("Content-Type: application/x-y\r\nContent-Transfer-Encoding: binary\r\n\r\na long word and one \xff\r\n",
                   "c1 Content-Transfer-Encoding=base64; +0 MIME-Version=1.0; 68+23 binary -> base64; whole",
                   "YSBsb25nIHdvcmQgYW5kIG9uZSD/DQo=\r\n");
}

static void
test_long_lines(void **state)
{
    g_autofree char *fits = g_strnfill(RECODE_LINE_MAX, 'x'), *over = g_strnfill(RECODE_LINE_MAX + 1, 'x');
    g_autofree char *good = g_strdup_printf("MIME-Version: 1.0\r\n\r\n%s\r\n%s\r\n%s", fits, fits, fits);
    g_autofree char *bad = g_strdup_printf("MIME-Version: 1.0\r\n\r\na\r\n%s\r\n", over);
    g_autofree char *unended = g_strdup_printf("MIME-Version: 1.0\r\n\r\na\r\n%s", over);

    (void)state;
    assert_recoded(good, "whole", NULL);
    for (guint i = 0; i < 2; i++) {
        struct outcome_of outcome = run(i == 0 ? bad : unended);
        assert_true(g_str_has_prefix(outcome.told, "+0 Content-Transfer-Encoding=quoted-printable; 21+99"));
        assert_true(g_str_has_suffix(outcome.told, " 7bit -> quoted-printable; whole"));
        assert_true(g_str_has_prefix(outcome.body, "a\r\nxxxx"));
        assert_non_null(strstr(outcome.body, "xx=\r\nxx"));
        g_free(outcome.told);
        g_free(outcome.body);
    }
    /* Base64 that nobody wrapped, and an encoding that we don't know. */
    g_autofree char *wide = g_strnfill(1200, 'A');
    g_autofree char *unwrapped = g_strdup_printf("Mime-Version: 1.0\r\nContent-Transfer-Encoding: Base64\r\n\r\n%s\r\n", wide);
    g_autofree char *unknown = g_strdup_printf("Content-Transfer-Encoding: x-own\r\n\r\n%s\r\n", wide);
    struct outcome_of outcome = run(unwrapped);
    assert_string_equal(outcome.told, "c1 Content-Transfer-Encoding=base64; 56+1202 base64 -> base64; whole");
    assert_int_equal(strlen(outcome.body), 1200 + 2 * 16);
    g_free(outcome.told);
    g_free(outcome.body);
    assert_recoded(unknown, "partly", NULL);
}

#define HEAD "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"

static void
test_parts(void **state)
{
    (void)state;
    assert_recoded(HEAD "Content-Transfer-Encoding: 8bit\r\n\r\npre\r\n--b\r\n\r\nno header\r\n--b\r\nContent-Type: text/plain\r\n"
                        "content-transfer-encoding:\r\n 8bit\r\nX: y\r\n\r\nGr\xc3\xbc\xc3\x9f" "e an alle aus dem Dorf\r\n--b--\r\nend\r\n",
                   "c1 Content-Transfer-Encoding=7bit; 97+134 8bit -> 7bit; 194+28 8bit -> quoted-printable; whole",
                   "pre\r\n--b\r\n\r\nno header\r\n--b\r\nContent-Type: text/plain\r\n"
                   "Content-Transfer-Encoding: quoted-printable\r\nX: y\r\n\r\nGr=C3=BC=C3=9Fe an alle aus dem Dorf\r\n--b--\r\nend\r\n");
    /* A part without a header block gets one. */
    g_autofree char *wide = g_strnfill(1000, 'x');
    g_autofree char *text = g_strdup_printf(HEAD "\r\n--b\r\n\r\n%s\r\n--b--\r\n", wide);
    struct outcome_of outcome = run(text);
    assert_true(g_str_has_prefix(outcome.body, "--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nxxx"));
    assert_true(g_str_has_suffix(outcome.told, " 7bit -> quoted-printable; whole"));
    g_free(outcome.told);
    g_free(outcome.body);
}

/* Signed and attached things stay as they are; what is left that a transport may change is said. */
static void
test_what_is_not_touched(void **state)
{
    static const char eight[] = "Content-Transfer-Encoding: 8bit\r\n\r\n\xc3\xbc\r\n";
    g_autofree char *is_signed = g_strdup_printf("MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n%s--b--\r\n", eight);
    g_autofree char *attached = g_strdup_printf(HEAD "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n%s--b--\r\n", eight);
    g_autofree char *clean = g_strdup_printf(HEAD "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nabc\r\n--b--\r\n");
    g_autofree char *labelled = g_strdup_printf(HEAD "Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n%s--b--\r\n", eight);
    g_autofree char *twice = g_strdup_printf(HEAD "\r\n--b\r\nContent-Transfer-Encoding: 7bit\r\n%s--b--\r\n", eight);
    g_autofree char *wide = g_strnfill(1000, '-');
    g_autofree char *preamble = g_strdup_printf(HEAD "\r\n%s\r\n--b\r\n\r\nx\r\n--b--\r\n", wide);

    (void)state;
    assert_recoded(is_signed, "partly", NULL);
    assert_recoded(attached, "partly", NULL);
    assert_recoded(clean, "whole", NULL);
    assert_recoded(labelled, "partly", NULL);
    assert_recoded(twice, "whole", NULL); /* the first counts for us: 7bit with 8-bit bytes */
    assert_recoded(preamble, "partly", NULL);
    /* A header block that ends without an empty line can't take a field. */
    assert_recoded("Content-Transfer-Encoding: 8bit\r\nno field \xc3\xbc\r\n", "partly", NULL);
    assert_recoded("Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xbc\r\n", "partly", NULL);
}

static void
test_headers(void **state)
{
    g_autofree char *word = g_strnfill(995, 'w'), *half = g_strnfill(600, 'h');
    g_autofree char *text = g_strdup_printf("To: a@b.test\r\nTo:  %s@x.test,\t%s@y.test, c@d.test\r\n %s\r\nto: %s\r\nS: x\r\n\r\n", half, half,
                                            "short", half);
    g_autofree char *told = g_strdup_printf("c2 To=%s@x.test,\n\t%s@y.test,\n c@d.test\n short; whole", half, half);
    g_autofree char *stuck = g_strdup_printf("Subject: %s\r\n\r\n", word);

    (void)state;
    assert_recoded(text, told, NULL);
    assert_recoded(stuck, "partly", NULL);
    /* Many short words make lines of the usual length. */
    g_autoptr(GString) many = g_string_new("References:");
    for (guint i = 0; i < 200; i++)
        g_string_append_printf(many, " <%u@example.test>", i);
    g_string_append(many, "\r\n\r\n");
    struct outcome_of outcome = run(many->str);
    g_auto(GStrv) lines = g_strsplit(outcome.told, "\n", -1);
    assert_true(g_strv_length(lines) > 40);
    for (guint i = 0; lines[i + 1] != NULL; i++)
        assert_in_range(strlen(lines[i]), 55, 78);
    g_free(outcome.told);
    g_free(outcome.body);
}

/* A field that another edit is about has its number from that edit: it is left alone. */
static void
test_edited_fields(void **state)
{
    g_autofree char *half = g_strnfill(600, 'h');
    g_autofree char *text = g_strdup_printf("X-A: %s %s\r\n\r\n", half, half);
    struct message *message = parse(text);
    struct verdict *verdict = verdict_new();
    struct recoded recoded;

    (void)state;
    verdict_edit(verdict, EDIT_DELETE_HEADER, 1, "x-a", NULL);
    message_recode(message, verdict, &recoded);
    assert_int_equal(verdict->edits->len, 1);
    assert_false(recoded.whole);
    recoded_clear(&recoded);
    verdict_free(&verdict);
    message_free(&message);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_part),   cmocka_unit_test(test_long_lines),
                                       cmocka_unit_test(test_parts),      cmocka_unit_test(test_what_is_not_touched),
                                       cmocka_unit_test(test_headers),    cmocka_unit_test(test_edited_fields)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
