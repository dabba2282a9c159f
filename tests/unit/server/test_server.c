/* The socket side: order of replies, limits, slow and vanishing clients, draining. Pools and the byte budget. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tests/unit/server/test.h"
#include "archive-store/server/budget.h"
#include "archive-store/server/pool.h"
#include "archive-store/server/server.h"
#include "lib/base/net.h"
#include "lib/mail/archive_proto.h"

/* The handler of the tests echoes the payload; what it does first is told by the payload's first letter:
 *   'e' echo at once   'h' hold until released   't' echo from another thread   'm' many frames (as 'R' RAW)
 *   'g' answer only when the client has gone */
struct fixture {
    char *dir, *address;
    struct server *server;
    struct pool *pool;
    GMutex lock;
    GCond changed;
    gboolean released;
    gint handled, gone_seen;
};

struct job {
    struct fixture *fixture;
    struct exchange *exchange;
    GBytes *payload;
};

static void
reply(struct exchange *exchange, GBytes *payload)
{
    exchange_send(exchange, ARCHIVE_REPORT, payload);
    exchange_finish(exchange);
}

static void
run_job(gpointer data)
{
    struct job *job = data;
    struct fixture *fixture = job->fixture;
    const char *text = g_bytes_get_data(job->payload, NULL);

    if (*text == 'h') {
        g_mutex_lock(&fixture->lock);
        while (!fixture->released)
            g_cond_wait(&fixture->changed, &fixture->lock);
        g_mutex_unlock(&fixture->lock);
    } else if (*text == 'g') {
        for (int n = 0; n < 500 && !exchange_gone(job->exchange); n++) {
            exchange_send(job->exchange, ARCHIVE_PROGRESS, job->payload);
            g_usleep(10000);
        }
        g_atomic_int_set(&fixture->gone_seen, exchange_gone(job->exchange));
    } else if (*text == 'm') {
        for (int n = 0; n < 100; n++)
            exchange_send(job->exchange, ARCHIVE_RAW, job->payload);
    }
    reply(job->exchange, job->payload);
    g_bytes_unref(job->payload);
    g_free(job);
}

static void
handle(struct exchange *exchange, guint8 type, GBytes *payload, gpointer data)
{
    struct fixture *fixture = data;
    gsize length;
    const char *text = g_bytes_get_data(payload, &length);

    (void)type;
    g_atomic_int_inc(&fixture->handled);
    if (length == 0 || *text == 'e') {
        reply(exchange, payload);
        return;
    }
    struct job *job = g_new(struct job, 1);
    *job = (struct job){.fixture = fixture, .exchange = exchange, .payload = g_bytes_ref(payload)};
    assert_true(pool_push(fixture->pool, run_job, job));
}

static int
setup_with(void **state, const struct server_options *options)
{
    struct fixture *fixture = g_new0(struct fixture, 1);

    fixture->dir = test_directory();
    fixture->address = g_strdup_printf("unix:%s/socket", fixture->dir);
    g_mutex_init(&fixture->lock);
    g_cond_init(&fixture->changed);
    fixture->pool = pool_new("test", 4, 1000);
    int fd = net_listen(fixture->address, 0600, NULL, 16, NULL);
    assert_true(fd >= 0);
    fixture->server = server_new(fd, options, handle, fixture, NULL);
    assert_non_null(fixture->server);
    server_start(fixture->server);
    *state = fixture;
    return 0;
}

static const struct server_options usual = {
    .max_ingest = 1 << 20, .max_request = 4096, .budget = 4 << 20, .max_connections = 50,
    .max_exchanges = 64, .pipeline = 16, .stall_ms = 20000,
};

static int
setup(void **state)
{
    return setup_with(state, &usual);
}

static int
setup_impatient(void **state)
{
    struct server_options options = usual;

    options.stall_ms = 300;
    return setup_with(state, &options);
}

static int
setup_small(void **state)
{
    struct server_options options = usual;

    options.budget = 1 << 20;
    options.max_exchanges = 4;
    options.pipeline = 2;
    options.max_connections = 3;
    return setup_with(state, &options);
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->server)
        server_drain(fixture->server, 2000);
    pool_free(&fixture->pool);
    server_stop(&fixture->server);
    test_remove(&fixture->dir);
    g_free(fixture->address);
    g_mutex_clear(&fixture->lock);
    g_cond_clear(&fixture->changed);
    g_free(fixture);
    return 0;
}

static int
connected(struct fixture *fixture)
{
    int fd = net_connect(fixture->address, 1000, NULL);

    assert_true(fd >= 0);
    return fd;
}

static void
ask(int fd, guint8 type, const char *text)
{
    assert_true(net_frame_write(fd, type, text, strlen(text), 2000, NULL));
}

static void
expect(int fd, guint8 type, const char *text)
{
    struct net_frame frame = {0};
    g_autoptr(GError) error = NULL;

    if (!net_frame_read(fd, 8 << 20, 5000, &frame, &error))
        fail_msg("no reply: %s", error->message);
    assert_int_equal(frame.type, type);
    if (text) {
        assert_int_equal(g_bytes_get_size(frame.payload), strlen(text));
        assert_memory_equal(g_bytes_get_data(frame.payload, NULL), text, strlen(text));
    }
    net_frame_clear(&frame);
}

