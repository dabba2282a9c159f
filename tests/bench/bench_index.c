/* bench_index.c: the index's size, the CPU of building it, and search times as it grows.
 *
 * Usage: bench_index DIR [--per-day N] [--optimise] [--built N] SIZE...
 * Builds in DIR (which must not have an index yet, but for --built N: the N messages of an earlier run), with --optimise
 * joins the closed months as the archive does when it is idle, and at each SIZE measures a fixed mix of queries: warm, and cold as far as
 * a program can (the index opened anew; the system's cache stays). "real" stands for the mails of the corpus
 * ($POSTERN_CORPUS). Prints key=value lines; docs/s and ms are of CPU for building, of wall time for searching.
 * At the end unique words are looked up to verify that what was measured is there. */
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "tests/bench/bench_corpus.h"

#define BATCH 500
#define RUNS 15
#define BEGIN_MS G_GINT64_CONSTANT(1640995200000) /* 2022-01-01 */

/* What people search for, in one list; %a = a busy address, %r = a rare one, %u = the unique word of some message. owner: 0 everything,
 * 1 busy, 2 rare. */
static const struct {
    const char *text;
    int owner;
} mix_queries[] = {
    {"%u", 0},           {"the", 0},          {"\"mailing list\"", 0}, {"\"of the\"", 0},   {"公司", 0},
    {"軟體", 0},         {"软件开发", 0},     {"\"公司\"", 0},         {"合作 价格", 0},    {"北京 -上海", 0},
    {"the", 1},          {"公司", 1},         {"the", 2},              {"", 1},             {"from:%a", 0},
    {"from:%a the", 0},  {"to:%r", 0},        {"from:site7.example", 0}, {"has:attachment 公司", 1},
    {"subject:free", 0}, {"subject:公司", 0}, {"money OR 发票", 0},    {"perl python -spam", 0}, {"网络", 2},
    {"invoic*", 0},      {"王", 0},           {"absentword", 0},       {"the 公司", 0},     {"\"click here\"", 1},
    {"after:2022-01-03 before:2022-01-05 the", 0},
};

struct bench {
    const char *dir;
    struct archive_index *index;
    struct bench_corpus *corpus;
    guint per_day, n;
    gsize words, raw;
    double cpu; /* seconds of building */
    gboolean optimise;
};

static void
die(const GError *error)
{
    fprintf(stderr, "bench_index: %s\n", error != NULL ? error->message : "failed");
    exit(1);
}

static double
cpu_now(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static guint64
id_of(const struct bench *b, guint n)
{
    return (guint64)(BEGIN_MS + (gint64)n * 86400000 / b->per_day) << 20 | (n & 0xfffff);
}

static void
reopen(struct bench *b)
{
    GError *error = NULL;

    index_close(&b->index);
    b->index = index_open(b->dir, &error);
    if (b->index == NULL)
        die(error);
}

/* build - up to n documents; only the index's own CPU counts */
static void
build(struct bench *b, guint n)
{
    guint8 cursor[16] = {0};
    GError *error = NULL;
    struct bench_document *batch = g_new(struct bench_document, BATCH);

    for (guint i = 0; i < BATCH; i++)
        bench_document_init(&batch[i]);
    while (b->n < n) {
        guint k = MIN(BATCH, n - b->n);
        for (guint i = 0; i < k; i++) {
            bench_corpus_fill(b->corpus, b->n + i, &batch[i]);
            batch[i].document.id = id_of(b, b->n + i);
            b->words += batch[i].words;
            b->raw += batch[i].raw;
        }
        double start = cpu_now();
        for (guint i = 0; i < k; i++)
            if (!index_add(b->index, &batch[i].document, &error))
                die(error);
        if (!index_commit(b->index, cursor, &error))
            die(error);
        b->cpu += cpu_now() - start;
        b->n += k;
    }
    for (guint i = 0; i < BATCH; i++)
        bench_document_clear(&batch[i]);
    g_free(batch);
}

static gsize
disk_bytes(const char *dir)
{
    g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
    const char *name;
    gsize total = 0;

    while (d != NULL && (name = g_dir_read_name(d)) != NULL) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        GStatBuf st;
        if (g_stat(path, &st) == 0)
            total += (gsize)st.st_blocks * 512;
    }
    return total;
}

