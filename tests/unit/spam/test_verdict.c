/* test_verdict.c: lines wrapped, tags replaced, fields encoded, messages rewritten, and header edits that come to the same. */
#include "tests/unit/spam/view_test.h"
#include <math.h>
#include "lib/spam/verdict/field_text.h"
#include "lib/spam/verdict/report.h"
#include "lib/spam/verdict/rewrite.h"
#include "lib/spam/verdict/template.h"
#include "lib/spam/verdict/wrap.h"

/* ---- wrapping ---- */

static void
check_wrap(const char *text, const struct wrap_style *style, const char *expected)
{
    g_autoptr(GString) out = g_string_new("> ");

    wrap_append(out, text, strlen(text), style);
    assert_string_equal(out->str + 2, expected);
}

static void
wrapping(void **state)
{
    const struct wrap_style ten = {.prefix = "  ", .width = 10}, first = {.first = "12345678", .prefix = "  ", .width = 10};
    const struct wrap_style comma = {.prefix = "\t", .width = 16, .after_comma = TRUE}, over = {.prefix = "-", .width = 10, .overflow = TRUE};
    const struct wrap_style narrow = {.prefix = "          ", .width = 5};

    (void)state;
    check_wrap("", &ten, "");
    check_wrap("0", &ten, "");
    check_wrap("one two three four", &ten, "one two\n  three\n  four");
    check_wrap("one two   three", &ten, "one two\n  three");
    check_wrap("unbreakablelongword  x", &ten, "unbreakablelongword\n    x"); /* as SpamAssassin */
    check_wrap("abc def", &first, "12345678abc\n   def"); /* the first word stands, however long */
    check_wrap("unbreakablelongword x", &ten, "unbreakablelongword\n   x");
    check_wrap("aaa,bbb,ccc,ddd,eee", &comma, "aaa,bbb,ccc,ddd,\n\teee");
    check_wrap("one two three four", &over, "one two three\n- four");
    check_wrap("a b c", &narrow, "a b c");
    check_wrap("aaaaaa b", &narrow, "aaaaaa\n\n          b"); /* SpamAssassin would never end */
}

static void
a_long_line_takes_linear_time(void **state)
{
    const struct wrap_style style = {.prefix = "\t", .width = 79, .after_comma = TRUE};
    g_autoptr(GString) text = g_string_new(NULL), out = g_string_new(NULL);

    (void)state;
    for (int i = 0; i < 1000000; i++)
        g_string_append(text, i % 3 == 0 ? " ," : "ab\t");
    gint64 began = g_get_monotonic_time();
    wrap_append(out, text->str, text->len, &style);
    assert_true(g_get_monotonic_time() - began < 10 * G_USEC_PER_SEC);
    assert_true(out->len > text->len / 2);
}

/* ---- templates ---- */

static GString *
value_of(gpointer data, const char *name, const char *argument)
{
    GString *seen = data, *out = NULL;

    g_string_append_printf(seen, "%s(%s) ", name, argument != NULL ? argument : "-");
    if (strcmp(name, "A") == 0 || strcmp(name, "A_B") == 0)
        out = g_string_new(argument != NULL ? argument : "_A_");
    return out;
}

static void
check_template(const char *text, const char *expected, const char *expected_asked)
{
    g_autoptr(GString) out = g_string_new(NULL), asked = g_string_new(NULL);

    template_expand(out, text, strlen(text), value_of, asked);
    assert_string_equal(out->str, expected);
    assert_string_equal(asked->str, expected_asked);
}

static void
templates(void **state)
{
    (void)state;
    check_template("x_A_y", "x_A_y", "A(-) ");
    check_template("_A_._A_", "_A_._A_", "A(-) A(-) "); /* a value is not looked into */
    check_template("_A_x_A_", "_A_x_A_", "A(-) A(-) ");
    check_template("_A_A_", "_A_A_", "A_A(-) ");
    check_template("_A(x)_A(y)_", "xA(y)_", "A(x) ");
    check_template("_A(a)b)_ _A(_)_ _A()_", "a)b _ ", "A(a)b) A(_) A() ");
    check_template("_A_B_ _A_B_C _A_B", "_A_ _A_C _A_B", "A_B(-) A_B(-) A(-) ");
    check_template("_a_ _1A_ __ _ _A", "_a_ _1A_ __ _ _A", "");
    check_template("_NO_ _NO(x)_", "_NO_ _NO(x)_", "NO(-) NO(x) ");
    check_template("_A(x\n)_", "_A(x\n)_", "");
    check_template("__A__", "__A__", "A(-) ");
}

