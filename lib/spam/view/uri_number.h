/* uri_number.h: numbers in URIs that stand for something else: character references, and hosts as one number or four.
 * Thread-safe. */
#pragma once
#include <glib.h>

/* Decodes &#NN; and &#xNN; of printable ASCII characters, and references to dots, in place; as SpamAssassin, not as HTML. */
void uri_decode_references(GString *uri);

/* The address that a host made of numbers means: four octets, each decimal, octal (0..) or hexadecimal (0x..), or one number.
 * NULL where it is no such host. Zeros vanish, as SpamAssassin has it (127.0.0.1: 127...1). Newly allocated. */
char *uri_number_address(const char *host, gsize length);
