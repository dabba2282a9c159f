/* auth.h: what SPF, DKIM, DMARC and ARC have in common: result words, and the message as a signature sees it.
 *
 * A signature covers header fields and body as they are on the wire at that moment: the received message for a verifier,
 * the message with all our edits for a signer. Both are given as an auth_message: fields from top to bottom, and the body. */
#pragma once
#include "lib/mail/message.h"
#include "lib/mail/verdict.h"

/* RFC 8601 2.7; which words a method may use is the method's own. */
enum auth_result { AUTH_NONE, AUTH_PASS, AUTH_FAIL, AUTH_SOFTFAIL, AUTH_NEUTRAL, AUTH_POLICY, AUTH_TEMPERROR,
                   AUTH_PERMERROR };
const char *auth_result_name(enum auth_result result); /* "none", "pass", .. */

struct auth_field {
    const char *name;  /* not NUL-terminated; without the colon or white space before it */
    gsize name_length;
    const char *raw;   /* the whole field from its name, folds and the closing line end included; lines end CRLF or LF */
    gsize length;
};
/* The n-th field of the message as received; points into its bytes. */
struct auth_field auth_field_received(const struct message *message, guint n);

struct auth_message {
    GArray *fields;    /* struct auth_field, top to bottom */
    const char *body;  /* after the empty line; NULL when length is 0 */
    gsize body_length;
    /* private */
    GBytes *bytes;     /* what the fields of the message point into */
    GPtrArray *owned;  /* texts of fields that edits made */
    GBytes *new_body;  /* instead of the one in bytes, or NULL */
};
/* The message as received (edits NULL), or as it is after the edits (GPtrArray of struct edit, applied in their order by
 * Postfix's rules: ADD goes to the end, INSERT at 0 and 1 to the top (Postfix' own Received, which a milter does
 * not see, is between these two), at n below n - 1 fields, CHANGE and DELETE
 * address the index-th field of that name from 1; CHANGE of one that is not there adds it). NULL when the message passed a
 * cap that leaves part of its header unseen (MESSAGE_LIMIT_HEADER_BYTES, MESSAGE_LIMIT_HEADERS): nobody may sign, or trust a
 * signature of, fields that were not looked at. Holds a reference on the message's bytes. */
struct auth_message *auth_message_new(struct message *message, const GPtrArray *edits);
/* Puts another body in the place of the received one (a reference is taken). */
void auth_message_set_body(struct auth_message *message, GBytes *body);
void auth_message_free(struct auth_message **message); /* NULL-safe */
