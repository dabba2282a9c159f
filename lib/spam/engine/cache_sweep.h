/* cache_sweep.h: the folder of compiled patterns does not grow for ever: files that no engine has used for long go.
 *
 * A file's time of modification is that of its last use. Rules that change make new files; those of former rules are left alone until
 * CACHE_SWEEP_AGE_S after their last use, since a configuration may be put back. A process that has run for longer has its patterns in
 * memory: it loses nothing but time at its next start. Only regular files of the names that the cache has itself (patterns-, 64 digits of a
 * SHA-256, .hs) are touched; links are never followed. Thread-safe. */
#pragma once
#include <glib.h>

#define CACHE_SWEEP_AGE_S (31 * 24 * 3600)

/* The file is in use now. What can't be done (it is another user's) is left. */
void cache_sweep_mark_used(const char *path);
/* Removes what is too old at now, seconds since 1970; how many files. A folder that can't be read has none. */
guint cache_sweep(const char *folder, gint64 now);
