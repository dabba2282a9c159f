/* test_store.c: the store as a whole: what goes in comes out, once, and is found again after every kind of
 * restart. */
#include "store_test.h"
#include <glib/gstdio.h>
#include <unistd.h>

static void
round_trip(void **state)
{
    struct scratch s;
    guint64 ids[300];
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    (void)state;
    scratch_init(&s);
    scratch_open(&s);
    for (guint n = 0; n < G_N_ELEMENTS(ids); n++) {
        GBytes *m = make_message(n, n % 10 == 0 ? 30000 : 600);
        g_ptr_array_add(messages, m);
        struct store_receipt r =
            must_ingest(s.store, make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x"));
        assert_true(r.id == r.event && !r.known && !r.repeat);
        assert_true(n == 0 || r.id > ids[n - 1]);
        ids[n] = r.id;
    }
    for (int reopened = 0; reopened < 3; reopened++) {
        for (guint n = 0; n < G_N_ELEMENTS(ids); n++)
            assert_stored(s.store, ids[n], g_ptr_array_index(messages, n));
        assert_sound(s.store);
        struct store_stats stats;
        store_stats(s.store, &stats);
        assert_int_equal(stats.messages, G_N_ELEMENTS(ids));
        assert_int_equal(stats.events, G_N_ELEMENTS(ids));
        assert_int_equal(stats.attachments, G_N_ELEMENTS(ids) / 10);
        scratch_close(&s);
        if (reopened == 1) { /* the locator is derived */
            g_autofree char *path = g_build_filename(s.options.dir, "locator.db", NULL);
            assert_int_equal(g_unlink(path), 0);
        }
        scratch_open(&s);
    }
    g_autoptr(GError) error = NULL;
    assert_null(store_get(s.store, ids[G_N_ELEMENTS(ids) - 1] + 1, &error));
    assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_ABSENT));
    scratch_clear(&s);
}

static void
events(void **state)
{
    struct scratch s;
    static const char first[] = "Received: by a\r\nSubject: hello\r\n\r\ntext\r\n",
                      second[] = "Received: by b\r\nX-Spam-Flag: NO\r\nSubject: hello\r\n\r\ntext\r\n",
                      other[] = "Received: by a\r\nSubject: hello\r\n\r\ntexT\r\n";

    (void)state;
    scratch_init(&s);
    scratch_open(&s);
    struct capture *c = make_capture(first, sizeof first - 1, "f@x", "a@x");
    struct store_receipt a = must_ingest(s.store, make_capture(first, sizeof first - 1, "f@x", "a@x"));
    struct store_receipt b = must_ingest(s.store, make_capture(second, sizeof second - 1, "f@x", "b@x"));
    struct store_receipt d = must_ingest(s.store, make_capture(other, sizeof other - 1, "f@x", "a@x"));
    assert_true(b.id == a.id && b.event > a.event && b.known && !b.repeat);
    assert_true(d.id != a.id && !d.known);
    for (int round = 0; round < 3; round++) {
        g_autoptr(GBytes) one = g_bytes_new_static(first, sizeof first - 1);
        g_autoptr(GBytes) two = g_bytes_new_static(second, sizeof second - 1);
        assert_stored(s.store, a.event, one);
        assert_stored(s.store, b.event, two);
        struct capture *got = store_get(s.store, b.event, NULL);
        const struct capture_recipient *r = g_ptr_array_index(got->recipients, 0);
        assert_string_equal(r->original, "b@x");
        capture_free(&got);
        /* Same content and envelope as an earlier one: an event, marked. */
        struct store_receipt again =
            must_ingest(s.store, make_capture(second, sizeof second - 1, "f@x", "a@x"));
        assert_true(again.id == a.id && again.known && again.repeat && again.event > b.event);
        again = must_ingest(s.store, make_capture(first, sizeof first - 1, "f@x", "b@x"));
        assert_true(again.known && again.repeat);
        scratch_close(&s);
        if (round == 1) {
            g_autofree char *path = g_build_filename(s.options.dir, "locator.db", NULL);
            assert_int_equal(g_unlink(path), 0);
        }
        scratch_open(&s);
    }
    /* The same transaction again writes nothing. */
    struct store_stats before, after;
    struct store_receipt t1, t2;
    g_autofree char *text = g_strdup("Subject: third\r\n\r\n");
    g_bytes_unref(c->message);
    c->message = g_bytes_new(text, strlen(text));
    assert_true(store_ingest_wait(s.store, c, &t1, NULL));
    store_stats(s.store, &before);
    assert_true(store_ingest_wait(s.store, c, &t2, NULL));
    assert_true(t2.id == t1.id && t2.event == t1.event && t2.repeat);
    scratch_close(&s);
    scratch_open(&s);
    assert_true(store_ingest_wait(s.store, c, &t2, NULL));
    assert_true(t2.event == t1.event && t2.repeat);
    store_stats(s.store, &after);
    assert_int_equal(before.events, after.events);
    capture_free(&c);
    assert_sound(s.store);
    scratch_clear(&s);
}

