/* addresses.h: the addresses of a header field as SpamAssassin reads them (Util.pm's own parser; Email::Address::XS, which it
 * would ask too, is not installed by Debian).
 *
 * Far more lenient than RFC 5322: anything may be a name, comments stand behind an address only. Thread-safe; of a value at
 * most ADDRESSES_LENGTH_MAX bytes are read. */
#pragma once
#include <glib.h>

#define ADDRESSES_LENGTH_MAX 65536

struct spam_address {
    GString *phrase;  /* the name, or what stands for it; NULL = none */
    GString *address; /* NULL = none that could be one */
};

/* struct spam_address * elements; g_ptr_array_unref frees all. */
GPtrArray *addresses_parse(const char *value, gsize length);
