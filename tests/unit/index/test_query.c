/* test_query.c: what queries mean (as FTS5 expressions) and what is refused, with where and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "archive-store/index/query.h"

#define ALL "{addr} : \"O\001*\""

static struct query *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    struct query *query = query_parse(text, NULL, NULL, &error);

    if (query == NULL)
        fail_msg("%s: %s", text, error->message);
    return query;
}

static void
means(const char *text, const char *expected)
{
    g_autoptr(query_t) query = parse(text);
    g_autofree char *match = query_match(query, 0);

    assert_string_equal(match, expected);
}

/* The expression with the term of an address put in for $1. */
static void
means_term(const char *text, const char *pattern, struct term term)
{
    g_auto(GStrv) parts = g_strsplit(pattern, "$1", -1);
    g_autofree char *quoted = g_strdup_printf("{addr} : \"O%s\"", term.text);
    g_autofree char *expected = g_strjoinv(quoted, parts);

    means(text, expected);
}

static void
refused(const char *text, const char *part)
{
    g_autoptr(GError) error = NULL;

    assert_null(query_parse(text, NULL, NULL, &error));
    assert_true(g_error_matches(error, INDEX_ERROR, INDEX_ERROR_QUERY));
    if (strstr(error->message, part) == NULL)
        fail_msg("%s: \"%s\" lacks \"%s\"", text, error->message, part);
}

static void
words(void **state)
{
    (void)state;
    means("", ALL);
    means("  \xe3\x80\x80 ", ALL);
    means("Report", "\"Oreport\"");
    means("budget report", "((\"Obudget\" AND \"Oreport\"))");
    means("budget AND report", "((\"Obudget\" AND \"Oreport\"))");
    means("budget & report", "((\"Obudget\" AND \"Oreport\"))");
    means("e-mail", "\"Oe mail\"");
    means("http://example.test/x", "\"Ohttp example test x\"");
    means("\"annual report\"", "\"Oannual report\"");
    means("repor*", "\"Orepor\" *");
    means("or and not", "((\"Oor\" AND \"Oand\" AND \"Onot\"))");
    means("上海公司", "\"O上海 海公 公司\"");
    means("軟體", "\"O软体\t~软体\"");
    means("\"軟體\"", "\"O軟體\"");
    means("司", "\"O司\t~司\" *");
    means("\"司\"", "\"O司\" *");
    means("上海*", "\"O上海\" *");
}

static void
operators(void **state)
{
    (void)state;
    means("a1 OR b1", "(\"Oa1\" OR \"Ob1\")");
    means("a1|b1", "(\"Oa1\" OR \"Ob1\")");
    means("a1 b1 OR c1", "((\"Oa1\" AND (\"Ob1\" OR \"Oc1\")))");
    means("(a1 b1) OR c1", "(((\"Oa1\" AND \"Ob1\")) OR \"Oc1\")");
    means("a1 -b1", "((\"Oa1\") NOT (\"Ob1\"))");
    means("a1 NOT b1 -c1", "((\"Oa1\") NOT (\"Ob1\" OR \"Oc1\"))");
    means("-a1", "(" ALL " NOT (\"Oa1\"))");
    means("-a1 -b1", "((" ALL ") NOT (\"Oa1\" OR \"Ob1\"))");
    means("--a1", "(" ALL " NOT ((" ALL " NOT (\"Oa1\"))))");
    means("a1 OR -b1", "(\"Oa1\" OR (" ALL " NOT (\"Ob1\")))");
    means("((a1))", "\"Oa1\"");
    means("- a1", "\"Oa1\"");
    means("a1 -&", "\"Oa1\"");
    means("a1 OR &", "\"Oa1\"");
}

