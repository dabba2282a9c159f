/* test_crash.c: what is left after a killed writer, a lost or a damaged file, and that replay fills it exactly. */
#include "tests/unit/index/fixture.h"
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOTAL 300

/* The log of this test: document n, n = 1 .. TOTAL; the cursor is n of the last one. Three months; every tenth also
 * brings a late address for the document nine before it. */
static guint64
id_of(guint n)
{
    return id_at(JAN_2024_MS + (gint64)n * DAY_MS / 5, n);
}

static gboolean
replay_one(struct archive_index *index, guint n)
{
    struct index_address late[] = {{INDEX_RCPT, TRUE, "late@example.test"}};
    g_autofree char *body = g_strdup_printf("every number%u 第%u號公司", n, n);
    struct index_document document = {.id = id_of(n), .subject = "subject", .body = body};

    return index_add(index, &document, NULL) &&
           (n % 10 != 0 || index_add_addresses(index, id_of(n - 9), late, 1, NULL));
}

/* Indexes from the cursor on with a commit after each batch documents; in the child it is killed somewhere. */
static void
replay(struct archive_index *index, guint batch, int progress)
{
    guint8 cursor[16];
    guint n;

    index_cursor(index, cursor);
    memcpy(&n, cursor, sizeof(n));
    while (n < TOTAL) {
        if (!replay_one(index, ++n))
            _exit(3);
        memcpy(cursor, &n, sizeof(n));
        if ((n % batch == 0 || n == TOTAL) && !index_commit(index, cursor, NULL))
            _exit(4);
        if (progress >= 0 && write(progress, "x", 1) != 1)
            _exit(5);
    }
}

static void
is_complete(struct fixture *f)
{
    struct index_hits hits;
    g_autoptr(GError) error = NULL;

    must(index_search(f->index, "every", NULL, 0, 1000, 0, &hits, &error), error);
    assert_int_equal(hits.ids->len, TOTAL);
    for (guint i = 0; i < TOTAL; i++)
        assert_int_equal(g_array_index(hits.ids, guint64, i), id_of(TOTAL - i));
    index_hits_clear(&hits);
    must(index_search(f->index, "every", "late@example.test", 0, 1000, 0, &hits, &error), error);
    assert_int_equal(hits.ids->len, TOTAL / 10);
    index_hits_clear(&hits);
    for (guint n = 1; n <= TOTAL; n += 13) {
        g_autofree char *query = g_strdup_printf("\"第%u號公司\"", n);
        finds(f, query, id_of(n), "0");
    }
    verifies(f);
}

static void
killed_within_a_batch(void **state)
{
    struct fixture *f = *state;
    g_autoptr(GRand) rand = g_rand_new_with_seed(11);
    guint8 cursor[16];
    guint before = 0, n;

    for (guint round = 0; round < 5; round++) {
        int pipe_fd[2];
        index_close(&f->index);
        assert_int_equal(pipe(pipe_fd), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct archive_index *index = index_open(f->dir, NULL);
            close(pipe_fd[0]);
            if (index == NULL)
                _exit(2);
            replay(index, 16, pipe_fd[1]);
            for (;;)
                pause();
        }
        close(pipe_fd[1]);
        char byte;
        for (int left = g_rand_int_range(rand, 1, 90); left > 0; left--)
            if (read(pipe_fd[0], &byte, 1) != 1)
                break;
        kill(pid, SIGKILL);
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        close(pipe_fd[0]);
        fixture_open(f);
        assert_null(index_note(f->index));
        index_cursor(f->index, cursor);
        memcpy(&n, cursor, sizeof(n));
        assert_true(n >= before);
        assert_int_equal(n == TOTAL ? 0 : n % 16, 0);
        before = n;
        verifies(f);
    }
    replay(f->index, 16, -1);
    is_complete(f);
}

static void
abandoned_batch(void **state)
{
    struct fixture *f = *state;
    guint8 cursor[16];
    guint n;

    replay(f->index, 16, -1);
    add(f, id_of(TOTAL + 1), "not committed", NULL);
    fixture_reopen(f);
    index_cursor(f->index, cursor);
    memcpy(&n, cursor, sizeof(n));
    assert_int_equal(n, TOTAL);
    finds(f, "committed", 0, "");
    is_complete(f);
}

