/* dkim_key.c: public keys out of key records, and what they verify. */
#include "lib/mail/auth/dkim_key.h"
#include "lib/mail/auth/dkim_tags.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#define ED25519_BYTES 32u

struct dkim_public_key {
    enum dkim_key_type type;
    guint bits;
    gboolean testing, strict;
    EVP_PKEY *pkey;
};

const char *
dkim_key_type_name(enum dkim_key_type type)
{
    return type == DKIM_ED25519 ? "ed25519" : "rsa";
}

const char *
dkim_algorithm_name(enum dkim_key_type type)
{
    return type == DKIM_ED25519 ? "ed25519-sha256" : "rsa-sha256";
}

/* Steps into a DER element of that kind which reaches up to end; FALSE when it is another, or ends elsewhere. */
static gboolean
enter(const guint8 **at, const guint8 *end, gint form, gint tag)
{
    gint found_tag, class;
    long length;
    gint found_form = ASN1_get_object(at, &length, &found_tag, &class, (long)(end - *at));

    return found_form == form && found_tag == tag && class == V_ASN1_UNIVERSAL && length == (long)(end - *at);
}

/* What is in the usual SubjectPublicKeyInfo of an RSA key (RFC 3279 2.3.1), or NULL. */
static const guint8 *
rsa_inside(const guint8 *der, const guint8 *end)
{
    /* AlgorithmIdentifier: rsaEncryption, NULL */
    static const guint8 algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                       0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

    if (!enter(&der, end, V_ASN1_CONSTRUCTED, V_ASN1_SEQUENCE) || (gsize)(end - der) < sizeof algorithm ||
        memcmp(der, algorithm, sizeof algorithm) != 0)
        return NULL;
    der += sizeof algorithm;
    if (!enter(&der, end, 0, V_ASN1_BIT_STRING) || der == end || *der != 0) /* bits that don't count */
        return NULL;
    return der + 1;
}

/* An RSAPublicKey that reaches up to end, else NULL. */
static EVP_PKEY *
rsa_bare(const guint8 *at, const guint8 *end)
{
    EVP_PKEY *pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)(end - at));

    if (pkey != NULL && at != end)
        g_clear_pointer(&pkey, EVP_PKEY_free);
    return pkey;
}

/* SubjectPublicKeyInfo as all publish it; the bare RSAPublicKey that RFC 6376 3.6.1 speaks of is read too. OpenSSL 3 reads the
 * former by asking all decoders that it has, which costs twice what verifying does: so the usual form is opened here. */
static EVP_PKEY *
rsa_from_der(const guint8 *der, gsize length)
{
    const guint8 *end = der + length, *inside = rsa_inside(der, end), *at = der;
    EVP_PKEY *pkey = inside != NULL ? rsa_bare(inside, end) : NULL;

    if (pkey != NULL)
        return pkey;
    pkey = d2i_PUBKEY(NULL, &at, (long)length);
    if (pkey != NULL && at != end)
        g_clear_pointer(&pkey, EVP_PKEY_free);
    return pkey != NULL ? pkey : rsa_bare(der, end);
}

/* An exponent of 1 makes every signature good, an even one is none at all; long ones and long keys cost time. (OpenSSL writes
 * numbers in the machine's order over the whole of the room it is given, so that is no larger than needed.) */
static const char *
check_rsa(const EVP_PKEY *pkey)
{
    guint8 modulus[DKIM_RSA_BITS_MAX / 8];
    guint64 exponent = 0;
    gint bits = EVP_PKEY_get_bits(pkey);
    gsize size = (gsize)(bits + 7) / 8;

    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
        return "p= is not an RSA key";
    if (bits > (gint)DKIM_RSA_BITS_MAX)
        return "the RSA key is too long";
    if (bits < 16)
        return "the RSA modulus is none";
    OSSL_PARAM n[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus, size), OSSL_PARAM_construct_end()};
    OSSL_PARAM e[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, (guint8 *)&exponent, sizeof exponent),
                      OSSL_PARAM_construct_end()};
    if (EVP_PKEY_get_params(pkey, n) != 1 || (modulus[G_BYTE_ORDER == G_LITTLE_ENDIAN ? 0 : size - 1] & 1) == 0)
        return "the RSA modulus is none";
    if (EVP_PKEY_get_params(pkey, e) != 1 || exponent % 2 == 0 || exponent == 1 || exponent >> DKIM_RSA_EXPONENT_BITS_MAX != 0)
        return "the RSA exponent is unfit"; /* the first: it has more than 64 bits */
    return NULL;
}

