/* address_lists.c: lists of addresses, with and without the hosts that they must come from. */
#include "lib/spam/eval/address_lists.h"
#include <string.h>
#include "lib/spam/view/bytes.h"

/* ---- addresses ---- */

struct glob_list *
address_list_new(const struct spam_ruleset *ruleset, const char *name)
{
    const struct spam_setting *setting = rules_setting(ruleset, name);
    struct glob_list *list;
    GHashTableIter iter;
    gpointer glob;

    if (setting == NULL || (setting->type != SPAM_SETTING_MAP && setting->type != SPAM_SETTING_LISTS))
        return NULL;
    list = glob_list_new(setting->type == SPAM_SETTING_MAP ? GLOB_ADDRESS : GLOB_EXACT);
    g_hash_table_iter_init(&iter, setting->map);
    while (g_hash_table_iter_next(&iter, &glob, NULL))
        glob_list_add(list, glob, NULL);
    return list;
}

static gboolean
has_address(const struct glob_list *list, const GString *address)
{
    g_autoptr(GString) low = bytes_lower(address->str, address->len);

    return glob_list_has(list, low->str, low->len);
}

gboolean
address_list_has_any(const struct glob_list *list, const GPtrArray *addresses)
{
    for (guint i = 0; list != NULL && i < addresses->len; i++)
        if (has_address(list, addresses->pdata[i]))
            return TRUE;
    return FALSE;
}

/* ---- with hosts ---- */

enum host_kind {
    HOST_NAME,    /* text: a domain */
    HOST_ADDRESS, /* text: an IPv4 address */
    HOST_PREFIX,  /* text: one's first octets, with a dot behind */
    HOST_NETWORK,
};

struct host {
    enum host_kind kind;
    char *text;
    struct relay_networks *network;
};

struct received_list {
    struct glob_list *globs; /* values: GArray * of struct host */
    GPtrArray *hosts;
};

static void
host_clear(gpointer data)
{
    struct host *host = data;

    g_free(host->text);
    relay_networks_free(host->network);
}

static gboolean
is_dotted_quad(const char *text)
{
    g_auto(GStrv) octets = g_strsplit(text, ".", 6);
    gboolean digits = g_strv_length(octets) == 4;

    for (guint i = 0; digits && i < 4; i++)
        digits = *octets[i] != '\0' && octets[i][strspn(octets[i], "0123456789")] == '\0';
    return digits;
}

/* "[address]" or "[address]/bits"; the address in new memory, with the bits: NULL when it is neither. */
static char *
in_brackets(const char *text)
{
    const char *end = strrchr(text, ']');
    gsize digits;

    if (*text != '[' || end == NULL)
        return NULL;
    if (end[1] == '/') {
        digits = strspn(end + 2, "0123456789");
        if (digits == 0 || digits > 3 || end[2 + digits] != '\0')
            return NULL;
    } else if (end[1] != '\0') {
        return NULL;
    }
    return g_strdup_printf("%.*s%s", (int)(end - text - 1), text + 1, end + 1);
}

static struct host
host_of(const char *text)
{
    g_autofree char *address = in_brackets(text);
    struct host host = {HOST_NAME, NULL, NULL};

    if (address == NULL) {
        host.text = g_strdup(text);
    } else if (is_dotted_quad(address)) {
        host.kind = HOST_ADDRESS;
        host.text = g_steal_pointer(&address);
    } else if (*address != '\0' && address[strspn(address, "0123456789.")] == '\0') {
        gsize length = strlen(address);
        while (length > 0 && address[length - 1] == '.')
            length--;
        host.kind = HOST_PREFIX;
        host.text = g_strdup_printf("%.*s.", (int)length, address);
    } else {
        host.kind = HOST_NETWORK;
        host.network = relay_networks_new();
        relay_networks_add(host.network, address, NULL);
    }
    return host;
}

static GArray *
hosts_of(const GPtrArray *texts)
{
    GArray *hosts = g_array_new(FALSE, FALSE, sizeof(struct host));

    g_array_set_clear_func(hosts, host_clear);
    for (guint i = 0; i < texts->len; i++) {
        struct host host = host_of(texts->pdata[i]);
        g_array_append_val(hosts, host);
    }
    return hosts;
}

struct received_list *
received_list_new(const struct spam_ruleset *ruleset, const char *name)
{
    const struct spam_setting *setting = rules_setting(ruleset, name);
    struct received_list *list = g_new0(struct received_list, 1);
    GHashTableIter iter;
    gpointer glob, texts;

    list->globs = glob_list_new(GLOB_PATTERN);
    list->hosts = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    if (setting == NULL || setting->type != SPAM_SETTING_LISTS)
        return list;
    g_hash_table_iter_init(&iter, setting->map);
    while (g_hash_table_iter_next(&iter, &glob, &texts)) {
        GArray *hosts = hosts_of(texts);
        g_ptr_array_add(list->hosts, hosts);
        glob_list_add(list->globs, glob, hosts);
    }
    return list;
}

void
received_list_free(struct received_list *list)
{
    if (list == NULL)
        return;
    glob_list_free(list->globs);
    g_ptr_array_unref(list->hosts);
    g_free(list);
}

static gboolean
hop_is(const struct spam_relay *hop, const struct host *host)
{
    gsize name = strlen(hop->lc_rdns), length;

    switch (host->kind) {
    case HOST_NAME:
        length = strlen(host->text);
        return name >= length && g_ascii_strcasecmp(hop->lc_rdns + name - length, host->text) == 0 &&
               (name == length || hop->lc_rdns[name - length - 1] == '.');
    case HOST_ADDRESS:
        return strcmp(hop->ip, host->text) == 0;
    case HOST_PREFIX:
        return g_str_has_prefix(hop->ip, host->text);
    case HOST_NETWORK:
    default:
        return *hop->ip != '\0' && relay_networks_contain(host->network, hop->ip);
    }
}

struct check {
    const struct spam_relays *relays;
    gboolean listed;
};

/* An address' entry: whether it has a host that a hop is. */
static gboolean
entry_fits(gconstpointer value, gpointer data)
{
    const GArray *hosts = value;
    struct check *check = data;
    const GPtrArray *untrusted = check->relays->untrusted, *trusted = check->relays->trusted;

    check->listed = TRUE;
    for (guint i = 0; i < hosts->len; i++) {
        const struct host *host = &g_array_index(hosts, struct host, i);
        if (untrusted->len > 0 && hop_is(untrusted->pdata[0], host))
            return TRUE;
        for (guint hop = 0; untrusted->len == 0 && hop < trusted->len; hop++)
            if (hop_is(trusted->pdata[hop], host))
                return TRUE;
    }
    return FALSE;
}

int
received_list_check(const struct received_list *list, const struct glob_list *plain, const struct glob_list *allows,
                    const struct spam_relays *relays, const GPtrArray *addresses)
{
    int found = 0;

    for (guint i = 0; i < addresses->len; i++) {
        const GString *address = addresses->pdata[i];
        struct check check = {relays, FALSE};
        if (has_address(plain, address))
            return 1;
        if (relays->untrusted->len + relays->trusted->len == 0)
            continue;
        g_autoptr(GString) low = bytes_lower(address->str, address->len);
        if (glob_list_find(list->globs, low->str, low->len, entry_fits, &check))
            return 1;
        if (check.listed && !glob_list_has(allows, low->str, low->len))
            found = -1;
    }
    return found;
}
