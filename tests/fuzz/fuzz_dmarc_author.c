/* fuzz_dmarc_author.c: any bytes as the value of From. A domain that comes out stands, as such, in the field. */
#include "lib/mail/auth/dmarc.h"
#include "lib/mail/auth/psl.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static const char name[] = "From:";
    char *text = g_malloc(strlen(name) + size); /* to the byte, for ASan */
    g_autoptr(GBytes) bytes = g_bytes_new_take(text, strlen(name) + size);
    struct dmarc_author author;

    memcpy(text, name, strlen(name));
    if (size > 0)
        memcpy(text + strlen(name), data, size);
    struct message *message = message_new(bytes, NULL);
    dmarc_author(message, &author);
    if ((author.outcome == AUTH_PASS) != (author.domain != NULL) || (author.outcome == AUTH_PASS) != (author.why == NULL))
        g_error("outcome and domain do not agree");
    if (author.domain != NULL) {
        g_autofree char *again = psl_dns_name(author.domain, -1);
        g_autofree char *lower = g_malloc0(size + 1);
        gboolean is_ascii = TRUE;

        for (size_t i = 0; i < size; i++) {
            lower[i] = g_ascii_tolower((char)data[i]);
            is_ascii = is_ascii && data[i] < 0x80;
        }
        if (g_strcmp0(again, author.domain) != 0)
            g_error("%s is not in the form that is compared", author.domain);
        if (is_ascii && memmem(lower, size, author.domain, strlen(author.domain)) == NULL) {
            g_autofree char *shown = g_strescape(lower, NULL);
            g_error("%s does not stand in the field: %s", author.domain, shown);
        }
    }
    dmarc_author_clear(&author);
    message_free(&message);
    return 0;
}
