/* dkim_private_key.c: private keys: from PEM, new ones, what they sign, and the record to publish for them. */
#include "lib/mail/auth/dkim_key.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ED25519_BYTES 32u
#define ED25519_SIGNATURE_BYTES 64u

struct dkim_key {
    gatomicrefcount refs;
    enum dkim_key_type type;
    guint bits;
    EVP_PKEY *pkey;
};

G_DEFINE_QUARK(dkim-key-error, dkim_key_error)

/* Takes pkey over; NULL when it is of a kind that can't sign here. */
static struct dkim_key *
key_of(EVP_PKEY *pkey, GError **error)
{
    gint type = EVP_PKEY_get_base_id(pkey), bits = EVP_PKEY_get_bits(pkey);

    if (type != EVP_PKEY_ED25519 &&
        (type != EVP_PKEY_RSA || bits < (gint)DKIM_RSA_BITS_MIN || bits > (gint)DKIM_RSA_BITS_MAX)) {
        g_set_error(error, DKIM_KEY_ERROR, DKIM_KEY_ERROR_TYPE, "the key is neither RSA of %u to %u bits nor Ed25519",
                    DKIM_RSA_BITS_MIN, DKIM_RSA_BITS_MAX);
        EVP_PKEY_free(pkey);
        return NULL;
    }
    struct dkim_key *key = g_new0(struct dkim_key, 1);
    g_atomic_ref_count_init(&key->refs);
    key->type = type == EVP_PKEY_RSA ? DKIM_RSA : DKIM_ED25519;
    key->bits = type == EVP_PKEY_RSA ? (guint)bits : 8 * ED25519_BYTES;
    key->pkey = pkey;
    return key;
}

/* An encrypted key must not make OpenSSL ask on a terminal. */
static int
no_password(char *buffer, int size, int writing, void *data)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)data;
    return -1;
}

struct dkim_key *
dkim_key_new_from_pem(const char *pem, gsize length, GError **error)
{
    BIO *bio = length <= DKIM_KEY_FILE_BYTES_MAX ? BIO_new_mem_buf(pem, (int)length) : NULL;
    EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    if (pkey == NULL) {
        g_set_error_literal(error, DKIM_KEY_ERROR, DKIM_KEY_ERROR_FORMAT, "no private key in PEM without a password");
        return NULL;
    }
    return key_of(pkey, error);
}

static gboolean
fail_file(GError **error, const char *path, const char *what)
{
    g_set_error(error, DKIM_KEY_ERROR, DKIM_KEY_ERROR_FILE, "%s: %s", path, what);
    return FALSE;
}

/* Who else could read, or change, what only the signer should. */
static char *
advice_on(const char *path, const struct stat *status)
{
    if (status->st_uid != 0 && status->st_uid != geteuid())
        return g_strdup_printf("%s: belongs to user %u, who is neither root nor the one that signs", path,
                               (guint)status->st_uid);
    if ((status->st_mode & 077) != 0)
        return g_strdup_printf("%s: mode %04o lets others at the key; 0600 would do", path,
                               (guint)(status->st_mode & 07777));
    return NULL;
}

/* Reads a key file whole; the caller frees *pem_r. */
static gboolean
read_file(const char *path, char **pem_r, gsize *length_r, struct stat *status, GError **error)
{
    gint fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return fail_file(error, path, g_strerror(errno));
    if (fstat(fd, status) != 0 || !S_ISREG(status->st_mode) || status->st_size > (off_t)DKIM_KEY_FILE_BYTES_MAX) {
        close(fd);
        return fail_file(error, path, "not a regular file of at most 64 KiB");
    }
    g_autofree char *pem = g_malloc(DKIM_KEY_FILE_BYTES_MAX);
    gsize length = 0;
    gssize n;
    do {
        n = read(fd, pem + length, DKIM_KEY_FILE_BYTES_MAX - length);
        length += n > 0 ? (gsize)n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));
    gint failed = n < 0 ? errno : 0;
    close(fd);
    if (failed != 0)
        return fail_file(error, path, g_strerror(failed));
    *pem_r = g_steal_pointer(&pem);
    *length_r = length;
    return TRUE;
}

struct dkim_key *
dkim_key_load(const char *path, char **advice_r, GError **error)
{
    char *pem = NULL;
    gsize length = 0;
    struct stat status;

    if (advice_r != NULL)
        *advice_r = NULL;
    if (!read_file(path, &pem, &length, &status, error))
        return NULL;
    struct dkim_key *key = dkim_key_new_from_pem(pem, length, error);
    explicit_bzero(pem, length);
    g_free(pem);
    if (key == NULL)
        g_prefix_error(error, "%s: ", path);
    else if (advice_r != NULL)
        *advice_r = advice_on(path, &status);
    return key;
}

