/* daemon_parts.c: opening and closing what the daemon is made of. */
#include "archive-store/server/daemon_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "lib/base/log.h"
#include "lib/mail/databases.h"

#define ACCOUNTS_CONNECTIONS 2

void
parts_store_options(const struct config *config, struct store_options *options_r)
{
    const struct config_archived *archived = &config->archived;

    *options_r = (struct store_options){
        .dir = archived->dir,
        .master_key = archived->master_key,
        .segment_size = (gsize)archived->segment_size,
        .level = (int)archived->level,
        .attachment_min = (gsize)archived->attachment_min,
        .max_message = (gsize)archived->max_message,
        .min_free = (guint64)archived->min_free,
    };
}

gboolean
parts_check_initialised(const struct config *config, GError **error)
{
    const struct config_archived *archived = &config->archived;
    const char *missing = NULL;

    if (!g_file_test(archived->dir, G_FILE_TEST_IS_DIR))
        missing = archived->dir;
    else if (access(archived->master_key, F_OK) < 0 && errno == ENOENT)
        missing = archived->master_key;
    if (!missing)
        return TRUE;
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                "%s is missing: run `postern-archived%s%s --init` once; if there was an archive before, restore %s "
                "from its backup instead: without the old master key its mail can't be read",
                missing, config->path ? " -c " : "", config->path ? config->path : "", archived->master_key);
    return FALSE;
}

/* Made by root, the lock must also open for the daemon that systemd starts as its user. */
static void
give_lock(int fd, const char *user)
{
    const struct passwd *entry = geteuid() == 0 && *user ? getpwnam(user) : NULL; /* one thread yet */

    if (entry && fchown(fd, entry->pw_uid, entry->pw_gid) < 0)
        log_text(LOG_SEV_WARNING, "start", "archived.lock can't be given to user %s: %s", user, g_strerror(errno));
}

int
parts_lock(const struct config *config, GError **error)
{
    g_autofree char *path = g_build_filename(config->archived.dir, "archived.lock", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        give_lock(fd, config->archived.user);
        return fd;
    }
    int code = errno;
    if (fd >= 0)
        close(fd);
    if (code == EWOULDBLOCK)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_BUSY, "another postern-archived runs on %s (it holds %s)",
                    config->archived.dir, path);
    else
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s", path, g_strerror(code));
    return -1;
}

gboolean
parts_open_databases(struct archived *archived, GError **error)
{
    struct sql_options options = {0};
    g_autofree char *path = NULL;
    g_autoptr(GError) problem = NULL;

    (void)error;
    databases_catalogue(&archived->config->archived, &options, &path);
    archived->catalogue = catalogue_new(&options);
    if (!catalogue_check(archived->catalogue, &problem))
        log_text(LOG_SEV_WARNING, "catalogue", "the catalogue can't be used yet (%s); mail is archived and found by "
                 "words all the same, and the catalogue is filled when it is back", problem->message);
    memset(&options, 0, sizeof options);
    if (databases_accounts(&archived->config->accounts, &options))
        archived->accounts_pool = sql_pool_new(&options, ACCOUNTS_CONNECTIONS);
    archived->accounts = accounts_new(archived->accounts_pool, archived->config->accounts.recipient_delimiter);
    return TRUE;
}

void
parts_close_databases(struct archived *archived)
{
    if (archived->accounts)
        accounts_free(&archived->accounts);
    if (archived->accounts_pool)
        sql_pool_free(&archived->accounts_pool);
    if (archived->catalogue)
        catalogue_free(&archived->catalogue);
}