static void
log_order(void **state)
{
    struct scratch s;
    struct store_cursor at = {0};
    struct store_item item;
    static const char text[] = "Subject: x\r\n\r\n";
    char *mailboxes[] = {(char[]){"m@x"}, NULL};

    (void)state;
    scratch_init(&s);
    scratch_open(&s);
    assert_int_equal(store_next(s.store, &at, &item, NULL), 0);
    assert_false(store_wait(s.store, &at, 1));
    struct store_receipt a = must_ingest(s.store, make_capture(text, sizeof text - 1, "f@x", "a@x"));
    assert_true(store_wait(s.store, &at, 1000));
    g_autoptr(GBytes) big = make_message(5, 9000);
    struct store_receipt b =
        must_ingest(s.store, make_capture(g_bytes_get_data(big, NULL), g_bytes_get_size(big), "f@x", "a@x"));
    struct store_receipt e = must_ingest(s.store, make_capture(text, sizeof text - 1, "f@x", "c@x"));
    assert_true(store_add_expansion(s.store, e.event, 0, mailboxes, NULL));
    assert_false(store_add_expansion(s.store, e.event + 7, 0, mailboxes, NULL));
    assert_true(store_lag_bytes(s.store, &at) > 0);
    const guint64 ids[] = {a.id, b.id, a.id, 0}, event_ids[] = {a.event, b.event, e.event, e.event};
    const enum store_kind kinds[] = {STORE_MESSAGE, STORE_MESSAGE, STORE_EVENT, STORE_EXPANSION};
    for (int n = 0; n < 4; n++) {
        assert_int_equal(store_next(s.store, &at, &item, NULL), 1);
        assert_int_equal(item.kind, kinds[n]);
        assert_true(item.event == event_ids[n]);
        assert_true(kinds[n] == STORE_EXPANSION || item.id == ids[n]);
        assert_int_equal(kinds[n] != STORE_EXPANSION, item.capture != NULL);
        if (item.capture != NULL)
            assert_int_equal(kinds[n] == STORE_MESSAGE, item.capture->message != NULL);
        if (kinds[n] == STORE_EXPANSION)
            assert_string_equal(item.expansion_mailboxes[0], "m@x");
        at = item.next;
        store_item_clear(&item);
    }
    assert_int_equal(store_next(s.store, &at, &item, NULL), 0);
    struct store_cursor end = store_end(s.store);
    assert_true(at.segment == end.segment && at.offset == end.offset);
    assert_int_equal(store_lag_bytes(s.store, &at), 0);
    scratch_clear(&s);
}

static void
attachments_once(void **state)
{
    struct scratch s;
    g_autofree guint8 *data = g_malloc(50000);
    g_autofree char *encoded = NULL;
    guint64 ids[6];
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    (void)state;
    for (guint n = 0; n < 50000; n++)
        data[n] = (guint8)(n * n * 31 >> 5);
    encoded = g_base64_encode(data, 50000);
    scratch_init(&s);
    scratch_open(&s);
    for (guint n = 0; n < G_N_ELEMENTS(ids); n++) { /* differing line lengths and texts, one attachment */
        GString *m = g_string_new(NULL);
        g_string_append_printf(
            m,
            "Subject: %u\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
            "Content-Type: application/zip\nContent-Transfer-Encoding: base64\n\n",
            n);
        for (gsize at = 0; at < strlen(encoded); at += 60 + n)
            g_string_append_printf(m, "%.*s\n", (int)(60 + n), encoded + at);
        g_string_append(m, "--b--\n");
        GBytes *bytes = g_string_free_to_bytes(m);
        g_ptr_array_add(messages, bytes);
        ids[n] = must_ingest(s.store, make_capture(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
                                                   "f@x", "a@x"))
                     .id;
    }
    for (int round = 0; round < 2; round++) {
        struct store_stats stats;
        for (guint n = 0; n < G_N_ELEMENTS(ids); n++)
            assert_stored(s.store, ids[n], g_ptr_array_index(messages, n));
        store_stats(s.store, &stats);
        assert_int_equal(stats.attachments, 1);
        assert_sound(s.store);
        scratch_close(&s);
        scratch_open(&s);
    }
    scratch_clear(&s);
}

