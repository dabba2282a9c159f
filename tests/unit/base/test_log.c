/* test_log.c: the form of log lines, and that values from mail can't forge one. stderr is a pipe here. */
#include "lib/base/log.h"
#include "tests/unit/base/test.h"
#include <fcntl.h>
#include <unistd.h>

static int saved_stderr, pipe_fd[2];

static int
capture_setup(void **state)
{
    (void)state;
    saved_stderr = dup(STDERR_FILENO);
    assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
    dup2(pipe_fd[1], STDERR_FILENO);
    close(pipe_fd[1]);
    g_unsetenv("JOURNAL_STREAM");
    log_open("postern-test", LOG_TO_STDERR, LOG_AS_TEXT, LOG_SEV_INFO);
    return 0;
}

static int
capture_teardown(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(pipe_fd[0]);
    return 0;
}

/* read_line - what one emit wrote: exactly one line, from one write() */
static char *
read_line(void)
{
    char buf[8192];
    ssize_t n = read(pipe_fd[0], buf, sizeof buf - 1);
    assert_true(n > 0);
    buf[n] = '\0';
    assert_ptr_equal(strchr(buf, '\n'), buf + n - 1);
    buf[n - 1] = '\0';
    return g_strdup(buf);
}

static void
test_text_line(void **state)
{
    (void)state;
    struct log_line *line = log_line_new(LOG_SEV_WARNING, "eom");
    log_line_str(line, "queue_id", "4XyZ");
    log_line_str(line, "absent", NULL);
    log_line_str(line, "subject", "a \"b\" \\ c");
    log_line_str(line, "empty", "");
    log_line_mem(line, "part", "abcdef", 3);
    log_line_int(line, "size", -5);
    log_line_ms(line, "ms", 1449);
    log_line_ms(line, "back", -250);
    log_line_emit(line);
    g_autofree char *text = read_line();
    g_autofree char *expected =
        g_strdup_printf(" postern-test[%d]: event=eom level=warning queue_id=4XyZ "
                        "subject=\"a \\\"b\\\" \\\\ c\" empty=\"\" part=abc size=-5 ms=1.4 back=-0.3",
                        (int)getpid());
    assert_string_equal(strchr(text, ' '), expected);
    assert_true(g_regex_match_simple("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z ", text, 0, 0));
}

static void
test_json_line(void **state)
{
    (void)state;
    log_open("postern-test", LOG_TO_STDERR, LOG_AS_JSON, LOG_SEV_INFO);
    struct log_line *line = log_line_new(LOG_SEV_INFO, "eom");
    log_line_str(line, "a", "say \"hi\"\\");
    log_line_int(line, "n", 7);
    log_line_ms(line, "ms", 100);
    log_line_emit(line);
    g_autofree char *text = read_line();
    assert_true(g_str_has_prefix(text, "{\"time\":\"2"));
    g_autofree char *expected = g_strdup_printf("\",\"program\":\"postern-test\",\"pid\":%d,\"event\":\"eom\","
                                                "\"level\":\"info\",\"a\":\"say \\\"hi\\\"\\\\\",\"n\":7,\"ms\":0.1}",
                                                (int)getpid());
    assert_non_null(strstr(text, expected));
}

static void
test_values_cannot_forge_lines(void **state)
{
    (void)state;
    static const char evil[] = "x\r\nevent=eom\t\x1b[2J\x7f\xff\xc3\xa9\xe4\xb8\xad\xe2\x80\xae\0y";
    struct log_line *line = log_line_new(LOG_SEV_INFO, "eom");
    log_line_mem(line, "v", evil, sizeof evil - 1);
    log_line_emit(line);
    g_autofree char *text = read_line();
    assert_non_null(strstr(text, " v=\"x??event=eom??[2J??\xc3\xa9\xe4\xb8\xad??y\""));
}

static void
test_values_are_cut_at_characters(void **state)
{
    (void)state;
    g_autoptr(GString) value = g_string_new(NULL), out = g_string_new(NULL);
    for (int i = 0; i < 257; i++)
        g_string_append(value, "\xe4\xb8\xad");
    struct log_line *line = log_line_new(LOG_SEV_INFO, "e");
    log_line_str(line, "v", value->str);
    log_line_emit(line);
    g_autofree char *text = read_line();
    const char *v = strstr(text, " v=") + 3;
    assert_int_equal(g_utf8_strlen(v, -1), 259);
    assert_true(g_str_has_suffix(v, "\xe4\xb8\xad..."));
    log_sanitize(out, value->str, 257 * 3, 257);
    assert_string_equal(out->str, value->str); /* exactly max: nothing to cut */
    g_string_assign(out, "");
    log_sanitize(out, "\xe4\xb8", 2, 10); /* a character cut in the middle by the caller */
    assert_string_equal(out->str, "??");
}

