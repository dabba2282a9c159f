/* test_rules.c: rule files to a ruleset: what rules hold, what conditions and metas give, what is refused, and the caps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>
#include "lib/spam/rules/expression.h"
#include "lib/spam/rules/pattern.h"
#include "lib/spam/rules/ruleset.h"

#define PLUGINS \
    "loadplugin Mail::SpamAssassin::Plugin::ReplaceTags\nloadplugin Mail::SpamAssassin::Plugin::MIMEHeader\n" \
    "loadplugin Mail::SpamAssassin::Plugin::HTMLEval\nloadplugin Mail::SpamAssassin::Plugin::AskDNS\n"

static struct spam_ruleset *
load(const char *text)
{
    struct rules_options options = {0};

    return rules_load_text(&options, "t.cf", text, strlen(text));
}

static const struct spam_rule *
rule(const struct spam_ruleset *set, const char *name)
{
    const struct spam_rule *found = rules_find(set, name);

    assert_non_null(found);
    return found;
}

static void
test_header(void **state)
{
    struct spam_ruleset *set = load("header A From:addr !~ m{a\\/b}i [if-unset: none]\nheader B exists:X-Foo\nscore A 1 2 3 4\n"
                                    "describe A what it is\n\nbody C /x/\n");
    const struct spam_rule *a = rule(set, "A");

    (void)state;
    assert_int_equal(a->type, SPAM_RULE_HEADER);
    assert_string_equal(a->header, "From:addr");
    assert_string_equal(a->pattern.text, "(?i)a\\/b");
    assert_int_equal(a->pattern.modifiers, 4);
    assert_string_equal(a->if_unset, "none");
    assert_true(a->negated);
    assert_true(a->scores[2] == 3);
    assert_string_equal(a->describe, "what it is");
    assert_true(rule(set, "B")->exists);
    assert_int_equal(rule(set, "C")->line, 6);
    assert_string_equal(rule(set, "C")->file, "t.cf");
    assert_int_equal(set->n_errors, 0);
    rules_free(&set);
}

static void
test_scores(void **state)
{
    struct spam_ruleset *set = load("body A /a/\nscore A 1\nscore A (0.5)\nbody T_B /b/\ntflags T_B nice\nscore D (1)\n");

    (void)state;
    assert_true(rule(set, "A")->scores[0] == 1.5);
    assert_true(rule(set, "T_B")->scores[3] == -0.01);
    assert_null(rules_find(set, "D")); /* relative to nothing */
    assert_int_equal(set->n_errors, 1);
    rules_free(&set);
}

static void
test_conditions(void **state)
{
    struct spam_ruleset *set = load(PLUGINS "if (version >= 3.004002) && plugin(Mail::SpamAssassin::Plugin::MIMEHeader)\nbody A /a/\n"
                                            "if can(Mail::SpamAssassin::Conf::feature_no_such)\nbody B /b/\nelse\nbody C /c/\nendif\n"
                                            "else\nbody D /d/\nendif\nifplugin Mail::SpamAssassin::Plugin::TxRep\nbody E /e/\nendif\n"
                                            "if has(Mail::SpamAssassin::Plugin::MIMEHeader::has_all_header)\nbody F /f/\n");

    (void)state;
    assert_non_null(rules_find(set, "A"));
    assert_null(rules_find(set, "B"));
    assert_non_null(rules_find(set, "C"));
    assert_null(rules_find(set, "D"));
    assert_null(rules_find(set, "E"));
    assert_non_null(rules_find(set, "F"));
    assert_int_equal(set->n_errors, 1); /* the last if has no end */
    rules_free(&set);
}

/* A meta's value when the rules A, B and C hit so often. */
static double
value(const char *expression, double a, double b, double c)
{
    g_autofree char *text = g_strdup_printf("body A /a/\nbody B /b/\nbody C /c/\nmeta M %s\n", expression);
    struct spam_ruleset *set = load(text);
    const struct spam_rule *m = rules_find(set, "M");
    g_autofree double *hits = g_new0(double, set->rules->len);
    double result = -999;

    hits[rule(set, "A")->index] = a;
    hits[rule(set, "B")->index] = b;
    hits[rule(set, "C")->index] = c;
    if (m != NULL && m->type == SPAM_RULE_META)
        result = rules_evaluate(m->meta->nodes, m->meta->n_nodes, hits, FALSE, NULL).number;
    rules_free(&set);
    return result;
}

