/* bench_state.c: what policyd's state costs: touches while the table grows, writing, reading back.
 *
 *   bench_state memory [MARKS]          touches of new marks by two threads, their times, the memory that they take
 *   bench_state sqlite FILE [ROWS]      rows a second: new ones, known ones, meters; then 20,000 changes a second for 10 s;
 *   bench_state mariadb SOCKET DATABASE [ROWS]   and reading all back. The file or database must be new.
 *
 * MariaDB's times are its server's: about 20 microseconds of its CPU a row, two fifths of it for the index of changes that nodes read. */
#include "policyd/state/private.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 2u
#define BUCKETS 4000u /* of 1/4 microsecond, the last takes all longer ones */

static guint32
now_s(void)
{
    return (guint32)(g_get_real_time() / G_USEC_PER_SEC);
}

static gint64
now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (gint64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
triplet(char *text, gsize size, guint n)
{
    g_snprintf(text, size, "203.0.%u.0/24 sender%u@example%u.org recipient%u@example.net", n % 256, n, n % 5000, n % 70000);
}

/* ---- memory ---- */

struct toucher {
    struct state *state;
    guint from, to;
    guint bucket[BUCKETS];
    gint64 longest_ns;
};

static gpointer
touch_all(gpointer data)
{
    struct toucher *t = data;
    char text[200];
    for (guint i = t->from; i < t->to; i++) {
        triplet(text, sizeof text, i);
        gint64 before = now_ns();
        marks_touch(t->state, MARK_GREYLIST, text, now_s(), 1, NULL);
        gint64 took = now_ns() - before;
        t->bucket[MIN(took / 250, BUCKETS - 1)]++;
        t->longest_ns = MAX(t->longest_ns, took);
    }
    return NULL;
}

static void
print_percentiles(const struct toucher *touchers)
{
    guint64 total = 0, sum = 0;
    gint64 longest_ns = 0;
    for (guint i = 0; i < THREADS; i++) {
        total += touchers[i].to - touchers[i].from;
        longest_ns = MAX(longest_ns, touchers[i].longest_ns);
    }
    static const double shares[] = {0.5, 0.99, 0.999, 0.9999};
    guint next = 0;
    for (guint b = 0; b < BUCKETS && next < G_N_ELEMENTS(shares); b++) {
        for (guint i = 0; i < THREADS; i++)
            sum += touchers[i].bucket[b];
        while (next < G_N_ELEMENTS(shares) && (double)sum >= shares[next] * (double)total)
            printf("  p%g %.2f us\n", shares[next++] * 100, (b + 1) * 0.25);
    }
    printf("  longest %.0f us\n", (double)longest_ns / 1000);
}

static gulong
resident_kb(void)
{
    g_autofree char *status = NULL;
    g_file_get_contents("/proc/self/status", &status, NULL, NULL);
    const char *line = status ? strstr(status, "VmRSS:") : NULL;
    return line ? strtoul(line + 6, NULL, 10) : 0;
}

static void
drop_changes(struct state *state)
{
    for (guint i = 0; i < SHARDS; i++) {
        struct shard *shard = &state->marks->shard[i];
        struct change *change;
        gpointer cell;
        while ((change = shards_take_change(state->marks, shard, &cell)))
            g_free(change);
    }
    malloc_trim(0);
}

static int
bench_memory(guint marks)
{
    struct state_options options = {.node = "bench", .marks_max = (guint64)marks * 2};
    struct state *state = state_new(&options);
    static struct toucher touchers[THREADS];
    GThread *threads[THREADS];
    gint64 before = g_get_monotonic_time();
    for (guint i = 0; i < THREADS; i++) {
        touchers[i] = (struct toucher){.state = state, .from = marks / THREADS * i, .to = marks / THREADS * (i + 1)};
        threads[i] = g_thread_new("touch", touch_all, &touchers[i]);
    }
    for (guint i = 0; i < THREADS; i++)
        g_thread_join(threads[i]);
    double took_s = (double)(g_get_monotonic_time() - before) / G_USEC_PER_SEC;
    printf("%u new marks by %u threads: %.0f a second\n", marks, THREADS, marks / took_s);
    print_percentiles(touchers);
    printf("  resident with all of them to be written %lu MB\n", resident_kb() / 1024);
    drop_changes(state);
    printf("  resident when they are written %lu MB\n", resident_kb() / 1024);
    state_free(&state);
    return 0;
}

/* ---- SQL ---- */

static const struct meter_limit limits[] = {{100, 60}, {1000, 3600}, {5000, 86400}};

static void
flush_all(struct state *state)
{
    g_autoptr(GError) error = NULL;
    struct state_stats stats;
    do {
        if (!state_flush(state, &error) && !g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY)) {
            fprintf(stderr, "bench_state: %s\n", error->message);
            exit(1);
        }
        g_clear_error(&error);
        state_get_stats(state, &stats);
    } while (stats.dirty > 0);
}