static void
fields(void **state)
{
    (void)state;
    means("subject:report", "{subject} : \"Oreport\"");
    means("SUBJECT: report", "{subject} : \"Oreport\"");
    means("body:\"annual report\"", "{body} : \"Oannual report\"");
    means("attachment:plan.pdf", "{attach} : \"Oplan pdf\"");
    means("subject:(a1 OR -b1)", "({subject} : \"Oa1\" OR (" ALL " NOT ({subject} : \"Ob1\")))");
    means("has:attachment", "{addr} : \"O\001a\"");
    means("-has:Attachments", "(" ALL " NOT ({addr} : \"O\001a\"))");
    means("from:王小明", "{sender} : \"O王小 小明\"");
    means("to:Ann", "{rcpt} : \"Oann\"");
    means("from:ann*", "{sender} : \"Oann\" *");
    means("from:\"Ann Lee\"", "{sender} : \"Oann lee\"");
    means("Re:report", "\"Ore report\"");
    means("sender:ann", "\"Osender ann\"");
}

static void
addresses(void **state)
{
    (void)state;
    struct term ann = term_address(TERM_FROM, "ann@example.test");
    struct term to_ann = term_address(TERM_TO, "ann@example.test");
    struct term domain = term_domain(TERM_TO, "example.test");
    assert_string_not_equal(ann.text, to_ann.text);
    assert_int_equal(strlen(ann.text), 14);
    means_term("from:Ann@Example.test", "$1", ann);
    means_term("to:ann@example.test", "$1", to_ann);
    means_term("to:@example.test", "$1", domain);
    means_term("to:example.test", "($1 OR {rcpt} : \"Oexample test\")", domain);
    means_term("-from:ann@example.test budget", "((\"Obudget\") NOT ($1))", ann);

    g_autoptr(query_t) query = parse("from:ann@example.test OR to:bob@example.test OR from:ann@example.test");
    assert_int_equal(query->terms->len, 2);
}

/* An owner's to: finds by blind copies only what the owner sent (or got). */
static void
owners(void **state)
{
    (void)state;
    const char *ann = "ann@example.test";
    g_autoptr(query_t) query = query_parse("from:ann@example.test OR to:bob@example.test", NULL, ann, NULL);
    assert_non_null(query);
    assert_int_equal(query->terms->len, 5); /* from, visible, any, sender, owner */
    g_autofree char *match = query_match(query, 1 | 4 | 8 | 16);
    assert_non_null(strstr(match, "((" ALL " AND (" ALL " OR ({addr} : \"O\001v"));
    assert_non_null(strstr(match, "\" OR ((" ALL " AND " ALL ")))"));
    g_autoptr(query_t) own = query_parse("to:Ann@example.test", NULL, ann, NULL);
    assert_int_equal(own->terms->len, 2); /* any, owner */
    g_autoptr(query_t) domain = query_parse("to:@elsewhere.test -to:elsewhere.test", NULL, ann, NULL);
    assert_int_equal(domain->terms->len, 4);
    g_autoptr(GString) many = g_string_new(NULL);
    for (int i = 0; i < 24; i++)
        g_string_append_printf(many, "to:b%d@example.test ", i);
    g_autoptr(GError) error = NULL;
    assert_null(query_parse(many->str, NULL, ann, &error));
    assert_non_null(strstr(error->message, "too many addresses"));
}

static void
full_width(void **state)
{
    (void)state;
    means("「軟體」", "\"O軟體\"");
    means("『軟體』", "\"O軟體\"");
    means("“annual report”", "\"Oannual report\"");
    means("subject：（a1｜b1）", "({subject} : \"Oa1\" OR {subject} : \"Ob1\")");
    means("a1　－b1", "((\"Oa1\") NOT (\"Ob1\"))");
    means("repor＊", "\"Orepor\" *");
    means("查「合約」文件", "((\"O查\t~查\" * AND \"O合約\" AND \"O文件\"))");
    means("文件」", "\"O文件\"");
}