static void
test_metas(void **state)
{
    (void)state;
    assert_true(value("A && (B || C)", 1, 0, 3) == 3);
    assert_true(value("(A + B + C) > 2", 1, 1, 1) == 1);
    assert_true(value("A + B * 2 - C", 1, 2, 3) == 2);
    assert_true(value("!A && !B", 0, 0, 0) == 1);
    assert_true(value("A < B < C", 3, 2, 1) == 0); /* chained, as in Perl 5.32 */
    assert_true(value("A ? B : C", 0, 2, 3) == 3);
    assert_true(value("A / (B + 1)", 3, 1, 0) == 1.5);
    assert_true(value("A ^ B", 3, 1, 0) == 2);
    assert_true(value("rules_matching(?)", 1, 2, 3) == 6);
    assert_true(value("NOSUCH || A", 2, 0, 0) == 2);
    assert_true(value("A / B", 1, 1, 1) == -999);
    /* A pattern, matched with nothing. */
    assert_true(value("A && /B/", 1, 1, 1) == 0);
    assert_true(value("A + /B || C/", 1, 0, 0) == 2);
    assert_true(value("A + /(B || C) * 08/", 1, 0, 0) == 1);
    assert_true(value("A / !/B/", 3, 1, 1) == 3);
    assert_true(value("A / /B/", 1, 1, 1) == -999);
    assert_true(value("A + /(B/", 1, 1, 1) == -999);
    assert_true(value("A + /B)/", 1, 1, 1) == -999);
    assert_true(value("/ B", 1, 1, 1) == -999);
    assert_true(value("A +1", 1, 1, 1) == -999);
    assert_true(value("(A", 1, 1, 1) == -999);
    assert_true(value("A & B", 1, 1, 1) == -999);
}

static void
test_circles(void **state)
{
    struct spam_ruleset *set = load("meta A B\nmeta B A\nmeta C A\nmeta D E\nbody E /e/\nmeta F ()\n");

    (void)state;
    assert_true(rule(set, "A")->meta->circular);
    assert_true(rule(set, "C")->meta->circular);
    assert_int_equal(rule(set, "C")->meta->dependencies->len, 0);
    assert_false(rule(set, "D")->meta->circular);
    assert_int_equal(rule(set, "D")->meta->dependencies->len, 1);
    assert_true(rule(set, "F")->meta->declared);
    rules_free(&set);
}

static void
test_calls(void **state)
{
    struct spam_ruleset *set = load(PLUGINS "body A eval:html_tag_balance('b', \"> 1\", x-1)\nbody B eval:nosuch()\n"
                                            "header C eval:html_tag_balance('b')\nheader D eval:check_rbl('x', 'y.')\n"
                                            "body E eval:nosuch(a_b)\n");

    (void)state;
    assert_string_equal(rule(set, "A")->function, "html_tag_balance");
    assert_int_equal(rule(set, "A")->arguments->len, 3);
    assert_string_equal(g_ptr_array_index(rule(set, "A")->arguments, 1), "> 1");
    assert_true(rule(set, "A")->function_known);
    assert_false(rule(set, "B")->function_known);
    assert_null(rule(set, "C")->function); /* it is for body rules */
    assert_int_equal(rule(set, "D")->type, SPAM_RULE_RBL_EVAL);
    assert_null(rule(set, "E")->function);
    assert_int_equal(set->n_errors, 2);
    rules_free(&set);
}