static void
rolls_and_seals(void **state)
{
    struct scratch s;
    guint64 ids[60];
    struct segment seg;
    guint sealed = 0;

    (void)state;
    scratch_init(&s);
    scratch_open(&s);
    for (guint n = 0; n < G_N_ELEMENTS(ids);
         n++) { /* poorly compressible: some MiB in all; one is larger than a segment */
        g_autoptr(GBytes) m = make_message(n, n == 30 ? 4 << 20 : 150000);
        ids[n] =
            must_ingest(s.store, make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x"))
                .id;
    }
    keeper_wait(s.store);
    for (guint64 at = 0; segments_after(s.store->segments, at, &seg); at = seg.header.segment)
        sealed += seg.state == SEGMENT_SEALED;
    assert_true(sealed >= 4);
    assert_int_equal(sealed + 1, segments_count(s.store->segments));
    for (int round = 0; round < 2; round++) {
        for (guint n = 0; n < G_N_ELEMENTS(ids); n += 7) {
            g_autoptr(GBytes) m = make_message(n, n == 30 ? 4 << 20 : 150000);
            assert_stored(s.store, ids[n], m);
        }
        assert_sound(s.store);
        scratch_close(&s);
        scratch_open(&s);
    }
    /* The log read from the beginning has them all in order. */
    struct store_cursor at = {0};
    struct store_item item;
    guint n = 0;
    while (store_next(s.store, &at, &item, NULL) == 1) {
        assert_true(n < G_N_ELEMENTS(ids) && item.id == ids[n++]);
        at = item.next;
        store_item_clear(&item);
    }
    assert_int_equal(n, G_N_ELEMENTS(ids));
    scratch_clear(&s);
}

static void
dictionary(void **state)
{
    struct scratch s;
    struct store_stats before, after;
    g_autoptr(GError) error = NULL;
    guint64 first = 0, last = 0;

    (void)state;
    scratch_init(&s);
    s.options.attachment_min = 1 << 20;
    scratch_open(&s);
    for (guint half = 0; half < 2; half++) {
        for (guint n = 0; n < 300; n++) {
            g_autofree char *m = g_strdup_printf(
                "From: \"Somebody %u\" <somebody-%u@example.com>\r\nTo: The list <list@example.com>\r\n"
                "X-Mailer: A mailer with a long name 1.2.3 (build 4)\r\nMIME-Version: 1.0\r\n"
                "Content-Type: text/plain; charset=utf-8\r\nSubject: weekly report number %u\r\n\r\n"
                "Dear all, please find the weekly report below.\r\nSales: %u\r\nReturns: %u\r\n",
                n, n * 7, n + half * 1000, n * 13, n * 3);
            last = must_ingest(s.store, make_capture(m, strlen(m), "f@x", "a@x")).id;
            first = first == 0 ? last : first;
        }
        if (half == 0) {
            store_stats(s.store, &before);
            if (!store_train(s.store, 300, &error))
                fail_msg("%s", error->message);
        }
    }
    store_stats(s.store, &after);
    scratch_close(&s);
    scratch_open(&s);
    struct segment seg;
    guint with = 0;
    for (guint64 at = 0; segments_after(s.store->segments, at, &seg); at = seg.header.segment)
        with += seg.header.dictionary == 1;
    assert_int_equal(with, 1);
    struct capture *c = store_get(s.store, last, &error);
    assert_non_null(c);
    capture_free(&c);
    assert_sound(s.store);
    scratch_close(&s);
    /* Without its dictionary a record is reported, not misread; the others are still there. */
    g_autofree char *path = g_build_filename(s.options.dir, "dictionaries", "0001.zdict", NULL);
    assert_int_equal(g_unlink(path), 0);
    scratch_open(&s);
    assert_null(store_get(s.store, last, &error));
    assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_DAMAGED));
    c = store_get(s.store, first, NULL);
    assert_non_null(c);
    capture_free(&c);
    scratch_clear(&s);
}

