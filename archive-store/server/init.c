/* init.c: postern-archived --init: directories, the master key, the first segment, the tables.
 *
 * Everything that is there stays as it is, so it may be run at any time, also by a package's or container's
 * start script. As root it leaves everything owned by archived.user. */
#include <errno.h>
#include <gio/gio.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "archive-store/server/daemon_parts.h"
#include "lib/base/daemon.h"
#include "lib/mail/databases.h"

static gboolean
own_key(const char *path, const char *user, GError **error)
{
    if (geteuid() != 0 || !*user)
        return TRUE;
    const struct passwd *entry = getpwnam(user); /* one thread yet */
    if (entry && chown(path, entry->pw_uid, entry->pw_gid) == 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s can't be given to user %s: %s", path, user,
                entry ? g_strerror(errno) : "no such user");
    return FALSE;
}

static void
tell_key(const char *path)
{
    printf("\n"
           "  ******************************************************************************\n"
           "  A new master key was made: %s\n"
           "\n"
           "  Everything in the archive is encrypted under it. WITHOUT THIS FILE NOTHING IN\n"
           "  THE ARCHIVE CAN EVER BE READ AGAIN, by anybody. Copy it NOW to a safe place\n"
           "  that is neither this machine nor where the archive's own backups lie.\n"
           "  ******************************************************************************\n\n",
           path);
}

static gboolean
make_key(const struct config_archived *archived, GError **error)
{
    g_autofree char *segments = g_build_filename(archived->dir, "segments", NULL);
    g_autofree char *parent = g_path_get_dirname(archived->master_key);

    if (access(archived->master_key, F_OK) == 0)
        return TRUE;
    if (g_file_test(segments, G_FILE_TEST_IS_DIR)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "there is an archive in %s, but its master key %s is missing. No new key is made, since it could "
                    "not read the old mail: restore the key from its backup. (For a really new archive, move %s away.)",
                    archived->dir, archived->master_key, archived->dir);
        return FALSE;
    }
    if (!g_file_test(parent, G_FILE_TEST_IS_DIR) && !daemon_ensure_dir(parent, archived->user, error))
        return FALSE;
    if (!store_create_key(archived->master_key, error) || !own_key(archived->master_key, archived->user, error))
        return FALSE;
    tell_key(archived->master_key);
    return TRUE;
}

/* The catalogue's tables. It is derived and the archive works without it, so trouble is only told. */
static void
make_catalogue(const struct config *config)
{
    g_autofree char *path = NULL;
    struct sql_options options = {0};
    g_autoptr(GError) error = NULL;

    databases_catalogue(&config->archived, &options, &path);
    options.create = TRUE;
    struct sql *sql = sql_open(&options, &error);
    if (!sql || !sql_migrate(sql, "catalogue", NULL, &error))
        printf("The catalogue is not ready: %s\nThe archive works without it. When the database is there, run "
               "`postern-archived --init` again.\n", error->message);
    if (sql)
        sql_close(&sql);
}

/* Opening makes what is missing. */
static gboolean
make_parts(const struct config *config, GError **error)
{
    g_autofree char *index_dir = g_build_filename(config->archived.dir, "index", NULL);
    struct store_options options;

    parts_store_options(config, &options);
    struct store *store = store_open(&options, NULL, error);
    if (!store)
        return FALSE;
    store_close(&store);
    struct archive_index *index = index_open(index_dir, error);
    if (!index)
        return FALSE;
    index_close(&index);
    make_catalogue(config);
    return TRUE;
}

int
init_run(const struct config *config)
{
    const struct config_archived *archived = &config->archived;
    const char *const groups[] = {archived->socket_group, NULL};
    g_autoptr(GError) error = NULL;
    int lock = -1;

    if (!daemon_ensure_dir(archived->dir, archived->user, &error))
        goto failed;
    lock = parts_lock(config, &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_BUSY)) {
        printf("%s: the archive is in use; only the catalogue's tables are looked after.\n", archived->dir);
        g_clear_error(&error);
        if (!daemon_drop_privileges(archived->user, *archived->socket_group ? groups : NULL, &error))
            goto failed;
        make_catalogue(config);
        return EXIT_SUCCESS;
    }
    if (lock < 0 || !make_key(archived, &error) ||
        !daemon_drop_privileges(archived->user, *archived->socket_group ? groups : NULL, &error) ||
        !make_parts(config, &error))
        goto failed;
    close(lock);
    printf("The archive in %s is ready.\n", archived->dir);
    return EXIT_SUCCESS;
failed:
    fprintf(stderr, "postern-archived: %s\n", error->message);
    if (lock >= 0)
        close(lock);
    return EXIT_FAILURE;
}
