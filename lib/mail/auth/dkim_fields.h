/* dkim_fields.h: the header fields of a message by name, as h= selects them: repeated names from the bottom up, names that
 * are not there (any more) as nothing (RFC 6376 5.4.2). An index, so that long h= lists cost no search each. */
#pragma once
#include "lib/mail/auth/auth.h"
#include "lib/mail/auth/dkim_canon.h"

struct dkim_fields;
/* Borrows the message, which must outlive it. Immutable afterwards: may be used by many threads. */
struct dkim_fields *dkim_fields_new(const struct auth_message *message);
void dkim_fields_free(struct dkim_fields **fields); /* NULL-safe */
/* How many fields have the name (case folded). */
guint dkim_fields_count(const struct dkim_fields *fields, const char *name);
/* The n-th field of that name from the top (from 0), or NULL. */
const struct auth_field *dkim_fields_get(const struct dkim_fields *fields, const char *name, guint n);
/* Appends the canonical forms of the fields that the names (NULL-terminated) select. */
void dkim_fields_select(const struct dkim_fields *fields, char *const *names, enum dkim_canon canon, GString *out);
