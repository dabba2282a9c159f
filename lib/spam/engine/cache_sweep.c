/* cache_sweep.c: see the header. */
#include "lib/spam/engine/cache_sweep.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "patterns-"
#define SUFFIX ".hs"
#define DIGITS 64u

/* A name as prefilters give it. */
static gboolean
is_of_cache(const char *name)
{
    const char *digits = name + strlen(PREFIX);

    return g_str_has_prefix(name, PREFIX) && strspn(digits, "0123456789abcdef") == DIGITS && strcmp(digits + DIGITS, SUFFIX) == 0;
}

void
cache_sweep_mark_used(const char *path)
{
    g_autofree char *name = g_path_get_basename(path);

    if (is_of_cache(name))
        (void)utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

static gboolean
is_stale(int folder, const char *name, gint64 now)
{
    struct stat st;

    return is_of_cache(name) && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           st.st_mtim.tv_sec < now - CACHE_SWEEP_AGE_S;
}

guint
cache_sweep(const char *folder, gint64 now)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    guint removed = 0;

    if (entries == NULL)
        return 0;
    while ((entry = readdir(entries)) != NULL)
        if (is_stale(dirfd(entries), entry->d_name, now) && unlinkat(dirfd(entries), entry->d_name, 0) == 0)
            removed++;
    closedir(entries);
    return removed;
}
