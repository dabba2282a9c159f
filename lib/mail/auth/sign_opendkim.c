/* sign_opendkim.c: OpenDKIM's KeyTable and SigningTable, unchanged.
 *
 *   KeyTable       NAME  DOMAIN:SELECTOR:KEY   DOMAIN "%" is the author's; KEY is a path ("%" in it too) or the key itself
 *   SigningTable   PATTERN  NAME               plain: user@host, host, user@.host, .host, *; refile: * matches anything
 *
 * As OpenDKIM does, a plain table is asked for user@host, host, user@.parent and .parent from the nearest parent on, and "*";
 * a refile table from its top. All rows with the pattern that matched first count. Comments begin with # ; a plain value may
 * be in quotes. Keys are loaded when the tables are read, but for those with a "%", whose path needs an author: at their
 * first use. */
#include "lib/mail/auth/sign_private.h"
#include <gio/gio.h>
#include <string.h>

struct key_row {
    char *domain, *selector, *value; /* value: a path, or PEM or base64 text */
    struct dkim_key *key;            /* NULL: has a "%" */
    GHashTable *by_domain;           /* author's domain -> struct dkim_key, for those with a "%" in value; under lock */
};
struct signing_row {
    char *pattern; /* lower case */
    struct key_row *key;
};
struct tables {
    GMutex lock;
    GHashTable *keys;     /* name -> struct key_row */
    GPtrArray *rows;      /* struct signing_row *, in file order */
    GHashTable *by_pattern; /* plain: pattern -> GPtrArray of struct signing_row (borrowed) */
    gboolean wildcards;
};

static void
key_row_free(gpointer data)
{
    struct key_row *row = data;

    g_free(row->domain);
    g_free(row->selector);
    g_free(row->value);
    dkim_key_unref(row->key);
    g_hash_table_unref(row->by_domain);
    g_free(row);
}

static void
signing_row_free(gpointer data)
{
    g_free(((struct signing_row *)data)->pattern);
    g_free(data);
}

static void
tables_free(gpointer data)
{
    struct tables *t = data;

    g_hash_table_unref(t->by_pattern);
    g_ptr_array_unref(t->rows);
    g_hash_table_unref(t->keys);
    g_mutex_clear(&t->lock);
    g_free(t);
}

/* The key that value names for an author's domain. */
static struct dkim_key *
load_key(const char *value, const char *author_domain, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(value, "%", -1);
    g_autofree char *whole = g_strjoinv(author_domain, parts);

    if (whole[0] == '/')
        return sign_key_load(whole, error);
    return sign_key_parse(whole, error);
}

static gboolean
add_key(struct tables *t, const char *name, const char *value, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(value, ":", 3);
    struct key_row *row;

    if (g_strv_length(parts) != 3 || *parts[0] == '\0' || *parts[1] == '\0' || *parts[2] == '\0') {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "a key is written as NAME DOMAIN:SELECTOR:/PATH");
        return FALSE;
    }
    if (parts[2][0] == '.') {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the path \"%s\" is relative; write it from /", parts[2]);
        return FALSE;
    }
    row = g_new0(struct key_row, 1);
    row->domain = g_ascii_strdown(parts[0], -1);
    row->selector = g_strdup(parts[1]);
    row->value = g_strdup(parts[2]);
    row->by_domain = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)dkim_key_unref);
    g_hash_table_replace(t->keys, g_strdup(name), row);
    if (strchr(row->value, '%') != NULL)
        return TRUE;
    row->key = load_key(row->value, "", error);
    return row->key != NULL;
}

static gboolean
add_pattern(struct tables *t, const char *pattern, const char *name, GError **error)
{
    struct key_row *key = g_hash_table_lookup(t->keys, name);
    struct signing_row *row;
    GPtrArray *same;

    if (key == NULL) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the KeyTable has no key \"%s\"", name);
        return FALSE;
    }
    row = g_new0(struct signing_row, 1);
    row->pattern = g_ascii_strdown(pattern, -1);
    row->key = key;
    g_ptr_array_add(t->rows, row);
    same = g_hash_table_lookup(t->by_pattern, row->pattern);
    if (same == NULL)
        g_hash_table_insert(t->by_pattern, row->pattern, same = g_ptr_array_new());
    g_ptr_array_add(same, row);
    return TRUE;
}

/* One line: two words, the second to the end of the line. */
static gboolean
read_line(struct tables *t, char *line, gboolean keys, GError **error)
{
    char *comment = strchr(line, '#'), *value;

    if (comment != NULL)
        *comment = '\0';
    g_strstrip(line);
    if (*line == '\0')
        return TRUE;
    value = line + strcspn(line, " \t");
    if (*value == '\0') {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "there is only one word");
        return FALSE;
    }
    *value++ = '\0';
    g_strstrip(value);
    gsize length = strlen(value);
    if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
        value[length - 1] = '\0';
        value++;
    }
    return keys ? add_key(t, line, value, error) : add_pattern(t, line, value, error);
}