static void
test_flags_and_priorities(void **state)
{
    struct spam_ruleset *set = load("body N /n/\ntflags N net multiple maxhits=7\nmeta M N && A\nmeta O M\nbody A /a/\n"
                                    "priority A 500\npriority M -200\n");

    (void)state;
    assert_true(rule(set, "N")->flags & SPAM_TFLAG_NET && rule(set, "N")->flags & SPAM_TFLAG_MULTIPLE);
    assert_int_equal(rule(set, "N")->max_hits, 7);
    assert_true(rule(set, "O")->flags & SPAM_TFLAG_NET); /* by way of M */
    assert_int_equal(rule(set, "A")->priority, -200);
    assert_int_equal(rule(set, "N")->priority, -100); /* network rules not before */
    rules_free(&set);
}

static void
test_tags(void **state)
{
    struct spam_ruleset *set = load(PLUGINS "replace_tag A [aA4]\nreplace_tag B (?:b|<A>)\nreplace_inter W \\W?\n"
                                            "body R /<inter W><A><B>x/i\nreplace_rules R\n");
    const struct spam_rule *r = rule(set, "R");

    (void)state;
    assert_string_equal(r->pattern.text, "(?i)[aA4]\\W?(?:b|[aA4])x");
    assert_string_equal(r->unexpanded, "(?i)<inter W><A><B>x");
    assert_int_equal(r->tag_uses->len, 2);
    assert_string_equal(g_array_index(r->tag_uses, struct spam_tag_use, 1).tag, "B");
    rules_free(&set);
}

/* Whatever stands around brackets: the address in them, alone. */
static void
test_brackets_of_networks(void **state)
{
    struct spam_ruleset *set = load("trusted_networks [2001:db9::]*32 x[2001:db8::1]y/16 [2001:dba::/32]\n");
    const struct spam_setting *networks = rules_setting(set, "trusted_networks");

    (void)state;
    assert_true(rules_networks_hold(networks, "2001:db9::"));
    assert_false(rules_networks_hold(networks, "2001:db9::1"));
    assert_true(rules_networks_hold(networks, "2001:db8::1"));
    assert_false(rules_networks_hold(networks, "2001:db8::2"));
    assert_true(rules_networks_hold(networks, "2001:dba::1"));
    rules_free(&set);
    set = load("trusted_networks [[2001:db8::4]] [10.1.2.3]x []x\n");
    assert_int_equal(set->n_warnings, 3);
    rules_free(&set);
}

/* The version is the one that the build was made for, whole. */
static void
test_perl_version(void **state)
{
    struct spam_ruleset *set = load("if perl_version == " G_STRINGIFY(SPAM_PERL_VERSION) "\nbody A /x/\nendif\n"
                                    "if (perl_version < " G_STRINGIFY(SPAM_PERL_VERSION) ") || (perl_version < 5.036)\nbody B /x/\nendif\n");

    (void)state;
    assert_non_null(rules_find(set, "A"));
    assert_null(rules_find(set, "B"));
    rules_free(&set);
}

/* Tags that make a pattern of more than PCRE2 can compile are written out all the same, unless it is a wrong one. */
static void
test_long_tags(void **state)
{
    g_autoptr(GString) text = g_string_new(PLUGINS "replace_tag A (?:");

    (void)state;
    for (guint i = 0; i < 2000; i++)
        g_string_append_printf(text, "word%u|", i);
    g_string_append(text, "end)\nbody R /^<A><A><A><A><A><A><A><A>!/i\nbody S /^(?i:<A><A><A><A><A><A><A><A>)!/\n"
                          "replace_tag N (?&none)\nbody T /^<A><A><A><A><A><A><A><A><N>/\nreplace_rules R S T\n");
    struct spam_ruleset *set = load(text->str);
    for (const char *name = "RS"; *name != '\0'; name++) {
        const struct spam_rule *r = rule(set, (const char[]){*name, '\0'});
        assert_true(strlen(r->pattern.text) > 100000);
        assert_null(strchr(r->pattern.text, '<'));
    }
    assert_string_equal(rule(set, "T")->pattern.text, "^<A><A><A><A><A><A><A><A><N>");
    assert_int_equal(set->diagnostics->len, 1);
    rules_free(&set);
}

