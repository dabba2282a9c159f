/* sign_source.h: which keys sign for an author address, wherever the keys are kept.
 *
 * directory   DIRECTORY/DOMAIN/SELECTOR.pem, one folder a domain; every key in the folder signs (RSA and Ed25519 side by side).
 *             SELECTOR.pem.next and SELECTOR.pem.old are keys before and after their time (`postern dkim rotate`) and don't
 *             sign. A domain without a folder of its own is signed by its nearest parent that has one. A
 *             directory that is not there has no keys.
 * opendkim    KeyTable and SigningTable as opendkim.conf(5) tells them: plain files, refile: for wildcards. All rows with the
 *             pattern that matched first sign, so that two rows of one pattern make two signatures.
 * sql         rows of postern_dkim(domain, selector, private_key, active) in the accounts database, asked per domain and kept
 *             for a minute; parents as in a directory.
 *
 * directory and opendkim are read once, when the source is opened: a bad key or row is an error with file and line, before
 * any mail. What is unwise about a key's file is logged as a warning. Thread-safe. */
#pragma once
#include "lib/base/sql.h"
#include "lib/mail/auth/dkim_key.h"
#include "lib/mail/config.h"

struct sign_key {
    char *domain, *selector; /* d=, s= */
    struct dkim_key *key;
};
struct sign_source;

/* pool is borrowed, needed by source = sql only. NULL and error (for the admin). */
struct sign_source *sign_source_open(const struct config_sign *config, struct sql_pool *pool, GError **error);
void sign_source_free(struct sign_source **source); /* NULL-safe */
/* How many keys there are; for sql always 0. */
guint sign_source_count(const struct sign_source *source);
/* Appends the keys for an author address, user@domain in comparison form, to keys: struct sign_key *, to be freed by
 * sign_key_free. FALSE and error when the source could not be asked; none found is TRUE. */
gboolean sign_source_find(struct sign_source *source, const char *address, GPtrArray *keys, GError **error);
void sign_key_free(struct sign_key *key);

#define SIGN_KEYS_MAX 8u /* signatures on one message */
