/* test_quota_doveadm.c: what doveadm's HTTP API is asked and what it answers, as 2.3 and 2.4 do; and a server that does not behave. */
#include "policyd/quota/quota_ask.h"
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/net.h"
#include "tests/unit/base/test.h"

#define ANSWER                                                                                                                                     \
    "[[\"doveadmResponse\",[{\"root\":\"User quota\",\"type\":\"STORAGE\",\"value\":\"1080\",\"limit\":\"1024\",\"percent\":\"105\"},"              \
    "{\"root\":\"User quota\",\"type\":\"MESSAGE\",\"value\":\"4\",\"limit\":\"-\",\"percent\":\"0\"},"                                              \
    "{\"root\":\"Second quota\",\"type\":\"STORAGE\",\"value\":\"1080\",\"limit\":\"-\",\"percent\":\"0\"},"                                         \
    "{\"root\":\"Second quota\",\"type\":\"MESSAGE\",\"value\":\"4\",\"limit\":\"1000\",\"percent\":\"0\"}],\"0\"],"                                 \
    "[\"error\",{\"type\":\"exitCode\", \"exitCode\":67},\"1\"]]"

static void
test_texts(void **state)
{
    (void)state;
    const char *users[] = {"alice@example.test", "\"\xff@b"};
    g_autofree char *request = doveadm_request(users, 2);
    struct doveadm_answer answers[2];

    assert_string_equal(request, "[[\"quotaGet\",{\"user\":\"alice@example.test\"},\"0\"],[\"quotaGet\",{\"user\":\"\\\"\xef\xbf\xbd@b\"},\"1\"]]");
    assert_true(doveadm_parse(ANSWER, strlen(ANSWER), 2, answers));
    assert_true(answers[0].known);
    assert_int_equal(answers[0].n, 2);
    assert_string_equal(answers[0].roots[0].name, "User quota");
    assert_int_equal(answers[0].roots[0].used, 1080 * 1024);
    assert_int_equal(answers[0].roots[0].limit, 1024 * 1024);
    assert_int_equal(answers[0].roots[0].messages, 4);
    assert_int_equal(answers[0].roots[0].messages_limit, 0);
    assert_int_equal(answers[0].roots[1].messages_limit, 1000);
    assert_false(answers[1].known);
}

static void
test_bad_texts(void **state)
{
    (void)state;
    static const char *const unknown[] = {"[]", "[[\"doveadmResponse\",[],\"7\"]]", "[[\"doveadmResponse\",[],0]]", "[1,[],{}]",
                                          "[[\"doveadmResponse\",[{\"root\":\"r\",\"type\":\"STORAGE\",\"value\":\"error\",\"limit\":\"error\"}],\"0\"]]",
                                          "[[\"doveadmResponse\",[{\"root\":\"r\",\"type\":\"STORAGE\",\"value\":\"-5\",\"limit\":\"1\"}],\"0\"]]",
                                          "[[\"doveadmResponse\",[7],\"0\"]]"};
    g_autoptr(GString) many = g_string_new("[[\"doveadmResponse\",[");
    struct doveadm_answer answer;

    assert_false(doveadm_parse("<html>", 6, 1, &answer));
    assert_false(doveadm_parse("{}", 2, 1, &answer));
    for (guint i = 0; i < G_N_ELEMENTS(unknown); i++) {
        assert_true(doveadm_parse(unknown[i], strlen(unknown[i]), 1, &answer));
        assert_false(answer.known);
    }
    for (guint i = 0; i < 100; i++)
        g_string_append_printf(many, "%s{\"root\":\"r%u\",\"type\":\"STORAGE\",\"value\":\"99999999999999999999\",\"limit\":\"-\"}", i > 0 ? "," : "", i);
    g_string_append(many, "],\"0\"]]");
    assert_true(doveadm_parse(many->str, many->len, 1, &answer));
    assert_false(answer.known);
    g_string_replace(many, "99999999999999999999", "9223372036854775807", 0);
    assert_true(doveadm_parse(many->str, many->len, 1, &answer));
    assert_true(answer.known);
    assert_int_equal(answer.n, QUOTA_ROOTS_MAX);
    assert_true(answer.roots[7].used > 0);
}

