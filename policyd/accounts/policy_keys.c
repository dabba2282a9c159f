/* policy_keys.c: see policy_keys.h. */
#include "policyd/accounts/policy_keys.h"
#include "lib/base/log.h"
#include "lib/base/networks.h"
#include "lib/mail/address.h"
#include <arpa/inet.h>
#include <gio/gio.h>
#include <string.h>

#define IPV4_BITS_MIN 8
#define IPV6_BITS_MIN 16
#define IPV6_BITS_MAX 64

static void
add(GPtrArray *keys, char *key)
{
    if (strlen(key) <= POLICY_ADDRESS_MAX)
        g_ptr_array_add(keys, key);
    else
        g_free(key);
}

/* A login without a domain: nothing that could be taken for another kind of entry. */
static gboolean
is_name(const char *text)
{
    return *text != '\0' && strpbrk(text, "@.:/*<>") == NULL;
}

/* The same where no domain and no network can stand: dots may be inside. */
static gboolean
is_login(const char *text)
{
    return *text != '\0' && *text != '.' && strpbrk(text, "@:/*<>") == NULL;
}

/* The address itself, and it without its extension. */
static void
add_address(GPtrArray *keys, const char *address, const char *domain, const char *delimiter)
{
    gsize length = (gsize)(domain - address) - 1;
    gsize base = address_base_length(address, length, delimiter);

    if (length == 0 || *domain == '\0')
        return;
    add(keys, g_strdup(address));
    if (base > 0)
        add(keys, g_strdup_printf("%.*s@%s", (int)base, address, domain));
}

/* ".a.b", ".b" of "a.b", but no more than the last POLICY_LABELS_MAX. An address literal has no domain above it. */
static void
add_parents(GPtrArray *keys, const char *domain)
{
    const char *labels[POLICY_LABELS_MAX];
    guint n = 0;

    if (*domain == '[')
        return;
    for (gsize at = strlen(domain); at-- > 0 && n < POLICY_LABELS_MAX;)
        if ((at == 0 || domain[at - 1] == '.') && domain[at] != '.')
            labels[n++] = domain + at;
#ifdef POSTERN_PLANTED_BUGS
    if (n == POLICY_LABELS_MAX)
        labels[n - 1] = labels[n]; /* one too far */
#endif
    while (n > 0)
        add(keys, g_strconcat(".", labels[--n], NULL));
}

GPtrArray *
policy_keys_address(const char *address, const char *delimiter)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    const char *domain = address_domain(address);

    if (*address == '\0')
        add(keys, g_strdup("<>"));
    else if (is_name(address))
        add(keys, g_strdup(address));
    if (domain == NULL || *domain == '\0')
        return keys;
    add_address(keys, address, domain, delimiter);
    add(keys, g_strconcat("@", domain, NULL));
    add_parents(keys, domain);
    return keys;
}

GPtrArray *
policy_keys_subject(const char *address, const char *delimiter)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    const char *domain = address_domain(address);

    if (is_login(address))
        add(keys, g_strdup(address));
    if (domain != NULL && *domain != '\0') {
        add_address(keys, address, domain, delimiter);
        add(keys, g_strconcat("@", domain, NULL));
    }
    add(keys, g_strdup("*"));
    return keys;
}

/* "192.0.2.0/24" of an address and a length. */
static char *
network_text(const guint8 *octets, gsize length, guint bits)
{
    guint8 masked[16] = {0};
    char text[INET6_ADDRSTRLEN];

    memcpy(masked, octets, bits / 8);
    if (bits % 8 != 0)
        masked[bits / 8] = (guint8)(octets[bits / 8] & 0xff00u >> bits % 8);
    inet_ntop(length == 4 ? AF_INET : AF_INET6, masked, text, sizeof text);
    return bits == length * 8 ? g_strdup(text) : g_strdup_printf("%s/%u", text, bits);
}

GPtrArray *
policy_keys_client(const char *client)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    guint8 octets[16];
    gsize length = network_address(client, octets);
    guint most = length == 4 ? 31 : IPV6_BITS_MAX, least = length == 4 ? IPV4_BITS_MIN : IPV6_BITS_MIN;

    if (length == 0)
        return keys;
    g_autofree char *text = network_text(octets, length, (guint)length * 8);
    add(keys, g_strdup(text));
    add(keys, g_strdup_printf("%s/%u", text, (guint)length * 8));
    for (guint bits = most; bits >= least; bits--)
        add(keys, network_text(octets, length, bits));
    return keys;
}

G_GNUC_PRINTF(3, 4)
static char *
refuse(GError **error, const char *text, const char *format, ...)
{
    g_autoptr(GString) shown = g_string_new(NULL);
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    log_sanitize(shown, text, strlen(text), 80);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "\"%s\": %s", shown->str, why);
    return NULL;
}

