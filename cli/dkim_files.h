/* dkim_files.h: the keys of one domain as files of sign.directory, and what state each is in.
 *
 * SELECTOR.pem signs; SELECTOR.pem.next waits for its record to be published; SELECTOR.pem.old signs no more, but its record
 * has to stay until the mail that it signed is delivered. A file's time of modification is when it got its state. */
#pragma once
#include "lib/mail/auth/dkim_key.h"

enum dkim_state { DKIM_ACTIVE, DKIM_NEXT, DKIM_OLD };
extern const char *const dkim_state_names[]; /* "active", "next", "old" */

struct dkim_file {
    char *domain, *selector, *path;
    enum dkim_state state;
    gint64 since; /* seconds since the epoch */
    struct dkim_key *key;
};
void dkim_file_free(struct dkim_file *file);

/* All keys of the domain, by state and selector: struct dkim_file *. A domain without a folder has none. */
GPtrArray *dkim_files_read(const char *directory, const char *domain, GError **error);
guint dkim_files_count(const GPtrArray *files, enum dkim_state state);
/* Makes a key and its file, mode 0600, for the account user when root; the folder too. NULL when the selector is in use. */
struct dkim_file *dkim_file_create(const char *directory, const char *domain, const char *selector, enum dkim_state state,
                                   enum dkim_key_type type, guint bits, const char *user, GError **error);
/* Renames the file for its new state and notes the time. */
gboolean dkim_file_move(struct dkim_file *file, enum dkim_state state, GError **error);
