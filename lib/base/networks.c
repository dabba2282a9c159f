/* networks.c: matching addresses against networks by their leading bits. */
#include "lib/base/networks.h"
#include <arpa/inet.h>
#include <gio/gio.h>
#include <string.h>

struct network {
    guint8 octets[16];
    gsize length; /* 4 or 16 */
    guint bits;
};
struct networks {
    GArray *list; /* struct network */
};

gsize
network_address(const char *text, guint8 octets_r[16])
{
    static const guint8 mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (g_ascii_strncasecmp(text, "IPv6:", 5) == 0)
        text += 5;
    if (inet_pton(AF_INET, text, octets_r) == 1)
        return 4;
    if (inet_pton(AF_INET6, text, octets_r) != 1)
        return 0;
    if (memcmp(octets_r, mapped, sizeof mapped) != 0)
        return 16;
    memmove(octets_r, octets_r + 12, 4);
    return 4;
}

static gboolean
bits_equal(const guint8 *a, const guint8 *b, guint bits)
{
    guint8 mask = (guint8)(0xff00u >> bits % 8);

    return memcmp(a, b, bits / 8) == 0 && (mask == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0);
}

/* "address" or "address/bits", the address in brackets or not. */
static gboolean
parse(const char *text, struct network *network)
{
    g_auto(GStrv) parts = g_strsplit(text, "/", 2);
    guint64 bits;

    if (parts[0] == NULL)
        return FALSE;
    gsize length = strlen(parts[0]);
    if (length >= 2 && parts[0][0] == '[' && parts[0][length - 1] == ']') {
        parts[0][length - 1] = '\0';
        memmove(parts[0], parts[0] + 1, length - 1);
    }
    network->length = network_address(parts[0], network->octets);
    if (network->length == 0)
        return FALSE;
    bits = network->length * 8;
    if (parts[1] != NULL && !g_ascii_string_to_unsigned(parts[1], 10, 0, network->length * 8, &bits, NULL))
        return FALSE;
    network->bits = (guint)bits;
    for (guint bit = network->bits; bit < network->length * 8; bit++)
        if ((network->octets[bit / 8] & (0x80u >> bit % 8)) != 0)
            return FALSE;
    return TRUE;
}

struct networks *
networks_new(char *const *list, GError **error)
{
    struct networks *networks = g_new0(struct networks, 1);

    networks->list = g_array_new(FALSE, FALSE, sizeof(struct network));
    for (; *list != NULL; list++) {
        struct network network = {0};

        if (!parse(*list, &network)) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                        "\"%s\" is no network; write 192.0.2.0/24 or 2001:db8::/32, with no bits set after the slash's length",
                        *list);
            networks_free(&networks);
            return NULL;
        }
        g_array_append_val(networks->list, network);
    }
    return networks;
}

void
networks_free(struct networks **networks)
{
    if (*networks == NULL)
        return;
    g_array_unref((*networks)->list);
    g_clear_pointer(networks, g_free);
}

gboolean
networks_contain(const struct networks *networks, const char *address)
{
    guint8 octets[16];
    gsize length = network_address(address, octets);

    for (guint i = 0; length > 0 && i < networks->list->len; i++) {
        const struct network *network = &g_array_index(networks->list, struct network, i);
        if (network->length == length && bits_equal(network->octets, octets, network->bits))
            return TRUE;
    }
    return FALSE;
}

gboolean
networks_meet(const struct networks *networks, const char *network)
{
    struct network other = {0};
    gboolean known = parse(network, &other);

    for (guint i = 0; known && i < networks->list->len; i++) {
        const struct network *one = &g_array_index(networks->list, struct network, i);
        if (one->length == other.length && bits_equal(one->octets, other.octets, MIN(one->bits, other.bits)))
            return TRUE;
    }
    return FALSE;
}
