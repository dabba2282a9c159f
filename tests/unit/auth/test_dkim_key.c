/* test_dkim_key.c: key records, private keys and their files, and one key under eight threads. */
#include "lib/mail/auth/dkim_key.h"
#include "tests/unit/auth/dkim_test.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <sys/stat.h>

static const guint8 digest[DKIM_DIGEST_BYTES] = {1, 2, 3};

static const char *
why_not(const char *record)
{
    const char *why;
    struct dkim_public_key *key = dkim_public_key_new(record, strlen(record), &why);

    assert_true((key == NULL) == (why != NULL));
    dkim_public_key_free(&key);
    dkim_public_key_free(&key);
    return why != NULL ? why : "good";
}

#define P "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static void
test_records(void **state)
{
    static const struct {
        const char *record, *why;
    } cases[] = {
        {RFC6376_KEY, "good"}, {RFC8463_RSA_KEY, "good"}, {"k=ed25519;" P, "good"},
        {"k=ed25519; v=DKIM1;" P, "v= is not DKIM1 in front"},
        {"v=DKIM2; k=ed25519;" P, "v= is not DKIM1 in front"}, {"v=DKIM1; k=dsa;" P, "k= is unknown"},
        {"k=ed25519; p=", "revoked"},
        {"k=ed25519", "no p="}, {"", "empty"}, {"v=spf1 -all", "v= is not DKIM1 in front"}, {"hello", "a tag without ="},
        {"k=ed25519; h=sha1;" P, "h= does not allow sha256"}, {"k=ed25519; h=sha1 : sha256;" P, "good"},
        {"k=ed25519; s=chat;" P, "s= is not for mail"}, {"k=ed25519; s=chat:email;" P, "good"}, {"k=ed25519; s=*;" P, "good"},
        {"k=ed25519; p=AAAA", "p= is not an Ed25519 key"}, {"k=rsa; p=AAAA", "p= is not a key"}, {"p=?", "p= is not base64"},
        {"p=AAAA;p=AAAA", "a tag occurs twice"},
        {"k=rsa; p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "p= is not an RSA key"}};
    g_autofree char *big = g_strnfill(DKIM_RECORD_BYTES_MAX + 1, 'A');

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_string_equal(why_not(cases[i].record), cases[i].why);
    memcpy(big, "p=", 2);
    assert_string_equal(why_not(big), "too long");
}

/* A record of an RSA key with any modulus and exponent. */
static char *
record_of(BIGNUM *modulus, const char *exponent)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *e = NULL;
    EVP_PKEY *pkey = NULL;
    guint8 *der = NULL;

    BN_dec2bn(&e, exponent);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters), 1);
    gint length = i2d_PUBKEY(pkey, &der);
    g_autofree char *base64 = g_base64_encode(der, (gsize)length);
    OPENSSL_free(der);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    BN_free(e);
    return g_strdup_printf("k=rsa; p=%s", base64);
}

static void
assert_rsa(guint bits, const char *exponent, gboolean even, const char *why)
{
    BIGNUM *modulus = BN_new();

    BN_set_bit(modulus, (gint)bits - 1);
    BN_set_bit(modulus, 77);
    if (!even)
        BN_set_bit(modulus, 0);
    g_autofree char *record = record_of(modulus, exponent);
    BN_free(modulus);
    assert_string_equal(why_not(record), why);
}

/* Keys that would make every signature good, or cost too much. */
static void
test_hostile_keys(void **state)
{
    (void)state;
    assert_rsa(1024, "65537", FALSE, "good");
    assert_rsa(1024, "3", FALSE, "good");
    assert_rsa(1024, "1", FALSE, "the RSA exponent is unfit");
    assert_rsa(1024, "65536", FALSE, "the RSA exponent is unfit");
    assert_rsa(1024, "8589934591", FALSE, "good");                       /* 33 bits */
    assert_rsa(1024, "17179869183", FALSE, "the RSA exponent is unfit"); /* 34 */
    assert_rsa(1024, "36893488147419103233", FALSE, "the RSA exponent is unfit"); /* 2^65 and 1 */
    assert_rsa(1024, "18446744073709551617", FALSE, "the RSA exponent is unfit"); /* 2^64 and 1 */
    assert_rsa(1023, "65537", FALSE, "good");
    assert_rsa(1023, "65537", TRUE, "the RSA modulus is none");
    assert_rsa(1024, "65537", TRUE, "the RSA modulus is none");
    assert_rsa(DKIM_RSA_BITS_MAX, "65537", FALSE, "good");
    assert_rsa(DKIM_RSA_BITS_MAX + 8, "65537", FALSE, "the RSA key is too long");
    assert_rsa(16384, "65537", FALSE, "the RSA key is too long");
}