/* ---- field text ---- */

static void
check_field(const char *text, gboolean fold, const char *expected)
{
    g_autoptr(GString) in = g_string_new(text);
    g_autoptr(GString) folded = field_text_fold("Status", in, fold), encoded = field_text_encode(folded);

    assert_string_equal(encoded->str, expected);
}

static void
field_texts(void **state)
{
    (void)state;
    check_field("No, score=1", TRUE, "No, score=1");
    check_field("a\r\n\n", TRUE, "a");
    check_field("a  \n \n b\n", TRUE, "a\n\tb");
    check_field("a\nb\n", FALSE, "a b");
    check_field("Yes, score=20.5 required=5.0 tests=AAAAAAAAAAAAAAAAAAAA,BBBBBBBBBBBBBBBBBBBB,CCCCC", TRUE,
                "Yes, score=20.5 required=5.0 tests=AAAAAAAAAAAAAAAAAAAA,\n\tBBBBBBBBBBBBBBBBBBBB,CCCCC");
    check_field("one tw\xc3\xb6 three", TRUE, "one =?UTF-8?Q?tw=C3=B6?= three");
    check_field("\xe4\xb8\xad\xe6\x96\x87", TRUE, "=?UTF-8?B?5Lit5paH?=");
    check_field("a =?x?= b", TRUE, "a =?x?= b");
    check_field("\xc3\xa9 \xc3\xa9", TRUE, "=?UTF-8?B?w6kgw6k=?=");
    check_field("a long ascii text around a \xc3\xa9_=? sign, and more", TRUE, "a long ascii text around a =?UTF-8?B?w6lfPT8=?= sign, and more");
}

/* ---- reports ---- */

static const char rules_text_all[] =
    "loadplugin Mail::SpamAssassin::Plugin::Check\n"
    "header A_TEST Subject =~ /a/\ndescribe A_TEST Something\nscore A_TEST 6\nsubjprefix A_TEST [A]\n"
    "body B_TEST /b/\nscore B_TEST 0.5\n"
    "header __SUB exists:From\n"
    "add_header all Status \"_YESNO_, score=_SCORE_ required=_REQD_ tests=_TESTS_\"\nadd_header spam Flag _YESNOCAPS_\n"
    "report _SUMMARY_\nreport_safe 0\n";

static struct report *
report_of(struct spam_ruleset **set, struct spam_tree **tree, const char *config, const char *message, gsize length, double score)
{
    g_autofree char *text = g_strconcat(rules_text_all, config, NULL);
    static struct report_hit hits[2];
    static const struct spam_rule *sub[1];

    *set = rules_load_text(&(struct rules_options){.local_tests_only = TRUE}, "test", text, strlen(text));
    *tree = tree_new(message, length);
    hits[0] = (struct report_hit){.rule = rules_find(*set, "B_TEST"), .score = 0.5};
    hits[1] = (struct report_hit){.rule = rules_find(*set, "A_TEST"), .score = 6};
    sub[0] = rules_find(*set, "__SUB");
    const struct report_scan scan = {.ruleset = *set, .tree = *tree, .hits = hits, .n_hits = 2, .sub_hits = sub, .n_sub_hits = 1,
                                     .score = score, .required = (double)NAN, .autolearn = "no", .host_name = "mx.example.test",
                                     .now = 1795896374, .random = 1};
    return report_new(&scan);
}

static void
done(struct report *report, struct spam_ruleset *set, struct spam_tree *tree)
{
    report_free(&report);
    rules_free(&set);
    tree_free(&tree);
}

static void
check_rewritten(const char *config, const char *message, gsize length, double score, const char *expected, gsize expected_length)
{
    struct spam_ruleset *set;
    struct spam_tree *tree;
    struct report *report = report_of(&set, &tree, config, message, length, score);
    g_autoptr(GString) out = rewrite_message(report);

    assert_int_equal(out->len, expected_length);
    assert_memory_equal(out->str, expected, expected_length);
    done(report, set, tree);
}
#define CHECK_REWRITTEN(config, message, score, expected) \
    check_rewritten(config, message, sizeof(message) - 1, score, expected, sizeof(expected) - 1)

