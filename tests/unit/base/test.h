/* test.h: what the unit tests of lib/base share: cmocka's includes and a scratch directory. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

/* test_dir - a new directory; free the name with test_dir_free, which removes it and the files in it */
static inline char *
test_dir(void)
{
    char *dir = g_dir_make_tmp("postern-test-XXXXXX", NULL);
    assert_non_null(dir);
    return dir;
}

static inline void
test_dir_free(char *dir)
{
    GDir *entries = g_dir_open(dir, 0, NULL);
    for (const char *name = g_dir_read_name(entries); name; name = g_dir_read_name(entries)) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        g_remove(path);
    }
    g_dir_close(entries);
    assert_int_equal(g_rmdir(dir), 0);
    g_free(dir);
}