static void
dates(void **state)
{
    g_autoptr(GTimeZone) taipei = g_time_zone_new_offset(8 * 3600);
    g_autoptr(GError) error = NULL;
    const gint64 day = 24 * 3600 * 1000;

    (void)state;
    g_autoptr(query_t) a = parse("after:2024-03-01 before:2024/03/02 report");
    assert_int_equal(a->after_ms, G_GINT64_CONSTANT(1709251200000));
    assert_int_equal(a->before_ms, a->after_ms + day);
    g_autofree char *match = query_match(a, 0);
    assert_string_equal(match, "\"Oreport\"");
    g_autoptr(query_t) b = parse("after:2024-03 (report after:2023)");
    assert_int_equal(b->after_ms, a->after_ms);
    assert_int_equal(b->before_ms, G_MAXINT64);
    g_autoptr(query_t) c = parse("before:2024");
    assert_int_equal(c->before_ms, G_GINT64_CONSTANT(1704067200000));
    means("before:2024", ALL);
    g_autoptr(query_t) d = query_parse("after：2024-3-1", taipei, NULL, &error);
    assert_non_null(d);
    assert_int_equal(d->after_ms, a->after_ms - 8 * 3600 * 1000);
    refused("after:2024-13-01", "at character 7: this isn't a date");
    refused("after:2024-02-30", "isn't a date");
    refused("after:24-02-03", "isn't a date");
    refused("after:2024-02-03-04", "isn't a date");
    refused("after:2024-", "isn't a date");
    refused("after:yesterday", "2024-03-31");
    refused("after:1969", "isn't a date");
    refused("a1 OR after:2024", "at character 13: after: and before: limit the whole query");
    refused("-after:2024", "limit the whole query");
    refused("after:9999999999999", "isn't a date");
}

static void
mistakes(void **state)
{
    (void)state;
    refused("a1 \"b1", "at character 4: this quotation has no end");
    refused("軟體 「合約", "at character 4: this quotation");
    refused("(a1", "at character 1: this bracket has no end");
    refused("a1)", "at character 3: this ) has no (");
    refused("subject:(a1", "at character 9: this bracket");
    refused("a1 OR", "at character 6: a word is missing");
    refused("OR a1", "at character 1: a word is missing");
    refused("a1 AND", "a word is missing");
    refused("(OR)", "at character 2: a word is missing");
    refused("NOT", "a word is missing");
    refused("from:", "at character 1: from: needs a value");
    refused("subject: OR", "subject: needs a value");
    refused("after:(2024)", "after: needs a value");
    refused("subject:(from:x)", "at character 10: a field can't stand");
    refused("subject:...", "no word to search for");
    refused("\"...\"", "at character 1: there is no word");
    refused("...", "only punctuation");
    refused("& -&", "only punctuation");
    refused("a*", "at least two letters");
    refused("*", "no word");
    refused("has:colour", "has: knows only has:attachment");
    refused("from:ann@", "needs a domain");
    g_autoptr(GString) deep = g_string_new(NULL);
    for (int i = 0; i < 20; i++)
        g_string_append(deep, "(");
    refused(deep->str, "at character 17: brackets and NOTs are nested too deep");
    g_string_assign(deep, "");
    for (int i = 0; i < 300; i++)
        g_string_append_printf(deep, "w%d ", i);
    refused(deep->str, "too long from here on");
    g_string_assign(deep, "");
    for (int i = 0; i < 60; i++)
        g_string_append_printf(deep, "to:a%d@x.test ", i);
    refused(deep->str, "too many addresses");
    g_string_assign(deep, "");
    for (int i = 0; i < 5000; i++)
        g_string_append_c(deep, 'x');
    refused(deep->str, "too long");
}

static void
snippet_words(void **state)
{
    (void)state;
    g_autoptr(query_t) query = parse("Budget -draft subject:軟體 from:ann \"Annual Report\" plan* -(-kept)");
    g_ptr_array_add(query->words, NULL);
    g_autofree char *all = g_strjoinv("|", (char **)query->words->pdata);
    assert_string_equal(all, "budget|软体|annual report|plan*|kept");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),      cmocka_unit_test(operators), cmocka_unit_test(fields),
        cmocka_unit_test(addresses),  cmocka_unit_test(owners),     cmocka_unit_test(full_width), cmocka_unit_test(dates),
        cmocka_unit_test(mistakes),   cmocka_unit_test(snippet_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
