/* dict.c: dictionary files.
 *
 * A dictionary is made of pieces of real mail, so it is encrypted like mail: dictionaries/<4 hex id>.zdict is
 *   0 8 magic "PSTNDICT", 8 4 format version, 12 2 id, 14 2 zeros, 16 8 master key id, 24 4 plain length, 28
 * 12 nonce, 40 .. AES-256-GCM(zstd dictionary) with its tag, under the derived key "dictionary"; additional
 * data = bytes 0..39. Erasing a message doesn't take back what a dictionary learned: training looks for
 * pieces that many messages share. */
#include "archive-store/store/dict.h"
#include "archive-store/store/format.h"
#include "archive-store/store/io.h"
#include "archive-store/store/store.h"
#include <string.h>
#include <zdict.h>

#define DICT_MAGIC "PSTNDICT"
#define DICT_HEADER 40u
#define DICT_FILE_MAX (16u << 20)

struct dictionaries {
    GMutex lock;
    char *dir;
    const struct keyring *keyring;
    int level;
    GPtrArray *list; /* struct dictionary *, by rising id */
    guint16 last_id; /* also of files that can't be used */
    guint64 bytes;
};

static void
dictionary_free(gpointer data)
{
    struct dictionary *d = data;
    ZSTD_freeCDict(d->compress);
    ZSTD_freeDDict(d->decompress);
    g_free(d);
}

static GBytes *
dictionary_decrypt(const struct keyring *keyring, GBytes *file, guint16 id)
{
    gsize length;
    const guint8 *data = g_bytes_get_data(file, &length);

    if (length < DICT_HEADER + RECORD_TAG || memcmp(data, DICT_MAGIC, 8) != 0 ||
        get_u32(data + 8) != FORMAT_VERSION || get_u16(data + 12) != id ||
        get_u32(data + 24) != length - DICT_HEADER - RECORD_TAG)
        return NULL;
    const struct secrets *secrets = keyring_find(keyring, get_u64(data + 16));
    if (secrets == NULL)
        return NULL;
    g_autofree guint8 *plain = g_memdup2(data + DICT_HEADER, length - DICT_HEADER);
    if (!crypto_open(secrets->dictionary, data + 28, data, DICT_HEADER, plain, length - DICT_HEADER))
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&plain), length - DICT_HEADER - RECORD_TAG);
}

static const struct dictionary *
dictionary_add(struct dictionaries *table, guint16 id, GBytes *plain)
{
    gsize length;
    const void *data = g_bytes_get_data(plain, &length);
    struct dictionary *d = g_new0(struct dictionary, 1);

    d->id = id;
    d->compress = ZSTD_createCDict(data, length, table->level);
    d->decompress = ZSTD_createDDict(data, length);
    if (d->compress == NULL || d->decompress == NULL)
        g_error("out of memory for a dictionary");
    g_mutex_lock(&table->lock);
    g_ptr_array_add(table->list, d);
    table->bytes += length + DICT_HEADER + RECORD_TAG;
    g_mutex_unlock(&table->lock);
    return d;
}

static GBytes *
dictionary_read(struct dictionaries *table, guint16 id, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%04x.zdict", table->dir, id);
    g_autoptr(GBytes) file = io_get_file(path, DICT_FILE_MAX, error);

    if (file == NULL)
        return NULL;
    GBytes *plain = dictionary_decrypt(table->keyring, file, id);
    if (plain == NULL)
        g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED,
                    "%s: damaged, or made under a master key that is not here", path);
    return plain;
}

static int
compare_ids(gconstpointer a, gconstpointer b)
{
    return (int)*(const guint16 *)a - (int)*(const guint16 *)b;
}

/* Ids of the files in the folder, rising. */
static GArray *
list_files(const char *dir)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(guint16));
    GDir *d = g_dir_open(dir, 0, NULL);
    const char *name;

    while (d != NULL && (name = g_dir_read_name(d)) != NULL) {
        char *end;
        guint64 id = g_ascii_strtoull(name, &end, 16);
        if (end == name + 4 && strcmp(end, ".zdict") == 0 && id > 0) {
            guint16 short_id = (guint16)id;
            g_array_append_val(ids, short_id);
        }
    }
    if (d != NULL)
        g_dir_close(d);
    g_array_sort(ids, compare_ids);
    return ids;
}

