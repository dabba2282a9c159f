/* test_arena.c: the cap, the sticky flag, alignment and reuse of lib/base/arena. */
#include "lib/base/arena.h"
#include "tests/unit/base/test.h"

static void
test_cap_is_exact(void **state)
{
    (void)state;
    struct arena *a = arena_new(64);
    assert_non_null(arena_alloc(a, 48));
    assert_false(arena_exhausted(a));
    assert_null(arena_alloc(a, 17)); /* would be 32 with alignment */
    assert_true(arena_exhausted(a));
    assert_non_null(arena_alloc(a, 16));
    assert_true(arena_exhausted(a)); /* sticky although the last one fitted */
    assert_int_equal(arena_used(a), 64);
    assert_null(arena_alloc(a, 1));
    arena_free(&a);
    assert_null(a);
    arena_free(&a);
}

static void
test_huge_requests_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new(G_MAXSIZE);
    assert_null(arena_alloc(a, G_MAXSIZE));
    assert_null(arena_alloc(a, G_MAXSIZE - 3));
    assert_null(arena_strndup(a, "x", G_MAXSIZE));
    assert_true(arena_exhausted(a));
    arena_free(&a);
}

static void
test_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct arena *a = arena_new(4 << 20);
    char *last = NULL;
    for (int round = 0; round < 2; round++) {
        for (gsize n = 0; n < 2000; n++) {
            char *p = arena_alloc(a, n);
            assert_non_null(p);
            assert_ptr_not_equal(p, last);
            assert_int_equal((guintptr)p % _Alignof(max_align_t), 0);
            for (gsize i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xff, n);
            last = p;
        }
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
    }
    assert_non_null(arena_alloc(a, 3 << 20)); /* larger than any step */
    arena_free(&a);
}

static void
test_strndup_and_reset(void **state)
{
    (void)state;
    struct arena *a = arena_new(32);
    assert_string_equal(arena_strndup(a, "postern", 4), "post");
    assert_string_equal(arena_strndup(a, NULL, 0), "");
    assert_null(arena_strndup(a, "x", 1));
    assert_true(arena_exhausted(a));
    arena_reset(a);
    assert_false(arena_exhausted(a));
    assert_string_equal(arena_strndup(a, "again", 5), "again");
    arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cap_is_exact), cmocka_unit_test(test_huge_requests_are_refused),
        cmocka_unit_test(test_memory_is_zeroed_aligned_and_apart), cmocka_unit_test(test_strndup_and_reset)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
