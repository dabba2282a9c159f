/* The feed over a real store, into sinks that remember, fail, refuse and go away. */
#include "tests/unit/server/test.h"
#include "archive-store/server/feed.h"

/* What a sink got: subjects (or "event", "expansion") of the records that are committed. */
struct place {
    GMutex lock;
    GPtrArray *committed, *open;
    struct store_cursor cursor;
    gint away;            /* every call fails */
    const char *refused;  /* this subject is refused */
    gint fail_once;       /* the next add fails */
    gint adds, abandons;
    gint slow_us;
};

static void
place_init(struct place *place)
{
    memset(place, 0, sizeof *place);
    g_mutex_init(&place->lock);
    place->committed = g_ptr_array_new_with_free_func(g_free);
    place->open = g_ptr_array_new_with_free_func(g_free);
}

static void
place_clear(struct place *place)
{
    g_ptr_array_unref(place->committed);
    g_ptr_array_unref(place->open);
    g_mutex_clear(&place->lock);
}

static enum sink_outcome
failure(enum sink_outcome outcome, GError **error)
{
    g_set_error(error, g_quark_from_static_string("test"), 1, "the place is away");
    return outcome;
}

static enum sink_outcome
place_load(gpointer data, struct store_cursor *cursor_r, GError **error)
{
    struct place *place = data;

    if (g_atomic_int_get(&place->away))
        return failure(SINK_RETRY, error);
    *cursor_r = place->cursor;
    return SINK_OK;
}

static enum sink_outcome
place_add(gpointer data, const struct feed_record *record, GError **error)
{
    struct place *place = data;
    const char *text = record->document                       ? record->document->subject
                       : record->item.kind == STORE_EXPANSION ? "expansion"
                                                              : "event";

    g_atomic_int_inc(&place->adds);
    if (place->slow_us)
        g_usleep((gulong)place->slow_us);
    if (g_atomic_int_get(&place->away))
        return failure(SINK_RETRY, error);
    if (g_atomic_int_compare_and_exchange(&place->fail_once, 1, 0))
        return failure(SINK_REFUSED, error);
    if (place->refused && g_str_equal(text, place->refused))
        return failure(SINK_REFUSED, error);
    assert_true(!record->document == !!record->addresses);
    g_ptr_array_add(place->open, g_strdup_printf("%s %" G_GUINT64_FORMAT, text, record->item.id));
    return SINK_OK;
}

static enum sink_outcome
place_commit(gpointer data, const struct store_cursor *cursor, GError **error)
{
    struct place *place = data;

    if (g_atomic_int_get(&place->away))
        return failure(SINK_RETRY, error);
    g_mutex_lock(&place->lock);
    for (guint n = 0; n < place->open->len; n++)
        g_ptr_array_add(place->committed, g_strdup(place->open->pdata[n]));
    place->cursor = *cursor;
    g_mutex_unlock(&place->lock);
    g_ptr_array_set_size(place->open, 0);
    return SINK_OK;
}

static void
place_abandon(gpointer data)
{
    struct place *place = data;

    g_atomic_int_inc(&place->abandons);
    g_ptr_array_set_size(place->open, 0);
}

static struct sink
sink_of(const char *name, struct place *place, guint batch)
{
    return (struct sink){.name = name, .data = place, .load = place_load, .add = place_add, .commit = place_commit,
                         .abandon = place_abandon, .batch = batch};
}

struct fixture {
    char *dir, *key;
    struct store *store;
    struct place places[2];
    struct sink sinks[2];
    struct feed *feed;
    guint64 last_id;
};

static int
setup(void **state)
{
    struct fixture *fixture = g_new0(struct fixture, 1);
    struct store_options options = {.segment_size = 1 << 20, .level = 1, .attachment_min = 16384,
                                    .max_message = 1 << 20};

    fixture->dir = test_directory();
    fixture->key = g_build_filename(fixture->dir, "key", NULL);
    options.dir = fixture->dir;
    options.master_key = fixture->key;
    assert_true(store_create_key(fixture->key, NULL));
    fixture->store = store_open(&options, NULL, NULL);
    assert_non_null(fixture->store);
    for (guint n = 0; n < 2; n++)
        place_init(&fixture->places[n]);
    fixture->sinks[0] = sink_of("index", &fixture->places[0], 5);
    fixture->sinks[1] = sink_of("catalogue", &fixture->places[1], 3);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;

    feed_stop(&fixture->feed);
    store_close(&fixture->store);
    for (guint n = 0; n < 2; n++)
        place_clear(&fixture->places[n]);
    test_remove(&fixture->dir);
    g_free(fixture->key);
    g_free(fixture);
    return 0;
}

static void
ingest(struct fixture *fixture, const char *subject, enum capture_expansion expansion)
{
    struct capture *capture = capture_new();
    struct store_receipt receipt;
    g_autofree char *text = g_strdup_printf("Subject: %s\r\n\r\nText of %s.\r\n", subject, subject);
    struct capture_recipient *recipient = capture_add_recipient(capture, "a@example.test");

    recipient->expansion = expansion;
    g_strfreev(recipient->mailboxes);
    recipient->mailboxes = g_strsplit("a@example.test", " ", 0);
    capture->message = g_bytes_new(text, strlen(text));
    assert_true(store_ingest_wait(fixture->store, capture, &receipt, NULL));
    fixture->last_id = receipt.id;
    capture_free(&capture);
}

