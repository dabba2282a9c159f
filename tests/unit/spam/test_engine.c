/* test_engine.c: which rules hit what: each kind of rule over texts of a table, counts, captures, metas, scores, time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/spam/engine/engine.h"

/* A message as a table: lists of texts ended by NULL, headers as name and value by turns. */
struct texts {
    const char *body[8], *rawbody[8], *uris[8], *full, *headers[16];
    GPtrArray *made; /* lists that were handed out */
    GBytes *whole;
};

static const GPtrArray *
list_of(struct texts *texts, const char *const *strings)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    for (; *strings != NULL; strings++)
        g_ptr_array_add(list, g_bytes_new_static(*strings, strlen(*strings)));
    g_ptr_array_add(texts->made, list);
    return list;
}

static const GPtrArray *
body(gpointer data)
{
    return list_of(data, ((struct texts *)data)->body);
}

static const GPtrArray *
rawbody(gpointer data)
{
    return list_of(data, ((struct texts *)data)->rawbody);
}

static const GPtrArray *
uris(gpointer data)
{
    return list_of(data, ((struct texts *)data)->uris);
}

static GBytes *
full(gpointer data)
{
    struct texts *texts = data;

    if (texts->full != NULL && texts->whole == NULL)
        texts->whole = g_bytes_new_static(texts->full, strlen(texts->full));
    return texts->whole;
}

static GBytes *
header(gpointer data, const char *name)
{
    const struct texts *texts = data;

    for (guint i = 0; texts->headers[i] != NULL; i += 2)
        if (strcmp(texts->headers[i], name) == 0)
            return g_bytes_new_static(texts->headers[i + 1], strlen(texts->headers[i + 1]));
    return NULL;
}

static double
eval(gpointer data, const struct spam_rule *rule)
{
    (void)data;
    return strcmp(rule->function, "check_for_missing_to_header") == 0 ? 1 : 0;
}

static const struct engine_source source = {body, rawbody, uris, full, header, eval, NULL, NULL};

/* The hits of the rules in the texts, as "A=1 B=2 score 3.0". */
static char *
hits_of(const char *rules, struct texts texts, guint set)
{
    const struct rules_options options = {.local_tests_only = TRUE};
    g_autofree char *all = g_strconcat("loadplugin Mail::SpamAssassin::Plugin::Check\nloadplugin Mail::SpamAssassin::Plugin::HeaderEval\n", rules, NULL);
    struct spam_ruleset *ruleset = rules_load_text(&options, "test.cf", all, strlen(all));
    g_autoptr(GError) error = NULL;
    struct spam_engine *engine = engine_new(ruleset, ENGINE_COMPILED, NULL, &error);
    struct engine_worker *worker;
    struct engine_result result;
    GString *out = g_string_new(NULL);

    if (engine == NULL)
        fail_msg("%s", error->message);
    assert_true(ruleset->n_errors == 0 || strstr(rules, "a circle") != NULL);
    texts.made = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    worker = engine_worker_new(engine);
    for (guint again = 0; again < 2; again++) { /* a worker keeps nothing from one run to the next */
        g_string_truncate(out, 0);
        engine_run(worker, &source, &texts, set, ENGINE_ALL_RULES, ENGINE_TIME_MS, &result);
        for (guint i = 0; i < ruleset->rules->len; i++) {
            const struct spam_rule *rule = g_ptr_array_index(ruleset->rules, i);
            if (result.values[i] != 0)
                g_string_append_printf(out, "%s=%g ", rule->name, result.values[i]);
        }
        g_string_append_printf(out, "score %.1f", result.score);
        assert_false(result.over_time);
        engine_result_clear(&result);
    }
    engine_worker_free(worker);
    engine_unref(engine);
    rules_free(&ruleset);
    g_ptr_array_unref(texts.made);
    if (texts.whole != NULL)
        g_bytes_unref(texts.whole);
    return g_string_free(out, FALSE);
}

static void
assert_hits(const char *rules, struct texts texts, const char *expected)
{
    g_autofree char *hits = hits_of(rules, texts, 0);

    assert_string_equal(hits, expected);
}

static void
test_body(void **state)
{
    const struct texts texts = {.body = {"Subject word\n", "first word\n", "second word, word\n", "ends here"}};

    (void)state;
    assert_hits("body A /word/\nscore A 2.5\nbody B /nothing/\n", texts, "A=1 score 2.5");
    assert_hits("body A /word/\ntflags A multiple\n", texts, "A=4 score 4.0");
    assert_hits("body A /word/\ntflags A multiple maxhits=3\n", texts, "A=3 score 3.0");
    assert_hits("body A /Subject/\ntflags A nosubject\nbody B /word/\ntflags B multiple nosubject\n", texts, "B=3 score 3.0");
    /* A paragraph is a text of its own, however they are scanned. */
    assert_hits("body A /^first/\nbody B /word$/\nbody C /word.first/s\nbody D /\\Asecond/\nbody E /here\\z/\nbody F /word\\s+second/\n", texts,
                "A=1 B=1 D=1 E=1 score 4.0");
    assert_hits("body A /word\\s(?!first)/\nbody B /(?<!\\n)first/\nbody C /\\s$/\nbody D /[[:punct:]] word\\n\\z/\n", texts,
                "A=1 B=1 C=1 D=1 score 4.0");
    assert_hits("body A /word/\nscore A 0\nbody B /word/\nscore B 1 0 0 0\nbody C /word/\nscore C 0 1 1 1\n", texts, "B=1 score 1.0");
}

