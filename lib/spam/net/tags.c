/* tags.c: the tags that questions are made of: what the message's header and hops say, and what rules have set. */
#include <string.h>
#include "lib/spam/net/net_private.h"

/* Those of values that are new, squeezed dots if wanted; empty ones are left out. */
static void
add_values(GPtrArray *out, const GPtrArray *values, gboolean squeeze)
{
    for (guint i = 0; i < values->len && out->len < NET_ADDRESSES_MAX; i++) {
        gsize length;
        const char *value = g_bytes_get_data(g_ptr_array_index(values, i), &length);
        GString *text = g_string_new(NULL);
        for (gsize j = 0; j < length && value[j] != '\0'; j++)
            if (!squeeze || value[j] != '.' || text->len == 0 || text->str[text->len - 1] != '.')
                g_string_append_c(text, value[j]);
        char *string = g_string_free(text, FALSE);
        if (*string == '\0' || g_ptr_array_find_with_equal_func(out, string, g_str_equal, NULL))
            g_free(string);
        else
            g_ptr_array_add(out, string);
    }
}

const GPtrArray *
net_check_senders(struct net_check *check)
{
    static const char *const names[] = {"From:addr", "Envelope-Sender:addr", "Resent-Sender:addr", "X-Envelope-From:addr",
                                        "EnvelopeFrom:addr"};

    if (check->senders != NULL)
        return check->senders;
    check->senders = g_ptr_array_new_with_free_func(g_free);
    const GPtrArray *resent = net_check_values(check, "Resent-From:first:addr");
    if (resent->len > 0) {
        add_values(check->senders, resent, FALSE);
        return check->senders;
    }
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        add_values(check->senders, net_check_values(check, names[i]), TRUE);
    return check->senders;
}

static const struct spam_relay *
relay_of(const struct net_check *check, const char *which)
{
    const GPtrArray *external = check->message->relays->external, *trusted = check->message->relays->trusted;

    if (g_str_has_prefix(which, "LASTEXTERNAL"))
        return external->len > 0 ? g_ptr_array_index(external, 0) : NULL;
    return trusted->len > 0 ? g_ptr_array_index(trusted, trusted->len - 1) : NULL;
}

/* NULL: none of them. */
static char *
relay_tag(const struct net_check *check, const char *name)
{
    static const char *const names[] = {"LASTEXTERNALIP", "LASTEXTERNALREVIP", "LASTEXTERNALRDNS", "LASTEXTERNALHELO",
                                        "FIRSTTRUSTEDIP", "FIRSTTRUSTEDREVIP"};
    const struct spam_relay *relay;
    guint which = 0;

    while (which < G_N_ELEMENTS(names) && strcmp(names[which], name) != 0)
        which++;
    if (which == G_N_ELEMENTS(names))
        return NULL;
    relay = relay_of(check, name);
    if (relay == NULL)
        return g_strdup("");
    if (which == 1 || which == 5) {
        char *reversed = net_reversed(relay->ip);
        return reversed != NULL ? reversed : g_strdup("");
    }
    return g_strdup(which == 2 ? relay->rdns : which == 3 ? relay->helo : relay->ip);
}

static GPtrArray *
domain_tag(const struct net_check *check, const char *name)
{
    GPtrArray *values = g_ptr_array_new_with_free_func(g_free);
    gboolean sender = strcmp(name, "SENDERDOMAIN") == 0;

    add_values(values, net_check_values(check, sender ? "EnvelopeFrom:first:addr:host" : "From:addr:host"), FALSE);
    for (guint i = 0; i < values->len; i++) {
        char *low = g_ascii_strdown(g_ptr_array_index(values, i), -1);
        g_free(values->pdata[i]);
        values->pdata[i] = low;
    }
    if (sender && values->len > 1)
        g_ptr_array_set_size(values, 1);
    return values;
}

/* HEADER(name) */
static char *
header_tag(const struct net_check *check, const char *name)
{
    if (!g_str_has_prefix(name, "HEADER(") || !g_str_has_suffix(name, ")"))
        return NULL;
    g_autofree char *header = g_strndup(name + 7, strlen(name) - 8);
    char *text = *header != '\0' ? net_check_text(check, header) : NULL;
    return text != NULL ? text : g_strdup("");
}

const GPtrArray *
net_check_tag(struct net_check *check, const char *name)
{
    GPtrArray *values = g_hash_table_lookup(check->tags, name);
    char *single;

    if (values != NULL)
        return values;
    if ((single = relay_tag(check, name)) != NULL || (single = header_tag(check, name)) != NULL) {
        values = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(values, single);
    } else if (strcmp(name, "SENDERDOMAIN") == 0 || strcmp(name, "AUTHORDOMAIN") == 0)
        values = domain_tag(check, name);
    else
        return check->message->tag != NULL ? check->message->tag(check->message->tag_data, name) : NULL;
    g_hash_table_insert(check->tags, g_strdup(name), values);
    return values;
}
