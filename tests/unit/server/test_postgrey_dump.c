/* What postgrey remembers, as db5.3_dump prints it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "cli/postgrey_dump.h"

#define BEGIN "VERSION=3\nformat=print\nHEADER=END\n"

static gboolean
note(const struct postgrey_entry *entry, gpointer data)
{
    g_string_append_printf(data, "%s|%s|%s|%" G_GUINT64_FORMAT "|%" G_GUINT64_FORMAT "\n", entry->client, entry->sender ? entry->sender : "-",
                           entry->recipient ? entry->recipient : "-", entry->first_or_count, entry->last_s);
    return strcmp(entry->client, "stop") != 0;
}

/* What came of a text; the return value is as of postgrey_dump_read. */
static gboolean
read_text(const char *text, gsize size, const char *expected, guint64 expected_bad, gboolean expected_stop)
{
    g_autoptr(GString) seen = g_string_new(NULL);
    FILE *file = fmemopen((void *)(uintptr_t)text, size, "rb");
    gboolean stopped, whole;
    guint64 bad;

    assert_non_null(file);
    whole = postgrey_dump_read(file, note, seen, &bad, &stopped);
    fclose(file);
    assert_string_equal(seen->str, expected);
    assert_int_equal(bad, expected_bad);
    assert_int_equal(stopped, expected_stop);
    return whole;
}
#define READ(text, expected, bad, stop) read_text(text, sizeof(text) - 1, expected, bad, stop)

static void
test_entries(void **state)
{
    (void)state;
    assert_true(READ(BEGIN " 192.0.2.0/bob@example.org/alice@example.test\n 100,400\n 192.0.2.0/@/a@example.test\n 5,6,7\n 192.0.2.7\n 6,500\nDATA=END\n",
                     "192.0.2.0|bob@example.org|alice@example.test|100|400\n192.0.2.0||a@example.test|5|6\n192.0.2.7|-|-|6|500\n", 0, FALSE));
    /* A slash in the sender is the sender's; escapes are undone. */
    assert_true(READ(BEGIN " 192.0.2.0/a/b@example.org/c@example.test\n 1,2\n 192.0.2.0/\\c3\\a4\\\\@example.org/c@example.test\n 1,2\nDATA=END\n",
                     "192.0.2.0|a/b@example.org|c@example.test|1|2\n192.0.2.0|\xc3\xa4\\@example.org|c@example.test|1|2\n", 0, FALSE));
}

static void
test_what_is_none_is_passed_over(void **state)
{
    (void)state;
    assert_true(READ(BEGIN " 192.0.2.0/only@one\n 1,2\n 192.0.2.0/a@b/\n 1,2\n 192.0.2.8\n x\n 192.0.2.8\n 1\n 192.0.2.8\\0\n 1,2\n 192.0.2.8\\00\n 1,2\n ab\n 1,2\n"
                     " 192.0.2.9\n 1,2\nDATA=END\n",
                     "192.0.2.9|-|-|1|2\n", 7, FALSE));
}

/* A line that is too long, or has a NUL, does not shift keys and values that follow. */
static void
test_long_lines(void **state)
{
    static const char rest[] = "\n 1,2\n 192.0.2.9\n 3,4\n 192.0\0.2.9\n 3,4\n 192.0.2.10\n 3,4\nDATA=END";
    g_autoptr(GString) text = g_string_new(BEGIN " ");

    (void)state;
    for (guint i = 0; i < 3 * POSTGREY_LINE_MAX; i++)
        g_string_append_c(text, 'x');
    g_string_append_len(text, rest, sizeof rest - 1);
    assert_true(read_text(text->str, text->len, "192.0.2.9|-|-|3|4\n192.0.2.10|-|-|3|4\n", 2, FALSE));
}

static void
test_not_whole(void **state)
{
    (void)state;
    assert_false(READ(BEGIN " 192.0.2.9\n 3,4\n 192.0.2.10\n", "192.0.2.9|-|-|3|4\n", 0, FALSE));
    assert_false(READ("some other file\n", "", 0, FALSE));
    assert_false(READ(BEGIN " stop\n 3,4\n 192.0.2.10\n 3,4\nDATA=END\n", "stop|-|-|3|4\n", 0, TRUE));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_what_is_none_is_passed_over),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_not_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
