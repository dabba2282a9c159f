/* sign_source.c: one door to all kinds of key sources, and keys in a directory. */
#include "lib/mail/auth/sign_private.h"
#include <gio/gio.h>
#include <string.h>
#include "lib/base/dns.h"
#include "lib/base/log.h"

struct sign_source {
    const struct sign_backend *backend;
    gpointer data;
};

struct sign_key *
sign_key_new(const char *domain, const char *selector, struct dkim_key *key)
{
    struct sign_key *copy = g_new0(struct sign_key, 1);

    copy->domain = g_strdup(domain);
    copy->selector = g_strdup(selector);
    copy->key = dkim_key_ref(key);
    return copy;
}

void
sign_key_free(struct sign_key *key)
{
    if (key == NULL)
        return;
    g_free(key->domain);
    g_free(key->selector);
    dkim_key_unref(key->key);
    g_free(key);
}

struct dkim_key *
sign_key_load(const char *path, GError **error)
{
    g_autofree char *advice = NULL;
    struct dkim_key *key = dkim_key_load(path, &advice, error);

    if (key != NULL && advice != NULL)
        log_text(LOG_SEV_WARNING, "sign", "%s", advice);
    return key;
}

struct dkim_key *
sign_key_parse(const char *text, GError **error)
{
    static const char *const labels[] = {"PRIVATE KEY", "RSA PRIVATE KEY"};
    struct dkim_key *key = NULL;

    if (strstr(text, "-----BEGIN") != NULL)
        return dkim_key_new_from_pem(text, strlen(text), error);
    for (guint i = 0; i < G_N_ELEMENTS(labels) && key == NULL; i++) {
        g_autofree char *pem = g_strdup_printf("-----BEGIN %s-----\n%s\n-----END %s-----\n", labels[i], text, labels[i]);

        g_clear_error(error);
        key = dkim_key_new_from_pem(pem, strlen(pem), error);
    }
    return key;
}

struct sign_source *
sign_source_open(const struct config_sign *config, struct sql_pool *pool, GError **error)
{
    const struct sign_backend *backend = &sign_directory;
    gpointer data = NULL;

    switch (config->source) {
    case CONFIG_SIGN_DIRECTORY:
        data = sign_directory_open(config->directory, error);
        break;
    case CONFIG_SIGN_OPENDKIM:
        backend = &sign_opendkim;
        data = sign_opendkim_open(config->key_table, config->signing_table, error);
        break;
    case CONFIG_SIGN_SQL:
        backend = &sign_sql;
        if (pool != NULL)
            data = sign_sql_open(pool);
        else
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                        "sign.source = sql needs the accounts database: set accounts.driver");
        break;
    }
    if (data == NULL)
        return NULL;
    struct sign_source *source = g_new0(struct sign_source, 1);
    source->backend = backend;
    source->data = data;
    return source;
}

void
sign_source_free(struct sign_source **source)
{
    if (*source == NULL)
        return;
    (*source)->backend->free((*source)->data);
    g_clear_pointer(source, g_free);
}

guint
sign_source_count(const struct sign_source *source)
{
    return source->backend->count(source->data);
}

gboolean
sign_source_find(struct sign_source *source, const char *address, GPtrArray *keys, GError **error)
{
    const char *domain = strrchr(address, '@');
    guint before = keys->len;

    if (source->backend->by_address)
        return source->backend->find(source->data, address, keys, error);
    for (domain = domain != NULL ? domain + 1 : ""; strchr(domain, '.') != NULL; domain = strchr(domain, '.') + 1) {
        if (!source->backend->find(source->data, domain, keys, error))
            return FALSE;
        if (keys->len > before)
            break;
    }
    return TRUE;
}

/* ---- directory ---- */

struct directory {
    GHashTable *domains; /* name -> GPtrArray of struct sign_key */
    guint n;
};

static void
keys_free(gpointer keys)
{
    g_ptr_array_unref(keys);
}

static void
directory_free(gpointer data)
{
    struct directory *d = data;

    g_hash_table_unref(d->domains);
    g_free(d);
}

/* The keys DOMAIN/SELECTOR.pem of one folder. */
static gboolean
read_domain(struct directory *d, const char *path, const char *domain, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    GPtrArray *keys;
    const char *name;

    if (dir == NULL)
        return FALSE;
    keys = g_ptr_array_new_with_free_func((GDestroyNotify)sign_key_free);
    g_hash_table_insert(d->domains, g_ascii_strdown(domain, -1), keys);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_autofree char *selector = NULL;

        if (name[0] == '.' || !g_str_has_suffix(name, ".pem"))
            continue;
        selector = g_strndup(name, strlen(name) - strlen(".pem"));
        if (!dns_name_is_valid(selector)) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: \"%s\" can't be a selector; rename the file", file,
                        selector);
            return FALSE;
        }
        if (keys->len >= SIGN_KEYS_MAX || d->n >= SIGN_ROWS_MAX) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: more than %u keys sign for one domain; rename "
                        "what is not in use to SELECTOR.pem.old", path, SIGN_KEYS_MAX);
            return FALSE;
        }
        struct dkim_key *key = sign_key_load(file, error);
        if (key == NULL)
            return FALSE;
        g_ptr_array_add(keys, sign_key_new(domain, selector, key));
        dkim_key_unref(key);
        d->n++;
    }
    return TRUE;
}

gpointer
sign_directory_open(const char *directory, GError **error)
{
    GError *cause = NULL;
    g_autoptr(GDir) dir = g_dir_open(directory, 0, &cause);
    struct directory *d;
    const char *name;

    if (cause != NULL && !g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_propagate_error(error, cause);
        return NULL;
    }
    g_clear_error(&cause); /* not there yet: no keys */
    d = g_new0(struct directory, 1);
    d->domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, keys_free);
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(directory, name, NULL);

        if (name[0] == '.' || !g_file_test(path, G_FILE_TEST_IS_DIR) || !dns_name_is_valid(name))
            continue;
        if (!read_domain(d, path, name, error)) {
            directory_free(d);
            return NULL;
        }
    }
    return d;
}

static gboolean
directory_find(gpointer data, const char *name, GPtrArray *keys, GError **error)
{
    const GPtrArray *found = g_hash_table_lookup(((struct directory *)data)->domains, name);

    (void)error;
    for (guint i = 0; found != NULL && i < found->len; i++) {
        const struct sign_key *key = g_ptr_array_index(found, i);
        g_ptr_array_add(keys, sign_key_new(key->domain, key->selector, key->key));
    }
    return TRUE;
}

static guint
directory_count(gpointer data)
{
    return ((struct directory *)data)->n;
}

const struct sign_backend sign_directory = {directory_find, directory_free, directory_count, FALSE};
