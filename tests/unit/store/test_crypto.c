/* test_crypto.c: cryptography against published vectors, and the master key file. */
#include "store_test.h"
#include "archive-store/store/merkle.h"
#include <glib/gstdio.h>
#include <sys/stat.h>

static void
from_hex(const char *hex, guint8 *out)
{
    for (gsize n = 0; hex[2 * n] != '\0'; n++)
        out[n] = (guint8)(g_ascii_xdigit_value(hex[2 * n]) << 4 | g_ascii_xdigit_value(hex[2 * n + 1]));
}

static void
hashes(void **state)
{
    guint8 out[32], expected[32], key[32] = {0};

    (void)state;
    crypto_sha256((struct bytes[]){{"a", 1}, {"bc", 2}}, 2, out);
    from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", expected);
    assert_memory_equal(out, expected, 32);
    memset(key, 0x0b,
           20); /* RFC 4231 case 1; HMAC pads keys with zeros, so 20 bytes in 32 are the same key */
    crypto_hmac(key, (struct bytes[]){{"Hi ", 3}, {"There", 5}}, 2, out);
    from_hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", expected);
    assert_memory_equal(out, expected, 32);
}

static void
key_wrap(void **state)
{
    guint8 kek[32], key[32], expected[40], out[40], back[32];

    (void)state; /* RFC 3394, 4.6 */
    from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", kek);
    from_hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f", key);
    from_hex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21", expected);
    crypto_wrap(kek, key, out);
    assert_memory_equal(out, expected, 40);
    assert_true(crypto_unwrap(kek, out, back));
    assert_memory_equal(back, key, 32);
    out[3] ^= 1;
    assert_false(crypto_unwrap(kek, out, back));
}

static void
gcm(void **state)
{
    guint8 key[32], nonce[12], data[16 + 16], expected[32];

    (void)state; /* the GCM specification's test case 14: zeros */
    memset(key, 0, 32);
    memset(nonce, 0, 12);
    memset(data, 0, sizeof data);
    from_hex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919", expected);
    crypto_seal(key, nonce, NULL, 0, data, 16);
    assert_memory_equal(data, expected, 32);
    assert_true(crypto_open(key, nonce, NULL, 0, data, 32));
    assert_int_equal(data[0] | data[15], 0);
    crypto_seal(key, nonce, "aad", 3, data, 16);
    assert_false(crypto_open(key, nonce, "aae", 3, data, 32));
    assert_false(crypto_open(key, nonce, "aad", 3, data, 15));
    crypto_seal(key, nonce, "aad", 3, data, 0);
    assert_true(crypto_open(key, nonce, "aad", 3, data, 16));
}

static void
signatures(void **state)
{
    guint8 private_key[32], public_key[32], signature[64], expected[32];

    (void)state; /* RFC 8032, 7.1, test 1 */
    from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", private_key);
    from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", expected);
    crypto_public_key(private_key, public_key);
    assert_memory_equal(public_key, expected, 32);
    crypto_sign(private_key, "x", 1, signature);
    assert_true(crypto_verify(public_key, "x", 1, signature));
    assert_false(crypto_verify(public_key, "y", 1, signature));
}

/* The definition in RFC 6962, 2.1, word for word. */
static void
tree_by_definition(guint8 (*leaves)[32], guint n, guint8 out[32])
{
    if (n == 1) {
        memcpy(out, leaves[0], 32);
        return;
    }
    guint k = 1;
    while (k * 2 < n)
        k *= 2;
    guint8 left[32], right[32];
    tree_by_definition(leaves, k, left);
    tree_by_definition(leaves + k, n - k, right);
    crypto_sha256((struct bytes[]){{"\1", 1}, {left, 32}, {right, 32}}, 3, out);
}

static void
hash_tree(void **state)
{
    struct merkle tree = {0};
    guint8 leaves[40][32], root[32], expected[32];

    (void)state;
    merkle_root(&tree, root);
    from_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", expected);
    assert_memory_equal(root, expected, 32);
    for (guint n = 0; n < 40; n++) {
        merkle_leaf(&n, sizeof n, leaves[n]);
        merkle_add(&tree, leaves[n]);
        merkle_root(&tree, root);
        tree_by_definition(leaves, n + 1, expected);
        assert_memory_equal(root, expected, 32);
    }
}

static void
key_file(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("postern-key-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "master.key", NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    gsize length;

    (void)state;
    assert_true(store_create_key(path, &error));
    assert_false(store_create_key(path, &error)); /* never over an older one */
    g_clear_error(&error);
    struct keyring *ring = keyring_load(path, &error);
    assert_non_null(ring);
    struct secrets first = *keyring_current(ring);
    assert_true(keyring_find(ring, first.key_id) == keyring_current(ring));
    assert_null(keyring_find(ring, first.key_id + 1));
    assert_memory_not_equal(first.kek, first.content, 32);
    keyring_free(&ring);

    assert_true(g_file_get_contents(path, &text, &length, NULL));
    g_autofree char *rotated = g_strdup_printf("# new\n%064d\n\n%s", 7, text);
    assert_true(g_file_set_contents_full(path, rotated, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    ring = keyring_load(path, &error);
    if (ring == NULL)
        fail_msg("%s", error->message);
    assert_true(keyring_current(ring)->key_id != first.key_id);
    assert_memory_equal(keyring_find(ring, first.key_id)->kek, first.kek, 32);
    keyring_free(&ring);

    assert_int_equal(chmod(path, 0640), 0);
    assert_null(keyring_load(path, &error));
    assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_KEY));
    g_clear_error(&error);
    static const char *const wrong[] = {"", "# nothing\n", "abc\n",
                                        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg\n"};
    for (gsize n = 0; n < G_N_ELEMENTS(wrong); n++) {
        assert_int_equal(g_unlink(path), 0);
        assert_true(g_file_set_contents_full(path, wrong[n], -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
        assert_int_equal(chmod(path, 0600), 0);
        ring = keyring_load(path, &error);
        if (ring != NULL)
            fail_msg("taken: %s", wrong[n]);
        assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_KEY));
        g_clear_error(&error);
    }
    remove_tree(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hashes),    cmocka_unit_test(key_wrap),
                                       cmocka_unit_test(gcm),       cmocka_unit_test(signatures),
                                       cmocka_unit_test(hash_tree), cmocka_unit_test(key_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
