/* view_test.h: what the tests of the view share. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <string.h>

/* All of a GString, NULs too. */
#define assert_bytes(string, literal)                                                                                          \
    do {                                                                                                                       \
        assert_non_null(string);                                                                                               \
        assert_int_equal((string)->len, sizeof(literal) - 1);                                                                  \
        assert_memory_equal((string)->str, literal, sizeof(literal) - 1);                                                      \
    } while (0)

/* "a|b|c" of an array of GStrings (g_free). */
static inline char *
joined(const GPtrArray *strings)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < strings->len; i++) {
        const GString *s = strings->pdata[i];
        g_string_append_printf(out, "%s%s", i > 0 ? "|" : "", s->str);
    }
    return g_string_free(out, FALSE);
}
