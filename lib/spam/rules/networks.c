/* networks.c: trusted_networks and its kin. All addresses are compared as IPv6; IPv4 is mapped into it. */
#include <arpa/inet.h>
#include <string.h>
#include "lib/spam/rules/parser.h"

#define COMPARED_MAX 200u /* networks; in longer lists SpamAssassin looks for doubles no more */

/* "10", "10.1", "10.1.2." and "10.1.2.3": full address and the bits that its length implies. FALSE when it is no IPv4 at all. */
static gboolean
read_short_ipv4(const char *text, char address[INET_ADDRSTRLEN], guint *bits)
{
    guint octets[4] = {0}, n = 0;

    while (n < 4 && g_ascii_isdigit(*text)) {
        char *end;
        guint64 octet = g_ascii_strtoull(text, &end, 10);
        if (octet > 255)
            return FALSE;
        octets[n++] = (guint)octet;
        text = end;
        if (*text != '.')
            break;
        text++;
    }
    if (n == 0 || *text != '\0' || (n == 4 && text[-1] == '.'))
        return FALSE;
    *bits = n * 8;
    g_snprintf(address, INET_ADDRSTRLEN, "%u.%u.%u.%u", octets[0], octets[1], octets[2], octets[3]);
    return TRUE;
}

/* A mask: bits, or dotted with all ones in front. */
static gboolean
read_mask(const char *text, guint most, guint *bits)
{
    struct in_addr mask;

    if (*text != '\0' && text[strspn(text, "0123456789")] == '\0' && strlen(text) <= 3) {
        *bits = (guint)g_ascii_strtoull(text, NULL, 10);
        return *bits <= most;
    }
    if (most != 32 || inet_pton(AF_INET, text, &mask) != 1)
        return FALSE;
    guint32 ones = ntohl(mask.s_addr);
    for (*bits = 0; *bits < 32 && ones & 0x80000000u; ones <<= 1)
        ++*bits;
    return ones == 0;
}

/* What SpamAssassin leaves in brackets, as there is something around them, NetAddr::IP takes out: "[2001:db8::]x/32" is the one IPv6
 * address, whatever stands around. FALSE: no brackets. */
static gboolean
take_out_of_brackets(char *text)
{
    const char *open = strchr(text, '['), *end = open != NULL ? strchr(open, ']') : NULL;

    if (end == NULL || end == open + 1)
        return FALSE;
    memmove(text, open + 1, (gsize)(end - open - 1));
    text[end - open - 1] = '\0';
    return TRUE;
}