struct dictionaries *
dictionaries_open(const char *dir, const struct keyring *keyring, int level, GPtrArray *problems,
                  GError **error)
{
    if (!io_make_dir(dir, error))
        return NULL;
    struct dictionaries *table = g_new0(struct dictionaries, 1);
    g_mutex_init(&table->lock);
    table->dir = g_strdup(dir);
    table->keyring = keyring;
    table->level = level;
    table->list = g_ptr_array_new_with_free_func(dictionary_free);
    g_autoptr(GArray) ids = list_files(dir);
    for (guint n = 0; n < ids->len; n++) {
        guint16 id = g_array_index(ids, guint16, n);
        g_autoptr(GError) local = NULL;
        g_autoptr(GBytes) plain = dictionary_read(table, id, &local);
        table->last_id = id;
        if (plain != NULL)
            dictionary_add(table, id, plain);
        else
            g_ptr_array_add(problems, g_strdup(local->message));
    }
    return table;
}

void
dictionaries_close(struct dictionaries **table)
{
    if (*table == NULL)
        return;
    g_ptr_array_free((*table)->list, TRUE);
    g_free((*table)->dir);
    g_mutex_clear(&(*table)->lock);
    g_clear_pointer(table, g_free);
}

const struct dictionary *
dictionaries_find(struct dictionaries *table, guint16 id)
{
    const struct dictionary *found = NULL;

    if (id == 0)
        return NULL;
    g_mutex_lock(&table->lock);
    for (guint n = 0; n < table->list->len && found == NULL; n++) {
        const struct dictionary *d = g_ptr_array_index(table->list, n);
        if (d->id == id)
            found = d;
    }
    g_mutex_unlock(&table->lock);
    return found;
}

const struct dictionary *
dictionaries_latest(struct dictionaries *table)
{
    const struct dictionary *last = NULL;

    g_mutex_lock(&table->lock);
    if (table->list->len > 0)
        last = g_ptr_array_index(table->list, table->list->len - 1);
    g_mutex_unlock(&table->lock);
    return last;
}

static gboolean
dictionary_write(struct dictionaries *table, guint16 id, const guint8 *plain, gsize n, GError **error)
{
    const struct secrets *secrets = keyring_current(table->keyring);
    g_autofree guint8 *file = g_malloc0(DICT_HEADER + n + RECORD_TAG);
    g_autofree char *name = g_strdup_printf("%04x.zdict", id);

    memcpy(file, DICT_MAGIC, 8);
    put_u32(file + 8, FORMAT_VERSION);
    put_u16(file + 12, id);
    put_u64(file + 16, secrets->key_id);
    put_u32(file + 24, (guint32)n);
    crypto_random(file + 28, 12);
    memcpy(file + DICT_HEADER, plain, n);
    crypto_seal(secrets->dictionary, file + 28, file, DICT_HEADER, file + DICT_HEADER, n);
    return io_put_file(table->dir, name, file, DICT_HEADER + n + RECORD_TAG, error);
}

const struct dictionary *
dictionaries_train(struct dictionaries *table, const void *samples, const gsize *sizes, guint n,
                   GError **error)
{
    g_autofree guint8 *trained = g_malloc(DICTIONARY_SIZE);

    size_t length = ZDICT_trainFromBuffer(trained, DICTIONARY_SIZE, samples, sizes, n);
    if (ZDICT_isError(length)) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_ABSENT, "no dictionary can be made of these samples: %s",
                    ZDICT_getErrorName(length));
        return NULL;
    }
    if (table->last_id == G_MAXUINT16) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_FULL, "no number is left for another dictionary");
        return NULL;
    }
    guint16 id = (guint16)(table->last_id + 1);
    if (!dictionary_write(table, id, trained, length, error))
        return NULL;
    table->last_id = id;
    g_autoptr(GBytes) plain = g_bytes_new(trained, length);
    return dictionary_add(table, id, plain);
}

void
dictionaries_verify(struct dictionaries *table, GPtrArray *problems)
{
    g_autoptr(GArray) ids = list_files(table->dir);

    for (guint n = 0; n < ids->len; n++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) plain = dictionary_read(table, g_array_index(ids, guint16, n), &error);
        if (plain == NULL)
            g_ptr_array_add(problems, g_strdup(error->message));
    }
}

guint64
dictionaries_bytes(struct dictionaries *table)
{
    g_mutex_lock(&table->lock);
    guint64 bytes = table->bytes;
    g_mutex_unlock(&table->lock);
    return bytes;
}