static gboolean
is_closed(int fd, int timeout_ms)
{
    char byte;
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, timeout_ms) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

static void
release(struct fixture *fixture)
{
    g_mutex_lock(&fixture->lock);
    fixture->released = TRUE;
    g_cond_broadcast(&fixture->changed);
    g_mutex_unlock(&fixture->lock);
}

static void
test_order(void **state)
{
    struct fixture *fixture = *state;
    int fd = connected(fixture);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    ask(fd, ARCHIVE_STATUS, "h1");
    ask(fd, ARCHIVE_STATUS, "t2");
    ask(fd, ARCHIVE_STATUS, "e3");
    ask(fd, ARCHIVE_STATUS, "");
    assert_int_equal(poll(&p, 1, 100), 0); /* the later answers wait for the first */
    release(fixture);
    expect(fd, ARCHIVE_REPORT, "h1");
    expect(fd, ARCHIVE_REPORT, "t2");
    expect(fd, ARCHIVE_REPORT, "e3");
    expect(fd, ARCHIVE_REPORT, "");
    close(fd);
}

static void
test_many_frames_to_a_late_reader(void **state)
{
    struct fixture *fixture = *state;
    int fd = connected(fixture);
    g_autofree char *text = g_strnfill(20000, 'x');

    text[0] = 'm';
    ask(fd, ARCHIVE_INGEST, text);
    ask(fd, ARCHIVE_STATUS, "e");
    g_usleep(200000);
    for (int n = 0; n < 100; n++)
        expect(fd, ARCHIVE_RAW, text);
    expect(fd, ARCHIVE_REPORT, text);
    expect(fd, ARCHIVE_REPORT, "e");
    close(fd);
}

static void
test_too_big(void **state)
{
    struct fixture *fixture = *state;
    int fd = connected(fixture);
    const guint8 header[5] = {0xff, 0xff, 0xff, 0x0f, ARCHIVE_INGEST};
    g_autofree char *text = g_strnfill(5000, 'e');

    ask(fd, ARCHIVE_STATUS, "e");
    assert_true(net_write_full(fd, header, sizeof header, 1000, NULL));
    expect(fd, ARCHIVE_REPORT, "e");
    expect(fd, ARCHIVE_FAILED, NULL);
    assert_true(is_closed(fd, 3000));
    close(fd);

    fd = connected(fixture);
    ask(fd, ARCHIVE_STATUS, text); /* over max_request, under max_ingest */
    expect(fd, ARCHIVE_FAILED, NULL);
    close(fd);
}

static void
test_slow_client(void **state)
{
    struct fixture *fixture = *state;
    int slow = connected(fixture), idle = connected(fixture), quick = connected(fixture);

    assert_true(net_write_full(slow, "\x10\0\0", 3, 1000, NULL));
    ask(quick, ARCHIVE_STATUS, "e");
    expect(quick, ARCHIVE_REPORT, "e");
    assert_true(is_closed(slow, 4000));
    /* Between frames a client may be silent as long as it likes. */
    ask(idle, ARCHIVE_STATUS, "e");
    expect(idle, ARCHIVE_REPORT, "e");
    close(slow);
    close(idle);
    close(quick);
}

static void
test_client_that_does_not_read(void **state)
{
    struct fixture *fixture = *state;
    int fd = connected(fixture);
    g_autofree char *text = g_strnfill(100000, 'x');

    text[0] = 'm'; /* 10 MB of answer: more than a socket buffers */
    ask(fd, ARCHIVE_INGEST, text);
    for (int n = 0; n < 500 && server_connections(fixture->server) > 0; n++)
        g_usleep(10000);
    assert_int_equal(server_connections(fixture->server), 0);
    close(fd);
}

static void
test_half_close_and_vanishing(void **state)
{
    struct fixture *fixture = *state;
    int half = connected(fixture), gone = connected(fixture);

    ask(half, ARCHIVE_STATUS, "h1");
    shutdown(half, SHUT_WR);
    ask(gone, ARCHIVE_STATUS, "g1");
    close(gone);
    release(fixture);
    expect(half, ARCHIVE_REPORT, "h1");
    assert_true(is_closed(half, 2000));
    for (int n = 0; n < 200 && !g_atomic_int_get(&fixture->gone_seen); n++)
        g_usleep(10000);
    assert_true(g_atomic_int_get(&fixture->gone_seen));
    close(half);
}

