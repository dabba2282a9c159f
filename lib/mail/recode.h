/* recode.h: a message in a form that no transport has a reason to change, so that a signature made now holds at the receiver.
 *
 * Postfix' SMTP client changes two things on the way out: it breaks lines longer than smtp_line_length_limit (998), and
 * towards servers without 8BITMIME it turns what is declared 8bit into quoted-printable, with the labels of the containers
 * around it. A signer should therefore send 7-bit text (RFC 6376 5.3). What is recoded here:
 *
 *   - a part that is declared 8bit or binary and holds bytes above 127, and a part with a line that is too long: anew as
 *     quoted-printable or base64, whichever text of its kind is shorter in;
 *   - the label 8bit or binary of what has no such bytes (any more): 7bit;
 *   - a header field with a line that is too long: folded where it has white space.
 *
 * Never touched: multipart/signed and multipart/encrypted with all inside (RFC 1847 2.1), and attached messages, whose own
 * signatures and evidence would break. What is not declared 8bit but is so with short lines stays, since Postfix leaves it. */
#pragma once
#include "lib/mail/message.h"
#include "lib/mail/verdict.h"

#define RECODE_LINE_MAX 990u /* bytes without the line end: RFC 5321's 998 less room, and the limit of older servers */

struct recoded {
    GBytes *body;     /* the new body; NULL = as it was */
    GPtrArray *notes; /* char *: "OFFSET+LENGTH FROM -> TO" of each part that was recoded, by its place in the message as received */
    gboolean whole;   /* nothing is left that a transport might change */
};
/* Header edits (EDIT_CHANGE_HEADER, EDIT_ADD_HEADER) are added to the verdict. A message over one of message.h's caps stays as
 * it is and is not whole. Clear the result with recoded_clear. Not thread-safe on one message. */
void message_recode(struct message *message, struct verdict *verdict, struct recoded *recoded_r);
void recoded_clear(struct recoded *recoded);