static gboolean
caught_up(struct fixture *fixture, int timeout_ms)
{
    struct store_cursor end = store_end(fixture->store);

    return feed_wait(fixture->feed, &end, timeout_ms);
}

/* Each of the subjects "m0".."m<n-1>" is committed exactly once, in order. */
static void
assert_place(struct place *place, guint n)
{
    g_mutex_lock(&place->lock);
    assert_int_equal(place->committed->len, n);
    for (guint i = 0; i < n; i++) {
        g_autofree char *start = g_strdup_printf("m%u ", i);
        assert_true(g_str_has_prefix(place->committed->pdata[i], start));
    }
    g_mutex_unlock(&place->lock);
}

static void
ingest_many(struct fixture *fixture, guint from, guint to)
{
    for (guint n = from; n < to; n++) {
        g_autofree char *subject = g_strdup_printf("m%u", n);
        ingest(fixture, subject, CAPTURE_EXPANDED);
    }
}

static void
test_both_get_all(void **state)
{
    struct fixture *fixture = *state;

    ingest_many(fixture, 0, 7);
    fixture->feed = feed_start(fixture->store, fixture->sinks, 2);
    assert_true(caught_up(fixture, 5000));
    ingest_many(fixture, 7, 12);
    assert_true(caught_up(fixture, 5000));
    assert_place(&fixture->places[0], 12);
    assert_place(&fixture->places[1], 12);
    /* Stopped and started again, it goes on and repeats nothing. */
    feed_stop(&fixture->feed);
    ingest_many(fixture, 12, 14);
    fixture->feed = feed_start(fixture->store, fixture->sinks, 2);
    assert_true(caught_up(fixture, 5000));
    assert_place(&fixture->places[0], 14);
    assert_int_equal(fixture->places[0].adds, 14);
}

static void
test_one_is_away(void **state)
{
    struct fixture *fixture = *state;
    struct feed_status status;

    g_atomic_int_set(&fixture->places[1].away, 1);
    fixture->feed = feed_start(fixture->store, fixture->sinks, 2);
    ingest_many(fixture, 0, 10);
    assert_false(caught_up(fixture, 500));
    assert_place(&fixture->places[0], 10); /* the other one is not held up */
    feed_get_status(fixture->feed, 1, &status);
    assert_string_equal(status.name, "catalogue");
    assert_non_null(status.problem);
    assert_true(status.lag_bytes > 0);
    g_free(status.problem);
    g_atomic_int_set(&fixture->places[1].away, 0);
    assert_true(caught_up(fixture, 8000));
    assert_place(&fixture->places[1], 10);
    feed_get_status(fixture->feed, 1, &status);
    assert_null(status.problem);
    assert_int_equal(status.lag_bytes, 0);
}

/* A failure in the middle of a batch: nothing twice, nothing lost. */
static void
test_fails_once(void **state)
{
    struct fixture *fixture = *state;

    ingest_many(fixture, 0, 8);
    fixture->places[0].slow_us = 1000;
    fixture->feed = feed_start(fixture->store, fixture->sinks, 2);
    while (g_atomic_int_get(&fixture->places[0].adds) < 4)
        g_usleep(500);
    g_atomic_int_set(&fixture->places[0].fail_once, 1);
    assert_true(caught_up(fixture, 8000));
    assert_place(&fixture->places[0], 8);
    assert_place(&fixture->places[1], 8);
}

static void
test_refused_record(void **state)
{
    struct fixture *fixture = *state;

    fixture->places[1].refused = "poison";
    ingest_many(fixture, 0, 2);
    ingest(fixture, "poison", CAPTURE_EXPANDED);
    fixture->feed = feed_start(fixture->store, fixture->sinks, 2);
    assert_true(caught_up(fixture, 10000));
    assert_place(&fixture->places[1], 2); /* passed over, the rest is there */
    g_mutex_lock(&fixture->places[0].lock);
    assert_int_equal(fixture->places[0].committed->len, 3);
    g_mutex_unlock(&fixture->places[0].lock);
}

static void
test_events_and_expansions(void **state)
{
    struct fixture *fixture = *state;
    g_auto(GStrv) mailboxes = g_strsplit("x@example.test", " ", 0);

    ingest(fixture, "m0", CAPTURE_PENDING);
    guint64 content = fixture->last_id;
    ingest(fixture, "m0", CAPTURE_PENDING); /* the same again: an event */
    assert_int_equal(fixture->last_id, content);
    ingest(fixture, "m1", CAPTURE_EXPANDED);
    assert_true(store_add_expansion(fixture->store, content, 0, mailboxes, NULL));
    fixture->feed = feed_start(fixture->store, fixture->sinks, 2);
    assert_true(caught_up(fixture, 5000));
    GPtrArray *got = fixture->places[0].committed;
    g_autofree char *event = g_strdup_printf("event %" G_GUINT64_FORMAT, content);
    g_autofree char *expansion = g_strdup_printf("expansion %" G_GUINT64_FORMAT, content);
    assert_int_equal(got->len, 4);
    assert_string_equal(got->pdata[1], event);
    assert_string_equal(got->pdata[3], expansion); /* by content, not by the record's own id */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_get_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_is_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fails_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events_and_expansions, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
