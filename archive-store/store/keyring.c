/* keyring.c: the master key file: making it, reading it, and the keys derived from each master key.
 *
 * The file is the one secret that a backup of the store needs beside the store's folder, and is best kept
 * apart from it. Derivation is HKDF-SHA256 with an empty salt and one info string a use; the key id on disk
 * is derived in the same way, so it tells nothing about the key. */
#include "archive-store/store/crypto.h"
#include "archive-store/store/io.h"
#include "archive-store/store/store.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_MAX 65536
#define KEYS_MAX 64

struct keyring {
    GPtrArray *secrets; /* struct secrets *, first = current */
};

static void
derive(const guint8 master[32], const char *use, guint8 *out, gsize n)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *c = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    g_autofree char *info = g_strconcat("postern store 1 ", use, NULL);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, sizeof digest - 1),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)(guintptr)master, 32),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(info)),
        OSSL_PARAM_END,
    };
    if (c == NULL || EVP_KDF_derive(c, out, n, params) != 1)
        g_error("OpenSSL: HKDF failed");
    EVP_KDF_CTX_free(c);
    EVP_KDF_free(kdf);
}

static void
secrets_free(gpointer data)
{
    crypto_wipe(data, sizeof(struct secrets));
    g_free(data);
}

static struct secrets *
secrets_new(const guint8 master[32])
{
    struct secrets *s = g_new0(struct secrets, 1);
    guint8 id[8];

    derive(master, "key id", id, sizeof id);
    memcpy(&s->key_id, id, sizeof id);
    s->key_id = GUINT64_FROM_LE(s->key_id);
    derive(master, "key encryption", s->kek, 32);
    derive(master, "content identity", s->content, 32);
    derive(master, "envelope identity", s->envelope, 32);
    derive(master, "attachment identity", s->attachment_id, 32);
    derive(master, "attachment key", s->attachment_key, 32);
    derive(master, "dictionary", s->dictionary, 32);
    derive(master, "checkpoint ed25519", s->checkpoint, 32);
    return s;
}

static gboolean
parse_line(const char *line, guint8 master[32])
{
    if (strlen(line) != 64)
        return FALSE;
    for (int n = 0; n < 32; n++) {
        int high = g_ascii_xdigit_value(line[2 * n]), low = g_ascii_xdigit_value(line[2 * n + 1]);
        if (high < 0 || low < 0)
            return FALSE;
        master[n] = (guint8)(high << 4 | low);
    }
    return TRUE;
}

/* Reads the file with its rights checked on the open descriptor. */
static char *
read_key_file(const char *path, GError **error)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_KEY, "master key %s: %s", path, g_strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0 || st.st_size > KEY_FILE_MAX) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_KEY,
                    "master key %s: must be a small file that only its owner can read (chmod 600)", path);
        close(fd);
        return NULL;
    }
    char *text = g_malloc0((gsize)st.st_size + 1);
    gboolean whole = io_read_full(fd, text, (gsize)st.st_size, 0) == (gssize)st.st_size;
    close(fd);
    if (!whole) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_KEY, "master key %s: can't be read", path);
        g_free(text);
        return NULL;
    }
    return text;
}

struct keyring *
keyring_load(const char *path, GError **error)
{
    char *text = read_key_file(path, error);
    if (text == NULL)
        return NULL;
    struct keyring *ring = g_new0(struct keyring, 1);
    ring->secrets = g_ptr_array_new_with_free_func(secrets_free);
    gsize length = strlen(text);
    guint number = 0;
    gboolean good = TRUE;

    for (char *line = text; line != NULL && good;) {
        char *next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        g_strstrip(line);
        number++;
        guint8 master[32];
        if (*line != '\0' && *line != '#') {
            good = ring->secrets->len < KEYS_MAX && parse_line(line, master);
            if (good)
                g_ptr_array_add(ring->secrets, secrets_new(master));
            else
                g_set_error(error, STORE_ERROR, STORE_ERROR_KEY,
                            "master key %s: line %u must be 64 hexadecimal digits", path, number);
            crypto_wipe(master, sizeof master);
        }
        line = next;
    }
    crypto_wipe(text, length);
    g_free(text);
    if (good && ring->secrets->len == 0) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_KEY, "master key %s: holds no key", path);
        good = FALSE;
    }
    if (!good)
        keyring_free(&ring);
    return ring;
}

void
keyring_free(struct keyring **keyring)
{
    if (*keyring == NULL)
        return;
    g_ptr_array_free((*keyring)->secrets, TRUE);
    g_clear_pointer(keyring, g_free);
}

const struct secrets *
keyring_current(const struct keyring *keyring)
{
    return g_ptr_array_index(keyring->secrets, 0);
}

const struct secrets *
keyring_find(const struct keyring *keyring, guint64 key_id)
{
    for (guint n = 0; n < keyring->secrets->len; n++) {
        const struct secrets *s = g_ptr_array_index(keyring->secrets, n);
        if (s->key_id == key_id)
            return s;
    }
    return NULL;
}

gboolean
store_create_key(const char *path, GError **error)
{
    static const char hex[] = "0123456789abcdef";
    guint8 master[32];
    char text[65];
    g_autofree char *dir = g_path_get_dirname(path);

    crypto_random(master, sizeof master);
    for (int n = 0; n < 32; n++) {
        text[2 * n] = hex[master[n] >> 4];
        text[2 * n + 1] = hex[master[n] & 15];
    }
    text[64] = '\n';
    crypto_wipe(master, sizeof master);
    int fd = store_io->open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        io_set_error(error, errno, "master key", path);
        return FALSE;
    }
    gboolean good = io_write_full(fd, text, sizeof text, 0, path, error) && io_fsync(fd, path, error);
    store_io->close(fd);
    crypto_wipe(text, sizeof text);
    good = good && io_sync_dir(dir, error);
    if (!good)
        store_io->unlink(path);
    return good;
}
