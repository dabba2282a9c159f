/* crc32c.h: CRC-32C (Castagnoli, RFC 3720 appendix B.4), as the store's formats use it. Thread-safe. */
#pragma once
#include <glib.h>

/* The CRC of n bytes; crc is 0 or the value for the bytes before these. */
guint32 crc32c(guint32 crc, const void *data, gsize n);
/* The same without the processor's instruction, for the test that compares both. */
guint32 crc32c_portable(guint32 crc, const void *data, gsize n);