static void
test_url(void **state)
{
    (void)state;
    static const struct {
        const char *url, *means;
    } cases[] = {{"http://127.0.0.1:8080", "http://127.0.0.1:8080/doveadm/v1"}, {"https://mx.example.org/", "https://mx.example.org/doveadm/v1"},
                 {"http://[::1]:8080/", "http://[::1]:8080/doveadm/v1"},        {"https://mx.example.org/x", "https://mx.example.org/x"},
                 {"https://mx.example.org/x/", "https://mx.example.org/x/"},    {"unix:/run/dovecot/http", "http://localhost/doveadm/v1"}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *means = doveadm_url(cases[i].url);
        assert_string_equal(means, cases[i].means);
    }
}

struct server {
    int listener;
    const char *reply;
    gboolean endless;
    char *asked;
};

static gpointer
serve(gpointer data)
{
    struct server *server = data;
    char piece[4096];
    int fd = accept(server->listener, NULL, NULL);
    ssize_t got = recv(fd, piece, sizeof piece - 1, 0);

    piece[MAX(got, 0)] = '\0';
    server->asked = g_strdup(piece);
    (void)!send(fd, server->reply, strlen(server->reply), MSG_NOSIGNAL);
    for (g_autofree char *more = g_strnfill(65536, ' '); server->endless && send(fd, more, 65536, MSG_NOSIGNAL) > 0;)
        ;
    close(fd);
    return NULL;
}

/* A question to a server that gives the reply; an error's text, NULL when there was none. */
static char *
ask(struct doveadm *doveadm, struct server *server, struct doveadm_answer *answer)
{
    GThread *thread = g_thread_new("server", serve, server);
    const char *users[] = {"a@b"};
    GError *error = NULL;
    char *text = NULL;

    if (!doveadm_quota(doveadm, users, 1, 3000, answer, &error)) {
        text = g_strdup(error->message);
        g_error_free(error);
    }
    g_thread_join(thread);
    return text;
}

static void
test_http(void **state)
{
    (void)state;
    char *dir = test_dir();
    g_autofree char *address = g_strdup_printf("unix:%s/s", dir);
    struct server server = {.listener = net_listen(address, 0600, NULL, 4, NULL)};
    struct {
        const char *reply, *error;
        gboolean endless;
    } cases[] = {{"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "doveadm: HTTP status 401: is doveadm.key right?", FALSE},
                 {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "doveadm: an answer that is none of its HTTP API", FALSE},
                 {"HTTP/1.1 302 Go\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", "doveadm: HTTP status 302", FALSE},
                 {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "doveadm: ", TRUE},
                 {"", "doveadm: ", FALSE}};
    struct doveadm_answer answer;
    const struct config_doveadm config = {.url = address, .key = (char *)"sesame"};
    struct doveadm *doveadm = doveadm_new(&config);

    server.reply = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" ANSWER;
    assert_null(ask(doveadm, &server, &answer));
    assert_true(answer.known && answer.n == 2);
    assert_non_null(strstr(server.asked, "POST /doveadm/v1 HTTP/1.1\r\n"));
    assert_non_null(strstr(server.asked, "Authorization: X-Dovecot-API c2VzYW1l\r\n"));
    assert_non_null(strstr(server.asked, "\r\n\r\n[[\"quotaGet\",{\"user\":\"a@b\"},\"0\"]]"));
    g_free(server.asked);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct doveadm *fresh = doveadm_new(&config); /* an old one leaves the server alone now */
        server.reply = cases[i].reply;
        server.endless = cases[i].endless;
        g_autofree char *text = ask(fresh, &server, &answer);
        if (text == NULL || !g_str_has_prefix(text, cases[i].error))
            fail_msg("%s, not %s", text, cases[i].error);
        assert_false(answer.known);
        const char *users[] = {"a@b"};
        gint64 begin = g_get_monotonic_time();
        assert_false(doveadm_quota(fresh, users, 1, 3000, &answer, NULL));
        assert_true(g_get_monotonic_time() - begin < 100000);
        doveadm_free(&fresh);
        g_free(server.asked);
    }
    doveadm_free(&doveadm);
    close(server.listener);
    test_dir_free(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_bad_texts), cmocka_unit_test(test_url), cmocka_unit_test(test_http)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
