/* test_recover.c: a torn, cut or damaged tail at every byte: recovery keeps what was acknowledged and can be
 * read. */
#include "store_test.h"
#include "archive-store/store/io.h"
#include "archive-store/store/recover.h"
#include "archive-store/store/walk.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RECORDS 5

/* A small segment as the store writes it, in memory. */
struct image {
    guint8 *log, *keys;
    gsize log_size, keys_size;
    struct segment_header header;
    guint64 begin[RECORDS + 1]; /* of each record; the last = end */
};

static void
load_file(const char *dir, const char *name, guint8 **data, gsize *size)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    assert_true(g_file_get_contents(path, (char **)data, size, NULL));
}

static void
make_image(struct image *image)
{
    struct scratch s;

    scratch_init(&s);
    scratch_open(&s);
    for (guint n = 0; n < RECORDS; n++) {
        g_autoptr(GBytes) m = make_message(n, 200);
        must_ingest(s.store, make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x"));
    }
    struct store_cursor at = {0};
    struct store_item item;
    for (guint n = 0; n < RECORDS; n++) {
        image->begin[n] = MAX(at.offset, SEGMENT_HEADER);
        assert_int_equal(store_next(s.store, &at, &item, NULL), 1);
        at = item.next;
        store_item_clear(&item);
    }
    image->begin[RECORDS] = at.offset;
    scratch_close(&s);
    load_file(s.options.dir, "segments/0000000000000001.seg", &image->log, &image->log_size);
    load_file(s.options.dir, "keys/0000000000000001.keys", &image->keys, &image->keys_size);
    assert_true(parse_segment_header(image->log, &image->header));
    /* Short, so that thousands of recoveries take no time; recovery goes by the header's capacity. */
    image->header.capacity = (image->begin[RECORDS] + 1024 + 7) & ~(guint64)7;
    image->header.slots = 16;
    scratch_clear(&s);
}

static int
memory_file(const guint8 *data, gsize size)
{
    int fd = memfd_create("image", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(write(fd, data, size) == (ssize_t)size);
    return fd;
}

struct result {
    struct recovery r;
    guint good;          /* records that a walk finds afterwards, gaps and voids not counted */
    guint damaged;       /* ranges */
    gboolean clean_tail; /* only zeros behind the end */
};

/* Recovers a changed image, twice: the second time must find nothing to do. */
static struct result
recover(const struct image *image, const guint8 *log, const guint8 *keys)
{
    struct result result = {0};
    int fd = memory_file(log, image->header.capacity), key_fd = memory_file(keys, 17 * KEY_SLOT);
    g_autoptr(GError) error = NULL;

    for (int round = 0; round < 2; round++) {
        g_autoptr(GString) report = g_string_new(NULL);
        struct recovery r;
        if (!recover_segment(fd, key_fd, &image->header, 0, NULL, NULL, &r, report, &error))
            fail_msg("%s", error->message);
        if (round == 0)
            result.r = r;
        else if (r.cut != 0 || r.gaps != 0 || r.voided != 0 || r.end != result.r.end ||
                 r.records != result.r.records)
            fail_msg("the second recovery did something again: %s", report->str);
    }
    struct walk walk;
    enum walk_step step;
    walk_init(&walk, fd, SEGMENT_HEADER, result.r.end);
    while ((step = walk_next(&walk)) == WALK_RECORD || step == WALK_DAMAGED) {
        result.damaged += step == WALK_DAMAGED;
        result.good +=
            step == WALK_RECORD && walk.header.type != RECORD_GAP && (walk.header.flags & RECORD_VOID) == 0;
    }
    walk_clear(&walk);
    result.clean_tail = walk_nonzero_end(fd, result.r.end, image->header.capacity) == result.r.end;
    close(fd);
    close(key_fd);
    return result;
}

static guint
record_of(const struct image *image, guint64 offset)
{
    guint n = 0;
    while (n < RECORDS && offset >= image->begin[n + 1])
        n++;
    return n;
}

static struct image image;

static int
setup(void **state)
{
    (void)state;
    make_image(&image);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    g_free(image.log);
    g_free(image.keys);
    return 0;
}

static void
untouched(void **state)
{
    struct result r = recover(&image, image.log, image.keys);

    (void)state;
    assert_int_equal(r.good, RECORDS);
    assert_true(r.r.end == image.begin[RECORDS] && r.r.cut == 0 && r.r.last_slot == RECORDS);
}

/* The tail is zeros from some byte on: everything before the record it hits is kept, nothing else. */
static void
cut_at_every_byte(void **state)
{
    (void)state;
    for (guint64 at = image.begin[RECORDS - 2]; at < image.begin[RECORDS]; at++) {
        g_autofree guint8 *log = g_memdup2(image.log, image.header.capacity);
        memset(log + at, 0, image.header.capacity - at);
        /* Padding is zeros anyway. */
        gboolean whole = memcmp(log, image.log, image.header.capacity) == 0;
        struct result r = recover(&image, log, image.keys);
        guint hit = record_of(&image, at);
        guint expected = hit;
        guint8 *record = log + image.begin[hit];
        if (hit < RECORDS &&
            memcmp(record, image.log + image.begin[hit], image.begin[hit + 1] - image.begin[hit]) == 0)
            expected = hit + 1;
        assert_int_equal(r.good, whole ? RECORDS : expected);
        assert_true(r.r.end == image.begin[whole ? RECORDS : expected]);
        assert_true(r.clean_tail);
        assert_int_equal(r.damaged, 0);
    }
}

/* One byte of the last record changed, or garbage behind it: the tail is cut. */
static void
last_damaged_at_every_byte(void **state)
{
    (void)state;
    for (guint64 at = image.begin[RECORDS - 1]; at < image.begin[RECORDS]; at++) {
        g_autofree guint8 *log = g_memdup2(image.log, image.header.capacity);
        struct record_header h;
        assert_true(parse_record_header(log + image.begin[RECORDS - 1], &h));
        gboolean padding = at >= image.begin[RECORDS - 1] + RECORD_HEADER + h.stored;
        log[at] ^= 0x55;
        struct result r = recover(&image, log, image.keys);
        assert_int_equal(r.good, padding ? RECORDS : RECORDS - 1);
        assert_true(r.clean_tail || padding);
    }
    for (guint64 at = image.begin[RECORDS]; at < image.header.capacity; at += 3) {
        g_autofree guint8 *log = g_memdup2(image.log, image.header.capacity);
        log[at] = 'P';
        struct result r = recover(&image, log, image.keys);
        assert_int_equal(r.good, RECORDS);
        assert_true(r.clean_tail && r.r.end == image.begin[RECORDS]);
        assert_true(r.r.cut > 0);
    }
}

/* A record in the middle, acknowledged before the next was appended: reported, left alone, the rest kept. */
static void
middle_damaged(void **state)
{
    (void)state;
    for (guint64 at = image.begin[1]; at < image.begin[2]; at += 5) {
        g_autofree guint8 *log = g_memdup2(image.log, image.header.capacity);
        struct record_header h;
        assert_true(parse_record_header(log + image.begin[1], &h));
        if (at >= image.begin[1] + RECORD_HEADER + h.stored)
            break;
        log[at] ^= 0x55;
        struct result r = recover(&image, log, image.keys);
        assert_int_equal(r.good, RECORDS - 1);
        assert_int_equal(r.damaged, 1);
        assert_int_equal(r.r.damaged, 1);
        assert_true(r.r.end == image.begin[RECORDS] && r.r.gaps == 0);
    }
}

/* The same hole, but in one group that was never acknowledged: a gap, and no complaint afterwards. */
static void
torn_group(void **state)
{
    (void)state;
    g_autofree guint8 *log = g_memdup2(image.log, image.header.capacity);
    for (guint n = 0; n < RECORDS; n++) { /* as if all had been appended at once */
        struct record_header h;
        assert_true(parse_record_header(log + image.begin[n], &h));
        h.durable = SEGMENT_HEADER / 8;
        format_record_header(&h, log + image.begin[n]);
    }
    for (guint64 at = image.begin[1]; at < image.begin[2] - 8; at += 5) {
        g_autofree guint8 *torn = g_memdup2(log, image.header.capacity);
        torn[at] ^= 0x55;
        struct result r = recover(&image, torn, image.keys);
        assert_int_equal(r.good, RECORDS - 1);
        assert_int_equal(r.damaged, 0);
        assert_int_equal(r.r.gaps, 1);
    }
    /* A key slot that was not written in time: the record is set aside; as the last one it is cut. */
    for (guint n = 0; n < RECORDS; n++) {
        g_autofree guint8 *keys = g_memdup2(image.keys, 17 * KEY_SLOT);
        memset(keys + (n + 1) * KEY_SLOT, n % 2 ? 0 : 0xaa, KEY_SLOT);
        struct result r = recover(&image, log, keys);
        assert_int_equal(r.good, RECORDS - 1);
        assert_int_equal(r.r.voided, n < RECORDS - 1);
        assert_true(r.r.end == image.begin[n < RECORDS - 1 ? RECORDS : RECORDS - 1]);
    }
}

/* An event whose content was torn is set aside with it. */
static void
torn_dependence(void **state)
{
    struct record_header first = {0}, h;

    (void)state;
    g_autofree guint8 *log = g_memdup2(image.log, image.header.capacity);
    for (guint n = 0; n < RECORDS; n++) {
        assert_true(parse_record_header(log + image.begin[n], &h));
        h.durable = SEGMENT_HEADER / 8;
        if (n == 1)
            first = h;
        if (n == 3) {
            h.type = RECORD_EVENT;
            h.id = first.id;
        }
        format_record_header(&h, log + image.begin[n]);
    }
    struct result r = recover(&image, log, image.keys);
    assert_int_equal(r.good, RECORDS);
    log[image.begin[1] + 200] ^= 1;
    r = recover(&image, log, image.keys);
    assert_int_equal(r.good, RECORDS - 2);
    assert_int_equal(r.r.gaps, 1);
    assert_int_equal(r.r.voided, 1);
}

/* The whole store, opened on a damaged tail. */
static void
whole_store(void **state)
{
    struct scratch s;
    guint64 ids[4];
    struct store_cursor ends[4];

    (void)state;
    scratch_init(&s);
    scratch_open(&s);
    for (guint n = 0; n < 4; n++) {
        g_autoptr(GBytes) m = make_message(n, 300);
        ids[n] =
            must_ingest(s.store, make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x"))
                .id;
        ends[n] = store_end(s.store);
    }
    scratch_close(&s);
    g_autofree char *saved = g_build_filename(s.dir, "saved", NULL);
    copy_tree(s.options.dir, saved);
    for (guint64 at = ends[2].offset; at < ends[3].offset; at += 61) {
        g_autofree char *path = g_build_filename(s.options.dir, "segments/0000000000000001.seg", NULL);
        remove_tree(s.options.dir);
        copy_tree(saved, s.options.dir);
        int fd = open(path, O_RDWR);
        assert_true(fd >= 0 && pwrite(fd, "torn", 4, (off_t)at) == 4);
        close(fd);
        scratch_open(&s);
        for (guint n = 0; n < 3; n++) {
            g_autoptr(GBytes) m = make_message(n, 300);
            assert_stored(s.store, ids[n], m);
        }
        g_autoptr(GError) error = NULL;
        struct capture *gone = store_get(s.store, ids[3], &error);
        assert_true(gone != NULL || g_error_matches(error, STORE_ERROR, STORE_ERROR_ABSENT));
        capture_free(&gone);
        g_autoptr(GBytes) m = make_message(3, 300);
        struct store_receipt r =
            must_ingest(s.store, make_capture(g_bytes_get_data(m, NULL), g_bytes_get_size(m), "f@x", "a@x"));
        assert_stored(s.store, r.id, m);
        assert_sound(s.store);
        scratch_close(&s);
    }
    /* Without the key file of the open segment nothing is thrown away: the store says what to do. */
    g_autofree char *keys = g_build_filename(s.options.dir, "keys/0000000000000001.keys", NULL);
    assert_int_equal(unlink(keys), 0);
    g_autoptr(GError) error = NULL;
    assert_null(store_open(&s.options, NULL, &error));
    assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_KEY));
    scratch_clear(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untouched),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(last_damaged_at_every_byte),
        cmocka_unit_test(middle_damaged),
        cmocka_unit_test(torn_group),
        cmocka_unit_test(torn_dependence),
        cmocka_unit_test(whole_store),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
