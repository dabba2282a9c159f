/* test_spamd_threads.c: spamd's server under more clients than it has threads for, when they have gone, and when it stops. */
#include "tests/unit/spam/view_test.h"
#include <glib/gstdio.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/base/net.h"
#include "lib/spam/spamd/server.h"

#define THREADS 3
#define CLIENTS 8
#define REQUEST "CHECK SPAMC/1.5\r\nContent-length: 2\r\n\r\na\n"
#define ANSWER "SPAMD/1.1 0 EX_OK\r\nSpam: False ; 1.0 / 5.0\r\n\r\n"

/* Scans wait at a gate. */
static struct {
    GMutex lock;
    GCond changed;
    gboolean open;
    guint inside, most;
} gate;

static gboolean
scan(gpointer data, const struct spamd_client *client, const struct spamd_request *request, struct spamd_verdict *verdict_r,
     const char **why_r)
{
    (void)data;
    (void)why_r;
    assert_string_equal(client->name, "localhost");
    assert_string_equal(request->message->str, "a\n");
    g_mutex_lock(&gate.lock);
    gate.inside++;
    gate.most = MAX(gate.most, gate.inside);
    g_cond_broadcast(&gate.changed);
    while (!gate.open)
        g_cond_wait(&gate.changed, &gate.lock);
    gate.inside--;
    g_mutex_unlock(&gate.lock);
    verdict_r->score = g_strdup("1.0");
    verdict_r->required = g_strdup("5.0");
    return TRUE;
}

static void
set_gate(gboolean open)
{
    g_mutex_lock(&gate.lock);
    gate.open = open;
    if (!open)
        gate.most = 0;
    g_cond_broadcast(&gate.changed);
    g_mutex_unlock(&gate.lock);
}

static void
wait_for_inside(guint n)
{
    g_mutex_lock(&gate.lock);
    while (gate.inside < n)
        g_cond_wait(&gate.changed, &gate.lock);
    g_mutex_unlock(&gate.lock);
}

/* ---- a server on a unix socket ---- */

struct served {
    char *dir, *address;
    struct spamd_server *server;
};

static struct served
start(void)
{
    char *nothing[] = {NULL};
    const struct spamd_settings settings = {.networks = nothing, .max_size = 1000, .max_connections = THREADS, .timeout_ms = 60000,
                                            .idle_ms = 50};
    struct served served = {.dir = g_dir_make_tmp("postern-test-XXXXXX", NULL)};

    served.address = g_strdup_printf("unix:%s/s", served.dir);
    int fd = net_listen(served.address, 0600, NULL, 64, NULL);
    assert_true(fd >= 0);
    served.server = spamd_server_start(&fd, 1, &settings, scan, NULL, NULL);
    assert_non_null(served.server);
    return served;
}

static void
clear(struct served *served)
{
    g_autofree char *path = g_build_filename(served->dir, "s", NULL);

    g_unlink(path);
    g_rmdir(served->dir);
    g_free(served->dir);
    g_free(served->address);
}

static int
ask(const struct served *served, const char *request)
{
    int fd = net_connect(served->address, 5000, NULL);

    assert_true(fd >= 0);
    assert_true(net_write_full(fd, request, strlen(request), 5000, NULL));
    return fd;
}

static void
check_answer(int fd, const char *expected)
{
    char answer[200];
    gsize length = 0;
    gssize n = 1;

    while (n > 0) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};

        assert_int_equal(poll(&polled, 1, 20000), 1);
        n = recv(fd, answer + length, sizeof answer - 1 - length, 0);
        length += n > 0 ? (gsize)n : 0;
    }
    answer[length] = '\0';
    assert_string_equal(answer, expected);
    close(fd);
}

/* Threads of the name "spamd" in this process. */
static guint
count_threads(void)
{
    g_autoptr(GDir) tasks = g_dir_open("/proc/self/task", 0, NULL);
    const char *name;
    guint n = 0;

    while ((name = g_dir_read_name(tasks)) != NULL) {
        g_autofree char *path = g_build_filename("/proc/self/task", name, "comm", NULL), *text = NULL;

        if (g_file_get_contents(path, &text, NULL, NULL) && strcmp(text, "spamd\n") == 0)
            n++;
    }
    return n;
}

/* ---- tests ---- */

static void
more_clients_than_threads(void **state)
{
    struct served served = start();
    int clients[CLIENTS];

    (void)state;
    set_gate(FALSE);
    for (guint i = 0; i < CLIENTS; i++)
        clients[i] = ask(&served, REQUEST);
    wait_for_inside(THREADS);
    assert_int_equal(spamd_server_connections(served.server), THREADS);
    assert_int_equal(count_threads(), THREADS);
    set_gate(TRUE);
    for (guint i = 0; i < CLIENTS; i++)
        check_answer(clients[i], ANSWER);
    assert_int_equal(gate.most, THREADS);
    while (count_threads() != 1)
        g_usleep(10000);
    check_answer(ask(&served, REQUEST), ANSWER);
    spamd_server_stop(&served.server, 0);
    assert_int_equal(count_threads(), 0);
    clear(&served);
}

static void
stop_answers_who_has_asked(void **state)
{
    struct served served = start();

    (void)state;
    set_gate(FALSE);
    int asked = ask(&served, REQUEST), silent = ask(&served, "");
    wait_for_inside(1);
    while (spamd_server_connections(served.server) < 2)
        g_usleep(1000);
    spamd_server_stop_accepting(served.server);
    assert_int_equal(net_connect(served.address, 1000, NULL), -1);
    check_answer(silent, "SPAMD/1.0 79 Timeout: (30 second socket timeout reading input from client)\r\n");
    set_gate(TRUE);
    check_answer(asked, ANSWER);
    spamd_server_stop(&served.server, 20000);
    clear(&served);
}

static void
stop_cuts_the_slow(void **state)
{
    struct served served = start();

    (void)state;
    int slow = ask(&served, "CHECK SPAMC/1.5\r\nContent-length: 2\r\n\r\n");
    while (spamd_server_connections(served.server) < 1)
        g_usleep(1000);
    spamd_server_stop(&served.server, 100);
    assert_null(served.server);
    close(slow);
    clear(&served);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_clients_than_threads), cmocka_unit_test(stop_answers_who_has_asked), cmocka_unit_test(stop_cuts_the_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
