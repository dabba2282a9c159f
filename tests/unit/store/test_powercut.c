/* test_powercut.c: power cuts, failing syncs and failing writes: every acknowledged message is there
 * afterwards, once. */
#include "sim.h"
#include "store_test.h"
#include <glib/gstdio.h>
#include <stdio.h>

struct delivery {
    guint seed;
    gsize size;
    struct store_receipt receipt;
    gboolean answered, failed;
    guint8 transaction[16];
};

struct load {
    struct store *store;
    GMutex lock;
    GArray *deliveries; /* struct delivery */
    guint serial;
};

struct waiting {
    struct load *load;
    guint n;
};

static void
answered(const struct store_receipt *receipt, const GError *error, gpointer data)
{
    struct waiting *w = data;

    g_mutex_lock(&w->load->lock);
    struct delivery *d = &g_array_index(w->load->deliveries, struct delivery, w->n);
    d->answered = TRUE;
    d->failed = error != NULL;
    if (receipt != NULL)
        d->receipt = *receipt;
    g_mutex_unlock(&w->load->lock);
    g_free(w);
}

/* Bodies repeat, so that there are events; some are big enough for an attachment. */
static GBytes *
message_of(guint seed, gsize size)
{
    g_autoptr(GBytes) body = make_message(seed % 40, size);
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "Received: by %u\r\n", seed);
    g_string_append_len(text, g_bytes_get_data(body, NULL), (gssize)g_bytes_get_size(body));
    return g_bytes_new(text->str, text->len);
}

static void
deliver(struct load *load, guint seed)
{
    struct delivery d = {.seed = seed, .size = seed % 40 % 9 == 0 ? 20000 : 400 + seed % 40 * 40};
    g_autoptr(GBytes) m = message_of(seed, d.size);
    g_autofree char *rcpt = g_strdup_printf("r%u@x", seed);
    struct capture *c = make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", rcpt);

    memcpy(d.transaction, c->transaction, 16);
    struct waiting *w = g_new(struct waiting, 1);
    g_mutex_lock(&load->lock);
    *w = (struct waiting){load, load->deliveries->len};
    g_array_append_val(load->deliveries, d);
    g_mutex_unlock(&load->lock);
    store_ingest(load->store, c, answered, w);
    capture_free(&c);
}

static gpointer
deliver_some(gpointer data)
{
    struct load *load = data;

    for (int n = 0; n < 25; n++) {
        g_mutex_lock(&load->lock);
        guint seed = load->serial++;
        g_mutex_unlock(&load->lock);
        deliver(load, seed);
        if (seed % 3 == 0)
            g_usleep(200);
    }
    return NULL;
}

