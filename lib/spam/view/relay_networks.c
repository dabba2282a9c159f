/* relay_networks.c: see relay_networks.h. IPv4 networks are kept as IPv4-mapped IPv6 ones (RFC 4291 2.5.5.2).
 */
#include "lib/spam/view/relay_networks.h"
#include <arpa/inet.h>
#include <string.h>

#define V4_BITS 96 /* before an IPv4 address that is mapped */

struct network {
    guint8 octets[16];
    guint bits;
    gboolean excluded;
};

struct relay_networks {
    GArray *list;
};

struct relay_networks *
relay_networks_new(void)
{
    struct relay_networks *networks = g_new0(struct relay_networks, 1);

    networks->list = g_array_new(FALSE, FALSE, sizeof(struct network));
    return networks;
}

void
relay_networks_free(struct relay_networks *networks)
{
    if (networks == NULL)
        return;
    g_array_unref(networks->list);
    g_free(networks);
}

static gboolean
read_number(const char **text, guint64 max, guint64 *value_r)
{
    char *end;

    if (!g_ascii_isdigit(**text))
        return FALSE;
    *value_r = g_ascii_strtoull(*text, &end, 10);
    *text = end;
    return *value_r <= max;
}

/* One to four numbers with dots between, and maybe one behind when there are fewer than four: octets and how
 * many were said. */
static gboolean
read_v4(const char *text, guint8 octets_r[4], guint *said_r)
{
    guint64 value;
    guint n = 0;

    memset(octets_r, 0, 4);
    while (n < 4 && read_number(&text, 255, &value)) {
        octets_r[n++] = (guint8)value;
        if (*text == '\0' || *text != '.' || (n == 4))
            break;
        text++;
    }
    *said_r = n;
    return n > 0 && *text == '\0';
}

/* "24" or "255.255.255.0" */
static gboolean
read_mask(const char *text, gboolean is_v4, guint *bits_r)
{
    const char *rest = text;
    guint8 octets[4];
    guint64 value;
    guint said;
    guint32 mask;

    if (read_number(&rest, is_v4 ? 32 : 128, &value) && *rest == '\0') {
        *bits_r = (guint)value;
        return TRUE;
    }
    if (!is_v4 || !read_v4(text, octets, &said) || said != 4)
        return FALSE;
    mask = (guint32)octets[0] << 24 | (guint32)octets[1] << 16 | (guint32)octets[2] << 8 | octets[3];
    for (*bits_r = 0; *bits_r < 32 && (mask & (1U << (31 - *bits_r))) != 0;)
        *bits_r += 1;
    return *bits_r == 32 || (guint32)(mask << *bits_r) == 0;
}

static void
map_v4(const guint8 v4[4], guint8 octets_r[16])
{
    memset(octets_r, 0, 10);
    memset(octets_r + 10, 0xff, 2);
    memcpy(octets_r + 12, v4, 4);
}

/* Address and mask without "!", brackets and scope. */
static gboolean
read_network(const char *address, const char *mask, struct network *network)
{
    guint8 v4[4];
    guint said;

    if (read_v4(address, v4, &said)) {
        map_v4(v4, network->octets);
        network->bits = said * 8;
        if (mask != NULL && !read_mask(mask, TRUE, &network->bits))
            return FALSE;
        network->bits += V4_BITS;
        return TRUE;
    }
    network->bits = 128;
    return inet_pton(AF_INET6, address, network->octets) == 1 &&
           (mask == NULL || read_mask(mask, FALSE, &network->bits));
}

gboolean
relay_networks_add(struct relay_networks *networks, const char *entry, GError **error)
{
    g_autofree char *copy = g_strstrip(g_strdup(entry));
    struct network network = {.excluded = copy[0] == '!'};
    char *address = g_strchug(copy + network.excluded), *mask = strchr(address, '/'), *scope;

    if (mask != NULL)
        *mask++ = '\0';
    if (address[0] == '[' && g_str_has_suffix(address, "]")) {
        address[strlen(address) - 1] = '\0';
        address++;
    }
    if ((scope = strchr(address, '%')) != NULL)
        *scope = '\0';
    if (networks->list->len >= RELAY_NETWORKS_MAX || !read_network(address, mask, &network)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s is no network", entry);
        return FALSE;
    }
    g_array_append_val(networks->list, network);
    return TRUE;
}

static gboolean
read_address(const char *text, guint8 octets_r[16])
{
    guint8 v4[4];

    if (inet_pton(AF_INET, text, v4) == 1) {
        map_v4(v4, octets_r);
        return TRUE;
    }
    return inet_pton(AF_INET6, text, octets_r) == 1;
}

static gboolean
holds(const struct network *network, const guint8 octets[16])
{
    guint whole = network->bits / 8, rest = network->bits % 8;

    return memcmp(network->octets, octets, whole) == 0 &&
           (rest == 0 || ((network->octets[whole] ^ octets[whole]) & (0xff << (8 - rest)) & 0xff) == 0);
}

gboolean
relay_networks_contain(const struct relay_networks *networks, const char *address)
{
    guint8 octets[16];

    if (networks == NULL || !read_address(address, octets))
        return FALSE;
    for (guint i = 0; i < networks->list->len; i++) {
        const struct network *network = &g_array_index(networks->list, struct network, i);
        if (holds(network, octets))
            return !network->excluded;
    }
    return FALSE;
}
