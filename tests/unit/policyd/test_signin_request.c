/* test_signin_request.c: Dovecot's JSON about sign-ins, as 2.3.19 and 2.4.1 sent it, and what is none. */
#include "policyd/signin/signin_request.h"
#include "tests/unit/base/test.h"

static struct signin_request *
parse(const char *body)
{
    const char *problem = NULL;
    struct signin_request *request = signin_request_parse(body, strlen(body), &problem);

    if (request == NULL)
        fail_msg("%s: %s", body, problem);
    return request;
}

static void
test_dovecot_23(void **state)
{
    (void)state;
    struct signin_request *r = parse("{\"device_id\":\"\",\"login\":\"BOB@a.test\",\"protocol\":\"imap\",\"pwhash\":\"0c18\",\"remote\":\"127.0.0.1\","
                                     "\"session_id\":\"Y54Ob2lhSIB/AAAB\",\"tls\":false}");
    assert_string_equal(r->user, "bob@a.test");
    assert_string_equal(r->remote, "127.0.0.1");
    assert_string_equal(r->pwhash, "0c18");
    assert_string_equal(r->protocol, "imap");
    assert_string_equal(r->session, "Y54Ob2lhSIB/AAAB");
    assert_false(r->told || r->success || r->rejected);
    assert_int_equal(r->fail, SIGNIN_FAIL_UNTOLD);
    signin_request_free(r);
    r = parse("{\"device_id\":\"\",\"login\":\"refuse@a.test\",\"protocol\":\"imap\",\"pwhash\":\"02de\",\"remote\":\"127.0.0.1\","
              "\"session_id\":\"PQRvb2lhbIB/AAAB\",\"success\":false,\"policy_reject\":true,\"tls\":false}");
    assert_true(r->told && !r->success && r->rejected);
    signin_request_free(r);
}

static void
test_dovecot_24(void **state)
{
    (void)state;
    struct signin_request *r = parse("{\"device_id\":\"\",\"fail_type\":\"\",\"login\":\"bob@a.test\",\"protocol\":\"imap\",\"pwhash\":\"0c18\","
                                     "\"remote\":\"2001:db8::1\",\"session_id\":\"navKemlhqo9/AAAB\",\"success\":true,\"policy_reject\":false,\"tls\":false}");
    assert_true(r->told && r->success && !r->rejected);
    assert_int_equal(r->fail, SIGNIN_FAIL_UNTOLD);
    signin_request_free(r);
    static const struct {
        const char *type;
        enum signin_fail fail;
    } types[] = {{"credentials", SIGNIN_FAIL_GUESS}, {"account", SIGNIN_FAIL_GUESS}, {"disabled", SIGNIN_FAIL_GUESS}, {"expired", SIGNIN_FAIL_OTHER},
                 {"internal", SIGNIN_FAIL_OTHER},    {"policy", SIGNIN_FAIL_OTHER},  {"new one", SIGNIN_FAIL_OTHER}};
    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autofree char *body = g_strdup_printf("{\"fail_type\":\"%s\",\"login\":\"x\",\"success\":false}", types[i].type);
        r = parse(body);
        assert_int_equal(r->fail, types[i].fail);
        signin_request_free(r);
    }
}

static void
test_mechanisms_without_a_password(void **state)
{
    (void)state;
    static const struct {
        const char *mech, *pwhash;
    } mechs[] = {{"PLAIN", "0c18"}, {"login", "0c18"}, {"", "0c18"}, {"CRAM-MD5", ""}, {"SCRAM-SHA-256", ""}};
    for (guint i = 0; i < G_N_ELEMENTS(mechs); i++) {
        g_autofree char *body = g_strdup_printf("{\"mech\":\"%s\",\"pwhash\":\"0c18\"}", mechs[i].mech);
        struct signin_request *r = parse(body);
        assert_string_equal(r->pwhash, mechs[i].pwhash);
        signin_request_free(r);
    }
}

static void
test_what_is_missing_is_empty(void **state)
{
    (void)state;
    struct signin_request *r = parse(" {\"attrs\":{\"login\":\"no\"},\"unknown\":[1,2,{}]} ");
    assert_string_equal(r->user, "");
    assert_string_equal(r->remote, "");
    assert_string_equal(r->pwhash, "");
    assert_string_equal(r->session, "");
    assert_false(r->told);
    signin_request_free(r);
    signin_request_free(NULL);
}

static void
test_long_logins_are_cut(void **state)
{
    (void)state;
    g_autofree char *ascii = g_strnfill(5000, 'A'), *body = g_strdup_printf("{\"login\":\"%s\"}", ascii);
    g_autoptr(GString) wide = g_string_new("{\"login\":\"x");
    struct signin_request *r = parse(body);

    assert_int_equal(strlen(r->user), SIGNIN_USER_MAX);
    assert_int_equal(strspn(r->user, "a"), SIGNIN_USER_MAX);
    signin_request_free(r);
    for (guint i = 0; i < 200; i++)
        g_string_append(wide, "\xe4\xb8\xad");
    g_string_append(wide, "\"}");
    r = parse(wide->str);
    assert_int_equal(strlen(r->user), 319); /* no character is cut through: x and 106 of 3 bytes */
    assert_true(g_utf8_validate(r->user, -1, NULL));
    signin_request_free(r);
}

static void
test_refusals(void **state)
{
    (void)state;
    g_autofree char *deep = g_strnfill(40000, '['), *longest = g_strnfill(SIGNIN_BODY_MAX + 1, ' '), *text = g_strnfill(SIGNIN_TEXT_MAX + 1, 'x');
    g_autofree char *wide = g_strdup_printf("{\"session_id\":\"%s\"}", text);
    static const struct {
        const char *body;
        gsize length;
    } bad[] = {
#define BODY(text) {text, sizeof(text) - 1}
        BODY(""),
        BODY("x"),
        BODY("[]"),
        BODY("\"login\""),
        BODY("{\"login\":\"a\"} x"),
        BODY("{\"login\":\"a\"}{}"),
        BODY("{\"login\":\"a\""),
        BODY("{\"login\":7}"),
        BODY("{\"login\":null}"),
        BODY("{\"login\":{\"a\":1}}"),
        BODY("{\"success\":\"true\"}"),
        BODY("{\"success\":1}"),
        BODY("{\"policy_reject\":\"false\"}"),
        BODY("{\"pwhash\":[]}"),
        BODY("{\"login\":\"a\\u0000b\"}"),
        BODY("{\"login\":\"a\0b\"}"),
        BODY("{\"login\":\"\xff\xfe\"}"),
        BODY("{\"login\":\"\\ud800\"}"),
    };
    const char *problem = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        problem = NULL;
        if (signin_request_parse(bad[i].body, bad[i].length, &problem) != NULL)
            fail_msg("%s", bad[i].body);
        assert_non_null(problem);
    }
    assert_null(signin_request_parse(deep, 40000, &problem));
    assert_string_equal(problem, "no JSON object");
    assert_null(signin_request_parse(longest, SIGNIN_BODY_MAX + 1, &problem));
    assert_string_equal(problem, "too long");
    assert_null(signin_request_parse(wide, strlen(wide), &problem));
    assert_true(g_str_has_prefix(problem, "a value of another type"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dovecot_23), cmocka_unit_test(test_dovecot_24), cmocka_unit_test(test_mechanisms_without_a_password), cmocka_unit_test(test_what_is_missing_is_empty),
                                      
                                       cmocka_unit_test(test_long_logins_are_cut), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
