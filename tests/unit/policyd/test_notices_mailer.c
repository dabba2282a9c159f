/* test_notices_mailer.c: notices that are tried again, given up, or too many. */
#include "policyd/notices/mailer.h"
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/metrics.h"
#include "lib/base/net.h"
#include "tests/unit/base/test.h"

static char *dir, *address;
static const char *const outcomes[] = {"delivered", "later", "refused", "dropped", NULL};

static int
setup(void **state)
{
    (void)state;
    dir = test_dir();
    address = g_strdup_printf("unix:%s/s", dir);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    g_free(address);
    test_dir_free(dir);
    return 0;
}

static gint64
count(guint outcome)
{
    return metrics_get(metrics_counter("postern_policy_notices_total", "", "outcome", outcomes), outcome);
}

static void
wait_for(guint outcome, gint64 n)
{
    for (guint i = 0; i < 400 && count(outcome) < n; i++)
        g_usleep(10000);
    assert_int_equal(count(outcome), n);
}

/* A server that says these lines, one after another, after what the client says. */
static void
serve(const char *const *replies)
{
    int listener = net_listen(address, 0600, NULL, 4, NULL), fd = accept(listener, NULL, NULL);
    char piece[4096];

    for (; *replies != NULL; replies++) {
        (void)!send(fd, *replies, strlen(*replies), MSG_NOSIGNAL);
        (void)!recv(fd, piece, sizeof piece, 0);
    }
    close(fd);
    close(listener);
}

static guint written, freed;

static GString *
write_text(gpointer data)
{
    written++;
    return g_string_new(data);
}

static void
count_free(gpointer data)
{
    (void)data;
    freed++;
}

static gboolean
add(struct mailer *mailer, const char *to)
{
    return mailer_add(mailer, to, "a@b", write_text, (gpointer)"x\r\n", count_free);
}

static void
test_tries(void **state)
{
    (void)state;
    struct mailer *mailer = mailer_new(&(struct mailer_options){.retry_ms = {50, 300}, .timeout_ms = 1000});

    /* The server is away twice and there the third time. */
    add(mailer, address);
    wait_for(1, 2);
    for (guint i = 0; i < 400 && mailer_waiting(mailer) == 0; i++) /* it is counted before it waits again */
        g_usleep(1000);
    assert_int_equal(mailer_waiting(mailer), 1);
    serve((const char *const[]){"220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "354 x\r\n", "250 saved\r\n", NULL});
    wait_for(0, 1);
    assert_int_equal(mailer_waiting(mailer), 0);
    /* It says no: that's all. */
    g_unlink(address + strlen("unix:"));
    add(mailer, address);
    serve((const char *const[]){"220 x\r\n", "250 x\r\n", "250 x\r\n", "550 nobody\r\n", NULL});
    wait_for(2, 1);
    assert_int_equal(mailer_waiting(mailer), 0);
    /* It stays away. */
    g_unlink(address + strlen("unix:"));
    add(mailer, address);
    wait_for(3, 1);
    assert_int_equal(mailer_waiting(mailer), 0);
    mailer_free(&mailer);
    assert_null(mailer);
    /* Each was written once, however often it was tried. */
    assert_int_equal(written, 3);
    assert_int_equal(freed, 3);
}

static void
test_bounds(void **state)
{
    (void)state;
    struct mailer *mailer = mailer_new(&(struct mailer_options){0});
    gint64 dropped = count(3), begin;

    freed = 0;
    for (guint i = 0; i < MAILER_WAITING_MAX + 50; i++)
        add(mailer, "unix:/nonexistent/s");
    assert_in_range(mailer_waiting(mailer), MAILER_WAITING_MAX - 50, MAILER_WAITING_MAX);
    assert_true(count(3) > dropped);
    begin = g_get_monotonic_time();
    mailer_free(&mailer); /* does not wait for the next tries */
    assert_true(g_get_monotonic_time() - begin < G_USEC_PER_SEC);
    assert_int_equal(freed, MAILER_WAITING_MAX + 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tries), cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