static void
assert_der(const guint8 *der, gsize length, const char *why)
{
    g_autofree char *base64 = g_base64_encode(der, length), *record = g_strconcat("k=rsa; p=", base64, NULL);

    assert_string_equal(why_not(record), why);
}

/* SubjectPublicKeyInfo, as it is and bare, and what is nearly one. */
static void
test_forms(void **state)
{
    enum { SPKI = 294, ALGORITHM = 4, PARAMETERS = 17, BITS = 19, INSIDE = 24 }; /* offsets with 2048 bits */
    struct dkim_key *key = dkim_key_generate(DKIM_RSA, 2048, NULL);
    g_autofree char *record = dkim_key_record(key);
    gsize length;
    g_autofree guint8 *der = g_base64_decode(strstr(record, "p=") + 2, &length);
    guint8 other[SPKI + 1] = {0};

    (void)state;
    assert_int_equal(length, SPKI);
    assert_der(der, SPKI, "good");
    assert_der(der + INSIDE, SPKI - INSIDE, "good");
    for (gsize n = 1; n < SPKI; n++)
        assert_der(der, n, "p= is not a key");
    memcpy(other, der, SPKI);
    assert_der(other, SPKI + 1, "p= is not a key"); /* one octet more behind it, */
    other[3]++;
    assert_der(other, SPKI + 1, "p= is not a key"); /* in it, */
    other[BITS + 3]++; /* (behind the key in the bit string OpenSSL lets it pass) */
    other[INSIDE + 3]++;
    assert_der(other, SPKI + 1, "p= is not a key"); /* and in the key */
    memcpy(other, der, ALGORITHM);
    memcpy(other + ALGORITHM, der + ALGORITHM, PARAMETERS - ALGORITHM);
    memcpy(other + PARAMETERS, der + BITS, SPKI - BITS); /* without NULL: RFC 3279 wants it, not all write it */
    other[3] = (guint8)(der[3] - 2);
    other[ALGORITHM + 1] = (guint8)(der[ALGORITHM + 1] - 2);
    assert_der(other, SPKI - 2, "good");
    memcpy(other, der, SPKI);
    other[PARAMETERS - 1] = 10; /* id-RSASSA-PSS: another kind of key */
    assert_der(other, SPKI, "p= is not a key");
    dkim_key_unref(key);
}

/* What a key signs its published record verifies, and nothing else. */
static void
assert_pair(struct dkim_key *key)
{
    g_autofree char *record = dkim_key_record(key), *base64 = dkim_key_sign(key, digest, NULL);
    const char *why;
    struct dkim_public_key *public = dkim_public_key_new(record, strlen(record), &why);
    guint8 other[DKIM_DIGEST_BYTES] = {1, 2, 4};
    gsize length;
    g_autofree guint8 *signature = g_base64_decode(base64, &length);

    assert_non_null(public);
    assert_int_equal(dkim_public_key_type(public), dkim_key_type(key));
    assert_int_equal(dkim_public_key_bits(public), dkim_key_bits(key));
    assert_true(dkim_public_key_verify(public, digest, signature, length));
    assert_false(dkim_public_key_verify(public, other, signature, length));
    assert_false(dkim_public_key_verify(public, digest, signature, length - 1));
    assert_false(dkim_public_key_verify(public, digest, signature, 0));
    signature[length / 2] ^= 1;
    assert_false(dkim_public_key_verify(public, digest, signature, length));
    dkim_public_key_free(&public);
}

