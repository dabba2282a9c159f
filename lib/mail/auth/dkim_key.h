/* dkim_key.h: keys for DKIM and ARC: public ones from key records (RFC 6376 3.6.1, RFC 8463), private ones from PEM files.
 *
 * RSA with SHA-256, and Ed25519; SHA-1 is no more (RFC 8301). All signatures are over a SHA-256 digest (for Ed25519 the
 * digest is the message: RFC 8463 3). Keys are immutable and reference counted: one load serves all threads. */
#pragma once
#include "lib/mail/auth/dkim_canon.h"
#include <glib.h>

#define DKIM_RSA_BITS_MIN 1024u           /* RFC 8301 3.2 */
#define DKIM_RSA_BITS_MAX 8192u           /* ours: a verification costs with the square; RFC 8301 asks for 4096 */
#define DKIM_RSA_EXPONENT_BITS_MAX 33u    /* ours: 65537 and all that were ever in use; more would only cost time */
#define DKIM_RECORD_BYTES_MAX 8192u       /* of one key record; an RSA key of 8192 bits has about 1400 */
#define DKIM_SIGNATURE_BYTES_MAX (DKIM_RSA_BITS_MAX / 8)
#define DKIM_KEY_FILE_BYTES_MAX (64u * 1024u)

enum dkim_key_type { DKIM_RSA, DKIM_ED25519 };
const char *dkim_key_type_name(enum dkim_key_type type);  /* k=: "rsa", "ed25519" */
const char *dkim_algorithm_name(enum dkim_key_type type); /* a=: "rsa-sha256", "ed25519-sha256" */

/* ---- public keys ---- */

struct dkim_public_key;
/* Reads a key record as the DNS gave it. NULL with *why_r (static, ASCII) for a record that is malformed, revoked (empty p=),
 * of an unknown version or type, not for mail (s=), not for SHA-256 (h=), or whose key is none or beyond the caps above. Keys
 * shorter than DKIM_RSA_BITS_MIN are read: the verifier decides. Thread-safe. */
struct dkim_public_key *dkim_public_key_new(const char *record, gsize length, const char **why_r);
void dkim_public_key_free(struct dkim_public_key **key); /* NULL-safe */
enum dkim_key_type dkim_public_key_type(const struct dkim_public_key *key);
guint dkim_public_key_bits(const struct dkim_public_key *key); /* RSA: of the modulus; Ed25519: 256 */
gboolean dkim_public_key_is_testing(const struct dkim_public_key *key); /* t=y */
gboolean dkim_public_key_is_strict(const struct dkim_public_key *key);  /* t=s: no subdomains in i= */
/* Whether the signature over the digest (DKIM_DIGEST_BYTES) is this key's. Thread-safe. */
gboolean dkim_public_key_verify(const struct dkim_public_key *key, const guint8 *digest, const guint8 *signature, gsize length);

/* ---- private keys ---- */

#define DKIM_KEY_ERROR dkim_key_error_quark()
GQuark dkim_key_error_quark(void);
enum dkim_key_error {
    DKIM_KEY_ERROR_FILE,   /* not there, not readable, no regular file, too long, not writable */
    DKIM_KEY_ERROR_FORMAT, /* no unencrypted PEM private key */
    DKIM_KEY_ERROR_TYPE,   /* neither RSA of 1024 to 8192 bits nor Ed25519 */
    DKIM_KEY_ERROR_CRYPTO  /* OpenSSL failed: no memory, no randomness */
};

struct dkim_key;
/* From PEM text (PKCS#8, or PKCS#1 "RSA PRIVATE KEY"). One reference is the caller's. */
struct dkim_key *dkim_key_new_from_pem(const char *pem, gsize length, GError **error);
/* From a file. *advice_r (may be NULL) is NULL, or what is unwise about the file (mode or owner), to be logged: free it. */
struct dkim_key *dkim_key_load(const char *path, char **advice_r, GError **error);
/* A new key. bits: 2048, 3072 or 4096 for RSA, ignored for Ed25519. An RSA key takes up to seconds. */
struct dkim_key *dkim_key_generate(enum dkim_key_type type, guint bits, GError **error);
/* Writes PKCS#8 PEM into a new file, mode 0600, synced; fails when the file is there. */
gboolean dkim_key_save(const struct dkim_key *key, const char *path, GError **error);
struct dkim_key *dkim_key_ref(struct dkim_key *key); /* thread-safe */
void dkim_key_unref(struct dkim_key *key);           /* thread-safe; NULL-safe */
enum dkim_key_type dkim_key_type(const struct dkim_key *key);
guint dkim_key_bits(const struct dkim_key *key);
/* The text of the TXT record to publish: "v=DKIM1; k=rsa; p=...". Free with g_free. */
char *dkim_key_record(const struct dkim_key *key);
/* The signature over the digest (DKIM_DIGEST_BYTES) in base64; free with g_free. NULL: *error. Thread-safe. */
char *dkim_key_sign(const struct dkim_key *key, const guint8 *digest, GError **error);