#define ADDED "X-Spam-Checker-Version: SpamAssassin 4.0.1 (2024-03-25) on mx.example.test\n"
#define SPAM_STATUS "X-Spam-Status: Yes, score=6.5 required=5.0 tests=A_TEST,B_TEST\nX-Spam-Flag: YES\n"
#define REPORT_LINES "X-Spam-Report: \n\t*  0.5 B_TEST BODY: No description available.\n\t*  6.0 A_TEST Something\n"
#define HAM_STATUS "X-Spam-Status: No, score=4.9 required=5.0 tests=A_TEST,B_TEST\n"

static void
rewriting(void **state)
{
    (void)state;
    CHECK_REWRITTEN("", "Return-Path: <x>\n y\nX-Spam-Flag: NO\n  folded\nSubject: s\nx-spam-PREV-a: b\n\nbody\0x", 6.5,
                    "Return-Path: <x>\n y\n" ADDED SPAM_STATUS REPORT_LINES "Subject: s\nx-spam-PREV-a: b\n\nbody\0x");
    CHECK_REWRITTEN("", "Subject: s\r\n\r\nb\nc\r\n", 4.96,
                    "X-Spam-Checker-Version: SpamAssassin 4.0.1 (2024-03-25) on mx.example.test\r\n"
                    "X-Spam-Status: No, score=4.9 required=5.0 tests=A_TEST,B_TEST\r\nSubject: s\r\n\r\nb\nc\r\n");
    CHECK_REWRITTEN("rewrite_header Subject [S]\n", "Subject: [a] [s] s\n\n", 6.5,
                    ADDED SPAM_STATUS REPORT_LINES "Subject: [S] [A] [s] s\nX-Spam-Prev-Subject: [a] [s] s\n\n");
    CHECK_REWRITTEN("rewrite_header Subject [S]\n", "To: x\n\n", 6.5,
                    ADDED SPAM_STATUS REPORT_LINES "To: x\nSubject: [S] [A] \nX-Spam-Prev-Subject: (nonexistent)\n\n");
    CHECK_REWRITTEN("rewrite_header Subject [S]\n", "Subject: s\n\n", 4.96, ADDED HAM_STATUS "Subject: [A] s\n\n");
}

static void
wrapped(void **state)
{
    struct spam_ruleset *set;
    struct spam_tree *tree;
    const char message[] = "From: a\nSubject: s\n\n----------=_6B0B2736.00000001\n";
    struct report *report = report_of(&set, &tree, "report_safe 2\n", message, sizeof message - 1, 6.5);
    g_autoptr(GString) out = rewrite_message(report);

    (void)state;
    assert_non_null(strstr(out->str, "\nContent-Type: text/plain; x-spam-type=original\n"));
    assert_non_null(strstr(out->str, "\nContent-Disposition: inline\nContent-Transfer-Encoding: 8bit\n\nFrom: a\nSubject: s\n\n"));
    /* The message can't end the part that holds it: the boundary is none that it knows. */
    g_autofree char *used = g_strndup(strstr(out->str, "boundary=\"") + strlen("boundary=\""), 200);
    *strchr(used, '"') = '\0';
    assert_null(strstr(message, used));
    done(report, set, tree);
}

static void
scores(void **state)
{
    static const struct {
        double score;
        const char *told;
        gboolean is_spam;
    } cases[] = {{5, "5.0", TRUE}, {4.9994, "4.9", FALSE}, {4.9996, "5.0", TRUE}, {4.95, "4.9", FALSE}, {-0.04, "-0.0", FALSE}, {0, "0.0", FALSE},
                 {1e300, NULL, TRUE}};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct spam_ruleset *set;
        struct spam_tree *tree;
        struct report *report = report_of(&set, &tree, "", "\n", 1, cases[i].score);
        g_autofree char *told = report_score(report);

        assert_int_equal(report_is_spam(report), cases[i].is_spam);
        if (cases[i].told != NULL)
            assert_string_equal(told, cases[i].told);
        done(report, set, tree);
    }
}

/* ---- edits ---- */

