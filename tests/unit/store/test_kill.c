/* test_kill.c: kill -9 of a process that ingests: every id it was given is there, no transaction twice. */
#include "store_test.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 20

struct ack {
    guint64 event;
    guint seed;
};

static int ack_pipe;

static void
acknowledged(const struct store_receipt *receipt, const GError *error, gpointer data)
{
    struct ack a = {receipt != NULL ? receipt->event : 0, GPOINTER_TO_UINT(data)};

    if (error == NULL && write(ack_pipe, &a, sizeof a) != sizeof a)
        _exit(3);
}

static GBytes *
message_of(guint seed)
{
    return make_message(seed, seed % 7 == 0 ? 9000 : 500);
}

/* The child: ingests until it is killed. Each transaction's number is its seed, so that the parent knows it.
 */
static void
child(const struct scratch *s, guint seed)
{
    struct store *store = store_open(&s->options, NULL, NULL);

    if (store == NULL)
        _exit(2);
    for (;; seed++) {
        g_autoptr(GBytes) m = message_of(seed);
        struct capture *c = make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x");
        memset(c->transaction, 0, 16);
        memcpy(c->transaction, &seed, sizeof seed);
        store_ingest(store, c, acknowledged, GUINT_TO_POINTER(seed));
        capture_free(&c);
    }
}

static void
judge(const struct scratch *s, GArray *acks)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
    struct store_cursor at = {0};
    struct store_item item;

    for (guint n = 0; n < acks->len; n++) {
        const struct ack *a = &g_array_index(acks, struct ack, n);
        g_autoptr(GBytes) m = message_of(a->seed);
        assert_stored(s->store, a->event, m);
    }
    while (store_next(s->store, &at, &item, NULL) == 1) {
        guint seed;
        memcpy(&seed, item.capture->transaction, sizeof seed);
        if (!g_hash_table_add(seen, GUINT_TO_POINTER(seed + 1)))
            fail_msg("transaction %u is there twice", seed);
        at = item.next;
        store_item_clear(&item);
    }
    assert_true(g_hash_table_size(seen) >= acks->len);
}

static void
killed(void **state)
{
    struct scratch s;
    g_autoptr(GArray) acks = g_array_new(FALSE, FALSE, sizeof(struct ack));
    guint seed = 1;

    (void)state;
    scratch_init(&s);
    for (int round = 0; round < ROUNDS; round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t pid = fork(); /* no store is open here, so there are no threads to lose */
        assert_true(pid >= 0);
        if (pid == 0) {
            close(pipes[0]);
            ack_pipe = pipes[1];
            child(&s, seed);
        }
        close(pipes[1]);
        struct ack a;
        guint got = 0;
        while (got < (guint)(5 + round * 3) && read(pipes[0], &a, sizeof a) == sizeof a) {
            g_array_append_val(acks, a);
            got++;
        }
        kill(pid, SIGKILL);
        while (read(pipes[0], &a, sizeof a) == sizeof a)
            g_array_append_val(acks, a);
        close(pipes[0]);
        int status;
        assert_true(waitpid(pid, &status, 0) == pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        /* The next child begins with transactions that this one may have stored without an answer: a retry.
         */
        seed = g_array_index(acks, struct ack, acks->len - 1).seed + 1;
    }
    scratch_open(&s);
    judge(&s, acks);
    assert_sound(s.store);
    scratch_clear(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(killed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