static char *
fill_in(const struct bench *b, const char *text, GRand *rand)
{
    g_autoptr(GString) out = g_string_new(text);
    char word[16], busy[48], rare[48];
    guint real = bench_corpus_real(b->corpus);

    bench_unique_word(b->n > real ? (guint)g_rand_int_range(rand, (gint)real, (gint)b->n) : 0, word);
    bench_mailbox((guint)g_rand_int_range(rand, 0, 20), busy);
    bench_mailbox((guint)g_rand_int_range(rand, 60000, 70000), rare);
    g_string_replace(out, "%u", word, 0);
    g_string_replace(out, "%a", busy, 0);
    g_string_replace(out, "%r", rare, 0);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static double
timed(struct bench *b, guint q, GRand *rand, guint *hits_r)
{
    char owner[48];
    GError *error = NULL;
    struct index_hits hits;
    g_autofree char *text = fill_in(b, mix_queries[q].text, rand);

    bench_mailbox((guint)(mix_queries[q].owner == 1 ? g_rand_int_range(rand, 0, 20) : g_rand_int_range(rand, 60000, 70000)),
                  owner);
    gint64 start = g_get_monotonic_time();
    if (!index_search(b->index, text, mix_queries[q].owner != 0 ? owner : NULL, 0, 20, 0, &hits, &error))
        die(error);
    double ms = (double)(g_get_monotonic_time() - start) / 1000;
    *hits_r = hits.ids->len + hits.more;
    index_hits_clear(&hits);
    return ms;
}

static gint
by_value(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double
quantile(GArray *values, double share)
{
    g_array_sort(values, by_value);
    return g_array_index(values, double, (guint)((double)(values->len - 1) * share));
}

/* search - the mix: each query first right after opening, then RUNS times */
static void
search(struct bench *b)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(b->n);
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(double)), cold = g_array_new(FALSE, FALSE, sizeof(double));

    for (guint q = 0; q < G_N_ELEMENTS(mix_queries); q++) {
        g_autoptr(GArray) own = g_array_new(FALSE, FALSE, sizeof(double));
        guint hits = 0;
        reopen(b);
        double ms = timed(b, q, rand, &hits);
        g_array_append_val(cold, ms);
        for (guint run = 0; run < RUNS; run++) {
            ms = timed(b, q, rand, &hits);
            g_array_append_val(own, ms);
            g_array_append_val(all, ms);
        }
        printf("query n=%u owner=%d hits=%u%s p50_ms=%.3f max_ms=%.3f text=%s\n", b->n, mix_queries[q].owner, MIN(hits, 20),
               hits > 20 ? "+" : "", quantile(own, 0.5), quantile(own, 1), mix_queries[q].text);
    }
    printf("search n=%u queries=%u runs=%u p50_ms=%.3f p95_ms=%.3f max_ms=%.3f cold_p50_ms=%.3f cold_p95_ms=%.3f\n", b->n,
           (guint)G_N_ELEMENTS(mix_queries), all->len, quantile(all, 0.5), quantile(all, 0.95), quantile(all, 1),
           quantile(cold, 0.5), quantile(cold, 0.95));
}

/* optimise - joins all closed months */
static void
optimise(struct bench *b)
{
    GError *error = NULL;
    double start = cpu_now();
    int rc;

    do
        rc = index_optimise(b->index, 1000, &error);
    while (rc == 1);
    if (rc < 0)
        die(error);
    printf("optimise n=%u cpu_ms_per_doc=%.4f\n", b->n, (cpu_now() - start) * 1000 / b->n);
}

/* report - size and CPU so far; the index is closed and opened, so that no log of SQLite's is counted */
static void
report(struct bench *b)
{
    reopen(b);
    gsize disk = disk_bytes(b->dir);

    if (b->words == 0) {
        printf("size n=%u index_bytes=%zu\n", b->n, disk);
        return;
    }
    printf("build n=%u text_bytes=%zu index_bytes=%zu index_per_text=%.3f cpu_ms_per_doc=%.4f docs_per_cpu_s=%.0f", b->n,
           b->words, disk, (double)disk / (double)b->words, b->cpu * 1000 / b->n, b->n / b->cpu);
    if (b->n == bench_corpus_real(b->corpus))
        printf(" raw_bytes=%zu index_per_raw=%.3f", b->raw, (double)disk / (double)b->raw);
    printf("\n");
    fflush(stdout);
}

static void
verify(struct bench *b)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    guint real = bench_corpus_real(b->corpus), wrong = 0, looked = 0;
    GError *error = NULL;

    for (; b->n > real && looked < 200; looked++) {
        guint n = (guint)g_rand_int_range(rand, (gint)real, (gint)b->n);
        char word[16];
        struct index_hits hits;
        bench_unique_word(n, word);
        if (!index_search(b->index, word, NULL, 0, 10, 0, &hits, &error))
            die(error);
        wrong += hits.ids->len != 1 || g_array_index(hits.ids, guint64, 0) != id_of(b, n);
        index_hits_clear(&hits);
    }
    printf("verified looked_up=%u wrong=%u\n", looked, wrong);
    if (wrong > 0)
        exit(1);
}

static int
usage(void)
{
    fprintf(stderr, "usage: bench_index DIR [--per-day N] [--optimise] [--built N] SIZE|real...\n");
    return 2;
}

int
main(int argc, char **argv)
{
    struct bench b = {.per_day = 1000};
    const char *corpus = g_getenv("POSTERN_CORPUS");
    int arg = 2;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 3) {
        return usage();
    }
    b.dir = argv[1];
    for (; arg < argc && argv[arg][0] == '-'; arg++) {
        if (strcmp(argv[arg], "--optimise") == 0)
            b.optimise = TRUE;
        else if (arg + 1 < argc && strcmp(argv[arg], "--per-day") == 0)
            b.per_day = (guint)g_ascii_strtoull(argv[++arg], NULL, 10);
        else if (arg + 1 < argc && strcmp(argv[arg], "--built") == 0)
            b.n = (guint)g_ascii_strtoull(argv[++arg], NULL, 10);
        else
            return usage();
    }
    b.corpus = bench_corpus_new(corpus != NULL ? corpus : "../shared/corpus", G_MAXUINT);
    if (b.corpus == NULL || b.per_day == 0) {
        fprintf(stderr, "bench_index: no mails found; set POSTERN_CORPUS to the corpus\n");
        return 77;
    }
    reopen(&b);
    for (; arg < argc; arg++) {
        build(&b, strcmp(argv[arg], "real") == 0 ? bench_corpus_real(b.corpus)
                                                 : (guint)g_ascii_strtoull(argv[arg], NULL, 10));
        if (b.optimise)
            optimise(&b);
        report(&b);
        search(&b);
    }
    verify(&b);
    index_close(&b.index);
    bench_corpus_free(b.corpus);
    return 0;
}
