/* test_quota_event.c: the datagrams of quota_event.h, byte for byte, as a JSON parser reads them, and that none is too long. */
#include "dovecot-plugins/quota_event.h"
#include "tests/unit/base/test.h"
#include <jansson.h>

static const struct pq_event PLAIN = {
    .kind = PQ_OVER,
    .resource = PQ_STORAGE,
    .threshold = 80,
    .user = "alice@example.com",
    .root = "User quota",
    .service = "lmtp",
    .cause = "save",
    .amount = {[PQ_STORAGE] = {838000000, 861000123, 1073741824}, [PQ_MESSAGES] = {9120, 9121, 0}},
    .time_ms = G_GINT64_CONSTANT(1795953600123),
};

/* The datagram as JSON; its form is checked on the way. */
static json_t *
format(const struct pq_event *event)
{
    char out[PQ_EVENT_MAX];
    json_error_t error;
    size_t length = pq_event_format(event, out);

    assert_in_range(length, 2, PQ_EVENT_MAX - 1);
    assert_int_equal(out[length - 1], '\n');
    assert_null(memchr(out, '\n', length - 1));
    json_t *json = json_loadb(out, length, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s: %.*s", error.text, (int)length, out);
    return json;
}

static void
test_example(void **state)
{
    static const char expected[] =
        "{\"v\":1,\"event\":\"over\",\"user\":\"alice@example.com\",\"root\":\"User quota\",\"resource\":\"storage\",\"threshold\":80,"
        "\"storage\":{\"before\":838000000,\"used\":861000123,\"limit\":1073741824},"
        "\"messages\":{\"before\":9120,\"used\":9121,\"limit\":0},"
        "\"refused\":0,\"size\":0,\"service\":\"lmtp\",\"cause\":\"save\",\"time\":1795953600123}\n";
    char out[PQ_EVENT_MAX];

    (void)state;
    assert_int_equal(pq_event_format(&PLAIN, out), sizeof expected - 1);
    assert_memory_equal(out, expected, sizeof expected - 1);
}

static void
test_kinds(void **state)
{
    static const char *const kinds[] = {"over", "under", "rejected"}, *const resources[] = {"storage", "messages"};
    struct pq_event event = PLAIN;

    (void)state;
    for (event.kind = PQ_OVER; event.kind <= PQ_REJECTED; event.kind++)
        for (event.resource = PQ_STORAGE; event.resource < PQ_RESOURCES; event.resource++) {
            json_t *json = format(&event);

            assert_string_equal(json_string_value(json_object_get(json, "event")), kinds[event.kind]);
            assert_string_equal(json_string_value(json_object_get(json, "resource")), resources[event.resource]);
            json_decref(json);
        }
}

/* user in, and as a JSON parser reads it. */
static void
check_user(const char *user, const char *read)
{
    struct pq_event event = PLAIN;

    event.user = user;
    json_t *json = format(&event);
    assert_string_equal(json_string_value(json_object_get(json, "user")), read);
    json_decref(json);
}

static void
test_escapes(void **state)
{
    (void)state;
    check_user("", "");
    check_user("a\"b\\c\"", "a\"b\\c\"");
    check_user("a\x01\n\t\x1f\x7f" "b", "a\x01\n\t\x1f\x7f" "b");
    check_user("\",\"event\":\"rejected", "\",\"event\":\"rejected");
    check_user("王小明@公司.example", "王小明@公司.example");
    check_user("\xf0\x9f\x93\xac\xf4\x8f\xbf\xbf", "\xf0\x9f\x93\xac\xf4\x8f\xbf\xbf");
    /* stray, overlong, surrogate, beyond Unicode, cut off */
    check_user("a\xff" "b", "a\xef\xbf\xbd" "b");
    check_user("\x80", "\xef\xbf\xbd");
    check_user("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");
    check_user("\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check_user("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check_user("\xf0\x80\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check_user("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check_user("\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check_user("x\xe5\x85", "x\xef\xbf\xbd\xef\xbf\xbd");
}

static void
test_caps(void **state)
{
    char user[PQ_USER_MAX + 2], root[PQ_ROOT_MAX + 2], service[PQ_SERVICE_MAX + 2], out[PQ_EVENT_MAX];
    struct pq_event event = PLAIN;

    (void)state;
    /* the longest event: every byte of every name escaped, every number as long as can be */
    memset(user, 1, sizeof user);
    memset(root, 1, sizeof root);
    memset(service, 1, sizeof service);
    user[PQ_USER_MAX] = root[PQ_ROOT_MAX] = service[PQ_SERVICE_MAX + 1] = '\0';
    event.user = user;
    event.root = root;
    event.service = event.cause = service;
    event.kind = PQ_REJECTED;
    event.resource = PQ_MESSAGES;
    event.threshold = UINT_MAX;
    event.time_ms = INT64_MIN;
    event.refused = event.size = UINT64_MAX;
    memset(event.amount, 0xff, sizeof event.amount);
    json_t *json = format(&event);
    assert_int_equal(json_string_length(json_object_get(json, "user")), PQ_USER_MAX);
    assert_int_equal(json_string_length(json_object_get(json, "service")), PQ_SERVICE_MAX);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "storage"), "limit")), INT64_MAX);
    json_decref(json);

    /* a name that is one byte too long gives no event */
    user[PQ_USER_MAX] = 'x';
    user[PQ_USER_MAX + 1] = '\0';
    assert_int_equal(pq_event_format(&event, out), 0);
    event.user = "alice";
    root[PQ_ROOT_MAX] = 'x';
    root[PQ_ROOT_MAX + 1] = '\0';
    assert_int_equal(pq_event_format(&event, out), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