/* "name:value|name:value|.." after the edits, as a milter's host applies them. */
static char *
edited(const GPtrArray *edits, const char *const *fields)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free), values = g_ptr_array_new_with_free_func(g_free);
    GString *out = g_string_new(NULL);

    for (; fields[0] != NULL; fields += 2) {
        g_ptr_array_add(names, g_strdup(fields[0]));
        g_ptr_array_add(values, g_strdup(fields[1]));
    }
    for (guint i = 0; i < edits->len; i++) {
        const struct rewrite_edit *edit = edits->pdata[i];
        guint at = 0, n = 0;

        if (edit->kind == REWRITE_INSERT || edit->kind == REWRITE_ADD) {
            gint where = edit->kind == REWRITE_ADD ? -1 : (gint)edit->index;
            g_ptr_array_insert(names, where, g_strdup(edit->name));
            g_ptr_array_insert(values, where, g_strdup(edit->value->str));
            continue;
        }
        for (; n < edit->index; at++) {
            assert_true(at < names->len);
            n += g_ascii_strcasecmp(names->pdata[at], edit->name) == 0;
        }
        if (edit->kind == REWRITE_DELETE) {
            g_ptr_array_remove_index(names, at - 1);
            g_ptr_array_remove_index(values, at - 1);
        } else {
            g_free(values->pdata[at - 1]);
            values->pdata[at - 1] = g_strdup(edit->value->str);
        }
    }
    for (guint i = 0; i < names->len; i++)
        g_string_append_printf(out, "%s%s:%s", i > 0 ? "|" : "", (char *)names->pdata[i], (char *)values->pdata[i]);
    return g_string_free(out, FALSE);
}

static void
check_edits(const char *config, double score, const char *const *fields, const char *expected)
{
    g_autoptr(GString) message = g_string_new(NULL);
    struct spam_ruleset *set;
    struct spam_tree *tree;
    g_autofree char *with = g_strconcat("clear_headers\nadd_header all Flag _YESNO_\nadd_header all Level _STARS(*)_\n", config, NULL);

    for (const char *const *field = fields; field[0] != NULL; field += 2)
        g_string_append_printf(message, "%s: %s\n", field[0], field[1]);
    g_string_append(message, "\nbody\n");
    struct report *report = report_of(&set, &tree, with, message->str, message->len, score);
    g_autoptr(GPtrArray) edits = rewrite_edits(report);
    g_autofree char *found = edited(edits, fields);
    assert_string_equal(found, expected);
    done(report, set, tree);
}

#define VERSION_FIELD "X-Spam-Checker-Version:SpamAssassin 4.0.1 (2024-03-25) on mx.example.test|"

static void
edits(void **state)
{
    const char *const fields[] = {"X-Spam-Flag", "YES", "To", "x", "x-spam-flag", "NO\n\tfold", "X-Spam-Prev-Subject", "p", "Subject", "one\n two",
                                  "X-Spam-Score", "9", "X-SPAM-FLAG", "maybe", NULL};
    const char *const plain[] = {"To", "x", "Subject", "[S] [A] s", NULL}, *const none[] = {"To", "x", NULL};

    (void)state;
    check_edits("", 6.5, fields, VERSION_FIELD "X-Spam-Flag:Yes|X-Spam-Level:******|To:x|X-Spam-Prev-Subject:p|Subject:one\n two");
    check_edits("rewrite_header Subject [S]\n", 6.5, fields,
                VERSION_FIELD "X-Spam-Flag:Yes|X-Spam-Level:******|To:x|X-Spam-Prev-Subject:p|Subject:[S] [A] one\n two|X-Spam-Prev-Subject:one\n two");
    check_edits("rewrite_header Subject [S]\nrewrite_header To T(_SCORE_)\n", 6.5, none,
                VERSION_FIELD "X-Spam-Flag:Yes|X-Spam-Level:******|To:(T[6.5]) x|Subject:[S] [A] |X-Spam-Prev-Subject:(nonexistent)|X-Spam-Prev-To:x");
    check_edits("rewrite_header Subject [S]\n", 1.5, plain, VERSION_FIELD "X-Spam-Flag:No|X-Spam-Level:*|To:x|Subject:[A] [S] [A] s");
    check_edits("report_safe 1\n", 6.5, none, VERSION_FIELD "X-Spam-Flag:Yes|X-Spam-Level:******|To:x"); /* a milter wraps nothing */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrapping), cmocka_unit_test(a_long_line_takes_linear_time), cmocka_unit_test(templates),
        cmocka_unit_test(field_texts), cmocka_unit_test(rewriting), cmocka_unit_test(wrapped), cmocka_unit_test(scores),
        cmocka_unit_test(edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
