/* message_tags.h: template tags that a message has from the first: its relays, domains and headers. As SpamAssassin 4.0.1's
 * PerMsgStatus has them, for reports and for %{NAME} in the patterns of rules. For one thread at a time, as the view. */
#pragma once
#include "lib/spam/scan/message_view.h"

/* RELAYSTRUSTED and its like, SENDERDOMAIN, AUTHORDOMAIN, LASTEXTERNALIP, FIRSTTRUSTEDIP and theirs: new, empty where there is nothing. NULL:
 * none of these, or a domain that is not there. */
GString *message_tag(struct message_view *view, const char *name);
/* HEADER(name): the values as they are, one after the other; of addresses, names and the like the first alone. New; NULL: there is none. */
GString *message_tag_header(struct message_view *view, const char *name);
/* What %{name} stands for in a pattern: any of these (GBytes *, new array). NULL: no tag of these, HEADER(..) among them. */
GPtrArray *message_tag_values(struct message_view *view, const char *name);
