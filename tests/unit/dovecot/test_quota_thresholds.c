/* test_quota_thresholds.c: which settings postern_quota takes, what it says of others, and what level a usage has. */
#include "dovecot-plugins/quota_thresholds.h"
#include "tests/unit/base/test.h"

static void
check_thresholds(const char *text, unsigned int count, const unsigned int *percent)
{
    struct pq_thresholds found;
    char error[PQ_ERROR_MAX];

    assert_true(pq_thresholds_parse(text, &found, error));
    assert_int_equal(found.count, count);
    for (unsigned int i = 0; i < count; i++)
        assert_int_equal(found.percent[i], percent[i]);
}

static void
test_thresholds(void **state)
{
    (void)state;
    check_thresholds("80 95 100", 3, (const unsigned int[]){80, 95, 100});
    check_thresholds(" 80,95 , 100\t", 3, (const unsigned int[]){80, 95, 100});
    check_thresholds("150", 1, (const unsigned int[]){150});
    check_thresholds("1 2 3 4 5 6 7 8", 8, (const unsigned int[]){1, 2, 3, 4, 5, 6, 7, 8});
}

static void
test_wrong_thresholds(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "no threshold"},
        {" , ", "no threshold"},
        {"80 many", "\"many\" is no whole number from 1 to 150"},
        {"80.5", "\"80.5\" is no whole number from 1 to 150"},
        {"-80", "\"-80\" is no whole number from 1 to 150"},
        {"0 80", "\"0\" is no whole number from 1 to 150"},
        {"151", "\"151\" is no whole number from 1 to 150"},
        {"%", "\"%\" is no whole number from 1 to 150"},
        {"80%", "\"80%\" is no whole number from 1 to 150"},
        {"4294967376", "\"4294967376\" is no whole number from 1 to 150"},
        {"18446744073709551616000000000000000000000", "\"18446744073709551616000000000000\" is no whole number from 1 to 150"},
        {"95 80", "80 comes after 95: thresholds must rise"},
        {"80 80", "80 comes after 80: thresholds must rise"},
        {"1 2 3 4 5 6 7 8 9", "more than 8 thresholds"},
    };
    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct pq_thresholds untouched = {.count = 77};
        char error[PQ_ERROR_MAX] = "";

        assert_false(pq_thresholds_parse(cases[i].text, &untouched, error));
        assert_string_equal(error, cases[i].error);
        assert_int_equal(untouched.count, 77);
    }
}

static void
test_delay(void **state)
{
    static const struct {
        const char *text;
        unsigned int ms;
    } good[] = {{"250", 250}, {"250ms", 250}, {"250 ms", 250}, {"250 msecs", 250}, {"1s", 1000}, {"2 secs", 2000}, {"60 s", 60000}};
    static const char *const wrong[] = {"", "ms", "soon", "250 m", "-5", "9 ms", "61 s", "999999 s", "1000000000 s", "1 s s"};
    char error[PQ_ERROR_MAX];
    unsigned int ms;

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        assert_true(pq_delay_parse(good[i].text, &ms, error));
        assert_int_equal(ms, good[i].ms);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        ms = 7;
        assert_false(pq_delay_parse(wrong[i], &ms, error));
        assert_int_equal(ms, 7);
    }
    assert_false(pq_delay_parse("soon", &ms, error));
    assert_string_equal(error, "\"soon\" is no time such as \"250 ms\"");
    assert_false(pq_delay_parse("9 ms", &ms, error));
    assert_string_equal(error, "\"9 ms\" is not from 10 ms to 60000 ms");
}

static void
test_socket(void **state)
{
    char path[200], error[PQ_ERROR_MAX];

    (void)state;
    assert_true(pq_socket_check("", error));
    assert_true(pq_socket_check("/run/postern/quota.sock", error));
    assert_false(pq_socket_check("quota.sock", error));
    assert_string_equal(error, "\"quota.sock\" does not begin with a slash");
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[107] = '\0';
    assert_true(pq_socket_check(path, error));
    path[107] = 'x';
    path[108] = '\0';
    assert_false(pq_socket_check(path, error));
    assert_string_equal(error, "longer than a socket's path can be (107 bytes)");
}

static void
test_level(void **state)
{
    struct pq_thresholds three = {.percent = {80, 95, 100}, .count = 3}, high = {.percent = {150}, .count = 1};

    (void)state;
    assert_int_equal(pq_level(&three, 799, 1000), 0);
    assert_int_equal(pq_level(&three, 800, 1000), 1);
    assert_int_equal(pq_level(&three, 949, 1000), 1);
    assert_int_equal(pq_level(&three, 950, 1000), 2);
    assert_int_equal(pq_level(&three, 1000, 1000), 3);
    assert_int_equal(pq_level(&three, UINT64_MAX, 1000), 3);
    /* 80 % of 7 is 5.6 */
    assert_int_equal(pq_level(&three, 5, 7), 0);
    assert_int_equal(pq_level(&three, 6, 7), 1);
    assert_int_equal(pq_level(&three, 0, 1), 0);
    assert_int_equal(pq_level(&three, 1, 1), 3);
    /* without a limit there is no level */
    assert_int_equal(pq_level(&three, 1000, 0), 0);
    /* no product overflows */
    assert_int_equal(pq_level(&three, INT64_MAX / 5 * 4, INT64_MAX), 0);
    assert_int_equal(pq_level(&three, INT64_MAX / 5 * 4 + 10, INT64_MAX), 1);
    assert_int_equal(pq_level(&high, INT64_MAX, INT64_MAX), 0);
    assert_int_equal(pq_level(&high, UINT64_MAX, INT64_MAX), 1);
    assert_int_equal(pq_level(&three, UINT64_MAX / 2, UINT64_MAX), 0);
    assert_int_equal(pq_level(&three, UINT64_MAX, UINT64_MAX), 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thresholds), cmocka_unit_test(test_wrong_thresholds), cmocka_unit_test(test_delay),
        cmocka_unit_test(test_socket),     cmocka_unit_test(test_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
