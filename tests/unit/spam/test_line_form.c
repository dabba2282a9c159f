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
    form = line_form_new("{few}{helo=|EHLO} {x}", FALSE); /* one text of a choice must be there */
    line_print_take(&print, "from a (HELO b)", 15);
    assert_false(line_form_may_match(form, &print));
    line_print_take(&print, "from a (EHLO b)", 15);
    assert_true(line_form_may_match(form, &print));
    line_form_free(form);
}

/* ---- against regular expressions ---- */

static const struct {
    const char *form, *regex;
} pieces[] = {
    {"a", "a"}, {" by ", " by "}, {"(", "\\("}, {")", "\\)"}, {"b:", "b:"}, {"{few}", ".*?"}, {"{any}", ".*"}, {"{-}", "\\S+"}, {"{-?}", "\\S*"},
    {"{b}", "\\b"}, {"{end}", "\\z"}, {"{a|b:|by}", "(?:a|b:|by)"}, {"{ab|}", "(?:ab|)"}, {"{[}", "(?:"}, {"{]}", ")?"}, {"{! b}", "(?! b)"},
    {"{):1-}", "[^)]+"}, {"{A:0-3}", "[A-Za-z]{0,3}"}, {"{S:1-~}", "\\S+?"}, {"{bol}", "(?:\\A|(?<=\\n))"}, {"{eol}", "(?m:$)"}, {"{find}", "[\\s\\S]*?"},
};

/* A form of random pieces and the same as a regular expression; each slot is what one piece matches. */
static void
make_form(GRand *rand, GString *form, GString *regex)
{
    static const char *const slots[] = {"x", "y", "id", "by"};
    gboolean open = FALSE;
    guint slot = 0;

    g_string_truncate(form, 0);
    g_string_assign(regex, "\\A");
    for (gint n = g_rand_int_range(rand, 1, 9); n > 0; n--) {
        guint i = (guint)g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces));
        gboolean opens = strcmp(pieces[i].form, "{[}") == 0, closes = strcmp(pieces[i].form, "{]}") == 0;
        if ((opens && open) || (closes && !open))
            continue;
        open = opens || (open && !closes);
        if (!opens && !closes && slot < G_N_ELEMENTS(slots) && g_rand_int_range(rand, 0, 3) == 0) {
            g_string_append_printf(form, "{%s<}%s{>%s}", slots[slot], pieces[i].form, slots[slot]);
            g_string_append_printf(regex, "(?<%s>%s)", slots[slot], pieces[i].regex);
            slot++;
            continue;
        }
        g_string_append(form, pieces[i].form);
        g_string_append(regex, pieces[i].regex);
    }
    g_string_append(form, open ? "{]}" : "");
    g_string_append(regex, open ? ")?" : "");
}

static char *
make_line(GRand *rand)
{
    static const char *const words[] = {"a", "b", ":", " ", "(", ")", " by ", "by", "ab", "b:", "x", "\n", "AB", "BY"};
    GString *line = g_string_new(NULL);

    for (gint n = g_rand_int_range(rand, 0, 14); n > 0; n--)
        g_string_append(line, words[g_rand_int_range(rand, 0, G_N_ELEMENTS(words))]);
    return g_string_free(line, FALSE);
}

static void
assert_slot(const struct form_match *match, enum form_slot slot, const GMatchInfo *info, const char *name)
{
    gint start = -1, end = -1;
    gboolean has = g_match_info_fetch_named_pos(info, name, &start, &end) && start >= 0;

    assert_int_equal(match->slot[slot].set, has);
    if (has) {
        assert_int_equal(match->slot[slot].start, start);
        assert_int_equal(match->slot[slot].end, end);
    }
}

/* What a form matches and keeps is what the regular expression does, and its print never denies it. */
static void
test_meaning(void **state)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    g_autoptr(GString) text = g_string_new(NULL), pattern = g_string_new(NULL);
    guint found = 0;

    (void)state;
    for (guint round = 0; round < 4000; round++) {
        gboolean ignore_case = g_rand_boolean(rand);
        make_form(rand, text, pattern);
        g_autoptr(GRegex) regex = g_regex_new(pattern->str, G_REGEX_RAW | (ignore_case ? G_REGEX_CASELESS : 0), 0, NULL);
        struct line_form *form = line_form_new(text->str, ignore_case);
        assert_non_null(regex);
        for (guint i = 0; i < 20; i++) {
            g_autofree char *line = make_line(rand);
            g_autoptr(GMatchInfo) info = NULL;
            struct form_match match;
            struct line_print print;
            gboolean expected = g_regex_match(regex, line, 0, &info);
            assert_int_equal(line_form_match(form, line, strlen(line), &match), expected);
            if (!expected)
                continue;
            gint end;
            assert_true(g_match_info_fetch_pos(info, 0, NULL, &end));
            assert_int_equal(match.end, end);
            assert_slot(&match, FORM_X, info, "x");
            assert_slot(&match, FORM_Y, info, "y");
            assert_slot(&match, FORM_ID, info, "id");
            assert_slot(&match, FORM_BY, info, "by");
            line_print_take(&print, line, strlen(line));
            assert_true(line_form_may_match(form, &print));
            found++;
        }
        line_form_free(form);
    }
    assert_true(found > 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),  cmocka_unit_test(test_optional_and_choices),
        cmocka_unit_test(test_places), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_case),   cmocka_unit_test(test_time), cmocka_unit_test(test_print),
        cmocka_unit_test(test_meaning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