static void
erased(void **state)
{
    struct scratch s;
    g_autoptr(GError) error = NULL;
    struct store_verify_report report;
    static const char text[] = "Subject: secret\r\n\r\nx\r\n", next[] = "Subject: other\r\n\r\n";

    (void)state;
    scratch_init(&s);
    scratch_open(&s);
    struct store_receipt r = must_ingest(s.store, make_capture(text, sizeof text - 1, "f@x", "a@x"));
    struct store_receipt kept = must_ingest(s.store, make_capture(next, sizeof next - 1, "f@x", "a@x"));
    assert_true(store_erase_key(s.store, r.id, NULL));
    for (int round = 0; round < 2; round++) {
        assert_null(store_get(s.store, r.id, &error));
        assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_ERASED));
        g_clear_error(&error);
        struct store_cursor at = {0};
        struct store_item item;
        assert_int_equal(store_next(s.store, &at, &item, NULL), 1);
        assert_true(item.id == kept.id);
        store_item_clear(&item);
        assert_true(store_verify(s.store, NULL, NULL, &report, NULL));
        assert_int_equal(report.erased, 1);
        assert_int_equal(report.problems->len, 0);
        store_verify_report_clear(&report);
        scratch_close(&s);
        g_autofree char *path = g_build_filename(s.options.dir, "locator.db", NULL);
        g_unlink(path);
        scratch_open(&s);
    }
    /* The same content again is a new message, not a delivery of what can't be read. */
    struct store_receipt again = must_ingest(s.store, make_capture(text, sizeof text - 1, "f@x", "a@x"));
    assert_true(!again.known && again.id != r.id);
    g_autoptr(GBytes) bytes = g_bytes_new_static(text, sizeof text - 1);
    assert_stored(s.store, again.id, bytes);
    scratch_clear(&s);
}

