/* bench_store.c: the store alone: bench_store [-t THREADS] [-r ROUNDS] [-w] [-d DIR] FOLDER...
 *
 * Reads all files below the folders into memory, ingests each as a delivery of its own from so many threads,
 * then prints rate, CPU per message of the whole process (getrusage), bytes on disk per raw byte, and
 * latency. From the second round on a line is added to every message, so that it is new content that
 * resembles the old. With -w every fourth message goes in first, a dictionary is trained of those, and only
 * the others are measured: what a store does from its second segment on, without the training, which happens
 * once. */
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "archive-store/store/store_private.h"

struct bench {
    struct store *store;
    GPtrArray *messages; /* GBytes */
    guint rounds;
    gint next; /* atomic */
    GMutex lock;
    GArray *latencies; /* gint64, µs */
    guint failed;
};

static void
add_files(GPtrArray *messages, const char *path)
{
    GDir *d = g_dir_open(path, 0, NULL);
    const char *name;
    char *data;
    gsize length;

    if (d == NULL) {
        if (g_file_get_contents(path, &data, &length, NULL))
            g_ptr_array_add(messages, g_bytes_new_take(data, length));
        return;
    }
    while ((name = g_dir_read_name(d)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        add_files(messages, file);
    }
    g_dir_close(d);
}

static struct capture *
make_capture(const struct bench *b, guint n)
{
    GBytes *m = g_ptr_array_index(b->messages, n % b->messages->len);
    guint round = n / b->messages->len;
    struct capture *c = capture_new();

    g_free(c->mail_from);
    c->mail_from = g_strdup_printf("sender%u@example.com", n % 997);
    g_autofree char *rcpt = g_strdup_printf("user%u@example.com", n % 199);
    capture_add_recipient(c, rcpt);
    if (round == 0) {
        c->message = g_bytes_ref(m);
        return c;
    }
    GByteArray *bytes = g_byte_array_new();
    g_autofree char *line = g_strdup_printf("X-Bench-Round: %u\r\n", round);
    g_byte_array_append(bytes, (const guint8 *)line, (guint)strlen(line));
    g_byte_array_append(bytes, g_bytes_get_data(m, NULL), (guint)g_bytes_get_size(m));
    c->message = g_byte_array_free_to_bytes(bytes);
    return c;
}

static gpointer
work(gpointer data)
{
    struct bench *b = data;
    guint n;

    while ((n = (guint)g_atomic_int_add(&b->next, 1)) < b->messages->len * b->rounds) {
        struct capture *c = make_capture(b, n);
        struct store_receipt receipt;
        g_autoptr(GError) error = NULL;
        gint64 start = g_get_monotonic_time();
        gboolean good = store_ingest_wait(b->store, c, &receipt, &error);
        gint64 took = g_get_monotonic_time() - start;
        capture_free(&c);
        g_mutex_lock(&b->lock);
        g_array_append_val(b->latencies, took);
        if (!good && b->failed++ == 0)
            g_printerr("%s\n", error->message);
        g_mutex_unlock(&b->lock);
    }
    return NULL;
}

/* Every fourth message goes to the front, is stored, and trains the dictionary. */
static gboolean
warm_up(struct bench *b, GError **error)
{
    guint quarter = 0;

    for (guint n = 0; n < b->messages->len; n += 4) {
        gpointer m = b->messages->pdata[n];
        b->messages->pdata[n] = b->messages->pdata[quarter];
        b->messages->pdata[quarter++] = m;
    }
    for (guint n = 0; n < quarter; n++) {
        struct capture *c = make_capture(b, n);
        struct store_receipt receipt;
        gboolean good = store_ingest_wait(b->store, c, &receipt, error);
        capture_free(&c);
        if (!good)
            return FALSE;
    }
    keeper_wait(b->store);
    b->store->train_at = 0;
    b->next = (gint)quarter;
    return store_train(b->store, quarter, error);
}

static int
compare(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
    return x < y ? -1 : x > y;
}

static double
cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static void
tell(struct bench *b, const struct store_stats *before, gint64 wall_us, double cpu)
{
    struct store_stats stats;
    guint n = b->latencies->len;
    const gint64 *l = (const gint64 *)(void *)b->latencies->data;

    g_array_sort(b->latencies, compare);
    l = (const gint64 *)(void *)b->latencies->data;
    store_stats(b->store, &stats);
    double raw = (double)(stats.raw_bytes - before->raw_bytes),
           disk = (double)(stats.disk_bytes - before->disk_bytes);
    printf("messages %u, contents %" G_GUINT64_FORMAT ", attachments %" G_GUINT64_FORMAT
           ", failed %u, raw %.1f MB\n",
           n, stats.messages - before->messages, stats.attachments - before->attachments, b->failed,
           raw / 1e6);
    printf("rate %.0f/s, CPU %.3f ms per message, latency ms p50 %.2f p99 %.2f max %.2f\n",
           n * 1e6 / (double)wall_us, cpu / n, (double)l[n / 2] / 1e3, (double)l[n * 99 / 100] / 1e3,
           (double)l[n - 1] / 1e3);
    printf("disk %.1f MB, %.3f bytes per raw byte\n", disk / 1e6, disk / MAX(raw, 1.0));
}

int
main(int argc, char **argv)
{
    int threads = 8, rounds = 1;
    gboolean warm = FALSE;
    char *dir = NULL;
    char **folders = NULL;
    GOptionEntry entries[] = {
        {"threads", 't', 0, G_OPTION_ARG_INT, &threads, "threads that ingest", "N"},
        {"rounds", 'r', 0, G_OPTION_ARG_INT, &rounds, "how often each message", "N"},
        {"warm", 'w', 0, G_OPTION_ARG_NONE, &warm, "train a dictionary before measuring", NULL},
        {"dir", 'd', 0, G_OPTION_ARG_FILENAME, &dir, "folder to make the store in", "DIR"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &folders, NULL, NULL},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new("FOLDER... - ingest rate of the store");
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || folders == NULL || threads < 1 ||
        rounds < 1) {
        g_printerr("%s\n", error != NULL ? error->message : "name a folder of messages (--help)");
        return 2;
    }
    g_autofree char *top = g_build_filename(dir != NULL ? dir : g_get_tmp_dir(), "bench-store-XXXXXX", NULL);
    if (g_mkdtemp(top) == NULL)
        g_error("can't make %s", top);
    g_autofree char *key = g_build_filename(top, "master.key", NULL),
                    *path = g_build_filename(top, "store", NULL);
    struct store_options options = {.dir = path,
                                    .master_key = key,
                                    .segment_size = 64 << 20,
                                    .level = 3,
                                    .attachment_min = 16 << 10,
                                    .max_message = 256 << 20};
    struct bench b = {.messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref),
                      .rounds = (guint)rounds,
                      .latencies = g_array_new(FALSE, FALSE, sizeof(gint64))};
    g_mutex_init(&b.lock);
    for (char **folder = folders; *folder != NULL; folder++)
        add_files(b.messages, *folder);
    if (b.messages->len == 0 || !store_create_key(key, &error) ||
        (b.store = store_open(&options, NULL, &error)) == NULL) {
        g_printerr("%s\n", error != NULL ? error->message : "there are no messages");
        return 2;
    }
    if (warm && !warm_up(&b, &error)) {
        g_printerr("%s\n", error->message);
        return 2;
    }
    struct store_stats before;
    store_stats(b.store, &before);
    double cpu = cpu_ms();
    gint64 start = g_get_monotonic_time();
    g_autofree GThread **pool = g_new(GThread *, (gsize)threads);
    for (int n = 0; n < threads; n++)
        pool[n] = g_thread_new("bench", work, &b);
    for (int n = 0; n < threads; n++)
        g_thread_join(pool[n]);
    gint64 wall = g_get_monotonic_time() - start;
    keeper_wait(b.store);
    locator_flush(b.store->locator, NULL);
    tell(&b, &before, wall, cpu_ms() - cpu);
    store_close(&b.store);
    printf("store left in %s\n", top);
    return b.failed > 0;
}
