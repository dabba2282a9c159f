/* test.h: what the unit tests of the milter share: cmocka's includes and scratch directories. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

/* test_remove_tree - removes a directory and all below it (a few levels; tests make small trees) */
static inline void
test_remove_tree(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);

    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        if (g_file_test(child, G_FILE_TEST_IS_DIR) && !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
            test_remove_tree(child);
        else
            g_remove(child);
    }
    if (dir != NULL)
        g_dir_close(dir);
    assert_int_equal(g_rmdir(path), 0);
}
