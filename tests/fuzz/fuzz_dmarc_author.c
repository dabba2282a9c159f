/* fuzz_dmarc_author.c: any bytes as the value of From. A domain that comes out stands, as such, in the field. */
#include "lib/mail/auth/dmarc.h"
#include "lib/mail/auth/psl.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autoptr(GByteArray) text = g_byte_array_new();
    struct dmarc_author author;

    g_byte_array_append(text, (const guint8 *)"From:", 5);
    g_byte_array_append(text, data, (guint)size);
    g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(g_steal_pointer(&text));
    struct message *message = message_new(bytes, NULL);
    dmarc_author(message, &author);
    if ((author.outcome == AUTH_PASS) != (author.domain != NULL) || (author.outcome == AUTH_PASS) != (author.why == NULL))
        g_error("outcome and domain do not agree");
    if (author.domain != NULL) {
        g_autofree char *again = psl_dns_name(author.domain, -1);
        g_autofree char *lower = g_ascii_strdown((const char *)g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes));
        gboolean is_ascii = TRUE;

        for (size_t i = 0; i < size && is_ascii; i++)
            is_ascii = data[i] < 0x80;
        if (g_strcmp0(again, author.domain) != 0)
            g_error("%s is not in the form that is compared", author.domain);
        if (is_ascii && g_strstr_len(lower, (gssize)g_bytes_get_size(bytes), author.domain) == NULL)
            g_error("%s does not stand in the field", author.domain);
    }
    dmarc_author_clear(&author);
    message_free(&message);
    return 0;
}
