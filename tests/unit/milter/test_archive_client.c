/* test_archive_client.c: the client against a scripted archive: good answers, refusals, lost replies, hangs,
 * nonsense, and connections that broke while idle. */
#include <sys/socket.h>
#include <unistd.h>
#include "tests/unit/milter/test.h"
#include "lib/base/net.h"
#include "lib/mail/archive_client.h"
#include "lib/mail/archive_proto.h"

/* What the archive does with each request, one letter a request:
 *   s stored   r repeat   t temporary failure   p permanent failure   n no JSON   i no id   w wrong type
 *   d drop the connection after reading   h hang (read, say nothing)   c answer, then close
 *   f a FETCH: META, RAW, RAW, END   v PROGRESS, PROGRESS, REPORT */
struct archive {
    char *dir, *address;
    int listener;
    const char *script;
    gint requests, connections;
    GThread *thread;
};

static void
answer(int fd, guint8 type, const char *text)
{
    net_frame_write(fd, type, text, strlen(text), 1000, NULL);
}

/* FALSE: close the connection. */
static gboolean
act(struct archive *archive, int fd)
{
    char step = archive->script[g_atomic_int_add(&archive->requests, 1)];

    switch (step) {
    case 's':
    case 'c':
        answer(fd, ARCHIVE_STORED, "{\"id\":\"abc\",\"event\":\"abd\",\"known\":true,\"repeat\":false}");
        return step == 's';
    case 'r':
        answer(fd, ARCHIVE_STORED, "{\"id\":\"abc\",\"event\":\"abc\",\"known\":true,\"repeat\":true}");
        return TRUE;
    case 't':
        answer(fd, ARCHIVE_FAILED, "{\"code\":\"full\",\"text\":\"disk full\",\"temporary\":true}");
        return TRUE;
    case 'p':
        answer(fd, ARCHIVE_FAILED, "{\"code\":\"bad\",\"text\":\"no record\",\"temporary\":false}");
        return TRUE;
    case 'n':
        answer(fd, ARCHIVE_STORED, "stored");
        return TRUE;
    case 'i':
        answer(fd, ARCHIVE_STORED, "{\"id\":\"0123456789012345678901234567890123456789\",\"event\":\"x\"}");
        return TRUE;
    case 'w':
        answer(fd, 0x99, "{}");
        return TRUE;
    case 'f':
        answer(fd, ARCHIVE_META, "{\"from\":\"a\"}");
        answer(fd, ARCHIVE_RAW, "raw ");
        answer(fd, ARCHIVE_RAW, "bytes");
        answer(fd, ARCHIVE_END, "{}");
        return TRUE;
    case 'v':
        answer(fd, ARCHIVE_PROGRESS, "{\"done\":1}");
        answer(fd, ARCHIVE_PROGRESS, "{\"done\":2}");
        answer(fd, ARCHIVE_REPORT, "{\"problems\":[]}");
        return TRUE;
    case 'h':
        g_usleep(400000);
        return FALSE;
    default:
        return FALSE;
    }
}

static gpointer
archive_thread(gpointer data)
{
    struct archive *archive = data;

    for (int fd; (fd = accept(archive->listener, NULL, NULL)) >= 0; close(fd)) {
        struct net_frame frame = {0};

        g_atomic_int_inc(&archive->connections);
        while (net_frame_read(fd, ARCHIVE_FRAME_MAX, 2000, &frame, NULL)) {
            net_frame_clear(&frame);
            if (!act(archive, fd))
                break;
        }
    }
    return NULL;
}

static void
archive_start(struct archive *archive, const char *script)
{
    memset(archive, 0, sizeof *archive);
    archive->dir = g_dir_make_tmp("archive-XXXXXX", NULL);
    archive->address = g_strdup_printf("unix:%s/s", archive->dir);
    archive->listener = net_listen(archive->address, 0600, NULL, 8, NULL);
    assert_true(archive->listener >= 0);
    archive->script = script;
    archive->thread = g_thread_new("archive", archive_thread, archive);
}

static void
archive_stop(struct archive *archive)
{
    shutdown(archive->listener, SHUT_RDWR);
    g_thread_join(archive->thread);
    close(archive->listener);
    test_remove_tree(archive->dir);
    g_free(archive->dir);
    g_free(archive->address);
}

