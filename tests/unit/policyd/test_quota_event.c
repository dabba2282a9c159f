/* test_quota_event.c: datagrams of the plugin and requests of Dovecot's script protocol: what is one, and what is none. */
#include "policyd/quota/event.h"
#include "policyd/quota/script.h"
#include "tests/unit/base/test.h"

#define HEAD "{\"v\":1,\"event\":\"over\",\"user\":\"Alice@Example.com\",\"root\":\"User quota\",\"resource\":\"storage\",\"threshold\":80,"
#define SUMS "\"storage\":{\"before\":1,\"used\":861000123,\"limit\":1073741824},\"messages\":{\"before\":9120,\"used\":9121,\"limit\":7},"
#define TAIL "\"refused\":2,\"size\":33,\"service\":\"lmtp\",\"cause\":\"save\",\"time\":1795953600123}"

static void
refuse(const char *text, const char *why)
{
    struct quota_event event;
    const char *problem = NULL;

    assert_false(quota_event_parse(text, strlen(text), &event, &problem));
    assert_string_equal(problem, why);
}

static void
test_datagrams(void **state)
{
    (void)state;
    struct quota_event event;
    const char *problem = NULL;

    assert_true(quota_event_parse(HEAD SUMS TAIL "\n", sizeof(HEAD SUMS TAIL "\n") - 1, &event, &problem));
    assert_int_equal(event.kind, QUOTA_OVER);
    assert_string_equal(event.user, "alice@example.com");
    assert_string_equal(event.root, "User quota");
    assert_string_equal(event.service, "lmtp");
    assert_string_equal(event.cause, "save");
    assert_int_equal(event.used, 861000123);
    assert_int_equal(event.limit, 1073741824);
    assert_int_equal(event.messages, 9121);
    assert_int_equal(event.messages_limit, 7);
    assert_int_equal(event.refused, 2);
    assert_int_equal(event.size, 33);
    assert_int_equal(event.time_ms, G_GINT64_CONSTANT(1795953600123));
    /* Members that a newer plugin adds. */
    const char *more = HEAD SUMS "\"new\":{\"a\":[1,2]}," TAIL;
    assert_true(quota_event_parse(more, strlen(more), &event, &problem));
}

static void
test_bad_datagrams(void **state)
{
    (void)state;
    struct quota_event event;
    const char *problem = NULL;
    g_autofree char *big = g_strnfill(QUOTA_EVENT_MAX + 1, ' ');
    g_autofree char *name = g_strnfill(QUOTA_USER_MAX + 1, 'a');
    g_autofree char *long_name = g_strdup_printf("{\"v\":1,\"event\":\"over\",\"user\":\"%s\"," SUMS TAIL, name);

    assert_false(quota_event_parse(big, QUOTA_EVENT_MAX + 1, &event, &problem));
    assert_string_equal(problem, "too long");
    refuse("", "no JSON");
    refuse("\xff\xfe", "no JSON");
    refuse(HEAD SUMS TAIL "x", "no JSON");
    refuse("{\"v\":1,\"v\":1}", "no JSON");
    refuse("[1]", "no object");
    refuse("{}", "no version");
    refuse("{\"v\":\"1\"}", "no version");
    refuse("{\"v\":2}", "of another version");
    refuse("{\"v\":1,\"event\":\"full\"}", "of an unknown kind");
    refuse("{\"v\":1,\"event\":1}", "of an unknown kind");
    refuse("{\"v\":1,\"event\":\"over\",\"user\":\"\"}", "without a user's name");
    refuse("{\"v\":1,\"event\":\"over\",\"user\":\"a\\u0000b\"}", "no JSON");
    refuse("{\"v\":1,\"event\":\"over\",\"user\":\"a\\nb\"}", "without a user's name");
    refuse(long_name, "without a user's name");
    refuse("{\"v\":1,\"event\":\"over\",\"user\":\"a\",\"root\":3}", "without a quota root's name");
    refuse(HEAD "\"storage\":[]," TAIL, "without usage and limits");
    refuse(HEAD "\"storage\":{\"used\":-1,\"limit\":0},\"messages\":{\"used\":0,\"limit\":0}," TAIL, "without usage and limits");
    refuse(HEAD "\"storage\":{\"used\":1.5,\"limit\":0},\"messages\":{\"used\":0,\"limit\":0}," TAIL, "without usage and limits");
    refuse(HEAD "\"storage\":{\"used\":99999999999999999999,\"limit\":0}," TAIL, "no JSON");
    refuse(HEAD SUMS "\"refused\":0,\"size\":0,\"service\":\"lmtp\",\"cause\":\"save\"}", "without a time or what was refused");
    refuse(HEAD SUMS "\"refused\":0,\"size\":0,\"cause\":\"save\",\"time\":1}", "without service or cause");
}

