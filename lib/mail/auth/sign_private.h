/* sign_private.h: what sign_source.c and the kinds of sources share. */
#pragma once
#include "lib/mail/auth/sign_source.h"

#define SIGN_FILE_MAX (4u << 20) /* bytes of a table file */
#define SIGN_ROWS_MAX 100000u    /* rows of a table, keys of a directory */

/* What a kind of source does. */
struct sign_backend {
    /* Keys whose domain is exactly that; or, with by_address, the keys for the whole address. */
    gboolean (*find)(gpointer data, const char *name, GPtrArray *keys, GError **error);
    void (*free)(gpointer data);
    guint (*count)(gpointer data);
    gboolean by_address;
};

gpointer sign_directory_open(const char *directory, GError **error);
gpointer sign_opendkim_open(const char *key_table, const char *signing_table, GError **error);
gpointer sign_sql_open(struct sql_pool *pool);
extern const struct sign_backend sign_directory, sign_opendkim, sign_sql;

/* A key from a file; what is unwise about the file is logged. */
struct dkim_key *sign_key_load(const char *path, GError **error);
/* A key from PEM text, or from its base64 alone. */
struct dkim_key *sign_key_parse(const char *text, GError **error);
/* A copy with a reference of its own on the key. */
struct sign_key *sign_key_new(const char *domain, const char *selector, struct dkim_key *key);