static void
test_least_severity_and_journal(void **state)
{
    (void)state;
    assert_null(log_line_new(LOG_SEV_DEBUG, "quiet"));
    log_text(LOG_SEV_DEBUG, "quiet", "%d", 1);
    struct log_line *none = NULL;
    log_line_str(none, "k", "v");
    log_line_emit(none);
    log_text(LOG_SEV_ERROR, "start", "no file %s", "/x y");
    g_autofree char *text = read_line();
    assert_true(g_str_has_suffix(text, ": event=start level=error msg=\"no file /x y\""));
    GStatBuf st;
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    g_autofree char *stream = g_strdup_printf("%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    g_setenv("JOURNAL_STREAM", stream, TRUE);
    log_open("postern-test", LOG_TO_STDERR, LOG_AS_TEXT, LOG_SEV_DEBUG);
    log_text(LOG_SEV_ERROR, "start", "x");
    g_autofree char *plain = read_line();
    assert_string_equal(plain, "<3>event=start level=error msg=x");
}

/* What a value becomes, one character after the other. */
static char *
plainly(const char *value, gsize length, gsize max)
{
    GString *out = g_string_new(NULL);
    const char *p = value, *end = value + length;
    for (gsize n = 0; p < end; n++) {
        gunichar c = g_utf8_get_char_validated(p, end - p);
        gboolean valid = c != (gunichar)-1 && c != (gunichar)-2;
        const char *next = valid ? g_utf8_next_char(p) : p + 1;
        if (n == max) {
            g_string_append(out, "...");
            break;
        }
        if (valid && c >= 0x20 && c != 0x7f && c != 0x85 && c != 0x202e)
            g_string_append_len(out, p, next - p);
        else
            g_string_append_c(out, '?');
        p = next;
    }
    return g_string_free(out, FALSE);
}

/* Values of all lengths about the cut, put together from pieces that each matter. */
static void
test_values_as_made_plainly(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a", "plain", " ", "\"", "\\", "=", "\n", "\x7f", "\xc2\x85", "\xe4\xb8\xad", "\xe4\xb8", "\xff",
                                         "\xe2\x80\xae", "~", "\x1f"};
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    for (guint round = 0; round < 20000; round++) {
        g_autoptr(GString) value = g_string_new(NULL), out = g_string_new("x");
        for (gint n = g_rand_int_range(rand, 0, 12); n > 0; n--)
            g_string_append(value, pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))]);
        gsize max = (gsize)g_rand_int_range(rand, 0, 20);
        g_autofree char *expected = plainly(value->str, value->len, max);
        log_sanitize(out, value->str, value->len, max);
        assert_string_equal(out->str + 1, expected);
    }
}

static void
test_numbers(void **state)
{
    (void)state;
    struct log_line *line = log_line_new(LOG_SEV_INFO, "n");
    log_line_int(line, "zero", 0);
    log_line_int(line, "least", G_MININT64);
    log_line_int(line, "most", G_MAXINT64);
    log_line_ms(line, "none", 0);
    log_line_ms(line, "round", 999950);
    log_line_ms(line, "minus", -49);
    log_line_emit(line);
    g_autofree char *text = read_line();
    assert_true(g_str_has_suffix(text, " zero=0 least=-9223372036854775808 most=9223372036854775807 none=0.0 round=1000.0 minus=0.0"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text_line, capture_setup, capture_teardown),
        cmocka_unit_test_setup_teardown(test_json_line, capture_setup, capture_teardown),
        cmocka_unit_test_setup_teardown(test_values_cannot_forge_lines, capture_setup, capture_teardown),
        cmocka_unit_test_setup_teardown(test_values_are_cut_at_characters, capture_setup, capture_teardown),
        cmocka_unit_test_setup_teardown(test_values_as_made_plainly, capture_setup, capture_teardown),
        cmocka_unit_test_setup_teardown(test_numbers, capture_setup, capture_teardown),
        cmocka_unit_test_setup_teardown(test_least_severity_and_journal, capture_setup, capture_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
