/* test_dkim_canon.c: canonical fields and bodies, and body hashes. */
#include "lib/mail/auth/dkim_canon.h"
#include "tests/unit/base/test.h"
#include <openssl/evp.h>

static void
assert_field(enum dkim_canon canon, const char *raw, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);

    dkim_canon_field(canon, raw, strlen(raw), out);
    assert_string_equal(out->str, expected);
}

static void
test_fields(void **state)
{
    (void)state;
    /* RFC 6376 3.4.5 */
    assert_field(DKIM_RELAXED, "A: X\r\n", "a:X\r\n");
    assert_field(DKIM_RELAXED, "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n");
    assert_field(DKIM_SIMPLE, "A: X\r\n", "A: X\r\n");
    assert_field(DKIM_SIMPLE, "B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n");
    /* LF line ends, none at all, nothing */
    assert_field(DKIM_SIMPLE, "A: x\n y\n", "A: x\r\n y\r\n");
    assert_field(DKIM_SIMPLE, "A: x", "A: x\r\n");
    assert_field(DKIM_RELAXED, "A: x\n  y\n", "a:x y\r\n");
    assert_field(DKIM_RELAXED, "A:", "a:\r\n");
    assert_field(DKIM_RELAXED, "A:  \r\n \r\n", "a:\r\n");
    assert_field(DKIM_RELAXED, "No Colon ", "no colon\r\n");
    assert_field(DKIM_RELAXED, "A: x\ry\r\n", "a:x\ry\r\n");
    assert_field(DKIM_RELAXED, "", "\r\n");
}

static void
assert_signature(enum dkim_canon canon, const char *raw, const char *expected)
{
    g_autoptr(GString) out = g_string_new("x");

    dkim_canon_signature(canon, raw, strlen(raw), out);
    assert_string_equal(out->str + 1, expected);
}

static void
test_own_field(void **state)
{
    (void)state;
    assert_signature(DKIM_SIMPLE, "S: bh=1; b=\r\n AB\r\n CD ; c=2\r\n", "S: bh=1; b=; c=2");
    assert_signature(DKIM_SIMPLE, "S: a=1; b=AB\r\n", "S: a=1; b=");
    assert_signature(DKIM_SIMPLE, "S: b = AB;\n", "S: b =;");
    assert_signature(DKIM_RELAXED, "S: b=AB ;  bh=b=3\r\n", "s:b=; bh=b=3");
    assert_signature(DKIM_SIMPLE, "S: bh=b=3; x=1\r\n", "S: bh=b=3; x=1");
    assert_signature(DKIM_SIMPLE, "b=1", "b=1");
}

static void
assert_body(enum dkim_canon canon, const char *body, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);

    dkim_canon_body(canon, body, strlen(body), out);
    assert_string_equal(out->str, expected);
}

static void
test_bodies(void **state)
{
    (void)state;
    assert_body(DKIM_SIMPLE, " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n"); /* RFC 6376 3.4.5 */
    assert_body(DKIM_RELAXED, " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
    assert_body(DKIM_SIMPLE, "", "\r\n");
    assert_body(DKIM_SIMPLE, "\r\n\n\r\n", "\r\n");
    assert_body(DKIM_RELAXED, "", "");
    assert_body(DKIM_RELAXED, "\r\n \t\r\n", "");
    assert_body(DKIM_RELAXED, " ", "");
    assert_body(DKIM_SIMPLE, " ", " \r\n");
    assert_body(DKIM_SIMPLE, "a", "a\r\n");
    assert_body(DKIM_RELAXED, "a  ", "a\r\n");
    assert_body(DKIM_SIMPLE, "a\n\nb\n", "a\r\n\r\nb\r\n");
    assert_body(DKIM_RELAXED, "a\n\t\n\nb  c\td \n", "a\r\n\r\n\r\nb c d\r\n");
    assert_body(DKIM_RELAXED, "a b c\r\n\ta\r\n", "a b c\r\n a\r\n");
    assert_body(DKIM_RELAXED, "a\rb\r\r\n\r", "a\rb\r\r\n\r\r\n");
    assert_body(DKIM_SIMPLE, "\r\n\r\na\r\n", "\r\n\r\na\r\n");
}

static void
sha256(const char *text, gsize length, guint8 *digest)
{
    assert_int_equal(EVP_Digest(text, length, digest, NULL, EVP_sha256(), NULL), 1);
}

/* The hash of every limit is that of so many octets of the canonical body, over blocks and long lines. */
static void
test_hashes(void **state)
{
    g_autoptr(GString) body = g_string_new(NULL);

    (void)state;
    for (guint i = 0; body->len < 5 * DKIM_BODY_BLOCK; i++) {
        g_string_append_printf(body, "line %u%s%s", i, i % 7 == 0 ? "  x \t" : "", i % 5 == 0 ? "\n" : "\r\n");
        for (guint j = 0; j < i % 41; j++)
            g_string_append(body, j % 2 == 0 ? " \r\n" : "\n");
        if (i == 900)
            for (guint j = 0; j < 2 * DKIM_BODY_BLOCK; j++)
                g_string_append_c(body, (char)('a' + j % 3));
    }
    for (enum dkim_canon canon = DKIM_SIMPLE; canon <= DKIM_RELAXED; canon++) {
        g_autoptr(GString) whole = g_string_new(NULL);
        dkim_canon_body(canon, body->str, body->len, whole);
        const guint64 limits[] = {0, 1, 70000, whole->len - 1, whole->len, whole->len + 1, DKIM_BODY_ALL, 70000};
        struct dkim_body_hashes *hashes = dkim_body_hashes_new();
        guint numbers[G_N_ELEMENTS(limits)];
        for (guint i = 0; i < G_N_ELEMENTS(limits); i++)
            numbers[i] = dkim_body_hashes_add(hashes, canon, limits[i]);
        guint other = dkim_body_hashes_add(hashes, canon == DKIM_SIMPLE ? DKIM_RELAXED : DKIM_SIMPLE, 5);
        assert_int_equal(numbers[7], numbers[2]);
        dkim_body_hashes_run(hashes, body->str, body->len);
        for (guint i = 0; i < G_N_ELEMENTS(limits); i++) {
            guint8 digest[DKIM_DIGEST_BYTES];
            sha256(whole->str, MIN(limits[i], whole->len), digest);
            assert_memory_equal(dkim_body_hashes_digest(hashes, numbers[i]), digest, DKIM_DIGEST_BYTES);
            assert_int_equal(dkim_body_hashes_length(hashes, numbers[i]), whole->len);
        }
        assert_true(dkim_body_hashes_length(hashes, other) != whole->len);
        dkim_body_hashes_free(&hashes);
        dkim_body_hashes_free(&hashes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_own_field),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_hashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
