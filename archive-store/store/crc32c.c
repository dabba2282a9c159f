/* crc32c.c: CRC-32C by the SSE 4.2 instruction where the processor has it, else by eight tables.
 *
 * Reflected polynomial 0x82f63b78, initial value and final XOR all ones. */
#include "archive-store/store/crc32c.h"
#include <string.h>

#define POLYNOMIAL 0x82f63b78u

static guint32 table[8][256];

static gpointer
make_tables(gpointer unused)
{
    (void)unused;
    for (guint32 n = 0; n < 256; n++) {
        guint32 crc = n;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
        table[0][n] = crc;
    }
    for (guint32 n = 0; n < 256; n++) {
        for (int t = 1; t < 8; t++)
            table[t][n] = (table[t - 1][n] >> 8) ^ table[0][table[t - 1][n] & 0xff];
    }
    return NULL;
}

guint32
crc32c_portable(guint32 crc, const void *data, gsize n)
{
    static GOnce once = G_ONCE_INIT;
    const guint8 *p = data;

    g_once(&once, make_tables, NULL);
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        guint32 low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + 4, 4);
        low = GUINT32_FROM_LE(low) ^ crc;
        high = GUINT32_FROM_LE(high);
        crc = table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^ table[5][(low >> 16) & 0xff] ^
              table[4][low >> 24] ^ table[3][high & 0xff] ^ table[2][(high >> 8) & 0xff] ^
              table[1][(high >> 16) & 0xff] ^ table[0][high >> 24];
    }
    for (; n > 0; n--, p++)
        crc = (crc >> 8) ^ table[0][(crc ^ *p) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static guint32
crc32c_sse42(guint32 crc, const void *data, gsize n)
{
    const guint8 *p = data;
    guint64 c = (guint32)~crc;

    for (; n >= 8; n -= 8, p += 8) {
        guint64 word;
        memcpy(&word, p, 8);
        c = __builtin_ia32_crc32di(c, word);
    }
    guint32 rest = (guint32)c;
    for (; n > 0; n--, p++)
        rest = __builtin_ia32_crc32qi(rest, *p);
    return ~rest;
}

guint32
crc32c(guint32 crc, const void *data, gsize n)
{
    static gsize have;
    if (g_once_init_enter(&have))
        g_once_init_leave(&have, __builtin_cpu_supports("sse4.2") ? 2 : 1);
    return have == 2 ? crc32c_sse42(crc, data, n) : crc32c_portable(crc, data, n);
}
#else
guint32
crc32c(guint32 crc, const void *data, gsize n)
{
    return crc32c_portable(crc, data, n);
}
#endif