static gboolean
read_file(struct tables *t, const char *path, gboolean keys, GError **error)
{
    g_autofree char *text = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, error))
        return FALSE;
    if (length > SIGN_FILE_MAX || strlen(text) != length) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: is no text file of at most %u bytes", path, SIGN_FILE_MAX);
        return FALSE;
    }
    guint number = 0;
    for (char *line = text, *end; line != NULL && number < SIGN_ROWS_MAX; line = end) {
        GError *cause = NULL;

        end = strchr(line, '\n');
        if (end != NULL)
            *end++ = '\0';
        number++;
        if (!read_line(t, line, keys, &cause)) {
            g_propagate_prefixed_error(error, cause, "%s:%u: ", path, number);
            return FALSE;
        }
    }
    return TRUE;
}

gpointer
sign_opendkim_open(const char *key_table, const char *signing_table, GError **error)
{
    struct tables *t = g_new0(struct tables, 1);
    const char *path = signing_table;

    g_mutex_init(&t->lock);
    t->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, key_row_free);
    t->rows = g_ptr_array_new_with_free_func(signing_row_free);
    t->by_pattern = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    t->wildcards = g_str_has_prefix(path, "refile:");
    if (t->wildcards || g_str_has_prefix(path, "file:"))
        path = strchr(path, ':') + 1;
    if (!read_file(t, key_table, TRUE, error) || !read_file(t, path, FALSE, error)) {
        tables_free(t);
        return NULL;
    }
    return t;
}

/* ---- matching ---- */

/* Whether text matches a pattern whose * stands for anything; both lower case. Linear in both, no recursion. */
static gboolean
matches(const char *pattern, const char *text)
{
    const char *star = NULL, *again = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            again = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++again;
        } else {
            return FALSE;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static const GPtrArray *
match_wildcards(const struct tables *t, const char *address)
{
    for (guint i = 0; i < t->rows->len; i++) {
        const struct signing_row *row = g_ptr_array_index(t->rows, i);
        if (matches(row->pattern, address))
            return g_hash_table_lookup(t->by_pattern, row->pattern);
    }
    return NULL;
}

static const GPtrArray *
match_plain(const struct tables *t, const char *address)
{
    const char *at = strrchr(address, '@'), *domain = at != NULL ? at + 1 : address;
    g_autofree char *user = g_strndup(address, (gsize)(domain - address));
    const GPtrArray *found = g_hash_table_lookup(t->by_pattern, address);

    if (found == NULL)
        found = g_hash_table_lookup(t->by_pattern, domain);
    for (const char *dot = strchr(domain, '.'); dot != NULL && found == NULL; dot = strchr(dot + 1, '.')) {
        g_autofree char *of_user = g_strconcat(user, dot, NULL);

        found = g_hash_table_lookup(t->by_pattern, of_user);
        if (found == NULL)
            found = g_hash_table_lookup(t->by_pattern, dot);
    }
    return found != NULL ? found : g_hash_table_lookup(t->by_pattern, "*");
}

/* The key of a row for an author's domain, with a reference. */
static struct dkim_key *
key_for(struct tables *t, struct key_row *row, const char *domain, GError **error)
{
    struct dkim_key *key = row->key;

    if (key != NULL)
        return dkim_key_ref(key);
    g_mutex_lock(&t->lock);
    key = g_hash_table_lookup(row->by_domain, domain);
    if (key != NULL)
        dkim_key_ref(key);
    g_mutex_unlock(&t->lock);
    if (key != NULL)
        return key;
    key = load_key(row->value, domain, error);
    if (key == NULL)
        return NULL;
    g_mutex_lock(&t->lock);
    g_hash_table_replace(row->by_domain, g_strdup(domain), dkim_key_ref(key));
    g_mutex_unlock(&t->lock);
    return key;
}

static gboolean
opendkim_find(gpointer data, const char *address, GPtrArray *keys, GError **error)
{
    struct tables *t = data;
    g_autofree char *wanted = g_ascii_strdown(address, -1);
    const char *at = strrchr(wanted, '@'), *domain = at != NULL ? at + 1 : wanted;
    const GPtrArray *rows = t->wildcards ? match_wildcards(t, wanted) : match_plain(t, wanted);

    if (strchr(domain, '/') != NULL) /* it may become part of a path */
        return TRUE;
    for (guint i = 0; rows != NULL && i < rows->len && i < SIGN_KEYS_MAX; i++) {
        struct key_row *row = ((struct signing_row *)g_ptr_array_index(rows, i))->key;
        GError *cause = NULL;
        struct dkim_key *key = key_for(t, row, domain, &cause);

        if (key == NULL && strchr(row->value, '%') != NULL && g_error_matches(cause, DKIM_KEY_ERROR, DKIM_KEY_ERROR_FILE)) {
            g_clear_error(&cause); /* a "%" stands for whatever domain, and this one has no key */
            continue;
        }
        if (key == NULL) {
            g_propagate_error(error, cause);
            return FALSE;
        }
        g_ptr_array_add(keys, sign_key_new(strcmp(row->domain, "%") == 0 ? domain : row->domain, row->selector, key));
        dkim_key_unref(key);
    }
    return TRUE;
}

static guint
opendkim_count(gpointer data)
{
    return g_hash_table_size(((struct tables *)data)->keys);
}

const struct sign_backend sign_opendkim = {opendkim_find, tables_free, opendkim_count, TRUE};