/* What a cut left is opened; every delivery that had been answered is there, and only once. */
static void
judge(struct scratch *s, const char *left, GArray *deliveries, gboolean strict)
{
    struct store_options options = s->options;
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    struct store_cursor at = {0};
    struct store_item item;

    options.dir = left;
    struct store *store = store_open(&options, NULL, &error);
    if (store == NULL)
        fail_msg("%s", error->message);
    for (guint n = 0; n < deliveries->len; n++) {
        const struct delivery *d = &g_array_index(deliveries, struct delivery, n);
        if (!d->answered || d->failed)
            continue;
        g_autoptr(GBytes) m = message_of(d->seed, d->size);
        assert_stored(store, d->receipt.event, m);
    }
    int step;
    while ((step = store_next(store, &at, &item, &error)) == 1) {
        if (item.capture != NULL && !g_hash_table_add(seen, g_bytes_new(item.capture->transaction, 16)))
            fail_msg("a transaction is in the log twice");
        at = item.next;
        store_item_clear(&item);
    }
    if (step < 0)
        fail_msg("%s", error->message);
    for (guint n = 0; n < deliveries->len && strict; n++) {
        const struct delivery *d = &g_array_index(deliveries, struct delivery, n);
        g_autoptr(GBytes) t = g_bytes_new(d->transaction, 16);
        if (d->failed && g_hash_table_contains(seen, t))
            fail_msg("a delivery that was answered with an error is in the log");
    }
    assert_sound(store);
    /* And it works. */
    g_autoptr(GBytes) m = make_message(999, 500);
    struct store_receipt r =
        must_ingest(store, make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x"));
    assert_stored(store, r.id, m);
    store_close(&store);
}

struct plan {
    guint sync_failures, write_failures; /* in 1000 */
    guint cuts;
};

static GArray *
known_now(struct load *load)
{
    GArray *known = g_array_new(FALSE, TRUE, sizeof(struct delivery));

    g_mutex_lock(&load->lock);
    g_array_append_vals(known, load->deliveries->data, load->deliveries->len);
    g_mutex_unlock(&load->lock);
    return known;
}

static void
wait_for_answers(struct load *load)
{
    for (guint n = 0; n < load->deliveries->len; n++) {
        for (;;) {
            g_mutex_lock(&load->lock);
            gboolean answered_now = g_array_index(load->deliveries, struct delivery, n).answered;
            g_mutex_unlock(&load->lock);
            if (answered_now)
                break;
            g_usleep(200);
        }
    }
}

#define CUTS_MAX 8

static void
play(guint seed, const struct plan *plan)
{
    struct scratch s;
    struct load load = {.deliveries = g_array_new(FALSE, TRUE, sizeof(struct delivery))};
    GThread *threads[3];
    GArray *known[CUTS_MAX];
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);

    scratch_init(&s);
    g_mutex_init(&load.lock);
    sim_start(s.options.dir);
    scratch_open(&s);
    load.store = s.store;
    deliver(&load, 1000000); /* makes the first segment */
    sim_failures(plan->sync_failures, plan->write_failures, seed);
    for (guint n = 0; n < G_N_ELEMENTS(threads); n++)
        threads[n] = g_thread_new("deliver", deliver_some, &load);
    for (guint cut = 0; cut < plan->cuts; cut++) {
        g_autofree char *left = g_strdup_printf("%s/left-%u", s.dir, cut);
        g_usleep((gulong)g_rand_int_range(rand, 500, 15000));
        /* First what was answered, then the cut: what is answered in between doesn't count against it. */
        known[cut] = known_now(&load);
        sim_cut(left, seed * 100 + cut);
    }
    for (guint n = 0; n < G_N_ELEMENTS(threads); n++)
        g_thread_join(threads[n]);
    wait_for_answers(&load);
    /* Once something was acknowledged after a failure, nothing that failed before is in the log. */
    sim_failures(0, 0, seed);
    g_usleep(plan->sync_failures + plan->write_failures > 0 ? 1100000 : 0);
    g_autoptr(GBytes) m = make_message(1000, 500);
    must_ingest(s.store, make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x"));
    g_autofree char *end = g_build_filename(s.dir, "left-end", NULL);
    sim_cut(end, seed * 100 + 99);
    scratch_close(&s);
    sim_stop();
    for (guint cut = 0; cut < plan->cuts; cut++) {
        g_autofree char *left = g_strdup_printf("%s/left-%u", s.dir, cut);
        judge(&s, left, known[cut], FALSE);
        g_array_unref(known[cut]);
    }
    judge(&s, end, load.deliveries, TRUE);
    g_array_unref(load.deliveries);
    g_mutex_clear(&load.lock);
    scratch_clear(&s);
}

/* POSTERN_SEEDS=FIRST:COUNT runs others, or more. */
static void
play_all(const struct plan *plan, guint count)
{
    const char *text = g_getenv("POSTERN_SEEDS");
    guint first = 1;

    if (text != NULL && sscanf(text, "%u:%u", &first, &count) != 2)
        fail_msg("POSTERN_SEEDS must be FIRST:COUNT");
    for (guint seed = first; seed < first + count; seed++) {
        g_printerr("seed %u\n", seed);
        play(seed, plan);
    }
}

static void
power_cuts(void **state)
{
    (void)state;
    play_all(&(struct plan){.cuts = 5}, 6);
}

static void
failing_disk(void **state)
{
    (void)state;
    play_all(&(struct plan){.sync_failures = 60, .write_failures = 4, .cuts = 3}, 3);
}

/* A disk that fails each time answers with errors, quickly, and all is well when it recovers. */
static void
dead_disk(void **state)
{
    struct scratch s;
    struct store_receipt receipt;

    (void)state;
    scratch_init(&s);
    sim_start(s.options.dir);
    scratch_open(&s);
    g_autoptr(GBytes) m = make_message(1, 500);
    struct capture *c = make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x");
    assert_true(store_ingest_wait(s.store, c, &receipt, NULL));
    sim_failures(1000, 0, 1);
    for (int n = 0; n < 30; n++) {
        g_autoptr(GBytes) other = make_message(2, 500);
        g_autoptr(GError) error = NULL;
        struct capture *d =
            make_capture(g_bytes_get_data(other, NULL), g_bytes_get_size(other), "f@x", "a@x");
        assert_false(store_ingest_wait(s.store, d, &receipt, &error));
        assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_IO));
        capture_free(&d);
    }
    assert_stored(s.store, receipt.id, m); /* what was acknowledged can still be read */
    sim_failures(0, 0, 1);
    g_usleep(1100000);
    g_autoptr(GBytes) after = make_message(3, 500);
    struct store_receipt r = must_ingest(
        s.store, make_capture(g_bytes_get_data(after, NULL), g_bytes_get_size(after), "f@x", "a@x"));
    assert_stored(s.store, r.id, after);
    scratch_close(&s);
    sim_stop();
    capture_free(&c);
    scratch_open(&s);
    assert_stored(s.store, receipt.id, m);
    assert_sound(s.store);
    scratch_clear(&s);
}

static gboolean
fill_until_full(struct scratch *s, guint *serial)
{
    for (int n = 0; n < 200; n++) {
        g_autoptr(GBytes) m = make_message(10000 + (*serial)++, 100000);
        g_autoptr(GError) error = NULL;
        struct store_receipt receipt;
        struct capture *c = make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x");
        gboolean good = store_ingest_wait(s->store, c, &receipt, &error);
        capture_free(&c);
        if (good)
            continue;
        assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_FULL));
        return TRUE;
    }
    return FALSE;
}

static void
full_disk(void **state)
{
    struct scratch s;
    guint serial = 0;

    (void)state;
    scratch_init(&s);
    sim_start(s.options.dir);
    scratch_open(&s);
    sim_capacity(3 << 20);
    assert_true(fill_until_full(&s, &serial));
    assert_true(fill_until_full(&s, &serial)); /* stays so */
    assert_sound(s.store);
    sim_capacity(0);
    g_autoptr(GBytes) m = make_message(3, 100000);
    struct store_receipt r =
        must_ingest(s.store, make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x"));
    assert_stored(s.store, r.id, m);
    scratch_close(&s);
    sim_stop();
    /* min_free: refused before the disk is full. */
    s.options.min_free = G_MAXUINT64 / 2;
    scratch_open(&s);
    assert_true(fill_until_full(&s, &serial));
    scratch_clear(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(power_cuts), cmocka_unit_test(failing_disk),
                                       cmocka_unit_test(dead_disk), cmocka_unit_test(full_disk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
