/* test_tamper.c: what verification finds: changed records, keys, seals, a broken chain, a missing segment. */
#include "store_test.h"
#include "archive-store/store/crc32c.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

static char *saved;
static struct scratch s;
static guint64 target;      /* a sealed segment in the middle */
static struct segment info; /* and what is known of it */

static int
setup(void **state)
{
    (void)state;
    scratch_init(&s);
    scratch_open(&s);
    for (guint n = 0; n < 32; n++) {
        g_autoptr(GBytes) m = make_message(n, 300000);
        must_ingest(s.store, make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x"));
    }
    keeper_wait(s.store);
    assert_true(segments_get(s.store->segments, 2, &info) && info.state == SEGMENT_SEALED);
    target = 2;
    assert_sound(s.store);
    scratch_close(&s);
    saved = g_build_filename(s.dir, "saved", NULL);
    copy_tree(s.options.dir, saved);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    scratch_clear(&s);
    g_free(saved);
    return 0;
}

static void
restore(void)
{
    remove_tree(s.options.dir);
    copy_tree(saved, s.options.dir);
}

static char *
path_of(const char *folder, const char *suffix)
{
    return g_strdup_printf("%s/%s/%016" G_GINT64_MODIFIER "x.%s", s.options.dir, folder, target, suffix);
}

/* Opens, verifies; TRUE when some problem has the text in it. */
static gboolean
complains(const char *text)
{
    struct store_verify_report report;
    g_autoptr(GError) error = NULL;
    gboolean found = FALSE;

    scratch_open(&s);
    if (!store_verify(s.store, NULL, NULL, &report, &error))
        fail_msg("%s", error->message);
    for (guint n = 0; n < report.problems->len; n++)
        found |= strstr(g_ptr_array_index(report.problems, n), text) != NULL;
    if (!found) {
        for (guint n = 0; n < report.problems->len; n++)
            g_printerr("  %s\n", (char *)g_ptr_array_index(report.problems, n));
    }
    store_verify_report_clear(&report);
    scratch_close(&s);
    return found;
}

static void
overwrite(const char *path, guint64 at, const void *data, gsize n)
{
    int fd = open(path, O_RDWR);

    assert_true(fd >= 0 && pwrite(fd, data, n, (off_t)at) == (ssize_t)n);
    close(fd);
}

static void
a_changed_record(void **state)
{
    g_autofree char *path = path_of("segments", "seg");

    (void)state;
    restore();
    overwrite(path, SEGMENT_HEADER + 1000, "tamper", 6);
    assert_true(complains("are damaged"));
    restore();
    overwrite(path, SEGMENT_HEADER + 1000, "tamper", 6);
    assert_true(complains("hash tree"));
}

/* Somebody who can make CRCs right, but has no keys. */
static void
a_forged_record(void **state)
{
    g_autofree char *path = path_of("segments", "seg");
    guint8 bytes[RECORD_HEADER];
    struct record_header h;

    (void)state;
    restore();
    int fd = open(path, O_RDWR);
    assert_true(pread(fd, bytes, sizeof bytes, SEGMENT_HEADER) == RECORD_HEADER &&
                parse_record_header(bytes, &h));
    /* An attachment record comes first; the message behind it refers to it. */
    guint64 at = SEGMENT_HEADER;
    while (h.type != RECORD_MESSAGE) {
        at += record_span(h.stored);
        assert_true(pread(fd, bytes, sizeof bytes, (off_t)at) == RECORD_HEADER &&
                    parse_record_header(bytes, &h));
    }
    h.raw++;
    format_record_header(&h, bytes);
    assert_true(pwrite(fd, bytes, sizeof bytes, (off_t)at) == RECORD_HEADER);
    close(fd);
    assert_true(complains("authentication tag"));
    restore();
    overwrite(path, at, bytes, sizeof bytes);
    assert_true(complains("hash tree"));
}

static void
a_changed_seal(void **state)
{
    g_autofree char *path = path_of("segments", "seg");
    guint8 bytes[SEAL_SIZE];
    struct seal seal = info.seal;

    (void)state;
    restore(); /* forged whole, with a right CRC, but the signature isn't */
    seal.records--;
    seal.index_offset += INDEX_ENTRY;
    format_seal(&seal, bytes);
    overwrite(path, seal.file_size - SEAL_SIZE, bytes, SEAL_SIZE);
    assert_true(complains("signature of its seal"));
    restore();
    seal = info.seal;
    seal.sealed_ms++;
    format_seal(&seal, bytes);
    overwrite(path, seal.file_size - SEAL_SIZE, bytes, SEAL_SIZE);
    assert_true(complains("chain is broken"));
    restore(); /* an index entry */
    overwrite(path, seal.index_offset + 8, "x", 1);
    assert_true(complains("record index"));
    restore(); /* the header block, CRC made right: the class */
    guint8 header[SEGMENT_HEADER];
    struct segment_header h = info.header;
    h.created_ms++;
    format_segment_header(&h, header);
    overwrite(path, 0, header, sizeof header);
    assert_true(complains("its header is not the one that was sealed"));
}

static void
keys_and_files(void **state)
{
    g_autofree char *path = path_of("segments", "seg");
    g_autofree char *keys = path_of("keys", "keys");

    (void)state;
    restore();
    overwrite(keys, KEY_SLOT + 20, "tamper", 6);
    assert_true(complains("key slot 1 is damaged"));
    restore();
    assert_int_equal(g_unlink(keys), 0);
    assert_true(complains("key file is missing"));
    restore();
    assert_int_equal(g_unlink(path), 0);
    assert_true(complains("which is missing"));
}

/* A sealed segment that lost its seal is sealed again at the next start, and the chain shows it. */
static void
a_removed_seal(void **state)
{
    g_autofree char *path = path_of("segments", "seg");

    (void)state;
    restore();
    assert_int_equal(truncate(path, (off_t)info.seal.index_offset), 0);
    scratch_open(&s);
    keeper_wait(s.store);
    scratch_close(&s);
    assert_true(complains("chain is broken"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_changed_record), cmocka_unit_test(a_forged_record),
                                       cmocka_unit_test(a_changed_seal), cmocka_unit_test(keys_and_files),
                                       cmocka_unit_test(a_removed_seal)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
