/* message_addresses.h: everybody that a message may be from, and everybody that it may be for: SpamAssassin's all_from_addrs and
 * all_to_addrs. Resent- fields count alone where there are some. Thread-safe on different messages. */
#pragma once
#include "lib/spam/view/headers.h"

#define MESSAGE_ADDRESSES_MAX 10000u /* of a kind; further ones are left out */

/* GString *, as written, each once; g_ptr_array_unref. */
GPtrArray *message_addresses_from(const struct spam_headers *headers);
/* Also those of " for <a@b>;" in the newest three Received fields. */
GPtrArray *message_addresses_to(const struct spam_headers *headers);
