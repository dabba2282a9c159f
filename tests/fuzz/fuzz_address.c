/* fuzz_address.c: any bytes as an address list, an SMTP path and a mailbox. */
#include "lib/mail/address.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    g_autofree char *path = address_from_path((const char *)data, size);

    address_parse_list((const char *)data, size, 20, list);
    if (list->len > 20)
        g_error("more addresses than asked for");
    for (guint i = 0; i < list->len; i++) {
        const struct address *address = g_ptr_array_index(list, i);
        g_autofree char *normal = address_normalise(address->mailbox);
        g_autofree char *again = address_normalise(normal);

        if (!g_utf8_validate(address->name, -1, NULL) || !g_utf8_validate(normal, -1, NULL))
            g_error("not UTF-8");
        if (strcmp(normal, again) != 0)
            g_error("comparison form of %s is %s, and of that %s", address->mailbox, normal, again);
    }
    if (path != NULL)
        g_free(address_normalise(path));
    return 0;
}