/* More than max_exchanges and pipeline allow: the rest is not read until there is room, and none is lost. */
static void
test_backpressure(void **state)
{
    struct fixture *fixture = *state;
    int a = connected(fixture), b = connected(fixture), c = connected(fixture), d = connected(fixture);

    for (int n = 0; n < 5; n++) {
        ask(a, ARCHIVE_STATUS, "h");
        ask(b, ARCHIVE_STATUS, "h");
        ask(c, ARCHIVE_STATUS, "h");
        ask(d, ARCHIVE_STATUS, "h"); /* the fourth connection is not even accepted */
    }
    g_usleep(150000);
    assert_int_equal(g_atomic_int_get(&fixture->handled), 4);
    assert_int_equal(server_connections(fixture->server), 3);
    release(fixture);
    for (int n = 0; n < 5; n++) {
        expect(a, ARCHIVE_REPORT, "h");
        expect(b, ARCHIVE_REPORT, "h");
        expect(c, ARCHIVE_REPORT, "h");
    }
    close(a);
    for (int n = 0; n < 5; n++)
        expect(d, ARCHIVE_REPORT, "h");
    close(b);
    close(c);
    close(d);
}

/* Payloads beyond the budget wait; one alone always goes. */
static void
test_bytes_are_capped(void **state)
{
    struct fixture *fixture = *state;
    int a = connected(fixture), b = connected(fixture);
    g_autofree char *text = g_strnfill(700000, 'x');
    struct pollfd p = {.fd = b, .events = POLLIN};

    text[0] = 'h';
    ask(a, ARCHIVE_INGEST, text);
    for (int n = 0; n < 100 && g_atomic_int_get(&fixture->handled) < 1; n++)
        g_usleep(10000);
    /* The second fits into the socket's buffer only in part: send its head, the server must not take it. */
    assert_true(net_write_full(b, "\x60\xae\x0a\0\x01", 5, 1000, NULL));
    assert_int_equal(poll(&p, 1, 100), 0);
    assert_true(server_bytes(fixture->server) < 1 << 20);
    release(fixture);
    expect(a, ARCHIVE_REPORT, text);
    assert_true(net_write_full(b, text, 700000, 3000, NULL));
    expect(b, ARCHIVE_REPORT, text);
    close(a);
    close(b);
}

static void
test_drain(void **state)
{
    struct fixture *fixture = *state;
    int fd = connected(fixture), late = connected(fixture);

    ask(fd, ARCHIVE_STATUS, "h1");
    for (int n = 0; n < 100 && g_atomic_int_get(&fixture->handled) < 1; n++)
        g_usleep(10000);
    assert_false(server_drain(fixture->server, 100));
    release(fixture);
    close(fd);
    close(late);
}

static void
test_drain_waits(void **state)
{
    struct fixture *fixture = *state;
    int fd = connected(fixture);

    ask(fd, ARCHIVE_STATUS, "t1");
    for (int n = 0; n < 100 && g_atomic_int_get(&fixture->handled) < 1; n++)
        g_usleep(10000);
    assert_true(server_drain(fixture->server, 3000));
    expect(fd, ARCHIVE_REPORT, "t1");
    assert_true(is_closed(fd, 1000));
    close(fd);
}

static void
lock_it(gpointer data)
{
    g_mutex_lock(data);
}

static void
test_pool_refuses_when_full(void **state)
{
    struct fixture fixture = {0};
    struct pool *pool = pool_new("small", 1, 2);
    guint taken = 0;

    (void)state;
    g_mutex_init(&fixture.lock);
    g_mutex_lock(&fixture.lock); /* the first job blocks on it */
    for (int n = 0; n < 10; n++)
        taken += pool_push(pool, lock_it, &fixture.lock) ? 1 : 0;
    assert_in_range(taken, 2, 3);
    for (guint n = 0; n < taken; n++) {
        g_mutex_unlock(&fixture.lock);
        g_usleep(20000);
    }
    pool_free(&pool);
    g_mutex_unlock(&fixture.lock);
    g_mutex_clear(&fixture.lock);
}

static void
test_budget(void **state)
{
    struct budget *budget = budget_new(100, NULL, NULL);

    (void)state;
    assert_true(budget_take(budget, 1000)); /* alone: always */
    assert_false(budget_take(budget, 1));
    budget_give(budget, 1000);
    assert_true(budget_take(budget, 60));
    assert_false(budget_take(budget, 41));
    GBytes *bytes = budget_bytes(budget, g_malloc(60), 60, 60);
    GBytes *slice = g_bytes_new_from_bytes(bytes, 10, 5);
    g_bytes_unref(bytes);
    assert_int_equal(budget_used(budget), 60);
    g_autoptr(GBytes) other = g_bytes_new_static("0123456789", 10);
    GBytes *wrapped = budget_wrap(budget, other);
    assert_int_equal(budget_used(budget), 70);
    g_bytes_unref(slice);
    assert_int_equal(budget_used(budget), 10);
    budget_free(&budget); /* before the last bytes: they give back to what is still there */
    g_bytes_unref(wrapped);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_frames_to_a_late_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_big, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_client, setup_impatient, teardown),
        cmocka_unit_test_setup_teardown(test_client_that_does_not_read, setup_impatient, teardown),
        cmocka_unit_test_setup_teardown(test_half_close_and_vanishing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_backpressure, setup_small, teardown),
        cmocka_unit_test_setup_teardown(test_bytes_are_capped, setup_small, teardown),
        cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_drain_waits, setup, teardown),
        cmocka_unit_test(test_pool_refuses_when_full),
        cmocka_unit_test(test_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
