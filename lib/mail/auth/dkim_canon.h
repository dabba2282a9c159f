/* dkim_canon.h: the canonical forms of fields and body (RFC 6376 3.4), and hashes of the body under several of them.
 *
 * A bare LF counts as the line end it becomes in transport (CRLF); a bare CR is an octet like any other. Bodies are hashed
 * where they lie: only what differs from its canonical form makes a new piece. */
#pragma once
#include <glib.h>

#define DKIM_DIGEST_BYTES 32u              /* SHA-256 */
#define DKIM_BODY_ALL G_MAXUINT64          /* no l= */
#define DKIM_BODY_BLOCK (64u * 1024u)      /* bytes that each form takes before the next form sees them: stays in the cache */

enum dkim_canon { DKIM_SIMPLE, DKIM_RELAXED };
const char *dkim_canon_name(enum dkim_canon canon); /* "simple", "relaxed" */

/* Appends the canonical form of a field (raw: from its name to its line end, folds included), CRLF at its end. A field without
 * a colon is all name. */
void dkim_canon_field(enum dkim_canon canon, const char *raw, gsize length, GString *out);
/* The same for a signature's own field: the value of its b= tag left out, without the final CRLF (RFC 6376 3.7). */
void dkim_canon_signature(enum dkim_canon canon, const char *raw, gsize length, GString *out);

/* Body hashes: ask for as many as needed, then run once over the body; no copy is made. Not thread-safe. */
struct dkim_body_hashes;
struct dkim_body_hashes *dkim_body_hashes_new(void);
void dkim_body_hashes_free(struct dkim_body_hashes **hashes); /* NULL-safe */
/* Asks for the hash of the first limit octets of the canonical body (DKIM_BODY_ALL: of all). Returns its number. Asking
 * twice for the same gives the same number. Costs no pass of its own: a shorter hash is a copy of the state on the way. */
guint dkim_body_hashes_add(struct dkim_body_hashes *hashes, enum dkim_canon canon, guint64 limit);
/* Runs over the body (NULL only with length 0); once. */
void dkim_body_hashes_run(struct dkim_body_hashes *hashes, const char *body, gsize length);
/* The digest (DKIM_DIGEST_BYTES), borrowed. After the run only. */
const guint8 *dkim_body_hashes_digest(const struct dkim_body_hashes *hashes, guint number);
/* Octets of the whole canonical body, whatever the limit. After the run only. */
guint64 dkim_body_hashes_length(const struct dkim_body_hashes *hashes, guint number);

/* Appends the whole canonical body: for tests, and to show where two readings differ. */
void dkim_canon_body(enum dkim_canon canon, const char *body, gsize length, GString *out);