static const char *
read_key(struct dkim_public_key *key, const char *base64)
{
    gsize length;
    g_autofree guint8 *der = dkim_base64(base64, &length);
    const char *why = NULL;

    if (der == NULL)
        return "p= is not base64";
    if (key->type == DKIM_ED25519) {
        if (length != ED25519_BYTES)
            return "p= is not an Ed25519 key";
        key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, der, length);
        key->bits = 8 * ED25519_BYTES;
    } else {
        key->pkey = rsa_from_der(der, length);
        if (key->pkey != NULL && (why = check_rsa(key->pkey)) == NULL)
            key->bits = (guint)EVP_PKEY_get_bits(key->pkey);
    }
    ERR_clear_error();
    return key->pkey == NULL ? "p= is not a key" : why;
}

/* All but p=. */
static const char *
read_tags(struct dkim_public_key *key, const struct dkim_tags *tags)
{
    const char *version = dkim_tags_get(tags, "v"), *type = dkim_tags_get(tags, "k"), *hashes = dkim_tags_get(tags, "h");
    const char *services = dkim_tags_get(tags, "s"), *flags = dkim_tags_get(tags, "t");

    if (version != NULL && (strcmp(version, "DKIM1") != 0 || strcmp(dkim_tags_name(tags, 0), "v") != 0))
        return "v= is not DKIM1 in front";
    if (type == NULL || strcmp(type, "rsa") == 0)
        key->type = DKIM_RSA;
    else if (strcmp(type, "ed25519") == 0)
        key->type = DKIM_ED25519;
    else
        return "k= is unknown";
    if (hashes != NULL && !dkim_list_has(hashes, "sha256"))
        return "h= does not allow sha256";
    if (services != NULL && !dkim_list_has(services, "*") && !dkim_list_has(services, "email"))
        return "s= is not for mail";
    key->testing = flags != NULL && dkim_list_has(flags, "y");
    key->strict = flags != NULL && dkim_list_has(flags, "s");
    return NULL;
}

struct dkim_public_key *
dkim_public_key_new(const char *record, gsize length, const char **why_r)
{
    struct dkim_tags *tags = dkim_tags_parse(record, length, DKIM_RECORD_BYTES_MAX, why_r);

    if (tags == NULL)
        return NULL;
    struct dkim_public_key *key = g_new0(struct dkim_public_key, 1);
    const char *p = dkim_tags_get(tags, "p");
    *why_r = read_tags(key, tags);
    if (*why_r == NULL)
        *why_r = p == NULL ? "no p=" : *p == '\0' ? "revoked" : read_key(key, p);
    dkim_tags_free(&tags);
    if (*why_r != NULL)
        dkim_public_key_free(&key);
    return key;
}

void
dkim_public_key_free(struct dkim_public_key **key)
{
    if (*key == NULL)
        return;
    EVP_PKEY_free((*key)->pkey);
    g_clear_pointer(key, g_free);
}

enum dkim_key_type
dkim_public_key_type(const struct dkim_public_key *key)
{
    return key->type;
}

guint
dkim_public_key_bits(const struct dkim_public_key *key)
{
    return key->bits;
}

gboolean
dkim_public_key_is_testing(const struct dkim_public_key *key)
{
    return key->testing;
}

gboolean
dkim_public_key_is_strict(const struct dkim_public_key *key)
{
    return key->strict;
}

static gboolean
verify_rsa(EVP_PKEY *pkey, const guint8 *digest, const guint8 *signature, gsize length)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    gboolean good = context != NULL && EVP_PKEY_verify_init(context) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
                    EVP_PKEY_verify(context, signature, length, digest, DKIM_DIGEST_BYTES) == 1;

    EVP_PKEY_CTX_free(context);
    return good;
}

static gboolean
verify_ed25519(EVP_PKEY *pkey, const guint8 *digest, const guint8 *signature, gsize length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    gboolean good = context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
                    EVP_DigestVerify(context, signature, length, digest, DKIM_DIGEST_BYTES) == 1;

    EVP_MD_CTX_free(context);
    return good;
}

gboolean
dkim_public_key_verify(const struct dkim_public_key *key, const guint8 *digest, const guint8 *signature, gsize length)
{
    gboolean good = key->type == DKIM_ED25519 ? verify_ed25519(key->pkey, digest, signature, length)
                                              : verify_rsa(key->pkey, digest, signature, length);

    ERR_clear_error();
    return good;
}
