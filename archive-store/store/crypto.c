/* crypto.c: hashes, HMAC, AES key wrap (RFC 3394), AES-256-GCM and Ed25519, with contexts kept per thread
 * since making one costs more than encrypting a mail. The keys themselves: keyring.c. */
#include "archive-store/store/crypto.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

struct contexts {
    EVP_CIPHER_CTX *gcm, *wrap;
    EVP_MD_CTX *digest;
    EVP_MAC_CTX *hmac;
};

static struct {
    EVP_CIPHER *gcm, *wrap;
    EVP_MD *sha256;
    EVP_MAC *hmac;
} algorithms;

static void
contexts_free(gpointer data)
{
    struct contexts *c = data;
    EVP_CIPHER_CTX_free(c->gcm);
    EVP_CIPHER_CTX_free(c->wrap);
    EVP_MD_CTX_free(c->digest);
    EVP_MAC_CTX_free(c->hmac);
    g_free(c);
}

static GPrivate thread_contexts = G_PRIVATE_INIT(contexts_free);

static gpointer
fetch_algorithms(gpointer unused)
{
    (void)unused;
    algorithms.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    algorithms.wrap = EVP_CIPHER_fetch(NULL, "id-aes256-wrap", NULL);
    algorithms.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    algorithms.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (algorithms.gcm == NULL || algorithms.wrap == NULL || algorithms.sha256 == NULL ||
        algorithms.hmac == NULL)
        g_error("OpenSSL lacks AES-256-GCM, AES key wrap, SHA-256 or HMAC; its default provider is needed");
    return NULL;
}

static struct contexts *
contexts_get(void)
{
    static GOnce once = G_ONCE_INIT;
    struct contexts *c = g_private_get(&thread_contexts);
    char name[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string("digest", name, sizeof name - 1), OSSL_PARAM_END};

    if (c != NULL)
        return c;
    g_once(&once, fetch_algorithms, NULL);
    c = g_new0(struct contexts, 1);
    c->gcm = EVP_CIPHER_CTX_new();
    c->wrap = EVP_CIPHER_CTX_new();
    c->digest = EVP_MD_CTX_new();
    c->hmac = EVP_MAC_CTX_new(algorithms.hmac);
    if (c->gcm == NULL || c->wrap == NULL || c->digest == NULL || c->hmac == NULL ||
        EVP_MAC_CTX_set_params(c->hmac, params) != 1)
        g_error("out of memory for OpenSSL contexts");
    EVP_CIPHER_CTX_set_flags(c->wrap, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    g_private_set(&thread_contexts, c);
    return c;
}

static void
must(int ok, const char *what)
{
    if (ok != 1)
        g_error("OpenSSL: %s failed", what);
}

void
crypto_sha256(const struct bytes *parts, guint n, guint8 out[32])
{
    EVP_MD_CTX *md = contexts_get()->digest;

    must(EVP_DigestInit_ex2(md, algorithms.sha256, NULL), "SHA-256");
    for (guint i = 0; i < n; i++)
        must(EVP_DigestUpdate(md, parts[i].data, parts[i].length), "SHA-256");
    must(EVP_DigestFinal_ex(md, out, NULL), "SHA-256");
}

void
crypto_hmac(const guint8 key[32], const struct bytes *parts, guint n, guint8 out[32])
{
    EVP_MAC_CTX *mac = contexts_get()->hmac;
    size_t length = 0;

    must(EVP_MAC_init(mac, key, 32, NULL), "HMAC");
    for (guint i = 0; i < n; i++)
        must(EVP_MAC_update(mac, parts[i].data, parts[i].length), "HMAC");
    must(EVP_MAC_final(mac, out, &length, 32), "HMAC");
}

void
crypto_random(void *out, gsize n)
{
    must(n <= G_MAXINT && RAND_bytes(out, (int)n) == 1, "random bytes");
}

void
crypto_wipe(void *secret, gsize n)
{
    OPENSSL_cleanse(secret, n);
}

void
crypto_wrap(const guint8 kek[32], const guint8 key[32], guint8 out[40])
{
    EVP_CIPHER_CTX *c = contexts_get()->wrap;
    int n = 0;

    must(EVP_EncryptInit_ex2(c, algorithms.wrap, kek, NULL, NULL), "key wrap");
    must(EVP_EncryptUpdate(c, out, &n, key, 32) == 1 && n == 40, "key wrap");
}

gboolean
crypto_unwrap(const guint8 kek[32], const guint8 wrapped[40], guint8 key_r[32])
{
    EVP_CIPHER_CTX *c = contexts_get()->wrap;
    guint8 out[40];
    int n = 0;

    must(EVP_DecryptInit_ex2(c, algorithms.wrap, kek, NULL, NULL), "key unwrap");
    gboolean fits = EVP_DecryptUpdate(c, out, &n, wrapped, 40) == 1 && n == 32;
    if (fits)
        memcpy(key_r, out, 32);
    crypto_wipe(out, sizeof out);
    return fits;
}

void
crypto_seal(const guint8 key[32], const guint8 nonce[12], const void *aad, gsize aad_length, guint8 *data,
            gsize n)
{
    EVP_CIPHER_CTX *c = contexts_get()->gcm;
    int m = 0;

    g_assert(n <= (1u << 30) && aad_length <= G_MAXINT);
    must(EVP_EncryptInit_ex2(c, algorithms.gcm, key, nonce, NULL), "AES-GCM");
    must(EVP_EncryptUpdate(c, NULL, &m, aad, (int)aad_length), "AES-GCM");
    if (n > 0)
        must(EVP_EncryptUpdate(c, data, &m, data, (int)n), "AES-GCM");
    must(EVP_EncryptFinal_ex(c, data + n, &m), "AES-GCM");
    must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, data + n), "AES-GCM tag");
}

gboolean
crypto_open(const guint8 key[32], const guint8 nonce[12], const void *aad, gsize aad_length, guint8 *data,
            gsize n)
{
    EVP_CIPHER_CTX *c = contexts_get()->gcm;
    guint8 none[16];
    int m = 0;

    if (n < 16 || n - 16 > (1u << 30) || aad_length > G_MAXINT)
        return FALSE;
    n -= 16;
    must(EVP_DecryptInit_ex2(c, algorithms.gcm, key, nonce, NULL), "AES-GCM");
    must(EVP_DecryptUpdate(c, NULL, &m, aad, (int)aad_length), "AES-GCM");
    if (n > 0)
        must(EVP_DecryptUpdate(c, data, &m, data, (int)n), "AES-GCM");
    must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, data + n), "AES-GCM tag");
    return EVP_DecryptFinal_ex(c, none, &m) == 1;
}

void
crypto_public_key(const guint8 private_key[32], guint8 out[32])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, 32);
    size_t n = 32;

    must(key != NULL && EVP_PKEY_get_raw_public_key(key, out, &n) == 1, "Ed25519");
    EVP_PKEY_free(key);
}

void
crypto_sign(const guint8 private_key[32], const void *data, gsize n, guint8 signature[64])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, 32);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    size_t length = 64;

    must(key != NULL && md != NULL && EVP_DigestSignInit(md, NULL, NULL, NULL, key) == 1, "Ed25519");
    must(EVP_DigestSign(md, signature, &length, data, n), "Ed25519");
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
}

gboolean
crypto_verify(const guint8 public_key[32], const void *data, gsize n, const guint8 signature[64])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    gboolean good = key != NULL && md != NULL && EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) == 1 &&
                    EVP_DigestVerify(md, signature, 64, data, n) == 1;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    return good;
}
