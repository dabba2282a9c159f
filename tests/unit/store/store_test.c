/* store_test.c: see store_test.h. */
#include "store_test.h"
#include <ftw.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void
remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
copy_tree(const char *from, const char *to)
{
    GDir *d = g_dir_open(from, 0, NULL);
    const char *name;

    assert_non_null(d);
    assert_int_equal(g_mkdir(to, 0700), 0);
    while ((name = g_dir_read_name(d)) != NULL) {
        g_autofree char *source = g_build_filename(from, name, NULL),
                        *target = g_build_filename(to, name, NULL);
        if (g_file_test(source, G_FILE_TEST_IS_DIR)) {
            copy_tree(source, target);
        } else {
            g_autofree char *data = NULL;
            gsize length;
            assert_true(g_file_get_contents(source, &data, &length, NULL));
            FILE *f = fopen(target, "w");
            assert_non_null(f);
            assert_true(fwrite(data, 1, length, f) == length);
            fclose(f);
        }
    }
    g_dir_close(d);
}

void
scratch_init(struct scratch *s)
{
    g_autoptr(GError) error = NULL;

    memset(s, 0, sizeof *s);
    /* Memory where there is some: what a disk does is played by test_powercut.c. */
    s->dir = g_build_filename(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir(),
                              "postern-store-XXXXXX", NULL);
    assert_non_null(g_mkdtemp(s->dir));
    s->options = (struct store_options){.dir = g_build_filename(s->dir, "store", NULL),
                                        .master_key = g_build_filename(s->dir, "master.key", NULL),
                                        .segment_size = 1 << 20,
                                        .level = 3,
                                        .attachment_min = 4096,
                                        .max_message = 64 << 20};
    assert_true(store_create_key(s->options.master_key, &error));
}

void
scratch_open(struct scratch *s)
{
    g_autoptr(GError) error = NULL;

    s->store = store_open(&s->options, NULL, &error);
    if (s->store == NULL)
        fail_msg("%s", error->message);
}

void
scratch_close(struct scratch *s)
{
    store_close(&s->store);
}

void
scratch_clear(struct scratch *s)
{
    scratch_close(s);
    remove_tree(s->dir);
    g_free((char *)(guintptr)s->options.dir);
    g_free((char *)(guintptr)s->options.master_key);
    g_free(s->dir);
}

struct capture *
make_capture(const void *message, gsize length, const char *from, const char *recipients)
{
    struct capture *c = capture_new();
    g_auto(GStrv) names = g_strsplit(recipients, ",", -1);

    g_free(c->mail_from);
    c->mail_from = g_strdup(from);
    for (char **name = names; *name != NULL; name++)
        capture_add_recipient(c, *name);
    c->message = g_bytes_new(message, length);
    return c;
}

GBytes *
make_message(guint seed, gsize size)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "From: a@example.com\r\nSubject: number %u\r\n\r\n", seed);
    while (text->len < size) {
        guint word = g_rand_int(rand);
        g_string_append_printf(text, "%x%s", word, word % 7 == 0 ? "\r\n" : " ");
    }
    return g_string_free_to_bytes(text);
}

struct store_receipt
must_ingest(struct store *store, struct capture *capture)
{
    g_autoptr(GError) error = NULL;
    struct store_receipt receipt = {0};

    gboolean good = store_ingest_wait(store, capture, &receipt, &error);
    capture_free(&capture);
    if (!good)
        fail_msg("%s", error->message);
    return receipt;
}

void
assert_stored(struct store *store, guint64 id, GBytes *message)
{
    g_autoptr(GError) error = NULL;
    struct capture *c = store_get(store, id, &error);

    if (c == NULL)
        fail_msg("%s", error->message);
    assert_true(g_bytes_equal(c->message, message));
    capture_free(&c);
}

void
assert_sound(struct store *store)
{
    struct store_verify_report report;
    g_autoptr(GError) error = NULL;

    if (!store_verify(store, NULL, NULL, &report, &error))
        fail_msg("%s", error->message);
    if (report.problems->len > 0 || report.damaged > 0)
        fail_msg("%u problems, %u damaged; %s", report.problems->len, (guint)report.damaged,
                 report.problems->len > 0 ? (char *)g_ptr_array_index(report.problems, 0) : "");
    store_verify_report_clear(&report);
}

const char *
corpus(void)
{
    const char *path = g_getenv("POSTERN_CORPUS");

    if (path == NULL)
        path = POSTERN_SOURCE_ROOT "/../shared/corpus";
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return path;
    g_printerr("no corpus at %s (POSTERN_CORPUS): skipped\n", path);
    return NULL;
}

static void
list_files(const char *path, GPtrArray *files)
{
    GDir *d = g_dir_open(path, 0, NULL);
    const char *name;

    if (d == NULL)
        return;
    while ((name = g_dir_read_name(d)) != NULL) {
        char *file = g_build_filename(path, name, NULL);
        if (g_file_test(file, G_FILE_TEST_IS_DIR)) {
            list_files(file, files);
            g_free(file);
        } else {
            g_ptr_array_add(files, file);
        }
    }
    g_dir_close(d);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *
corpus_files(const char *folder, guint step)
{
    g_autofree char *path = g_build_filename(corpus(), folder, NULL);
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    GPtrArray *some = g_ptr_array_new_with_free_func(g_free);

    list_files(path, all);
    g_ptr_array_sort(all, compare_names);
    for (guint n = 0; n < all->len; n++) {
        if (n % step == 0)
            g_ptr_array_add(some, g_ptr_array_index(all, n));
        else
            g_free(g_ptr_array_index(all, n));
    }
    return some;
}
