/* dkim_files.c: reading, making and renaming key files. */
#include "cli/dkim_files.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>
#include "lib/base/daemon.h"
#include "lib/base/dns.h"

const char *const dkim_state_names[] = {"active", "next", "old", NULL};
static const char *const suffixes[] = {".pem", ".pem.next", ".pem.old"};

void
dkim_file_free(struct dkim_file *file)
{
    if (file == NULL)
        return;
    g_free(file->domain);
    g_free(file->selector);
    g_free(file->path);
    dkim_key_unref(file->key);
    g_free(file);
}

static char *
file_path(const char *directory, const char *domain, const char *selector, enum dkim_state state)
{
    g_autofree char *name = g_strconcat(selector, suffixes[state], NULL);

    return g_build_filename(directory, domain, name, NULL);
}

/* By the name's end; FALSE for files that are no keys. */
static gboolean
state_of(const char *name, enum dkim_state *state_r, char **selector_r)
{
    for (guint state = 0; state < G_N_ELEMENTS(suffixes); state++)
        if (g_str_has_suffix(name, suffixes[state])) {
            *state_r = (enum dkim_state)state;
            *selector_r = g_strndup(name, strlen(name) - strlen(suffixes[state]));
            return TRUE;
        }
    return FALSE;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    const struct dkim_file *x = *(struct dkim_file *const *)a, *y = *(struct dkim_file *const *)b;

    return x->state != y->state ? (gint)x->state - (gint)y->state : strcmp(x->selector, y->selector);
}

static struct dkim_file *
read_file(const char *directory, const char *domain, const char *name, GError **error)
{
    struct dkim_file *file = g_new0(struct dkim_file, 1);
    struct stat st;

    if (!state_of(name, &file->state, &file->selector)) {
        dkim_file_free(file);
        return NULL;
    }
    file->domain = g_strdup(domain);
    file->path = g_build_filename(directory, domain, name, NULL);
    file->since = stat(file->path, &st) == 0 ? (gint64)st.st_mtime : 0;
    file->key = dkim_key_load(file->path, NULL, error);
    if (file->key != NULL)
        return file;
    dkim_file_free(file);
    return NULL;
}

GPtrArray *
dkim_files_read(const char *directory, const char *domain, GError **error)
{
    g_autofree char *folder = g_build_filename(directory, domain, NULL);
    GPtrArray *files = g_ptr_array_new_with_free_func((GDestroyNotify)dkim_file_free);
    GError *cause = NULL;
    GDir *dir = g_dir_open(folder, 0, &cause);
    const char *name;

    if (dir == NULL && g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_clear_error(&cause);
        return files;
    }
    while (dir != NULL && cause == NULL && (name = g_dir_read_name(dir)) != NULL) {
        struct dkim_file *file = name[0] == '.' ? NULL : read_file(directory, domain, name, &cause);
        if (file != NULL)
            g_ptr_array_add(files, file);
    }
    g_clear_pointer(&dir, g_dir_close);
    if (cause == NULL) {
        g_ptr_array_sort(files, compare);
        return files;
    }
    g_propagate_error(error, cause);
    g_ptr_array_unref(files);
    return NULL;
}

guint
dkim_files_count(const GPtrArray *files, enum dkim_state state)
{
    guint n = 0;

    for (guint i = 0; i < files->len; i++)
        n += ((const struct dkim_file *)g_ptr_array_index(files, i))->state == state;
    return n;
}

static gboolean
fail(GError **error, const char *path, const char *what)
{
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: %s: %s", path, what, g_strerror(errno));
    return FALSE;
}

static gboolean
give_to(const char *path, const char *user, GError **error)
{
    const struct passwd *pw = getuid() == 0 && *user != '\0' ? getpwnam(user) : NULL;

    if (pw != NULL && chown(path, pw->pw_uid, pw->pw_gid) != 0)
        return fail(error, path, "can't give it to the milter's account");
    return TRUE;
}

/* Whether the selector is free in all states. */
static gboolean
is_free(const char *directory, const char *domain, const char *selector, GError **error)
{
    for (guint state = 0; state < G_N_ELEMENTS(suffixes); state++) {
        g_autofree char *path = file_path(directory, domain, selector, (enum dkim_state)state);

        if (g_file_test(path, G_FILE_TEST_EXISTS)) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST, "%s is there already; choose another selector (-s)", path);
            return FALSE;
        }
    }
    return TRUE;
}

struct dkim_file *
dkim_file_create(const char *directory, const char *domain, const char *selector, enum dkim_state state,
                 enum dkim_key_type type, guint bits, const char *user, GError **error)
{
    g_autofree char *folder = g_build_filename(directory, domain, NULL);
    struct dkim_file *file;

    if (!daemon_ensure_dir(directory, user, error) || !daemon_ensure_dir(folder, user, error) ||
        !is_free(directory, domain, selector, error))
        return NULL;
    file = g_new0(struct dkim_file, 1);
    file->domain = g_strdup(domain);
    file->selector = g_strdup(selector);
    file->path = file_path(directory, domain, selector, state);
    file->state = state;
    file->since = g_get_real_time() / G_USEC_PER_SEC;
    file->key = dkim_key_generate(type, bits, error);
    if (file->key != NULL && dkim_key_save(file->key, file->path, error) && give_to(file->path, user, error))
        return file;
    dkim_file_free(file);
    return NULL;
}

gboolean
dkim_file_move(struct dkim_file *file, enum dkim_state state, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(file->path), *name = g_strconcat(file->selector, suffixes[state], NULL);
    char *path = g_build_filename(folder, name, NULL);

    if (utime(file->path, NULL) != 0 || g_rename(file->path, path) != 0) {
        g_free(path);
        return fail(error, file->path, "can't rename it");
    }
    g_free(file->path);
    file->path = path;
    file->state = state;
    file->since = g_get_real_time() / G_USEC_PER_SEC;
    return TRUE;
}
