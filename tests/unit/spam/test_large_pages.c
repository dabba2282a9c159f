/* test_large_pages.c: blocks that don't overlap, in whatever order they are given back; and more than a chunk holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <string.h>
#include "lib/spam/engine/large_pages.h"

#define N 40u

static void
assert_filled(const guchar *block, gsize size, guchar with)
{
    for (gsize i = 0; i < size; i += i + 4096 < size ? 4095 : 1)
        assert_int_equal(block[i], with);
}

static void
test_blocks(void **state)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(5);
    guchar *blocks[N] = {NULL};
    gsize sizes[N];

    (void)state;
    for (guint round = 0; round < 1500; round++) {
        guint i = (guint)g_rand_int_range(random, 0, N);
        if (blocks[i] != NULL) {
            assert_filled(blocks[i], sizes[i], (guchar)(i + 1));
            large_pages_give(blocks[i]);
            blocks[i] = NULL;
        } else {
            sizes[i] = (gsize)g_rand_int_range(random, 1, round % 20 == 0 ? 6 << 20 : 20000);
            blocks[i] = large_pages_take(sizes[i]);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % 64, 0);
            memset(blocks[i], (int)(i + 1), sizes[i]);
        }
    }
    for (guint i = 0; i < N; i++)
        large_pages_give(blocks[i]);
}

static void
test_sizes(void **state)
{
    char *first = large_pages_take(100), *again, *large = large_pages_take(LARGE_PAGES_CHUNK + 1);

    (void)state;
    assert_non_null(large);
    large[0] = large[LARGE_PAGES_CHUNK] = 'x';
    large_pages_give(large);
    large_pages_give(first);
    again = large_pages_take(100);
    assert_non_null(again);
    large_pages_give(again);
    assert_null(large_pages_take(0));
    assert_null(large_pages_take(SIZE_MAX));
    assert_null(large_pages_take(SIZE_MAX / 8)); /* there is no such memory */
    large_pages_give(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks), cmocka_unit_test(test_sizes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
