/* test_metrics.c: the registry, the exposition format, and the HTTP endpoint over a unix socket. */
#include "lib/base/metrics.h"
#include "lib/base/net.h"
#include "tests/unit/base/test.h"
#include <sys/socket.h>
#include <unistd.h>

static void
test_render(void **state)
{
    (void)state;
    static const char *const results[] = {"ok", "odd\"\\\n", NULL};
    struct metric *counter = metrics_counter("postern_test_total", "Tests \"run\"\\\nso far.", "result", results);
    struct metric *gauge = metrics_gauge("postern_test_bytes", "Bytes.", NULL, NULL);
    struct metric *seconds = metrics_histogram("postern_test_seconds", "Time.");
    assert_ptr_equal(counter, metrics_counter("postern_test_total", "again", "result", results));
    metrics_add(counter, 1, 3);
    metrics_set(gauge, 0, -9);
    metrics_add(gauge, 0, 1);
    metrics_observe(seconds, 1000);     /* on a bound: le is inclusive */
    metrics_observe(seconds, 1001);
    metrics_observe(seconds, 61000000); /* over the last bound */
    metrics_observe(seconds, -5);
    assert_int_equal(metrics_get(counter, 1), 3);
    g_autoptr(GString) out = g_string_new(NULL);
    metrics_render(out);
    assert_non_null(strstr(out->str, "# HELP postern_test_total Tests \"run\"\\\\\\nso far.\n"
                                     "# TYPE postern_test_total counter\n"
                                     "postern_test_total{result=\"ok\"} 0\n"
                                     "postern_test_total{result=\"odd\\\"\\\\\\n\"} 3\n"));
    assert_non_null(strstr(out->str, "# TYPE postern_test_bytes gauge\npostern_test_bytes -8\n"));
    assert_non_null(strstr(out->str, "postern_test_seconds_bucket{le=\"0.001\"} 2\n"
                                     "postern_test_seconds_bucket{le=\"0.0025\"} 3\n"));
    assert_non_null(strstr(out->str, "postern_test_seconds_bucket{le=\"60\"} 3\n"
                                     "postern_test_seconds_bucket{le=\"+Inf\"} 4\n"
                                     "postern_test_seconds_sum 61.002001\npostern_test_seconds_count 4\n"));
}

static void
test_groups(void **state)
{
    static const char *const causes[] = {"a", "b", NULL};
    struct metric *counter = metrics_counter_grouped("postern_grouped_total", "Grouped.", "list", "cause", causes);
    g_autoptr(GString) out = g_string_new(NULL);

    (void)state;
    metrics_render(out);
    assert_non_null(strstr(out->str, "# TYPE postern_grouped_total counter\n"));
    assert_null(strstr(out->str, "postern_grouped_total{"));
    assert_int_equal(metrics_group(counter, "one.test"), 0);
    g_autofree char *name = g_strdup("two\"");
    assert_int_equal(metrics_group(counter, name), 2);
    name[0] = 'x'; /* it was copied */
    assert_int_equal(metrics_group(counter, "two\""), 2);
    metrics_add(counter, metrics_group(counter, "two\"") + 1, 7);
    g_string_truncate(out, 0);
    metrics_render(out);
    assert_non_null(strstr(out->str, "# TYPE postern_grouped_total counter\n"
                                     "postern_grouped_total{list=\"one.test\",cause=\"a\"} 0\n"
                                     "postern_grouped_total{list=\"one.test\",cause=\"b\"} 0\n"
                                     "postern_grouped_total{list=\"two\\\"\",cause=\"a\"} 0\n"
                                     "postern_grouped_total{list=\"two\\\"\",cause=\"b\"} 7\n"));
    for (guint i = 2; i < METRICS_GROUPS_MAX + 20; i++) {
        g_autofree char *more = g_strdup_printf("more%u", i);
        assert_int_equal(metrics_group(counter, more), 2 * MIN(i, METRICS_GROUPS_MAX - 1));
    }
    metrics_add(counter, metrics_group(counter, "yet another") + 1, 9);
    g_string_truncate(out, 0);
    metrics_render(out);
    assert_non_null(strstr(out->str, "postern_grouped_total{list=\"more62\",cause=\"b\"} 0\n"
                                     "postern_grouped_total{list=\"other\",cause=\"a\"} 0\n"
                                     "postern_grouped_total{list=\"other\",cause=\"b\"} 9\n"));
    assert_null(strstr(out->str, "more63"));
}

static gpointer
adder(gpointer data)
{
    for (int i = 0; i < 10000; i++)
        metrics_add(data, 0, 1);
    return NULL;
}

static void
test_threads_lose_nothing(void **state)
{
    (void)state;
    struct metric *counter = metrics_counter("postern_race_total", "Race.", NULL, NULL);
    GThread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = g_thread_new("adder", adder, counter);
    for (int i = 0; i < 4; i++)
        g_thread_join(threads[i]);
    assert_int_equal(metrics_get(counter, 0), 40000);
}

/* http - sends a request and gives all that came back until the server closed */
static char *
http(const char *address, const char *request)
{
    g_autoptr(GString) answer = g_string_new(NULL);
    int fd = net_connect(address, 2000, NULL);
    assert_true(fd >= 0);
    assert_true(net_write_full(fd, request, strlen(request), 2000, NULL));
    char buf[4096];
    for (ssize_t n = recv(fd, buf, sizeof buf, 0); n > 0; n = recv(fd, buf, sizeof buf, 0))
        g_string_append_len(answer, buf, n);
    close(fd);
    return g_string_free(g_steal_pointer(&answer), FALSE);
}

static void
test_http(void **state)
{
    (void)state;
    static const char tail[] = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    char *dir = test_dir();
    g_autofree char *address = g_strdup_printf("unix:%s/m", dir);
    g_autoptr(GError) error = NULL;
    metrics_counter("postern_http_total", "Served.", NULL, NULL);
    struct metrics_server *server = metrics_server_start(address, &error);
    assert_null(error);
    assert_non_null(server);
    g_autofree char *get = g_strdup_printf("GET /metrics%s\r\n", tail);
    g_autofree char *health = g_strdup_printf("GET /healthz%s\r\n", tail);
    g_autofree char *other = g_strdup_printf("GET /etc/passwd%s\r\n", tail);
    g_autofree char *post = g_strdup_printf("POST /metrics%sContent-Length: 3\r\n\r\nabc", tail);
    g_autofree char *a = http(address, get), *b = http(address, health), *c = http(address, other),
                    *d = http(address, post);
    assert_true(g_str_has_prefix(a, "HTTP/1.1 200"));
    assert_non_null(strstr(a, "text/plain; version=0.0.4"));
    assert_non_null(strstr(a, "\npostern_http_total 0\n"));
    assert_true(g_str_has_prefix(b, "HTTP/1.1 200") && g_str_has_suffix(b, "\r\n\r\nok\n"));
    assert_true(g_str_has_prefix(c, "HTTP/1.1 404"));
    assert_true(g_str_has_prefix(d, "HTTP/1.1 405"));
    metrics_server_stop(&server);
    assert_null(server);
    assert_int_equal(net_connect(address, 500, NULL), -1);
    assert_null(metrics_server_start("unix:/nonexistent-dir/m", &error));
    assert_non_null(error);
    test_dir_free(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_render), cmocka_unit_test(test_groups), cmocka_unit_test(test_threads_lose_nothing),
                                       cmocka_unit_test(test_http)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
