/* lmtp.h: hands one message to an LMTP server (RFC 2033), for one recipient, over a connection of its own, in bounded time. */
#pragma once
#include <glib.h>

#define LMTP_REPLY_MAX 8192u /* bytes of a reply with all of its lines */

enum lmtp_outcome {
    LMTP_DELIVERED,
    LMTP_LATER,   /* the server is away, too slow, or says 4xx: try again */
    LMTP_REFUSED  /* it says 5xx of this mail, or the address can't be written in LMTP */
};
/* address: inet:PORT@HOST or unix:PATH. sender "": the null sender. text: 7-bit, with CRLF. *why_r (caller frees; NULL when delivered) is
 * what the server or the system said, for the log. Blocks for timeout_ms at most, besides the look-up of a host's name. */
enum lmtp_outcome lmtp_deliver(const char *address, const char *sender, const char *recipient, const GString *text, int timeout_ms, char **why_r);

/* Length of the reply at the beginning of text, with its code; 0 while it is not whole; -1 for what is no reply. */
gssize lmtp_reply(const char *text, gsize length, int *code_r);
