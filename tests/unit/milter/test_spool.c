/* test_spool.c: records survive byte for byte, every failing system call leaves nothing behind, caps hold,
 * leftovers of a crash go away, one process drains. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>
#include "tests/unit/milter/test.h"
#include "milters/spool.h"

static const guint8 id_a[16] = {0xaa}, id_b[16] = {0xbb};
static struct spool_calls real_calls;
static guint sync_calls, fail_sync_at; /* fail_sync_at: the n-th call fails, 0 = none */
static gssize write_limit = -1;

static gssize
limited_write(int fd, const void *data, gsize n)
{
    if (write_limit == 0) {
        errno = ENOSPC;
        return -1;
    }
    if (write_limit > 0) {
        n = MIN(n, (gsize)write_limit);
        write_limit -= (gssize)n;
    }
    return write(fd, data, n);
}

static gssize
short_write(int fd, const void *data, gsize n)
{
    static gboolean interrupt;

    interrupt = !interrupt;
    if (interrupt) {
        errno = EINTR;
        return -1;
    }
    return write(fd, data, MIN(n, 7));
}

static int
counted_sync(int fd)
{
    if (++sync_calls == fail_sync_at) {
        errno = EIO;
        return -1;
    }
    return fsync(fd);
}

static int
failing_rename(int dir, const char *from, const char *to)
{
    (void)dir, (void)from, (void)to;
    errno = EDQUOT;
    return -1;
}

static struct spool *
open_spool(const char *dir, guint64 max_bytes)
{
    g_autoptr(GError) error = NULL;
    struct spool *spool = spool_open(dir, "inbound", max_bytes, 0, &error);

    assert_null(error);
    assert_non_null(spool);
    return spool;
}

static guint
files_in(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "inbound", NULL);
    GDir *d = g_dir_open(path, 0, NULL);
    guint n = 0;

    for (const char *name; (name = g_dir_read_name(d)) != NULL;)
        n += strcmp(name, "lock") != 0;
    g_dir_close(d);
    return n;
}

static void
assert_counts(struct spool *spool, guint64 files)
{
    guint64 f, b;

    spool_count(spool, &f, &b);
    assert_int_equal(f, files);
    assert_true((b > 0) == (files > 0));
}

static void
test_put_list_read_remove(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("spool-XXXXXX", NULL);
    struct spool *spool = open_spool(dir, 1 << 20);
    g_autoptr(GBytes) one = g_bytes_new("first\0record", 12), two = g_bytes_new("", 0);
    g_autoptr(GPtrArray) names = NULL;
    g_autoptr(GBytes) back = NULL, empty = NULL;

    (void)state;
    assert_true(spool_put(spool, id_b, 2000, two, NULL));
    assert_true(spool_put(spool, id_a, 1000, one, NULL));
    names = spool_list(spool, NULL);
    assert_int_equal(names->len, 2);
    assert_string_equal(names->pdata[0], "00000000000000001000-aa000000000000000000000000000000.rec");
    back = spool_read(spool, names->pdata[0], NULL);
    assert_true(g_bytes_equal(back, one));
    empty = spool_read(spool, names->pdata[1], NULL);
    assert_int_equal(g_bytes_get_size(empty), 0);
    assert_counts(spool, 2);
    assert_true(spool_remove(spool, names->pdata[0], NULL));
    assert_false(spool_remove(spool, names->pdata[0], NULL));
    assert_counts(spool, 1);
    assert_true(spool_refuse(spool, names->pdata[1], NULL));
    assert_counts(spool, 0);
    spool_close(&spool);
    spool = open_spool(dir, 1 << 20);
    assert_counts(spool, 0);
    spool_close(&spool);
    test_remove_tree(dir);
}

/* Each failing step: an error, no file left, the bytes given back. */
static void
test_failures_leave_nothing(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("spool-XXXXXX", NULL);
    struct spool *spool = open_spool(dir, 1 << 20);
    g_autoptr(GBytes) record = g_bytes_new("record", 6);

    (void)state;
    spool_calls.write = limited_write;
    spool_calls.sync = counted_sync;
    for (guint step = 0; step < 5; step++) {
        g_autoptr(GError) error = NULL;

        sync_calls = fail_sync_at = 0;
        write_limit = step == 0 ? 0 : step == 1 ? 50 : -1; /* in the header; in the record */
        if (step == 2 || step == 3)
            fail_sync_at = step - 1; /* of the file; of the directory */
        spool_calls.rename = step == 4 ? failing_rename : real_calls.rename;
        assert_false(spool_put(spool, id_a, 1, record, &error));
        assert_true(g_error_matches(error, SPOOL_ERROR, SPOOL_ERROR_IO));
        assert_int_equal(files_in(dir), 0);
        assert_counts(spool, 0);
    }
    spool_calls = real_calls;
    spool_calls.write = short_write;
    assert_true(spool_put(spool, id_a, 1, record, NULL));
    spool_calls = real_calls;
    spool_close(&spool);
    test_remove_tree(dir);
}