static void
test_captures(void **state)
{
    struct spam_ruleset *set = load("body A /(?<FOO>a+)/\nbody B /x%{FOO}y/\n");

    (void)state;
    assert_int_equal(rule(set, "A")->priority, -10000);
    assert_true(rule(set, "A")->has_captures);
    assert_string_equal(rule(set, "B")->pattern.text, "x%\\{FOO\\}y");
    assert_string_equal(g_ptr_array_index(rule(set, "B")->templates, 0), "FOO");
    rules_free(&set);
}

static void
test_plugin_rules(void **state)
{
    struct spam_ruleset *set = load(PLUGINS "mimeheader A Content-Type:raw =~ /x/i\ntflags A range=2-5\n"
                                            "askdns B _X_.example A,AAAA 127.0.0.2\naskdns C y.example A [NXDOMAIN]\n");
    const struct spam_askdns *b = g_hash_table_lookup(set->askdns, "B");

    (void)state;
    assert_string_equal(rule(set, "A")->mimeheader->header, "Content-Type");
    assert_true(rule(set, "A")->mimeheader->raw);
    assert_int_equal(rule(set, "A")->mimeheader->range_max, 5);
    assert_int_equal(rule(set, "B")->type, SPAM_RULE_EMPTY);
    assert_string_equal(b->text, "2130706434-2130706434");
    assert_string_equal(b->type, "ANY");
    assert_string_equal(((struct spam_askdns *)g_hash_table_lookup(set->askdns, "C"))->text, "3");
    rules_free(&set);
}

static void
test_settings(void **state)
{
    struct spam_ruleset *set = load("required_hits 6\nwhitelist_from *@Example.com\ntime_limit 2m\nnosuch 1\nuse_bayes perhaps\n"
                                    "trusted_networks 10/8 !10.1.2.3\ninternal_networks 11.0.0.1\nclear_headers\nenlist_uri_host (X) a !b\n");

    (void)state;
    assert_true(rules_number(set, "required_score") == 6);
    assert_true(rules_number(set, "time_limit") == 120);
    assert_true(g_hash_table_contains(rules_map(set, "welcomelist_from"), "*@example.com"));
    assert_true(rules_networks_hold(rules_setting(set, "trusted_networks"), "10.9.9.9"));
    assert_true(rules_networks_hold(rules_setting(set, "trusted_networks"), "127.0.0.1"));
    assert_false(rules_networks_hold(rules_setting(set, "trusted_networks"), "11.0.0.1"));
    assert_int_equal(rules_list(set, "internal_networks")->len, 2); /* loopback; the rest isn't trusted */
    assert_string_equal(g_hash_table_lookup(g_hash_table_lookup(rules_map(set, "uri_host_lists"), "X"), "b"), "0");
    assert_int_equal(set->n_errors, 3);
    assert_int_equal(((struct spam_diagnostic *)g_ptr_array_index(set->diagnostics, 0))->line, 4);
    rules_free(&set);
}

static void
assert_pattern(const char *text, gboolean good)
{
    struct spam_pattern pattern = {0};
    g_autoptr(GError) error = NULL;

    assert_int_equal(rules_pattern_parse(&pattern, text, RULES_DELIMITED, FALSE, &error), good);
    assert_true(good == (error == NULL));
    rules_pattern_clear(&pattern);
}

static void
test_patterns(void **state)
{
    static const char *const good[] = {"/a/", "m{a{1,2}}i", "m'a/b'", "qr!a!", "/a\\/b/", "/{a/", "/(?:{a)/", "/x{,3}/", "/a/aa", "//",
                                       "/\\x{1F600}/", "/[{]/", "/(?^i:a)/", "/\\N{U+41}{2}/", "/a|{2}/", "/[:a:]/", "/[==]/", "/[]=a=]/", "/\\c\\lA/", NULL},
                      *const bad[] = {"a", "/a", "/a/b/", "/a{/", "/^*/", "/(?=a)+/", "/\\Qa\\E/", "/a/g", "/(?{1})/", "/x{70000}/",
                                      "/[\\w-x]/", "/(/", "/[/", "/\\/", "m\\a\\", "/a/e", "/(?#a/", "/a\\y/",
                                      "/[\\l]/", "/[:alpha:]/", "/a[=b=]/", "/[\\x{100}]/", "/\\N{name}/", NULL};

    (void)state;
    for (gsize i = 0; good[i] != NULL; i++)
        assert_pattern(good[i], TRUE);
    for (gsize i = 0; bad[i] != NULL; i++)
        assert_pattern(bad[i], FALSE);
}