static void
replayed_from_an_older_cursor(void **state)
{
    struct fixture *f = *state;
    guint8 zeros[16] = {0};

    replay(f->index, 50, -1);
    must(index_commit(f->index, zeros, NULL), NULL);
    fixture_reopen(f);
    replay(f->index, 30, -1);
    is_complete(f);
}

static void
lost_file(void **state)
{
    struct fixture *f = *state;
    g_autofree char *path = g_build_filename(f->dir, "default-202402.fts", NULL);

    replay(f->index, 50, -1);
    index_close(&f->index);
    assert_int_equal(g_unlink(path), 0);
    fixture_open(f);
    assert_non_null(strstr(index_note(f->index), "202402.fts is missing"));
    replay(f->index, 50, -1);
    is_complete(f);
    fixture_reopen(f);
    assert_null(index_note(f->index));
}

static void
damaged_file(void **state)
{
    struct fixture *f = *state;
    g_autofree char *path = g_build_filename(f->dir, "default-202402.fts", NULL);

    replay(f->index, 50, -1);
    index_close(&f->index);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fputs("this was a database", file);
    fclose(file);
    fixture_open(f);
    assert_non_null(strstr(index_note(f->index), "put aside"));
    replay(f->index, 50, -1);
    is_complete(f);
}

static void
damage_inside_is_found(void **state)
{
    struct fixture *f = *state;
    g_autofree char *path = g_build_filename(f->dir, "default-202402.fts", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
    gsize length;

    replay(f->index, 50, -1);
    index_close(&f->index);
    assert_true(g_file_get_contents(path, &text, &length, NULL));
    assert_true(length > 8 * 4096);
    memset(text + 6 * 4096, 0x41, 300); /* the head of a page */
    assert_true(g_file_set_contents(path, text, (gssize)length, NULL));
    fixture_open(f);
    must(index_verify(f->index, problems, NULL), NULL);
    assert_true(problems->len > 0);
    assert_non_null(strstr(g_ptr_array_index(problems, 0), "default-202402.fts"));
}

/* A changed letter in a closed month: SQLite and FTS5 don't see it, the digest does. */
static void
changed_letter_is_found(void **state)
{
    struct fixture *f = *state;
    g_autofree char *path = g_build_filename(f->dir, "default-202401.fts", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    gsize length, at = 0;

    replay(f->index, 50, -1);
    must(index_optimise(f->index, 10000, &error) == 0, error);
    verifies(f);
    index_close(&f->index);
    assert_true(g_file_get_contents(path, &text, &length, NULL));
    for (gsize i = 0; i + 6 < length; i++) /* the last one is the word, before it are names of columns */
        if (memcmp(text + i, "ubject", 6) == 0)
            at = i;
    assert_true(at > 0);
    text[at + 2] = 'x';
    assert_true(g_file_set_contents(path, text, (gssize)length, NULL));
    fixture_open(f);
    must(index_verify(f->index, problems, NULL), NULL);
    assert_true(problems->len > 0);
    assert_non_null(strstr(g_ptr_array_index(problems, problems->len - 1), "digest differs"));
}

static void
another_version(void **state)
{
    struct fixture *f = *state;
    g_autofree char *path = g_build_filename(f->dir, "default-202402.fts", NULL);
    g_autoptr(GError) error = NULL;

    replay(f->index, 50, -1);
    index_close(&f->index);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fseek(file, 60, SEEK_SET); /* user_version, in the last of its four bytes */
    fwrite("\0\0\0\x63", 1, 4, file);
    fclose(file);
    assert_null(index_open(f->dir, &error));
    assert_true(g_error_matches(error, INDEX_ERROR, INDEX_ERROR_IO));
    assert_non_null(strstr(error->message, "another version (format 99"));
}

int
main(void)
{
#define IT(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        IT(killed_within_a_batch), IT(abandoned_batch), IT(replayed_from_an_older_cursor), IT(lost_file),
        IT(damaged_file),          IT(damage_inside_is_found), IT(changed_letter_is_found),
        IT(another_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