static void
test_caps(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("spool-XXXXXX", NULL);
    struct spool *spool = open_spool(dir, 200);
    g_autoptr(GBytes) record = g_bytes_new("0123456789012345678901234567890123456789012345678901", 52);
    g_autoptr(GError) error = NULL, free_error = NULL;

    (void)state;
    assert_true(spool_put(spool, id_a, 1, record, NULL)); /* 100 bytes each with the header */
    assert_true(spool_put(spool, id_b, 2, record, NULL));
    assert_false(spool_put(spool, id_a, 3, record, &error));
    assert_true(g_error_matches(error, SPOOL_ERROR, SPOOL_ERROR_FULL));
    assert_counts(spool, 2);
    spool_set_caps(spool, 1 << 20, G_MAXUINT64 / 2);
    assert_false(spool_put(spool, id_a, 3, record, &free_error));
    assert_true(g_error_matches(free_error, SPOOL_ERROR, SPOOL_ERROR_FULL));
    spool_set_caps(spool, 1 << 20, 0);
    assert_true(spool_put(spool, id_a, 3, record, NULL));
    spool_close(&spool);
    test_remove_tree(dir);
}

/* A fresh tmp file may belong to a living writer; an old one is a crash's. */
static void
test_crash_leftovers(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("spool-XXXXXX", NULL);
    struct spool *spool = open_spool(dir, 1 << 20);
    g_autofree char *fresh = g_build_filename(dir, "inbound", "tmp.1.1", NULL);
    g_autofree char *stale = g_build_filename(dir, "inbound", "tmp.1.2", NULL);
    struct utimbuf old = {.actime = time(NULL) - 1000, .modtime = time(NULL) - 1000};
    g_autoptr(GPtrArray) names = NULL;

    (void)state;
    spool_close(&spool);
    assert_true(g_file_set_contents(fresh, "half", -1, NULL) && g_file_set_contents(stale, "half", -1, NULL));
    assert_int_equal(utime(stale, &old), 0);
    spool = open_spool(dir, 1 << 20);
    names = spool_list(spool, NULL);
    assert_int_equal(names->len, 0);
    assert_int_equal(files_in(dir), 1);
    spool_close(&spool);
    test_remove_tree(dir);
}

static void
test_damage_is_seen(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("spool-XXXXXX", NULL);
    struct spool *spool = open_spool(dir, 1 << 20);
    g_autoptr(GBytes) record = g_bytes_new("0123456789", 10);
    g_autoptr(GPtrArray) names = NULL;
    g_autofree char *path = NULL, *bytes = NULL;
    gsize length;

    (void)state;
    assert_true(spool_put(spool, id_a, 1, record, NULL));
    names = spool_list(spool, NULL);
    path = g_build_filename(dir, "inbound", names->pdata[0], NULL);
    assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    for (gsize i = 0; i < length; i++) { /* any one byte changed, or any tail lost */
        g_autoptr(GError) changed = NULL, torn = NULL;

        bytes[i] ^= 1;
        assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
        assert_null(spool_read(spool, names->pdata[0], &changed));
        assert_true(g_error_matches(changed, SPOOL_ERROR, SPOOL_ERROR_DAMAGED));
        bytes[i] ^= 1;
        assert_true(g_file_set_contents(path, bytes, (gssize)i, NULL));
        assert_null(spool_read(spool, names->pdata[0], &torn));
        assert_true(g_error_matches(torn, SPOOL_ERROR, SPOOL_ERROR_DAMAGED));
    }
    spool_close(&spool);
    test_remove_tree(dir);
}

static void
test_lock_and_names(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("spool-XXXXXX", NULL);
    struct spool *one = open_spool(dir, 1 << 20), *two = open_spool(dir, 1 << 20);
    g_autoptr(GError) error = NULL;

    (void)state;
    assert_true(spool_lock(one));
    assert_true(spool_lock(one));
    assert_false(spool_lock(two));
    spool_unlock(one);
    assert_true(spool_lock(two));
    assert_null(spool_open(dir, "../other", 1, 0, &error));
    assert_true(g_error_matches(error, SPOOL_ERROR, SPOOL_ERROR_NAME));
    assert_null(spool_open(dir, "", 1, 0, NULL));
    spool_close(&one);
    spool_close(&two);
    test_remove_tree(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_list_read_remove), cmocka_unit_test(test_failures_leave_nothing),
        cmocka_unit_test(test_caps),                 cmocka_unit_test(test_crash_leftovers),
        cmocka_unit_test(test_damage_is_seen),       cmocka_unit_test(test_lock_and_names),
    };

    real_calls = spool_calls;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