static void
refuse_script(const char *text, const char *why)
{
    struct quota_script script;
    const char *problem = NULL;

    assert_int_equal(quota_script_length(text, strlen(text)), strlen(text));
    assert_false(quota_script_parse(text, strlen(text), &script, &problem));
    assert_string_equal(problem, why);
}
#define ASK "VERSION\tscript\t4\t0\n"

static void
test_scripts(void **state)
{
    (void)state;
    struct quota_script script;
    const char *problem = NULL, *text = ASK "env_USER=x\nnoreply\nover\n80\nAlice@example.test\n\nbody";
    gsize length = quota_script_length(text, strlen(text));

    assert_int_equal(length, strlen(text) - strlen("body"));
    assert_int_equal(quota_script_length(text, length - 1), 0);
    assert_true(quota_script_parse(text, length, &script, &problem));
    assert_int_equal(script.kind, QUOTA_OVER);
    assert_int_equal(script.percent, 80);
    assert_string_equal(script.user, "alice@example.test");
    assert_string_equal(script.root, "");
    assert_false(script.answered);
    text = ASK "-\nunder\n95%\nbob\nUser quota\n\n"; /* 2.3 and 2.4 write the percent sign through */
    assert_true(quota_script_parse(text, strlen(text), &script, &problem));
    assert_int_equal(script.percent, 95);
    assert_string_equal(script.root, "User quota");
    assert_true(script.answered);
}

static void
test_bad_scripts(void **state)
{
    (void)state;
    refuse_script("GET / HTTP/1.1\n\n", "not of the script protocol");
    refuse_script("\n\n", "not of the script protocol");
    refuse_script(ASK "\n", "neither noreply nor \"-\"");
    refuse_script(ASK "env_A=b\nover\n\n", "neither noreply nor \"-\"");
    refuse_script(ASK "-\nover\n80\n\n", "not the arguments KIND PERCENT USER [ROOT]");
    refuse_script(ASK "-\nover\n80\na\nb\nc\n\n", "not the arguments KIND PERCENT USER [ROOT]");
    refuse_script(ASK "-\nfull\n80\na\n\n", "its first argument is not over, under or rejected");
    refuse_script(ASK "-\nover\n80x\na\n\n", "its second argument is no number of percent");
    refuse_script(ASK "-\nover\n-1\na\n\n", "its second argument is no number of percent");
    refuse_script(ASK "-\nover\n9999\na\n\n", "its second argument is no number of percent");
    refuse_script(ASK "-\nover\n80\na\001tb\n\n", "a control character");
    refuse_script(ASK "-\nover\n80\na\xff\n\n", "a name that is no UTF-8");
    struct quota_script script;
    const char *problem = NULL;
    assert_false(quota_script_parse("VERSION\tscript\t\0\n\n", 18, &script, &problem));
    assert_string_equal(problem, "too long, too short or with a NUL");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_datagrams), cmocka_unit_test(test_bad_datagrams), cmocka_unit_test(test_scripts),
                                       cmocka_unit_test(test_bad_scripts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