static void
test_nul_and_long_lines(void **state)
{
    static const char nul[] = "body A /a/\nbody B /\0/\nbody C /c/\n";
    struct rules_options options = {0};
    struct spam_ruleset *set = rules_load_text(&options, "t.cf", nul, sizeof nul - 1);
    g_autofree char *much = g_strnfill((1u << 20) + 10, 'x');

    (void)state;
    assert_non_null(rules_find(set, "C"));
    assert_null(rules_find(set, "B"));
    assert_int_equal(set->n_errors, 1);
    rules_free(&set);
    set = load(much);
    assert_int_equal(set->n_errors, 1);
    rules_free(&set);
    g_autofree char *short_one = g_memdup2("f", 1); /* nothing behind it may be read */
    set = rules_load_text(&options, "t.cf", short_one, 1);
    assert_int_equal(set->n_errors, 1);
    rules_free(&set);
    g_autofree char *deep = g_strnfill(5000, '(');
    g_autofree char *meta = g_strdup_printf("meta M %s1\nbody B /%s/\nif %s\nendif\n", deep, deep, deep);
    set = load(meta);
    assert_null(rules_find(set, "M") != NULL && rule(set, "M")->type == SPAM_RULE_META ? set : NULL);
    assert_int_equal(set->n_errors, 2);
    rules_free(&set);
}

/* Files in order, includes that are beside, and one that includes itself. */
static void
test_files(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("rules-XXXXXX", NULL);
    static const struct {
        const char *name, *text;
    } files[] = {{"b.cf", "body B /b/\ninclude sub/x.txt\nbody C /c/\n"},
                 {"a.pre", "loadplugin Mail::SpamAssassin::Plugin::NoSuch\n"},
                 {"a.cf", "body B /first/\ninclude a.cf\n"},
                 {"sub/x.txt", "body X /x/\n"}};
    g_autofree char *sub = g_build_filename(dir, "sub", NULL);
    struct rules_options options = {.default_rules = "/nonexistent", .site_rules = dir};
    g_autoptr(GError) error = NULL;

    (void)state;
    g_mkdir(sub, 0700);
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(dir, files[i].name, NULL);
        assert_true(g_file_set_contents(path, files[i].text, -1, NULL));
    }
    struct spam_ruleset *set = rules_load(&options, &error);
    assert_non_null(set);
    assert_string_equal(rule(set, "B")->pattern.text, "b");
    assert_non_null(rules_find(set, "X"));
    assert_int_equal(rule(set, "C")->line, 3);
    assert_int_equal(set->n_errors, 0);
    assert_true(set->n_warnings >= 1); /* the plugin */
    rules_free(&set);
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(dir, files[i].name, NULL);
        g_unlink(path);
    }
    g_rmdir(sub);
    assert_null(rules_load(&options, &error));
    assert_non_null(error);
    g_rmdir(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),     cmocka_unit_test(test_scores),
        cmocka_unit_test(test_conditions), cmocka_unit_test(test_metas),
        cmocka_unit_test(test_circles),    cmocka_unit_test(test_calls),
        cmocka_unit_test(test_flags_and_priorities), cmocka_unit_test(test_tags),
        cmocka_unit_test(test_perl_version), cmocka_unit_test(test_brackets_of_networks), cmocka_unit_test(test_long_tags),  cmocka_unit_test(test_captures),
        cmocka_unit_test(test_plugin_rules), cmocka_unit_test(test_settings),
        cmocka_unit_test(test_patterns),   cmocka_unit_test(test_nul_and_long_lines),
        cmocka_unit_test(test_files)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
