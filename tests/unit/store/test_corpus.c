/* test_corpus.c: real mail byte for byte: all of mime-torture, samples of the others. Skipped without the
 * corpus. */
#include "store_test.h"

static void
through(struct scratch *s, const char *folder, guint step)
{
    g_autoptr(GPtrArray) files = corpus_files(folder, step);
    g_autofree guint64 *ids = g_new0(guint64, files->len);
    g_autofree struct capture **captures = g_new0(struct capture *, files->len);
    guint stored = 0;

    assert_true(files->len > 0);
    for (guint n = 0; n < files->len; n++) {
        g_autofree char *data = NULL;
        gsize length;
        struct store_receipt receipt;
        g_autoptr(GError) error = NULL;
        assert_true(g_file_get_contents(g_ptr_array_index(files, n), &data, &length, NULL));
        captures[n] = make_capture(data, length, "from@example.com", "to@example.com");
        if (!store_ingest_wait(s->store, captures[n], &receipt, &error))
            fail_msg("%s: %s", (char *)g_ptr_array_index(files, n), error->message);
        ids[n] = receipt.event;
    }
    for (guint n = 0; n < files->len; n++) {
        g_autoptr(GError) error = NULL;
        struct capture *got = store_get(s->store, ids[n], &error);
        if (got == NULL || !g_bytes_equal(got->message, captures[n]->message))
            fail_msg("%s: %s", (char *)g_ptr_array_index(files, n), got == NULL ? error->message : "differs");
        stored++;
        capture_free(&got);
        capture_free(&captures[n]);
    }
    g_printerr("%s: %u messages byte for byte\n", folder, stored);
}

static void
all(void **state)
{
    struct scratch s;

    (void)state;
    if (corpus() == NULL)
        skip();
    scratch_init(&s);
    s.options.segment_size = 4 << 20;
    scratch_open(&s);
    through(&s, "mime-torture", 1);
    through(&s, "zh-ham", 17);
    through(&s, "zh-spam", 23);
    through(&s, "ham", 61);
    through(&s, "spam", 53);
    through(&s, "attachments", 7); /* no mails: anything is stored as it is */
    keeper_wait(s.store);
    assert_sound(s.store);
    scratch_clear(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
