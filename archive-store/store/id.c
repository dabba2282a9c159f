/* id.c: archive ids as text: 64 bits as 13 characters of Crockford's base32
 * (https://www.crockford.com/base32.html), most significant first, so that text sorts like the number. */
#include "archive-store/store/store.h"
#include <string.h>

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

void
store_id_format(guint64 id, char text[STORE_ID_TEXT])
{
    for (int n = STORE_ID_TEXT - 2; n >= 0; n--, id >>= 5)
        text[n] = digits[id & 31];
    text[STORE_ID_TEXT - 1] = '\0';
}

/* Upper case is taken too, and o, i, l as the digits they look like. */
gboolean
store_id_parse(const char *text, guint64 *id_r)
{
    guint64 id = 0;
    int n;

    if (text == NULL)
        return FALSE;
    for (n = 0; n < STORE_ID_TEXT - 1; n++) {
        char c = g_ascii_tolower(text[n]);
        if (c == 'o')
            c = '0';
        else if (c == 'i' || c == 'l')
            c = '1';
        const char *digit = c != '\0' ? memchr(digits, c, 32) : NULL;
        if (digit == NULL || (n == 0 && digit - digits > 15))
            return FALSE;
        id = id << 5 | (guint64)(digit - digits);
    }
    if (text[n] != '\0')
        return FALSE;
    *id_r = id;
    return TRUE;
}