struct dkim_key *
dkim_key_generate(enum dkim_key_type type, guint bits, GError **error)
{
    EVP_PKEY *pkey = NULL;

    if (type == DKIM_RSA && bits != 2048 && bits != 3072 && bits != 4096) {
        g_set_error(error, DKIM_KEY_ERROR, DKIM_KEY_ERROR_TYPE, "RSA keys are made with 2048, 3072 or 4096 bits, not %u", bits);
        return NULL;
    }
    pkey = type == DKIM_RSA ? EVP_RSA_gen(bits) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (pkey == NULL) {
        ERR_clear_error();
        g_set_error_literal(error, DKIM_KEY_ERROR, DKIM_KEY_ERROR_CRYPTO, "no key could be made");
        return NULL;
    }
    return key_of(pkey, error);
}

/* Writes the PEM text into fd and syncs it; errno on failure. */
static gboolean
write_pem(gint fd, const char *pem, gsize length)
{
    while (length > 0) {
        gssize n = write(fd, pem, length);
        if (n < 0 && errno != EINTR)
            return FALSE;
        pem += MAX(n, 0);
        length -= (gsize)MAX(n, 0);
    }
    return fsync(fd) == 0;
}

gboolean
dkim_key_save(const struct dkim_key *key, const char *path, GError **error)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;

    if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) != 1) {
        BIO_free(bio);
        ERR_clear_error();
        g_set_error_literal(error, DKIM_KEY_ERROR, DKIM_KEY_ERROR_CRYPTO, "the key could not be encoded");
        return FALSE;
    }
    gsize length = (gsize)BIO_get_mem_data(bio, &pem);
    gint fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    gboolean written = fd >= 0 && write_pem(fd, pem, length);
    gint failed = errno;
    if (fd >= 0)
        close(fd);
    explicit_bzero(pem, length);
    BIO_free(bio);
    if (written)
        return TRUE;
    if (fd >= 0)
        g_unlink(path);
    return fail_file(error, path, g_strerror(failed));
}

struct dkim_key *
dkim_key_ref(struct dkim_key *key)
{
    g_atomic_ref_count_inc(&key->refs);
    return key;
}

void
dkim_key_unref(struct dkim_key *key)
{
    if (key == NULL || !g_atomic_ref_count_dec(&key->refs))
        return;
    EVP_PKEY_free(key->pkey);
    g_free(key);
}

enum dkim_key_type
dkim_key_type(const struct dkim_key *key)
{
    return key->type;
}

guint
dkim_key_bits(const struct dkim_key *key)
{
    return key->bits;
}

char *
dkim_key_record(const struct dkim_key *key)
{
    guint8 raw[ED25519_BYTES], *der = raw;
    gsize length = sizeof raw;

    if (key->type == DKIM_RSA) {
        der = NULL;
        gint n = i2d_PUBKEY(key->pkey, &der);
        if (n <= 0)
            g_error("a public key could not be encoded: no memory");
        length = (gsize)n;
    } else if (EVP_PKEY_get_raw_public_key(key->pkey, raw, &length) != 1)
        g_error("a public key could not be encoded: no memory");
    g_autofree char *base64 = g_base64_encode(der, length);
    if (der != raw)
        OPENSSL_free(der);
    return g_strdup_printf("v=DKIM1; k=%s; p=%s", dkim_key_type_name(key->type), base64);
}

static gboolean
sign_rsa(EVP_PKEY *pkey, const guint8 *digest, guint8 *out, gsize *length)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    gboolean good = context != NULL && EVP_PKEY_sign_init(context) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
                    EVP_PKEY_sign(context, out, length, digest, DKIM_DIGEST_BYTES) == 1;

    EVP_PKEY_CTX_free(context);
    return good;
}

static gboolean
sign_ed25519(EVP_PKEY *pkey, const guint8 *digest, guint8 *out, gsize *length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    gboolean good = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) == 1 &&
                    EVP_DigestSign(context, out, length, digest, DKIM_DIGEST_BYTES) == 1;

    EVP_MD_CTX_free(context);
    return good;
}

char *
dkim_key_sign(const struct dkim_key *key, const guint8 *digest, GError **error)
{
    guint8 out[DKIM_SIGNATURE_BYTES_MAX];
    gsize length = sizeof out;

    G_STATIC_ASSERT(sizeof out >= ED25519_SIGNATURE_BYTES);
    if (!(key->type == DKIM_RSA ? sign_rsa : sign_ed25519)(key->pkey, digest, out, &length)) {
        ERR_clear_error();
        g_set_error_literal(error, DKIM_KEY_ERROR, DKIM_KEY_ERROR_CRYPTO, "OpenSSL could not sign");
        return NULL;
    }
    return g_base64_encode(out, length);
}
