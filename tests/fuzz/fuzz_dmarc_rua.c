/* fuzz_dmarc_rua.c: any text as a reporting URI: what comes out can stand in a header field and an SMTP
 * command. */
#include "lib/mail/auth/dmarc_rua.h"
#include <string.h>
#include "lib/base/dns.h"

#define LOCAL_MAX 64

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autofree char *uri = g_strndup((const char *)data, size), *address = dmarc_rua_address(uri);
    const char *at = address != NULL ? strrchr(address, '@') : NULL;

    if (address == NULL)
        return 0;
    if (at == NULL || at == address || at - address > LOCAL_MAX || !dns_name_is_valid(at + 1))
        g_error("no address: %s", address);
    for (const char *p = address; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~' || strchr("<>()[]\\,;:\"", *p) != NULL || (*p == '@' && p != at))
            g_error("must not be in an address: %s", address);
    return 0;
}
