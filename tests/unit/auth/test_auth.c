/* test_auth.c: the header block that a signature sees, as received and after our edits. */
#include "lib/mail/auth/auth.h"
#include "tests/unit/base/test.h"
#include <string.h>

/* All fields and the body, as one text. */
static char *
shown(const char *text, struct verdict *verdict)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    struct message *message = message_new(bytes, NULL);
    struct auth_message *m = auth_message_new(message, verdict != NULL ? verdict->edits : NULL);
    GString *out = g_string_new(NULL);

    message_free(&message);
    for (guint i = 0; i < m->fields->len; i++) {
        const struct auth_field *field = &g_array_index(m->fields, struct auth_field, i);
        assert_memory_equal(field->name, field->raw, field->name_length);
        g_string_append_len(out, field->raw, (gssize)field->length);
    }
    g_string_append(out, "|");
    if (m->body_length > 0)
        g_string_append_len(out, m->body, (gssize)m->body_length);
    auth_message_free(&m);
    auth_message_free(&m);
    return g_string_free(out, FALSE);
}

#define assert_shown(text, verdict, expected)                                                                  \
    do {                                                                                                       \
        g_autofree char *got = shown(text, verdict);                                                           \
        assert_string_equal(got, expected);                                                                    \
    } while (0)

static void
test_as_received(void **state)
{
    (void)state;
    assert_shown("A: 1\r\nB:2\r\n\t3\r\n\r\nbody\r\n", NULL, "A: 1\r\nB:2\r\n\t3\r\n|body\r\n");
    assert_shown("A: 1\r\n\r\n", NULL, "A: 1\r\n|");
    assert_shown("A: 1\n", NULL, "A: 1\n|");
    assert_shown("", NULL, "|");
}

static void
test_edits(void **state)
{
    static const char text[] = "X: 1\r\nR: a\r\nx : 2\r\nX: 3\r\n\r\nb";
    struct verdict *verdict = verdict_new();

    (void)state;
    verdict_edit(verdict, EDIT_DELETE_HEADER, 2, "x", NULL);
    verdict_edit(verdict, EDIT_DELETE_HEADER, 9, "x", NULL); /* not there */
    verdict_edit(verdict, EDIT_CHANGE_HEADER, 2, "X", "three");
    verdict_edit(verdict, EDIT_CHANGE_HEADER, 1, "New", "n");
    verdict_edit(verdict, EDIT_INSERT_HEADER, 0, "Top", "a\n\tb");
    verdict_edit(verdict, EDIT_INSERT_HEADER, 3, "Third", "");
    verdict_edit(verdict, EDIT_INSERT_HEADER, 99, "Low", "l");
    verdict_edit(verdict, EDIT_ADD_HEADER, 0, "End", "e");
    assert_shown(text, verdict,
                 "Top: a\r\n\tb\r\nX: 1\r\nThird: \r\nR: a\r\nX: three\r\nNew: n\r\nLow: l\r\nEnd: e\r\n|b");
    verdict_free(&verdict);
}

/* Nobody may trust, or sign, what was not looked at. */
static void
test_over_a_cap(void **state)
{
    static const struct message_limits limits = {.max_headers = 2};
    g_autoptr(GBytes) bytes = g_bytes_new_static("A: 1\nB: 2\nC: 3\n\nx", 17);
    struct message *message = message_new(bytes, &limits);

    (void)state;
    assert_null(auth_message_new(message, NULL));
    message_free(&message);
}

static void
test_words(void **state)
{
    (void)state;
    assert_string_equal(auth_result_name(AUTH_NONE), "none");
    assert_string_equal(auth_result_name(AUTH_PERMERROR), "permerror");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_received),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_over_a_cap),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