/* "address", "[address]", either with "/bits". *is_network_r FALSE: it is something else. */
static char *
normalise_network(const char *text, gboolean *is_network_r, GError **error)
{
    const char *slash = strchr(text, '/');
    gsize end = slash != NULL ? (gsize)(slash - text) : strlen(text);
    gboolean brackets = end >= 2 && text[0] == '[' && text[end - 1] == ']';
    g_autofree char *address = brackets ? g_strndup(text + 1, end - 2) : g_strndup(text, end);
    guint8 octets[16];
    gsize length = network_address(address, octets);
    guint64 bits = length * 8;

    *is_network_r = length > 0;
    if (length == 0)
        return NULL;
    if (slash != NULL && !g_ascii_string_to_unsigned(slash + 1, 10, 0, length * 8, &bits, NULL))
        return refuse(error, text, "after the slash comes a number up to %u", (guint)length * 8);
    if (length == 4 && bits < IPV4_BITS_MIN)
        return refuse(error, text, "IPv4 networks are looked up from /%u on; write several", IPV4_BITS_MIN);
    if (length == 16 && bits != 128 && (bits < IPV6_BITS_MIN || bits > IPV6_BITS_MAX))
        return refuse(error, text, "IPv6 networks are looked up from /%u to /%u, and single addresses", IPV6_BITS_MIN, IPV6_BITS_MAX);
    g_autofree char *whole = network_text(octets, length, (guint)length * 8);
    char *network = network_text(octets, length, (guint)bits);
    if (strncmp(network, whole, strcspn(network, "/")) != 0 || strlen(whole) != strcspn(network, "/")) {
        refuse(error, text, "bits are set beyond its length; did you mean %s?", network);
        g_clear_pointer(&network, g_free);
    }
    return network;
}

/* What stands after the first character is a domain that an address may have, in comparison form. */
static char *
normalise_domain_entry(const char *text, GError **error)
{
    g_autofree char *domain = address_normalise_domain(text + 1);

    if (*domain == '\0' || *domain == '.' || strstr(domain, "..") != NULL || strpbrk(domain, "@/*<> \t") != NULL)
        return refuse(error, text, "after the \"%c\" comes a domain", *text);
    if (*text == '.' && *domain == '[')
        return refuse(error, text, "nothing is below an address literal; write it with a @");
    guint labels = 1;
    for (const char *at = domain; *at != '\0'; at++)
        labels += *at == '.';
    if (*text == '.' && labels > POLICY_LABELS_MAX)
        return refuse(error, text, "domains are looked up with at most %u labels", POLICY_LABELS_MAX);
    return g_strdup_printf("%c%s", *text, domain);
}

static char *
normalise_address_entry(const char *text, GError **error)
{
    g_autofree char *address = address_normalise(text);
    const char *domain = address_domain(address);

    if (domain == NULL)
        return is_name(address) ? g_steal_pointer(&address)
                                : refuse(error, text, "neither an address nor a network; a domain is written as @domain, or as "
                                         ".domain with all that is below it");
    if (domain == address + 1 || *domain == '\0' || *domain == '.' || strpbrk(domain, "/*<> \t") != NULL)
        return refuse(error, text, "no address");
    return g_steal_pointer(&address);
}

/* Text without blanks around it that an address or a network may be written as. NULL and error when it is none. */
static char *
take_text(const char *text, const char *what, GError **error)
{
    g_autofree char *trimmed = g_strstrip(g_strdup(text));

    if (!g_utf8_validate(trimmed, -1, NULL))
        return refuse(error, trimmed, "not UTF-8");
    for (const char *at = trimmed; *at != '\0'; at++)
        if (g_ascii_iscntrl(*at))
            return refuse(error, trimmed, "there are control characters in it");
    if (*trimmed == '\0')
        return refuse(error, trimmed, "%s", what);
    if (strlen(trimmed) > POLICY_ADDRESS_MAX)
        return refuse(error, trimmed, "longer than %u bytes", POLICY_ADDRESS_MAX);
    return g_steal_pointer(&trimmed);
}

/* Normal forms may be longer than what was written. */
static char *
take_normal(char *normal, const char *text, GError **error)
{
    if (normal == NULL || strlen(normal) <= POLICY_ADDRESS_MAX)
        return normal;
    g_free(normal);
    return refuse(error, text, "longer than %u bytes", POLICY_ADDRESS_MAX);
}

char *
policy_entry_normalise(const char *text, GError **error)
{
    g_autofree char *trimmed = take_text(text, "an entry is an address, @domain, .domain or a network", error);
    char *entry = NULL;
    gboolean is_network = FALSE;

    if (trimmed == NULL || strcmp(trimmed, "<>") == 0)
        return g_steal_pointer(&trimmed);
    if (*trimmed == '@' || *trimmed == '.') {
        entry = normalise_domain_entry(trimmed, error);
    } else {
        if (strchr(trimmed, '@') == NULL)
            entry = normalise_network(trimmed, &is_network, error);
        if (!is_network)
            entry = normalise_address_entry(trimmed, error);
    }
    return take_normal(entry, trimmed, error);
}

char *
policy_subject_normalise(const char *text, GError **error)
{
    g_autofree char *trimmed = take_text(text, "limits are for an address, a login, @domain or *", error);
    guint8 octets[16];

    if (trimmed == NULL || strcmp(trimmed, "*") == 0)
        return g_steal_pointer(&trimmed);
    if (strchr(trimmed, '@') != NULL)
        return policy_entry_normalise(trimmed, error);
    if (!is_login(trimmed) || network_address(trimmed, octets) > 0)
        return refuse(error, trimmed, "limits are for an address, a login, @domain or *");
    return take_normal(address_normalise(trimmed), trimmed, error);
}

char *
policy_login_normalise(const char *text, GError **error)
{
    g_autofree char *trimmed = take_text(text, "a login is needed", error);

    if (trimmed != NULL && *trimmed == '@')
        return refuse(error, trimmed, "no login, but a domain");
    return trimmed != NULL ? take_normal(address_normalise(trimmed), trimmed, error) : NULL;
}

char *
policy_sender_normalise(const char *text, GError **error)
{
    g_autofree char *sender = policy_entry_normalise(text, error);

    if (sender != NULL && strchr(sender, '@') == NULL)
        return refuse(error, text, "a sender is an address, or @domain for all of them");
    return g_steal_pointer(&sender);
}
