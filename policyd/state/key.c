/* key.c: see key.h. OpenSSL's digest is looked up once, its context kept for each thread: that costs more than the hash. */
#include "policyd/state/key.h"
#include <openssl/evp.h>

static void
context_free(gpointer context)
{
    EVP_MD_CTX_free(context);
}

static GPrivate contexts = G_PRIVATE_INIT(context_free);

static gpointer
fetch_sha256(gpointer unused G_GNUC_UNUSED)
{
    EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256)
        g_error("OpenSSL has no SHA-256");
    return sha256;
}

void
state_key_make(struct state_key *key_r, const char *kind, const char *text)
{
    static GOnce once = G_ONCE_INIT;
    const EVP_MD *sha256 = g_once(&once, fetch_sha256, NULL);
    EVP_MD_CTX *context = g_private_get(&contexts);
    if (!context) {
        context = EVP_MD_CTX_new();
        g_private_set(&contexts, context);
    }
    guint8 digest[EVP_MAX_MD_SIZE];
    if (!context || !EVP_DigestInit_ex2(context, sha256, NULL) || !EVP_DigestUpdate(context, kind, strlen(kind) + 1) ||
        !EVP_DigestUpdate(context, text, strlen(text)) || !EVP_DigestFinal_ex(context, digest, NULL))
        g_error("SHA-256 failed (out of memory?)");
    memcpy(key_r->bytes, digest, sizeof key_r->bytes);
}