static void
test_files(void **state)
{
    char *dir = test_dir();
    g_autofree char *path = g_build_filename(dir, "key.pem", NULL), *advice = NULL;
    GError *error = NULL;

    (void)state;
    for (enum dkim_key_type type = DKIM_RSA; type <= DKIM_ED25519; type++) {
        struct dkim_key *key = dkim_key_generate(type, 2048, NULL);
        struct stat status;
        assert_pair(key);
        assert_true(dkim_key_save(key, path, NULL));
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        assert_false(dkim_key_save(key, path, &error)); /* never over another key */
        assert_true(g_error_matches(error, DKIM_KEY_ERROR, DKIM_KEY_ERROR_FILE));
        g_clear_error(&error);
        struct dkim_key *loaded = dkim_key_load(path, &advice, NULL);
        assert_null(advice);
        g_autofree char *record = dkim_key_record(key), *same = dkim_key_record(loaded);
        assert_string_equal(record, same);
        assert_pair(loaded);
        dkim_key_unref(loaded);
        chmod(path, 0640);
        loaded = dkim_key_load(path, &advice, NULL);
        assert_non_null(strstr(advice, "0640"));
        g_clear_pointer(&advice, g_free);
        dkim_key_unref(loaded);
        dkim_key_unref(key);
        g_unlink(path);
    }
    test_dir_free(dir);
}

static void
assert_unreadable(const char *path, const char *text, gssize length, enum dkim_key_error code)
{
    GError *error = NULL;

    if (text != NULL)
        assert_true(g_file_set_contents(path, text, length, NULL));
    assert_null(dkim_key_load(path, NULL, &error));
    assert_true(g_error_matches(error, DKIM_KEY_ERROR, (gint)code));
    g_error_free(error);
}

static void
test_bad_files(void **state)
{
    static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBBq\n"
                                    "-----END ENCRYPTED PRIVATE KEY-----\n";
    /* an EC key, prime256v1 */
    static const char ec[] = "-----BEGIN PRIVATE KEY-----\n"
                             "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"
                             "OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"
                             "1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"
                             "-----END PRIVATE KEY-----\n";
    char *dir = test_dir();
    g_autofree char *path = g_build_filename(dir, "key.pem", NULL), *big = g_strnfill(DKIM_KEY_FILE_BYTES_MAX + 1, '\n');

    (void)state;
    assert_unreadable(path, NULL, 0, DKIM_KEY_ERROR_FILE);
    assert_unreadable(dir, NULL, 0, DKIM_KEY_ERROR_FILE);
    assert_unreadable(path, big, DKIM_KEY_FILE_BYTES_MAX + 1, DKIM_KEY_ERROR_FILE);
    assert_unreadable(path, "", 0, DKIM_KEY_ERROR_FORMAT);
    assert_unreadable(path, "hello", -1, DKIM_KEY_ERROR_FORMAT);
    assert_unreadable(path, encrypted, -1, DKIM_KEY_ERROR_FORMAT);
    assert_unreadable(path, ec, -1, DKIM_KEY_ERROR_TYPE);
    assert_null(dkim_key_generate(DKIM_RSA, 1024, NULL));
    test_dir_free(dir);
}

/* ---- threads ---- */

struct shared {
    struct dkim_key *key;
    struct dkim_public_key *public;
};

static gpointer
sign_and_verify(gpointer data)
{
    const struct shared *shared = data;
    guint good = 0;

    for (guint i = 0; i < 50; i++) {
        struct dkim_key *key = dkim_key_ref(shared->key);
        guint8 mine[DKIM_DIGEST_BYTES] = {(guint8)i};
        gsize length;
        g_autofree char *base64 = dkim_key_sign(key, mine, NULL);
        g_autofree guint8 *signature = g_base64_decode(base64, &length);
        good += dkim_public_key_verify(shared->public, mine, signature, length);
        dkim_key_unref(key);
    }
    return GUINT_TO_POINTER(good);
}

static void
test_threads(void **state)
{
    (void)state;
    for (enum dkim_key_type type = DKIM_RSA; type <= DKIM_ED25519; type++) {
        struct shared shared = {.key = dkim_key_generate(type, 2048, NULL)};
        GThread *threads[8];
        const char *why;
        g_autofree char *record = dkim_key_record(shared.key);
        shared.public = dkim_public_key_new(record, strlen(record), &why);
        for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
            threads[i] = g_thread_new("sign", sign_and_verify, &shared);
        for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
            assert_int_equal(GPOINTER_TO_UINT(g_thread_join(threads[i])), 50);
        dkim_public_key_free(&shared.public);
        dkim_key_unref(shared.key);
    }
    dkim_key_unref(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records), cmocka_unit_test(test_hostile_keys), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_files),   cmocka_unit_test(test_bad_files),    cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
