/* test_networks.c: which addresses are in which networks, and what is no network. */
#include "lib/base/networks.h"
#include "tests/unit/base/test.h"

static gboolean
within(const char *network, const char *address)
{
    g_auto(GStrv) list = g_strsplit(network, ",", -1);
    struct networks *networks = networks_new(list, NULL);

    assert_non_null(networks);
    gboolean result = networks_contain(networks, address);
    networks_free(&networks);
    networks_free(&networks);
    return result;
}

static void
test_contain(void **state)
{
    (void)state;
    assert_true(within("192.0.2.0/24", "192.0.2.255"));
    assert_false(within("192.0.2.0/24", "192.0.3.0"));
    assert_true(within("192.0.2.128/25", "192.0.2.128"));
    assert_false(within("192.0.2.128/25", "192.0.2.127"));
    assert_true(within("0.0.0.0/0", "255.1.2.3"));
    assert_false(within("0.0.0.0/0", "::1"));
    assert_true(within("127.0.0.1", "127.0.0.1"));
    assert_false(within("127.0.0.1", "127.0.0.2"));
    assert_true(within("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(within("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(within("[2001:db8::]/32", "IPv6:2001:db8::25"));
    assert_true(within("::1", "::1"));
    assert_true(within("192.0.2.0/24", "::ffff:192.0.2.7"));
    assert_true(within("::ffff:192.0.2.0", "192.0.2.0"));
    assert_true(within("::/0", "2001:db8::1"));
    assert_false(within("::/0", "nonsense"));
    assert_false(within("::/0", ""));
}

static gboolean
meet(const char *network, const char *other)
{
    char *list[] = {(char *)network, NULL};
    struct networks *networks = networks_new(list, NULL);

    gboolean result = networks_meet(networks, other);
    networks_free(&networks);
    return result;
}

static void
test_meet(void **state)
{
    (void)state;
    assert_true(meet("192.0.2.7", "192.0.2.0/24"));
    assert_true(meet("192.0.0.0/16", "192.0.2.0/24"));
    assert_true(meet("192.0.2.0/24", "192.0.2.7"));
    assert_true(meet("0.0.0.0/0", "192.0.2.0/24"));
    assert_true(meet("2001:db8::1", "2001:db8::/64"));
    assert_false(meet("192.0.3.0/24", "192.0.2.0/24"));
    assert_false(meet("2001:db8:0:1::/64", "2001:db8::/64"));
    assert_false(meet("0.0.0.0/0", "::/0"));
    assert_false(meet("0.0.0.0/0", "nonsense"));
    assert_false(meet("192.0.2.0/24", "192.0.2.1/24"));
}

static void
test_several(void **state)
{
    g_auto(GStrv) list = g_strsplit("10.0.0.0/8,::1,192.168.0.0/16", ",", -1);
    char *empty[] = {NULL};
    struct networks *networks = networks_new(list, NULL), *none = networks_new(empty, NULL);

    (void)state;
    assert_true(networks_contain(networks, "192.168.255.1"));
    assert_true(networks_contain(networks, "::1"));
    assert_false(networks_contain(networks, "11.0.0.1"));
    assert_false(networks_contain(none, "10.0.0.1"));
    networks_free(&networks);
    networks_free(&none);
}

static void
test_refused(void **state)
{
    static const char *const bad[] = {"", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0/8",
                                      "10.0.0.1/8", "2001:db8::/129", "2001:db8::1/64", "[::1", "host.test", "10.0.0.0/ 8"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *good = g_strdup("10.0.0.0/8"), *wrong = g_strdup(bad[i]);
        char *list[] = {good, wrong, NULL};
        g_autoptr(GError) error = NULL;

        assert_null(networks_new(list, &error));
        assert_non_null(strstr(error->message, bad[i]));
    }
}

static void
test_octets(void **state)
{
    guint8 octets[16];

    (void)state;
    assert_int_equal(network_address("192.0.2.1", octets), 4);
    assert_memory_equal(octets, "\xc0\0\2\1", 4);
    assert_int_equal(network_address("IPv6:2001:db8::1", octets), 16);
    assert_int_equal(octets[15], 1);
    assert_int_equal(network_address("192.0.2", octets), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_contain), cmocka_unit_test(test_several), cmocka_unit_test(test_meet),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_octets)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
