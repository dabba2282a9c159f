/* relays.h: the hops that a message says it has taken, which of them can be trusted, and what follows from
 * that.
 *
 * Hops come from the Received lines, newest first; trust ends at the first hop that is in no trusted network
 * and didn't authenticate itself. Results are immutable, functions thread-safe on different messages. */
#pragma once
#include <glib.h>
#include "lib/spam/view/headers.h"
#include "lib/spam/view/received_line.h"
#include "lib/spam/view/relay_networks.h"

/* Settings of those names. Sets of trusted and internal networks should begin with 127.0.0.0/8 and ::1. */
struct relays_options {
    const struct relay_networks *trusted, *internal, *msa;
    gboolean trusted_configured, internal_configured; /* neither: trust is guessed from private addresses */
    gboolean originating_known,
        originating; /* the caller knows whether the message was submitted by an own user */
};

struct spam_relays {
    GPtrArray *trusted, *untrusted, *internal,
        *external; /* struct spam_relay *, newest first; borrowed from all */
    GString *trusted_text, *untrusted_text, *internal_text,
        *external_text;                          /* X-Spam-Relays-Trusted and so on */
    guint unparseable;                           /* lines */
    int last_trusted_index, last_internal_index; /* of the oldest such line, -1: none */
    GPtrArray *all;                              /* owns the hops */
};

/* received: values of Received, newest first; originating_ips: last values of the headers of
 * originating_ip_headers. Both of GBytes *, either may be NULL. */
struct spam_relays *relays_parse(const GPtrArray *received, const GPtrArray *originating_ips,
                                 const struct relays_options *options);
void spam_relays_free(struct spam_relays *relays); /* NULL-safe */

/* The envelope sender as far as the message tells: NULL when it doesn't, "" for the empty one. For the caller
 * to g_free. sender_header: setting envelope_sender_header or NULL. Bytes; NULs are cut. */
char *relays_envelope_from(const struct spam_relays *relays, const struct spam_headers *headers,
                           const char *sender_header);

enum relays_range { RELAYS_ALL_TRUSTED, RELAYS_ALL_INTERNAL, RELAYS_ALL_UNTRUSTED, RELAYS_ALL_EXTERNAL };
/* Those of lines (GBytes *: all header fields in order, "Name: value") that stand above or below the border
 * of trust: the value of ALL-TRUSTED and so on. The border's own Received line belongs to both. Returns
 * borrowed lines, for the caller to g_ptr_array_unref. */
GPtrArray *relays_headers(const struct spam_relays *relays, enum relays_range range, const GPtrArray *lines);

/* What an MTA knows of the session that a message comes by; NULL or "" where it doesn't. */
struct relays_session {
    const char *client_ip, *client_name;                            /* "unknown" for no name */
    const char *helo, *mta_name, *queue_id, *auth_user, *mail_from; /* mail_from without angle brackets */
    gboolean tls, esmtp;
    gint64 time; /* seconds since 1970 */
};
/* The value of the Received line that the MTA is about to add, in a form that relays_parse reads as meant.
 * Names that can't be part of one are replaced. For the caller to g_free. */
char *relays_synthetic_received(const struct relays_session *session);