static void
test_headers(void **state)
{
    const struct texts texts = {.headers = {"Subject", "Hello there\n", "To:addr", "me@here.test", NULL}};

    (void)state;
    assert_hits("header A Subject =~ /there$/\nheader B Subject !~ /there/\nheader C Subject !~ /nowhere/\n", texts, "A=1 C=1 score 2.0");
    assert_hits("header A exists:Subject\nheader B exists:X-No\nheader C X-No =~ /^$/\nheader D X-No !~ /x/\n"
                "header E X-No =~ /unset/ [if-unset: UNSET unset]\n", texts, "A=1 C=1 D=1 E=1 score 4.0");
    assert_hits("header A Subject =~ /[eo]/\ntflags A multiple\nheader B Subject =~ /[eo]/\ntflags B multiple maxhits=2\n", texts, "A=4 B=2 score 6.0");
    /* Enough rules for a prefilter. */
    assert_hits("header A Subject =~ /Hello/\nheader B Subject =~ /x/\nheader C Subject =~ /y/\nheader D Subject =~ /THERE/i\n"
                "header E Subject !~ /z/\nheader F Subject =~ /(.)\\1/\nheader G exists:Subject\n", texts, "A=1 D=1 E=1 F=1 G=1 score 5.0");
}

static void
test_other_texts(void **state)
{
    const struct texts texts = {.rawbody = {"<a\nb>", "c"}, .uris = {"http://x.test/a", "mailto:a@x.test"}, .full = "A: b\n\nbody\nEND"};

    (void)state;
    assert_hits("rawbody A /a\\nb/\nrawbody B /bc/\nrawbody C /^c$/\n", texts, "A=1 C=1 score 2.0");
    assert_hits("uri A /^mailto:/\nuri B /x\\.test/\ntflags B multiple\n", texts, "A=1 B=2 score 3.0");
    assert_hits("full A /^A: b\\n\\nbody/\nfull B /END\\z/\nfull C /^body/m\nfull D /^body/\n", texts, "A=1 B=1 C=1 score 3.0");
    assert_hits("header A eval:check_for_missing_to_header()\nheader B eval:check_illegal_chars('X','0','1')\n", texts, "A=1 score 1.0");
}

static void
test_metas(void **state)
{
    const struct texts texts = {.body = {"one two two\n"}};

    (void)state;
    assert_hits("body __A /one/\nbody __B /two/\ntflags __B multiple\nbody __C /three/\nmeta D __A && !__C\nmeta E __B + __A > 2\n"
                "meta F __B * 2\nscore F 3\nmeta G D && E\nmeta __H __C || __C\nmeta I !__H\n", texts,
                "__A=1 __B=2 D=1 E=1 F=4 G=1 I=1 score 7.0");
    /* What is so when nothing hits, and what hangs on that. */
    static const char turned[] = "body __A /one/\nbody __C /three/\nmeta __N !__A\nmeta P !__N\nmeta Q __N\nmeta R (!__C && __N) || P\nmeta S 2\n";
    assert_hits(turned, texts, "__A=1 P=1 R=1 S=2 score 3.0");
    assert_hits(turned, (struct texts){.body = {"three\n"}}, "__C=1 __N=1 Q=1 S=2 score 2.0");
    assert_hits("# a circle\nmeta A B\nmeta B A\nbody C /one/\nmeta D C && A\n", texts, "C=1 score 1.0");
    /* Without a score: false, it counts 0; true, or naming what has not run, it never gets ready, nor does who names it. */
    assert_hits("body __A /one/\nbody __C /three/\nmeta Z __C\nscore Z 0\nmeta M __A || Z\n", texts, "__A=1 M=1 score 1.0");
    assert_hits("body __A /one/\nmeta Z __A\nscore Z 0\nmeta M __A || Z\nmeta N __A || M\nmeta O __A\n", texts, "__A=1 O=1 score 1.0");
    assert_hits("body __A /one/\nmeta Z NOWHERE\nscore Z 0\nmeta M __A || Z\nmeta N !M\n", texts, "__A=1 score 0.0");
    assert_hits("body __A /one/\nmeta Z !__A\nscore Z 0\nmeta M !Z\n", (struct texts){.body = {"three\n"}}, "score 0.0");
    assert_hits("body A /one/\nmeta B A - 3\n", texts, "A=1 B=1 score 2.0"); /* a hit counts at least 1 */
}