static void
timed(struct state *state, const char *what, guint rows, gboolean meters)
{
    char text[200];
    gint64 before = g_get_monotonic_time();
    for (guint i = 0; i < rows; i++) {
        triplet(text, sizeof text, i);
        if (meters)
            meter_take(state, METER_RATE_MESSAGES, text, limits, 3, 1, g_get_real_time() / 1000, NULL);
        else
            marks_touch(state, MARK_GREYLIST, text, now_s(), 1, NULL);
    }
    flush_all(state);
    double took_s = (double)(g_get_monotonic_time() - before) / G_USEC_PER_SEC;
    printf("%s: %u in %.1f s, %.0f a second\n", what, rows, took_s, rows / took_s);
    fflush(stdout);
}

/* 20,000 changes a second, half of them new; how far behind the writing is. */
static void
steady(struct state *state, guint rows)
{
    char text[200];
    struct state_stats stats;
    guint64 most = 0;
    gint64 longest_ms = 0, started = g_get_monotonic_time();
    for (guint tick = 0; tick < 1000; tick++) {
        for (guint i = 0; i < 200; i++) {
            triplet(text, sizeof text, i % 2 ? rows + tick * 200 + i : (guint)g_random_int_range(0, (gint)rows));
            marks_touch(state, MARK_GREYLIST, text, now_s(), 1, NULL);
        }
        state_get_stats(state, &stats);
        most = MAX(most, stats.dirty);
        longest_ms = MAX(longest_ms, stats.lag_ms);
        gint64 wait_us = started + (tick + 1) * 10000 - g_get_monotonic_time();
        if (wait_us > 0)
            g_usleep((gulong)wait_us);
    }
    double took_s = (double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC;
    printf("200000 changes in %.1f s: at most %" G_GUINT64_FORMAT " to be written, written at most %" G_GINT64_FORMAT
           " ms after\n", took_s, most, longest_ms);
}

static struct state *
open_or_exit(const struct state_options *options)
{
    g_autoptr(GError) error = NULL;
    struct state *state = state_open(options, &error);
    if (state)
        return state;
    fprintf(stderr, "bench_state: %s\n", error->message);
    exit(1);
}

static int
bench_sql(const struct sql_options *sql, guint rows)
{
    struct state_options options = {.sql = *sql, .node = "bench", .shared = strcmp(sql->driver, "mariadb") == 0};
    struct state *state = open_or_exit(&options);
    timed(state, "new marks", rows, FALSE);
    timed(state, "known marks", rows, FALSE);
    timed(state, "new meters", rows / 4, TRUE);
    timed(state, "known meters", rows / 4, TRUE);
    steady(state, rows);
    state_close(&state);
    gint64 before = g_get_monotonic_time();
    state = open_or_exit(&options);
    struct state_stats stats;
    state_get_stats(state, &stats);
    printf("%" G_GUINT64_FORMAT " marks and %" G_GUINT64_FORMAT " meters read in %.1f s\n", stats.marks, stats.meters,
           (double)(g_get_monotonic_time() - before) / G_USEC_PER_SEC);
    state_close(&state);
    return 0;
}

static guint
number(int argc, char **argv, int at, guint otherwise)
{
    return argc > at ? (guint)g_ascii_strtoull(argv[at], NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "memory") == 0)
        return bench_memory(number(argc, argv, 2, 10000000));
    if (argc >= 3 && strcmp(argv[1], "sqlite") == 0)
        return bench_sql(&(struct sql_options){.driver = "sqlite", .path = argv[2], .create = TRUE}, number(argc, argv, 3, 500000));
    if (argc >= 4 && strcmp(argv[1], "mariadb") == 0)
        return bench_sql(&(struct sql_options){.driver = "mariadb", .host = argv[2], .database = argv[3], .user = "root",
                                               .password = ""},
                         number(argc, argv, 4, 500000));
    fprintf(stderr, "usage: bench_state memory [MARKS] | sqlite FILE [ROWS] | mariadb SOCKET DATABASE [ROWS]\n");
    return 2;
}
