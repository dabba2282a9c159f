/* test_request.c: requests of the policy protocol: what is one, what is none, and which two are the same question. */
#include "policyd/protocol/request.h"
#include "tests/unit/base/test.h"

static struct policy_request *
parse(const char *text)
{
    g_autofree char *problem = NULL;
    struct policy_request *request = policy_request_parse(text, strlen(text), &problem);

    if (request == NULL)
        fail_msg("%s", problem);
    return request;
}

static void
expect_refusal(const char *text, gsize length, const char *why)
{
    g_autofree char *problem = NULL;

    assert_null(policy_request_parse(text, length, &problem));
    assert_string_equal(problem, why);
}
#define REFUSED(text, why) expect_refusal(text, sizeof(text) - 1, why)
#define ASK "request=smtpd_access_policy\n"

static void
test_values(void **state)
{
    (void)state;
    struct policy_request *request = parse(ASK "protocol_state=RCPT\nsender=a=b@c\nsize=12\nnew_in_4_0=x\nhelo_name=\nrecipient= \xc3\xa4@x");
    assert_int_equal(request->state, POLICY_AT_RCPT);
    assert_string_equal(request->values[POLICY_SENDER], "a=b@c");
    assert_string_equal(request->values[POLICY_HELO_NAME], "");
    assert_string_equal(request->values[POLICY_RECIPIENT], " \xc3\xa4@x");
    assert_string_equal(request->values[POLICY_SASL_USERNAME], "");
    assert_int_equal(policy_request_number(request, POLICY_SIZE), 12);
    assert_int_equal(policy_request_number(request, POLICY_RECIPIENT_COUNT), 0);
    assert_int_equal(policy_request_number(request, POLICY_SENDER), 0);
    policy_request_free(request);
    request = parse(ASK "protocol_state=BDAT\nsize=-1");
    assert_int_equal(request->state, POLICY_STATES);
    assert_int_equal(policy_request_number(request, POLICY_SIZE), 0);
    policy_request_free(request);
    policy_request_free(NULL);
}

static void
test_every_attribute(void **state)
{
    (void)state;
    for (guint i = 0; i < POLICY_ATTRIBUTES; i++) {
        const char *name = policy_attribute_name((enum policy_attribute)i);
        enum policy_attribute found;
        assert_true(policy_attribute_find(name, strlen(name), &found));
        assert_int_equal(found, i);
        assert_false(policy_attribute_find(name, strlen(name) - 1, &found));
    }
}

static void
test_refusals(void **state)
{
    (void)state;
    g_autoptr(GString) many = g_string_new(ASK);
    g_autofree char *longer = g_strnfill(POLICY_REQUEST_MAX + 1, 'x');
    REFUSED("", "not request=smtpd_access_policy");
    REFUSED("request=other\nsender=a", "not request=smtpd_access_policy");
    REFUSED(ASK "sender", "a line without name and \"=\"");
    REFUSED(ASK "=x", "a line without name and \"=\"");
    REFUSED(ASK "\nsender=x", "a line without name and \"=\"");
    REFUSED(ASK "sender=a\nsender=b", "an attribute twice");
    REFUSED(ASK "sender=a\0b", "a NUL");
    for (guint i = 0; i < POLICY_ATTRIBUTES_MAX; i++)
        g_string_append_printf(many, "x%u=y\n", i);
    expect_refusal(many->str, many->len, "too many attributes");
    expect_refusal(longer, POLICY_REQUEST_MAX + 1, "too long");
}

static gboolean
same(const char *a, const char *b, gboolean (*of)(const struct policy_request *, guint8 *))
{
    struct policy_request *one = parse(a), *two = parse(b);
    guint8 x[16], y[16];
    gboolean known = of(one, x) && of(two, y), equal = known && memcmp(x, y, 16) == 0;

    policy_request_free(one);
    policy_request_free(two);
    return equal;
}

static void
test_identity(void **state)
{
    (void)state;
#define BASE ASK "instance=a.1\nprotocol_state=RCPT\nsender=s@x\n"
    assert_true(same(BASE "recipient=r@x\nstress=\n", BASE "recipient=r@x\nstress=yes\n", policy_request_identity));
    assert_false(same(BASE "recipient=r@x", BASE "recipient=q@x", policy_request_identity));
    assert_false(same(ASK "instance=a.1\nsender=s", ASK "instance=a.2\nsender=s", policy_request_identity));
    assert_false(same(ASK "sender=s", ASK "sender=s", policy_request_identity)); /* without instance nothing is the same */
    assert_false(same(ASK "instance=1\nsender=ab\nrecipient=c", ASK "instance=1\nsender=a\nrecipient=bc", policy_request_identity));
    assert_true(same(BASE "recipient=r@x", BASE "recipient=q@x", policy_request_message));
    assert_false(same(ASK "instance=a.1\nsender=s", ASK "instance=a.1\nsender=t", policy_request_message));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_every_attribute), cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_identity)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