static void
test_captures(void **state)
{
    static const char rules[] = "header __TO To:addr =~ /(?<WHO>\\S+)/\nbody A /for %{WHO}/\nbody B /for %{NOBODY}/\n";
    const struct texts texts = {.body = {"for a.b@x.test\n"}, .headers = {"To:addr", "a.b@x.test", NULL}},
                       other = {.body = {"for aXb@x.test\n"}, .headers = {"To:addr", "a.b@x.test", NULL}},
                       none = {.body = {"for a.b@x.test\n"}};

    (void)state;
    assert_hits(rules, texts, "__TO=1 A=1 score 1.0");
    assert_hits(rules, other, "__TO=1 score 0.0");
    assert_hits(rules, none, "score 0.0");
    /* Of two in one pattern SpamAssassin fills the last. */
    assert_hits("body __B /to (?<X>me) (?<Y>you)/\nbody A /by %{X} %{Y}/\n", (struct texts){.body = {"to me you by %{X} you\n"}},
                "__B=1 A=1 score 1.0");
}

/* Rules that capture come before all others, whatever they look at; a tag holds what the last of them before the rule took. */
static void
test_capture_order(void **state)
{
    const struct texts texts = {.body = {"to me\n", "from you\n"}, .rawbody = {"raw one\n", "raw two\n"}, .uris = {"http://me.test/you"},
                                .full = "Subject: me and you\n\nfull me", .headers = {"Subject", "me and you\n", NULL}};

    (void)state;
    assert_hits("header A Subject =~ /%{FULL} and/\nheader B Subject !~ /%{URI}x/\nheader C Subject !~ /%{URI}/\nbody D /to %{URI}$/\n"
                "rawbody E /raw %{RAW}/\ntflags E multiple\nuri F /%{BODY}$/\nfull G /and %{BODY}/\n"
                "full __F /full (?<FULL>\\w+)/\nuri __U m{//(?<URI>\\w+)}\nrawbody __R /raw (?<RAW>\\w+)/\ntflags __R multiple\n"
                "body __B /from (?<BODY>\\w+)/\n",
                texts, "A=1 B=1 D=1 E=2 F=1 G=1 __F=1 __U=1 __R=2 __B=1 score 7.0");
    /* Of the same turn. */
    assert_hits("body A /from %{X}/\nuri __U m{/(?<X>you)}\nheader __H Subject =~ /(?<X>me)/\n", texts, "A=1 __U=1 __H=1 score 1.0");
    assert_hits("body A /to %{X}/\nuri __U m{/(?<X>you)}\nheader __H Subject =~ /(?<X>me)/\npriority __H -1\n", texts,
                "A=1 __U=1 __H=1 score 1.0");
    /* Too late; never filled; filled by what was filled itself, a line of rules behind each other. */
    assert_hits("body A /to %{X}/\npriority A -10001\nuri __U m{//(?<X>me)}\nmeta M !A\n", texts, "__U=1 M=1 score 1.0");
    assert_hits("body A /to %{X}/\nuri __U m{//(?<X>nobody)}\nheader B Subject !~ /%{X}/\nmeta M !A && !B\n", texts, "M=1 score 1.0");
    assert_hits("header A Subject =~ /and %{Y}/\nuri __U m{%{X}.test/(?<Y>\\w+)}\nbody __B /to (?<X>\\w+)/\n", texts,
                "A=1 __U=1 __B=1 score 1.0");
}

/* Without time, nothing hangs: rules are left out, and that is said. */
static void
test_over_time(void **state)
{
    static const char rules[] = "body A /a/\nmeta B !A\n";
    const struct rules_options options = {.local_tests_only = TRUE};
    struct spam_ruleset *ruleset = rules_load_text(&options, "test.cf", rules, strlen(rules));
    struct spam_engine *engine = engine_new(ruleset, ENGINE_COMPILED, NULL, NULL);
    struct engine_worker *worker = engine_worker_new(engine);
    struct texts texts = {.body = {"a\n"}, .made = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref)};
    struct engine_result result;

    (void)state;
    engine_run(worker, &source, &texts, 0, ENGINE_ALL_RULES, -1, &result);
    assert_true(result.over_time);
    assert_int_equal(result.hits->len, 1); /* the meta, which costs nothing; A did not run */
    engine_result_clear(&result);
    engine_worker_free(worker);
    engine_unref(engine);
    rules_free(&ruleset);
    g_ptr_array_unref(texts.made);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_body),     cmocka_unit_test(test_headers),
                                       cmocka_unit_test(test_other_texts), cmocka_unit_test(test_metas),
                                       cmocka_unit_test(test_captures), cmocka_unit_test(test_capture_order),
                                       cmocka_unit_test(test_over_time)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
