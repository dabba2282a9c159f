/* test_siphash.c: the vectors of the reference implementation (key 00 01 .. 0f, inputs 00 01 .. of each length). */
#include "lib/base/siphash.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static void
vectors(void **state G_GNUC_UNUSED)
{
    static const struct {
        gsize length;
        guint64 hash;
    } known[] = {
        {0, G_GUINT64_CONSTANT(0x726fdb47dd0e0e31)},  {1, G_GUINT64_CONSTANT(0x74f839c593dc67fd)},
        {2, G_GUINT64_CONSTANT(0x0d6c8009d9a94f5a)},  {8, G_GUINT64_CONSTANT(0x93f5f5799a932462)},
        {15, G_GUINT64_CONSTANT(0xa129ca6149be45e5)},
    };
    const struct siphash_key key = {{G_GUINT64_CONSTANT(0x0706050403020100), G_GUINT64_CONSTANT(0x0f0e0d0c0b0a0908)}};
    guint8 input[16];

    for (guint i = 0; i < sizeof input; i++)
        input[i] = (guint8)i;
    for (guint i = 0; i < G_N_ELEMENTS(known); i++)
        assert_int_equal(siphash(&key, input, known[i].length), known[i].hash);
}

static void
random_keys(void **state G_GNUC_UNUSED)
{
    struct siphash_key a = {{0, 0}}, b = {{0, 0}};

    siphash_key_random(&a);
    siphash_key_random(&b);
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_int_not_equal(siphash(&a, "text", 4), siphash(&b, "text", 4));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors), cmocka_unit_test(random_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
