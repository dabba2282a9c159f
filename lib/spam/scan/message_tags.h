/* message_tags.h: template tags that a message has from the first: its relays, domains and headers. As SpamAssassin 4.0.1's
 * PerMsgStatus has them, for reports and for %{NAME} in the patterns of rules. For one thread at a time, as the view. */
#pragma once
#include "lib/spam/scan/message_view.h"

/* HEADER(name): the values as they are, one after the other; of addresses, names and the like the first alone. New; NULL: there is none. */
GString *message_tag_header(struct message_view *view, const char *name);
/* The values (GBytes *; a new reference) of LASTEXTERNALIP and its like, FIRSTTRUSTEDIP, FIRSTTRUSTEDREVIP, HEADER(name), each empty where there is
 * nothing; else what rules have captured under the name (may be NULL); else RELAYSTRUSTED and its like, SENDERDOMAIN, AUTHORDOMAIN. NULL: none of
 * these. */
GPtrArray *message_tag_values(struct message_view *view, const char *name, GPtrArray *captured);
