/* test_line_form.c: what forms match, what they keep, and that odd lines take no long time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/spam/view/line_form.h"

/* What the form keeps of line in slot: "-" nothing, NULL: no match. */
static char *
kept(const char *text, const char *line, enum form_slot slot)
{
    struct line_form *form = line_form_new(text, FALSE);
    struct form_match match;
    gboolean found = line_form_match(form, line, strlen(line), &match);

    line_form_free(form);
    if (!found)
        return NULL;
    return match.slot[slot].set
               ? g_strndup(line + match.slot[slot].start, match.slot[slot].end - match.slot[slot].start)
               : g_strdup("-");
}

static void
assert_kept(const char *text, const char *line, enum form_slot slot, const char *expected)
{
    g_autofree char *found = kept(text, line, slot);

    if (expected == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(found, expected);
    }
}

static void
test_words(void **state)
{
    (void)state;
    assert_kept("{helo} ({rdns} [{ip}]) by ", "a (b [1.2.3.4]) by c", FORM_HELO, "a");
    assert_kept("{helo} ({rdns} [{ip}]) by ", "a (b [1.2.3.4]) by c", FORM_RDNS, "b");
    assert_kept("{helo} ({rdns} [{ip}]) by ", "a (b [1.2.3.4]) by c", FORM_IP, "1.2.3.4");
    assert_kept("{helo} (", " (x", FORM_HELO, NULL);
    assert_kept("{helo?} (", " (x", FORM_HELO, "");
    assert_kept("{rdns}({ip})", "a(b(1.2.3.4)", FORM_RDNS, "a(b");     /* as much as the rest allows */
    assert_kept("{x<}{S:1-~}{>x}{[}>{]}{end}", "ab>>", FORM_X, "ab>"); /* as few */
    assert_kept("by {by<}{-}.com{>by} ", "by a.com.com x", FORM_BY, "a.com.com");
}

static void
test_optional_and_choices(void **state)
{
    (void)state;
    assert_kept("a{[} ({x}){]} by", "a (b) by", FORM_X, "b");
    assert_kept("a{[} ({x}){]} by", "a by", FORM_X, "-");
    assert_kept("a{[} {x}{]} {y}{end}", "a b", FORM_X, "-"); /* what was kept on a wrong way is dropped */
    assert_kept("{x<}{POP3|IMAP}{>x}", "IMAP", FORM_X, "IMAP");
    assert_kept("{x<}{ab|a}{>x}b{end}", "ab", FORM_X, "a");
    assert_kept("{few}SMTP{! id }{x<}{any}{>x}", "SMTP id SMTP by", FORM_X, " by");
}

static void
test_places(void **state)
{
    (void)state;
    assert_kept("{find}{b}helo={x}", "xhelo=a helo=b", FORM_X, "b");
    assert_kept("{few}{x<}b{>x}", "a\nb", FORM_X, NULL);
    assert_kept("{find}{bol}{x<}b{>x}{eol}", "ab\nb\nc", FORM_X, "b");
    assert_kept("{x}{end}", "a\n", FORM_X, NULL);
}

static void
test_addresses(void **state)
{
    (void)state;
    assert_kept("[{ip}]", "[IPv6:2001:db8::1]", FORM_IP, "IPv6:2001:db8::1");
    assert_kept("[{ip}]", "[::ffff:1.2.3.4]", FORM_IP, "::ffff:1.2.3.4");
    assert_kept("[{ip}.", "[::1.2.3.4", FORM_IP, "::1"); /* another reading, when the first doesn't fit */
    assert_kept("[{ip}]", "[1.2.3.04]", FORM_IP, NULL);
    assert_kept("[{ip}]", "[1.2.3.256]", FORM_IP, NULL);
    assert_kept("[{ip}]", "[1:2:3:4:5:6:7]", FORM_IP, NULL);
    assert_kept("{x<}{local}{>x})", "LocalHost.LocalDomain)", FORM_X, "LocalHost.LocalDomain");
    assert_kept("{x<}{local}{>x})", "::0:1)", FORM_X, "::0:1");
    assert_kept("{x<}{local}{>x})", "127.0.0.2)", FORM_X, NULL);
}

static void
test_case(void **state)
{
    struct line_form *form = line_form_new("From {WITH|via} {x}", TRUE);

    (void)state;
    assert_true(line_form_match(form, "FROM Via a", 10, NULL));
    assert_false(line_form_match(form, "FROM by a", 9, NULL));
    line_form_free(form);
}

/* A place is tried once for each unlimited run: 200 kB of what a naive matcher would need a power of the
 * length for. */
static void
test_time(void **state)
{
    static const char *const forms[] = {"{find}({few}({few}({few}({few}x){few}y", "{-}.{-}.{-}.{-}[x",
                                        "{any}a{any}a{any}a{any}b"};
    g_autofree char *lines[] = {g_strnfill(200000, '('), g_strnfill(200000, '.'), g_strnfill(200000, 'a')};
    gint64 start = g_get_monotonic_time();

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        struct line_form *form = line_form_new(forms[i], FALSE);
        assert_false(line_form_match(form, lines[i], 200000, NULL));
        line_form_free(form);
        g_clear_pointer(&lines[i], g_free);
    }
    assert_true(g_get_monotonic_time() - start < 10 * G_USEC_PER_SEC);
}

static void
test_print(void **state)
{
    struct line_form *form = line_form_new("{few} by {[}(absent) {]}{x|yy} WITH ", TRUE);
    struct line_print print;

    (void)state;
    line_print_take(&print, "from a by x with b", 18);
    assert_true(line_form_may_match(form, &print));
    assert_true(line_form_match(form, "from a by x with b", 18, NULL));
    line_print_take(&print, "from a by x via b", 17);
    assert_false(line_form_may_match(form, &print));
    assert_false(line_form_match(form, "from a by x via b", 17, NULL));
    line_form_free(form);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),  cmocka_unit_test(test_optional_and_choices),
        cmocka_unit_test(test_places), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_case),   cmocka_unit_test(test_time), cmocka_unit_test(test_print),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
