/* test.h: what all unit tests of archive-store/server/ and `postern archive` include. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

/* A fresh directory; remove with test_remove. */
static inline char *
test_directory(void)
{
    char *dir = g_dir_make_tmp("postern-server-XXXXXX", NULL);

    assert_non_null(dir);
    return dir;
}

static inline void
test_remove(char **dir)
{
    const char *argv[] = {"rm", "-rf", *dir, NULL};

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
    g_clear_pointer(dir, g_free);
}