/* Sends one record per letter of want: + stored, a away, t temporary, p permanent. */
static void
run_ingest(const char *script, const char *want, int timeout_ms, gint requests, gint connections)
{
    g_autoptr(GBytes) record = g_bytes_new("record", 6);
    struct archive archive;
    struct archive_client *client;

    archive_start(&archive, script);
    client = archive_client_new(archive.address, timeout_ms);
    for (const char *w = want; *w != '\0'; w++) {
        struct archive_stored stored;
        g_autoptr(GError) error = NULL;
        gboolean ok = archive_client_ingest(client, record, &stored, &error);

        assert_int_equal(ok, *w == '+');
        if (ok)
            assert_string_equal(stored.id, "abc");
        else
            assert_true(g_error_matches(error, ARCHIVE_ERROR,
                                        *w == 'a'   ? ARCHIVE_ERROR_AWAY
                                        : *w == 't' ? ARCHIVE_ERROR_TEMPORARY
                                                    : ARCHIVE_ERROR_PERMANENT));
    }
    archive_client_free(&client);
    assert_null(client);
    archive_stop(&archive);
    assert_int_equal(archive.requests, requests);
    assert_int_equal(archive.connections, connections);
}

static void
test_ingest(void **state)
{
    (void)state;
    run_ingest("sss", "+++", 2000, 3, 1); /* one connection for all */
    run_ingest("tps", "tp+", 2000, 3, 1); /* a refusal keeps the connection */
    run_ingest("nsis", "a+a+", 2000, 4, 3); /* nonsense does not */
    run_ingest("ws", "a+", 2000, 2, 2);
}

static void
test_ingest_lost_reply_is_sent_once_more(void **state)
{
    (void)state;
    run_ingest("dr", "+", 2000, 2, 2);
    run_ingest("ddr", "a+", 2000, 3, 3); /* once, not more */
    run_ingest("cs", "++", 2000, 2, 2);  /* broken while idle: replaced without a second sending */
}

static void
test_ingest_deadline(void **state)
{
    gint64 began = g_get_monotonic_time();

    (void)state;
    run_ingest("h", "a", 100, 1, 1); /* time is up: not sent again */
    assert_true(g_get_monotonic_time() - began < 1500000);
}

static void
test_nobody_there(void **state)
{
    g_autoptr(GBytes) record = g_bytes_new("record", 6);
    struct archive_client *client = archive_client_new("unix:/nonexistent/archive.sock", 1000);
    struct archive_stored stored;
    g_autoptr(GError) error = NULL, call_error = NULL;

    (void)state;
    assert_false(archive_client_ingest(client, record, &stored, &error));
    assert_true(g_error_matches(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY));
    assert_null(archive_client_call(client, ARCHIVE_STATUS, NULL, NULL, NULL, NULL, &call_error));
    assert_true(g_error_matches(call_error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY));
    archive_client_free(&client);
}

static void
count_progress(const json_t *progress, gpointer data)
{
    assert_true(json_is_object(progress));
    (*(guint *)data)++;
}

static void
test_call(void **state)
{
    struct archive archive;
    struct archive_client *client;
    g_autoptr(GByteArray) raw = g_byte_array_new();
    g_autoptr(GError) refused = NULL, lost = NULL;
    guint progress = 0;
    json_t *answer_r;

    (void)state;
    archive_start(&archive, "fvpdv");
    client = archive_client_new(archive.address, 2000);
    answer_r = archive_client_call(client, ARCHIVE_FETCH, NULL, raw, NULL, NULL, NULL);
    assert_string_equal(json_string_value(json_object_get(answer_r, "from")), "a");
    assert_int_equal(raw->len, 9);
    assert_memory_equal(raw->data, "raw bytes", 9);
    json_decref(answer_r);
    answer_r = archive_client_call(client, ARCHIVE_VERIFY, NULL, NULL, count_progress, &progress, NULL);
    assert_non_null(json_object_get(answer_r, "problems"));
    assert_int_equal(progress, 2);
    json_decref(answer_r);
    assert_null(archive_client_call(client, ARCHIVE_FETCH, NULL, NULL, NULL, NULL, &refused));
    assert_true(g_error_matches(refused, ARCHIVE_ERROR, ARCHIVE_ERROR_PERMANENT));
    assert_null(archive_client_call(client, ARCHIVE_VERIFY, NULL, NULL, NULL, NULL, &lost)); /* never twice */
    assert_true(g_error_matches(lost, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY));
    answer_r = archive_client_call(client, ARCHIVE_VERIFY, NULL, NULL, NULL, NULL, NULL);
    assert_non_null(answer_r);
    json_decref(answer_r);
    archive_client_free(&client);
    archive_stop(&archive);
    assert_int_equal(archive.requests, 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest),
        cmocka_unit_test(test_ingest_lost_reply_is_sent_once_more),
        cmocka_unit_test(test_ingest_deadline),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