static gboolean
read_network(const char *word, struct spam_network *network)
{
    g_autofree char *text = g_strdup(word + (*word == '!'));
    char *mask = strchr(text, '/'), *scope, ipv4[INET_ADDRSTRLEN];
    guint most = 128;

    memset(network, 0, sizeof *network);
    network->exclude = *word == '!';
    if (mask != NULL)
        *mask++ = '\0';
    gsize length = strlen(text), mask_length = mask != NULL ? strlen(mask) : 0;
    if (text[0] == '[' && mask_length > 1 && mask[mask_length - 1] == ']') { /* "[2001:db8::/32]" */
        mask[mask_length - 1] = '\0';
        memmove(text, text + 1, length);
    } else if (length > 1 && text[0] == '[' && strchr(text, ']') == text + length - 1) {
        text[length - 1] = '\0';
        memmove(text, text + 1, length - 1);
    }
    if ((scope = strchr(text, '%')) != NULL
        && scope[1 + strspn(scope + 1, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._~-")] == '\0')
        *scope = '\0';
    network->bits = 128;
    gsize digits = strspn(text, "0123456789");
    if (digits > 0 && (text[digits] == '.' || text[digits] == '\0')) { /* looks like IPv4 */
        if (!read_short_ipv4(text, ipv4, &network->bits))
            return FALSE;
        most = 32;
        memset(network->address + 10, 0xff, 2);
        inet_pton(AF_INET, ipv4, network->address + 12);
    } else {
        if (take_out_of_brackets(text))
            mask = NULL;
        if (inet_pton(AF_INET6, text, network->address) != 1)
            return FALSE;
    }
    if (mask != NULL && !read_mask(mask, most, &network->bits))
        return FALSE;
    network->bits += 128 - most;
    return TRUE;
}

/* Does net hold all of other? */
static gboolean
holds(const struct spam_network *net, const struct spam_network *other)
{
    guint whole = net->bits / 8, rest = net->bits % 8;

    if (other->bits < net->bits || memcmp(net->address, other->address, whole) != 0)
        return FALSE;
    return rest == 0 || ((net->address[whole] ^ other->address[whole]) >> (8 - rest)) == 0;
}

/* The first of the list that holds the network, or NULL. */
static const struct spam_network *
find_holder(const GArray *networks, const struct spam_network *network)
{
    for (guint i = 0; i < networks->len; i++)
        if (holds(&g_array_index(networks, struct spam_network, i), network))
            return &g_array_index(networks, struct spam_network, i);
    return NULL;
}

void
rules_add_networks(struct rules_parser *parser, struct spam_setting *setting, const char *const *words)
{
    for (; *words != NULL; words++) {
        struct spam_network network;
        if (strchr(*words, '-') != NULL) {
            rules_warn(parser, "%s: a range of addresses: write it as networks", *words);
            continue;
        }
        if (!read_network(*words, &network)) {
            rules_warn(parser, "illegal network address given: '%s'", *words);
            continue;
        }
        const struct spam_network *known = setting->networks->len < COMPARED_MAX ? find_holder(setting->networks, &network) : NULL;
        if (known != NULL) {
            rules_warn(parser, "cannot %s %s as it has already been %s", network.exclude ? "exclude" : "include", *words,
                       known->exclude ? "excluded" : "included");
            continue;
        }
        g_array_append_val(setting->networks, network);
        g_ptr_array_add(setting->list, g_strdup(*words));
    }
}

/* What is internal or an MSA must be trusted, too; what isn't is left out. */
static void
check_within(struct rules_parser *parser, const char *name, const struct spam_setting *outer, const char *outer_name)
{
    struct spam_setting *setting = rules_setting_of(parser, name, SPAM_SETTING_NETWORKS);

    for (guint i = 0; setting->given && setting != outer && i < setting->networks->len;) {
        const struct spam_network *network = &g_array_index(setting->networks, struct spam_network, i);
        const struct spam_network *holder = find_holder(outer->networks, network);
        if (network->exclude || (holder != NULL && !holder->exclude)) {
            i++;
            continue;
        }
        rules_error(parser, "%s doesn't contain %s entry '%s'", outer_name, name, (char *)g_ptr_array_index(setting->list, i));
        g_array_remove_index(setting->networks, i);
        g_ptr_array_remove_index(setting->list, i);
    }
}

void
rules_check_networks(struct rules_parser *parser)
{
    const struct spam_setting *trusted = rules_setting_of(parser, "trusted_networks", SPAM_SETTING_NETWORKS),
                              *internal = rules_setting_of(parser, "internal_networks", SPAM_SETTING_NETWORKS);

    if (!trusted->given && !internal->given)
        return;
    const struct spam_setting *outer = trusted->given ? trusted : internal;
    const char *name = trusted->given ? "trusted_networks" : "internal_networks";
    check_within(parser, "internal_networks", outer, name);
    check_within(parser, "msa_networks", outer, name);
}

gboolean
rules_networks_hold(const struct spam_setting *setting, const char *address)
{
    struct spam_network one;

    if (g_ascii_strncasecmp(address, "IPv6:", 5) == 0)
        address += 5;
    if (setting == NULL || setting->networks == NULL || strchr(address, '/') != NULL || !read_network(address, &one))
        return FALSE;
    const struct spam_network *holder = find_holder(setting->networks, &one);
    return holder != NULL && !holder->exclude;
}
