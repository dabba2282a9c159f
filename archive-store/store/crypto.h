/* crypto.h: the store's cryptography over OpenSSL: derived keys, HMAC, AES key wrap, AES-256-GCM.
 *
 * Contexts are kept per thread; all functions are thread-safe. Failing to encrypt, to hash or to get random
 * bytes can only mean that memory or the system's random source is gone: that aborts. */
#pragma once
#include <glib.h>

/* What is derived (HKDF-SHA256, RFC 5869, one info string each) from one master key. */
struct secrets {
    guint64 key_id;            /* names the master key on disk, tells nothing about it */
    guint8 kek[32];            /* wraps data keys */
    guint8 content[32];        /* HMAC of content identities */
    guint8 envelope[32];       /* HMAC of envelopes */
    guint8 attachment_id[32];  /* HMAC of attachments */
    guint8 attachment_key[32]; /* makes the attachments' data keys */
    guint8 dictionary[32];     /* encrypts dictionaries */
    guint8 checkpoint[32];     /* Ed25519 private key that signs seals */
};

/* The master key file: lines of 64 hex digits; the first is used for what is written, the others (older
 * keys, after a rotation) only open what they wrote. Lines that begin with # and empty ones are passed over.
 */
struct keyring;
struct keyring *keyring_load(const char *path, GError **error);
void keyring_free(struct keyring **keyring);
const struct secrets *keyring_current(const struct keyring *keyring);
const struct secrets *keyring_find(const struct keyring *keyring, guint64 key_id); /* NULL = not there */

struct bytes {
    const void *data;
    gsize length;
};
void crypto_sha256(const struct bytes *parts, guint n, guint8 out[32]);
void crypto_hmac(const guint8 key[32], const struct bytes *parts, guint n, guint8 out[32]);
void crypto_random(void *out, gsize n);
/* Overwrites secrets in a way the compiler keeps. */
void crypto_wipe(void *secret, gsize n);

void crypto_wrap(const guint8 kek[32], const guint8 key[32], guint8 out[40]);
gboolean crypto_unwrap(const guint8 kek[32], const guint8 wrapped[40], guint8 key_r[32]);

/* data (n bytes, at most 1 GiB) is encrypted in place; the 16-byte tag is put behind it. */
void crypto_seal(const guint8 key[32], const guint8 nonce[12], const void *aad, gsize aad_length,
                 guint8 *data, gsize n);
/* data (n bytes with the tag, n >= 16) is decrypted in place; FALSE = the tag doesn't fit. */
gboolean crypto_open(const guint8 key[32], const guint8 nonce[12], const void *aad, gsize aad_length,
                     guint8 *data, gsize n);

void crypto_public_key(const guint8 private_key[32], guint8 out[32]);
void crypto_sign(const guint8 private_key[32], const void *data, gsize n, guint8 signature[64]);
gboolean crypto_verify(const guint8 public_key[32], const void *data, gsize n, const guint8 signature[64]);
