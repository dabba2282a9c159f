/* test_lmtp.c: the LMTP client against a server that says what each case needs. */
#include "lib/mail/lmtp.h"
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/net.h"
#include "tests/unit/base/test.h"

static char *dir, *address;
static int listener;

static int
setup(void **state)
{
    (void)state;
    dir = test_dir();
    address = g_strdup_printf("unix:%s/s", dir);
    listener = net_listen(address, 0600, NULL, 4, NULL);
    return listener < 0;
}

static int
teardown(void **state)
{
    (void)state;
    close(listener);
    g_free(address);
    test_dir_free(dir);
    return 0;
}

/* Replies, the first on connect; NULL closes the connection. What the client said is returned. */
static gpointer
serve(gpointer data)
{
    const char *const *replies = data;
    GString *said = g_string_new(NULL);
    int fd = accept(listener, NULL, NULL);
    char piece[4096];
    gboolean in_data = FALSE;

    for (; *replies != NULL; replies++) {
        (void)!send(fd, *replies, strlen(*replies), MSG_NOSIGNAL);
        in_data = g_str_has_prefix(*replies, "354");
        gsize begin = said->len;
        while (!g_str_has_suffix(said->str + begin, in_data ? "\r\n.\r\n" : "\r\n")) {
            ssize_t got = recv(fd, piece, sizeof piece, 0);
            if (got <= 0)
                break;
            g_string_append_len(said, piece, got);
        }
    }
    close(fd);
    return said;
}

static GString *
deliver(const char *const *replies, const char *recipient, const char *body, enum lmtp_outcome want, const char *why)
{
    GThread *thread = g_thread_new("server", serve, (gpointer)replies);
    g_autoptr(GString) text = g_string_new(body);
    g_autofree char *got = NULL;

    assert_int_equal(lmtp_deliver(address, "", recipient, text, 2000, &got), want);
    if (why == NULL)
        assert_null(got);
    else if (got == NULL || strstr(got, why) == NULL)
        fail_msg("%s, not %s", got, why);
    return g_thread_join(thread);
}
#define SAYS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define GREETING "220 mx LMTP ready\r\n"
#define HELLO "250-mx\r\n250-8BITMIME\r\n250 PIPELINING\r\n"

static void
test_delivery(void **state)
{
    (void)state;
    GString *said = deliver(SAYS(GREETING, HELLO, "250 2.1.0 OK\r\n", "250 2.1.5 OK\r\n", "354 go on\r\n", "250 2.0.0 saved\r\n"), "alice@example.test",
                            ".A: b\r\n\r\n.\r\n..x\r\nend", LMTP_DELIVERED, NULL);
    g_autofree char *want = g_strdup_printf("LHLO %s\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
                                            "..A: b\r\n\r\n..\r\n...x\r\nend\r\n.\r\nQUIT\r\n", g_get_host_name());

    assert_string_equal(said->str, want);
    g_string_free(said, TRUE);
}

static void
test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *replies[7];
        enum lmtp_outcome outcome;
        const char *why;
    } cases[] = {
        {{"554 no service\r\n"}, LMTP_LATER, "554 no service"},
        {{GREETING, "502 what?\r\n"}, LMTP_LATER, "502"},
        {{GREETING, HELLO, "250 OK\r\n", "550 5.1.1 no such user\r\n"}, LMTP_REFUSED, "550 5.1.1 no such user"},
        {{GREETING, HELLO, "250 OK\r\n", "450 4.2.0 locked\r\n"}, LMTP_LATER, "450 4.2.0 locked"},
        {{GREETING, HELLO, "250 OK\r\n", "250 OK\r\n", "354\r\n", "552-5.2.2 full\r\n552 5.2.2 really\r\n"}, LMTP_REFUSED, "really"},
        {{GREETING, HELLO, "250 OK\r\n", "250 OK\r\n", "250 what?\r\n"}, LMTP_LATER, "250 what?"},
        {{"SSH-2.0\r\n"}, LMTP_LATER, "does not speak LMTP"},
        {{GREETING, "250-a\r\n250_b\r\n"}, LMTP_LATER, "does not speak LMTP"},
        {{GREETING, HELLO}, LMTP_LATER, "closed the connection"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        g_string_free(deliver(cases[i].replies, "a@b", "x\r\n", cases[i].outcome, cases[i].why), TRUE);
}

static void
test_bounds(void **state)
{
    (void)state;
    g_autofree char *why = NULL, *endless = g_strnfill(2 * LMTP_REPLY_MAX, '2');
    g_autoptr(GString) text = g_string_new("x\r\n");
    gint64 begin = g_get_monotonic_time();

    /* A server that says nothing: it is in the listen queue. */
    assert_int_equal(lmtp_deliver(address, "", "a@b", text, 200, &why), LMTP_LATER);
    assert_string_equal(why, "the server is too slow");
    assert_in_range(g_get_monotonic_time() - begin, 150000, 1500000);
    close(accept(listener, NULL, NULL));
    g_string_free(deliver(SAYS(endless), "a@b", "x\r\n", LMTP_LATER, "does not speak LMTP"), TRUE);
    static const char *const bad[] = {"", "a@b>\r\nDATA", "a b@c", "\xc3\xa4@b", "a<b@c"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_clear_pointer(&why, g_free);
        assert_int_equal(lmtp_deliver(address, "", bad[i], text, 200, &why), LMTP_REFUSED);
    }
    g_clear_pointer(&why, g_free);
    assert_int_equal(lmtp_deliver("unix:/nonexistent/s", "", "a@b", text, 200, &why), LMTP_LATER);
    assert_non_null(strstr(why, "No such file"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_delivery), cmocka_unit_test(test_refusals), cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
