/* origin.c: networks and senders in the form that they are remembered by. */
#include "policyd/greylist/origin.h"
#include <arpa/inet.h>
#include <string.h>
#include "lib/base/networks.h"

char *
origin_network(const char *address)
{
    char text[INET6_ADDRSTRLEN];
    guint8 octets[16] = {0};
    gsize length = network_address(address, octets);
    gsize kept = length == 4 ? 3 : 8;

    if (length == 0)
        return g_strdup(address);
    memset(octets + kept, 0, length - kept);
    inet_ntop(length == 4 ? AF_INET : AF_INET6, octets, text, sizeof text);
    return g_strdup_printf("%s/%u", text, (guint)kept * 8);
}

char *
origin_sender(const char *sender)
{
    const char *at = strrchr(sender, '@');
    GString *out = g_string_new(NULL);
    gsize local = at != NULL ? (gsize)(at - sender) : strlen(sender);

    for (gsize i = 0; i < local && sender[i] != '+' && sender[i] != '='; i++)
        if (!g_ascii_isdigit(sender[i]))
            g_string_append_c(out, sender[i]);
        else if (out->len == 0 || out->str[out->len - 1] != '#')
            g_string_append_c(out, '#');
    if (at != NULL)
        g_string_append(out, at);
    return g_string_free(out, FALSE);
}

char *
origin_text(const char *network, const char *sender_domain)
{
    return g_strdup_printf("%s %s", network != NULL ? network : "spf", *sender_domain != '\0' ? sender_domain : "<>");
}

char *
origin_triplet(const char *origin, const char *sender, const char *recipient)
{
    g_autofree char *form = origin_sender(sender);

    return g_strdup_printf("%s %s %s", origin, *form != '\0' ? form : "<>", recipient);
}
