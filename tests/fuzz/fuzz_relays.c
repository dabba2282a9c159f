/* fuzz_relays.c: any bytes as Received values, a line each, and as an X-Originating-IP. */
#include "lib/spam/view/relays.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static const GPtrArray *
nothing(gpointer message, const char *name)
{
    (void)message, (void)name;
    return NULL;
}

static void
check(const struct spam_relays *relays, guint lines)
{
    if (relays->all->len + relays->unparseable > lines + 1)
        g_error("more hops than lines");
    for (guint i = 0; i < relays->all->len; i++) {
        const struct spam_relay *relay = g_ptr_array_index(relays->all, i);
        if (relay->as_string->len < 60 || strpbrk(relay->helo, " []<>|#") != NULL ||
            strchr(relay->ip, ' ') != NULL)
            g_error("odd hop %s", relay->as_string->str);
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autoptr(GPtrArray) received = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(GPtrArray) originating = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    struct relays_options options = {.originating_known = size % 2 == 0, .originating = TRUE};
    struct relay_networks *trusted = relay_networks_new();
    struct spam_headers headers = {.get = nothing};
    const guint8 *end = data + size;
    struct spam_relays *relays;

    for (const guint8 *line = data, *next; line < end && received->len < 50; line = next + 1) {
        next = memchr(line, '\n', (gsize)(end - line));
        next = next != NULL ? next : end;
        g_ptr_array_add(received, g_bytes_new(line, (gsize)(next - line)));
    }
    g_ptr_array_add(originating, g_bytes_new(data, size));
    if (received->len > 0) {
        g_autofree char *entry = g_strndup((const char *)data, MIN(size, 60));
        options.trusted_configured = relay_networks_add(trusted, entry, NULL);
        options.trusted = trusted;
    }
    relays = relays_parse(received, originating, &options);
    check(relays, received->len);
    g_ptr_array_unref(relays_headers(relays, RELAYS_ALL_EXTERNAL, received));
    g_free(relays_envelope_from(relays, &headers, NULL));
    spam_relays_free(relays);
    relay_networks_free(trusted);
    return 0;
}