static void
refusals(void **state)
{
    struct scratch s;
    g_autoptr(GError) error = NULL;
    struct store_receipt receipt;

    (void)state;
    scratch_init(&s);
    s.options.max_message = 1000;
    scratch_open(&s);
    assert_null(store_open(&s.options, NULL, &error)); /* one process, one store */
    assert_non_null(strstr(error->message, "another process"));
    g_clear_error(&error);
    g_autoptr(GBytes) m = make_message(1, 2000);
    struct capture *c = make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x");
    assert_false(store_ingest_wait(s.store, c, &receipt, &error));
    assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_TOO_BIG));
    g_clear_error(&error);
    capture_free(&c);
    scratch_close(&s);
    s.options.segment_size = 1000;
    assert_null(store_open(&s.options, NULL, &error));
    g_clear_error(&error);
    s.options.segment_size = 1 << 20;
    /* Another master key: nothing is misread; new mail goes into a new segment; with both keys all is there.
     */
    s.options.max_message = 1 << 20;
    scratch_open(&s);
    guint64 id = must_ingest(s.store, make_capture("A: b\n\n", 6, "f@x", "a@x")).id;
    scratch_close(&s);
    g_autofree char *old = NULL;
    assert_true(g_file_get_contents(s.options.master_key, &old, NULL, NULL));
    assert_int_equal(g_unlink(s.options.master_key), 0);
    assert_true(store_create_key(s.options.master_key, NULL));
    scratch_open(&s);
    assert_null(store_get(s.store, id, &error));
    assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_KEY));
    guint64 newer = must_ingest(s.store, make_capture("A: c\n\n", 6, "f@x", "a@x")).id;
    scratch_close(&s);
    g_autofree char *key = NULL;
    assert_true(g_file_get_contents(s.options.master_key, &key, NULL, NULL));
    g_autofree char *both = g_strconcat(key, old, NULL);
    assert_true(
        g_file_set_contents_full(s.options.master_key, both, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    scratch_open(&s);
    g_autoptr(GBytes) one = g_bytes_new_static("A: b\n\n", 6);
    g_autoptr(GBytes) two = g_bytes_new_static("A: c\n\n", 6);
    assert_stored(s.store, id, one);
    assert_stored(s.store, newer, two);
    assert_sound(s.store);
    scratch_clear(&s);
}

/* Threads deliver the same contents at the same time. */
struct racer {
    struct store *store;
    guint start;
    guint64 ids[40];
    guint firsts;
};

static gpointer
race(gpointer data)
{
    struct racer *r = data;

    for (guint n = 0; n < 40; n++) {
        guint which = (r->start + n) % 40;
        g_autofree char *m = g_strdup_printf("Received: by %u\r\nSubject: race %u\r\n\r\n", r->start, which);
        g_autofree char *rcpt = g_strdup_printf("r%u@x", r->start);
        struct capture *c = make_capture(m, strlen(m), "f@x", rcpt);
        struct store_receipt receipt;
        if (!store_ingest_wait(r->store, c, &receipt, NULL))
            abort();
        capture_free(&c);
        r->ids[which] = receipt.id;
        r->firsts += !receipt.known;
    }
    return NULL;
}

static void
races(void **state)
{
    struct scratch s;
    struct racer racers[6] = {0};
    GThread *threads[6];
    guint firsts = 0;

    (void)state;
    scratch_init(&s);
    scratch_open(&s);
    for (guint n = 0; n < 6; n++) {
        racers[n].store = s.store;
        racers[n].start = n * 2;
        threads[n] = g_thread_new("race", race, &racers[n]);
    }
    for (guint n = 0; n < 6; n++) {
        g_thread_join(threads[n]);
        firsts += racers[n].firsts;
        assert_memory_equal(racers[n].ids, racers[0].ids, sizeof racers[0].ids);
    }
    assert_int_equal(firsts, 40);
    struct store_stats stats;
    store_stats(s.store, &stats);
    assert_int_equal(stats.messages, 40);
    assert_int_equal(stats.events, 240);
    assert_sound(s.store);
    scratch_clear(&s);
}

static gint64 test_time;

static gint64
test_clock(void)
{
    return test_time;
}

/* Months: a segment each, attachments never shared across, ids that rise whatever the clock does. */
static void
months(void **state)
{
    struct scratch s;
    gint64 (*clock_before)(void) = store_clock;
    const gint64 october = G_GINT64_CONSTANT(1793491199000); /* 2026-10-31 23:59:59 UTC */
    g_autoptr(GString) text = g_string_new(NULL);
    struct store_receipt receipts[6];
    struct store_stats stats;
    static const gint64 times[] = {0, 0, 2000, 3000, -500000, 5 * 86400000 + 2500};
    static const char *const senders[] = {"a@x", "b@x", "c@x", "c@x", "d@x", "c@x"};
    g_autoptr(GBytes) body = make_message(3, 9000);

    (void)state;
    scratch_init(&s);
    store_clock = test_clock;
    test_time = october;
    scratch_open(&s);
    for (guint n = 0; n < G_N_ELEMENTS(times); n++) {
        /* 0..2 and 4: another message with the same attachment; 3 and 5: the content of 2 again. */
        test_time = october + times[n];
        g_string_printf(text, "X-Number: %u\r\n", n == 3 || n == 5 ? 2 : n);
        g_string_append_len(text, g_bytes_get_data(body, NULL), (gssize)g_bytes_get_size(body));
        receipts[n] = must_ingest(s.store, make_capture(text->str, text->len, senders[n], "r@x"));
        assert_true(n == 0 || receipts[n].event > receipts[n - 1].event);
    }
    assert_true(receipts[3].known && receipts[3].repeat);
    assert_true(receipts[5].known && receipts[5].repeat); /* within five days of the second one */
    assert_true(!receipts[4].known && store_id_time_ms(receipts[4].event) >= october + 3000);
    test_time += 6 * G_GINT64_CONSTANT(86400000);
    g_string_printf(text, "X-Number: 2\r\n");
    g_string_append_len(text, g_bytes_get_data(body, NULL), (gssize)g_bytes_get_size(body));
    struct store_receipt late = must_ingest(s.store, make_capture(text->str, text->len, "c@x", "r@x"));
    assert_true(late.known && !late.repeat);
    store_stats(s.store, &stats);
    assert_int_equal(stats.attachments, 2);
    struct segment first, second;
    assert_true(segments_after(s.store->segments, 0, &first) && segments_after(s.store->segments, 1, &second));
    assert_int_equal(first.header.month, 202610);
    assert_int_equal(second.header.month, 202611);
    assert_int_equal(segments_count(s.store->segments), 2);
    assert_sound(s.store);
    /* Reopened with a clock that is far behind: ids still rise. */
    scratch_close(&s);
    test_time = october - G_GINT64_CONSTANT(40) * 86400000;
    scratch_open(&s);
    struct store_receipt behind = must_ingest(s.store, make_capture("A: b\n\n", 6, "f@x", "a@x"));
    assert_true(behind.event > late.event);
    scratch_close(&s);
    store_clock = clock_before;
    scratch_clear(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),       cmocka_unit_test(events),          cmocka_unit_test(log_order),
        cmocka_unit_test(attachments_once), cmocka_unit_test(rolls_and_seals), cmocka_unit_test(dictionary),
        cmocka_unit_test(erased),           cmocka_unit_test(refusals),        cmocka_unit_test(races),
        cmocka_unit_test(months),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
