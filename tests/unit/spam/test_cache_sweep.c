/* test_cache_sweep.c: which files of the cache of compiled patterns go, and which stay. */
#include "tests/unit/spam/view_test.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib/spam/engine/cache_sweep.h"
#include "lib/spam/engine/prefilter.h"

#define NOW G_GINT64_CONSTANT(1800000000)
#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

static char *
in(const char *folder, const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static void
set_age(const char *path, gint64 seconds)
{
    const struct timespec times[2] = {{.tv_sec = NOW - seconds}, {.tv_sec = NOW - seconds}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void
make(const char *folder, const char *name, gint64 age)
{
    g_autofree char *path = in(folder, name);

    assert_true(g_file_set_contents(path, "x", 1, NULL));
    set_age(path, age);
}

static gboolean
is_there(const char *folder, const char *name)
{
    g_autofree char *path = in(folder, name);
    struct stat st;

    return lstat(path, &st) == 0;
}

static void
empty(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = in(folder, name);
        assert_int_equal(g_remove(path), 0);
    }
    assert_int_equal(g_rmdir(folder), 0);
}

static void
old_files_of_the_cache_go(void **state)
{
    static const char *const kept[] = {
        "patterns-" DIGITS "2.hs.XY12AB", "patterns-" DIGITS ".hs", "patterns-" DIGITS "22.hs", "patterns-" DIGITS "A.hs", "x-" DIGITS "2.hs",
        "patterns-" DIGITS "2.h", "patterns-.hs", "other", "patterns-" DIGITS "g.hs",
    };
    g_autofree char *folder = g_dir_make_tmp("postern-test-XXXXXX", NULL);

    (void)state;
    make(folder, "patterns-" DIGITS "0.hs", CACHE_SWEEP_AGE_S + 1);
    make(folder, "patterns-" DIGITS "1.hs", CACHE_SWEEP_AGE_S);
    make(folder, "patterns-" DIGITS "2.hs", -CACHE_SWEEP_AGE_S);
    make(folder, "patterns-" DIGITS "3.hs", NOW);
    for (guint i = 0; i < G_N_ELEMENTS(kept); i++)
        make(folder, kept[i], 2 * CACHE_SWEEP_AGE_S);
    assert_int_equal(cache_sweep(folder, NOW), 2);
    assert_false(is_there(folder, "patterns-" DIGITS "0.hs"));
    assert_true(is_there(folder, "patterns-" DIGITS "1.hs"));
    assert_true(is_there(folder, "patterns-" DIGITS "2.hs"));
    assert_false(is_there(folder, "patterns-" DIGITS "3.hs"));
    for (guint i = 0; i < G_N_ELEMENTS(kept); i++)
        assert_true(is_there(folder, kept[i]));
    assert_int_equal(cache_sweep(folder, NOW), 0);
    empty(folder);
    assert_int_equal(cache_sweep(folder, NOW), 0);
}

static void
links_and_folders_stay(void **state)
{
    g_autofree char *folder = g_dir_make_tmp("postern-test-XXXXXX", NULL);
    g_autofree char *link = in(folder, "patterns-" DIGITS "0.hs"), *target = in(folder, "target"),
                    *inner = in(folder, "patterns-" DIGITS "1.hs");
    struct stat st;

    (void)state;
    make(folder, "target", 2 * CACHE_SWEEP_AGE_S);
    assert_int_equal(symlink("target", link), 0);
    set_age(link, 2 * CACHE_SWEEP_AGE_S);
    assert_int_equal(g_mkdir(inner, 0700), 0);
    set_age(inner, 2 * CACHE_SWEEP_AGE_S);
    assert_int_equal(cache_sweep(folder, NOW), 0);
    assert_true(is_there(folder, "patterns-" DIGITS "0.hs"));
    cache_sweep_mark_used(link);
    cache_sweep_mark_used(target);
    assert_int_equal(stat(target, &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, NOW - 2 * CACHE_SWEEP_AGE_S);
    empty(folder);
}

/* What a prefilter has read back was used. */
static void
used_files_stay(void **state)
{
    g_autofree char *folder = g_dir_make_tmp("postern-test-XXXXXX", NULL);
    const struct prefilter_rule rule = {.text = "unlikely words", .length = strlen("unlikely words")};
    g_autoptr(GDir) dir = NULL;
    struct stat st;

    (void)state;
    prefilter_free(prefilter_new(&rule, 1, PREFILTER_ONE, folder, NULL, NULL));
    dir = g_dir_open(folder, 0, NULL);
    g_autofree char *path = in(folder, g_dir_read_name(dir));
    set_age(path, NOW);
    prefilter_free(prefilter_cached(&rule, 1, PREFILTER_ONE, folder, NULL));
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_mtim.tv_sec > g_get_real_time() / G_USEC_PER_SEC - 1000);
    set_age(path, NOW);
    assert_int_equal(cache_sweep(folder, NOW), 1);
    empty(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_files_of_the_cache_go), cmocka_unit_test(links_and_folders_stay), cmocka_unit_test(used_files_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
