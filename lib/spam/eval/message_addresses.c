/* message_addresses.c: see message_addresses.h. */
#include "lib/spam/eval/message_addresses.h"
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/registry.h"

#define RECEIVED_MAX 3u /* newest ones: fetchmail and the like write the recipient there */

static void
string_free(gpointer data)
{
    g_string_free(data, TRUE);
}

/* ---- a list without doubles ---- */

struct collection {
    GPtrArray *list;
    GHashTable *seen; /* GString * of the list */
};

static void
collection_init(struct collection *all)
{
    all->list = g_ptr_array_new_with_free_func(string_free);
    all->seen = g_hash_table_new((GHashFunc)g_string_hash, (GEqualFunc)g_string_equal);
}

static GPtrArray *
collection_end(struct collection *all)
{
    g_hash_table_unref(all->seen);
    return all->list;
}

static void
add(struct collection *all, const char *text, gsize length)
{
    GString *address = g_string_new_len(text, (gssize)length);

    if (all->list->len >= MESSAGE_ADDRESSES_MAX || g_hash_table_contains(all->seen, address)) {
        g_string_free(address, TRUE);
        return;
    }
    g_hash_table_add(all->seen, address);
    g_ptr_array_add(all->list, address);
}

static const GPtrArray *
values_of(const struct spam_headers *headers, const char *name)
{
    return headers->get(headers->message, name);
}

/* squeeze: runs of dots become one, and empty addresses are none. */
static void
add_field(struct collection *all, const struct spam_headers *headers, const char *name, gboolean squeeze)
{
    const GPtrArray *values = values_of(headers, name);

    for (guint i = 0; values != NULL && i < values->len; i++) {
        gsize length;
        const char *value = g_bytes_get_data(values->pdata[i], &length);
        if (!squeeze) {
            add(all, value, length);
            continue;
        }
        g_autoptr(GString) address = g_string_sized_new(length);
        for (gsize at = 0; at < length; at++)
            if (value[at] != '.' || address->len == 0 || address->str[address->len - 1] != '.')
                g_string_append_c(address, value[at]);
        if (address->len > 0)
            add(all, address->str, address->len);
    }
}

GPtrArray *
message_addresses_from(const struct spam_headers *headers)
{
    static const char *const names[] = {"From:addr", "Envelope-Sender:addr", "Resent-Sender:addr", "X-Envelope-From:addr",
                                        "EnvelopeFrom:addr"};
    struct collection all;

    collection_init(&all);
    add_field(&all, headers, "Resent-From:first:addr", FALSE);
    if (all.list->len > 0)
        return collection_end(&all);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        add_field(&all, headers, names[i], TRUE);
    return collection_end(&all);
}

/* ---- recipients ---- */

/* The address at text[at], with something before its "@", a valid host behind it, and ";" or ">;" at the end. */
static gboolean
add_received_at(struct collection *all, const char *text, gsize length, gsize at)
{
    gsize end = at, host_end;

    while (end < length && !byte_is_space(text[end]))
        end++;
    for (gsize mark = end; mark-- > at + 1;) { /* the last "@" that does */
        if (text[mark] != '@')
            continue;
        for (host_end = mark + 2; host_end < end; host_end++) {
            gboolean bracket = text[host_end] == '>' && host_end + 1 < end && text[host_end + 1] == ';';
            if (!bracket && text[host_end] != ';')
                continue;
            if (registry_host_is_valid(text + mark + 1, host_end - mark - 1))
                add(all, text + at, host_end - at);
            return TRUE;
        }
    }
    return FALSE;
}

static void
add_received(struct collection *all, GBytes *value)
{
    static const char mark[] = " for ";
    gsize length;
    const char *text = g_bytes_get_data(value, &length), *found = text;

    while ((found = memmem(found, length - (gsize)(found - text), mark, strlen(mark))) != NULL) {
        gsize at = (gsize)(found - text) + strlen(mark);
        if ((at < length && text[at] == '<' && add_received_at(all, text, length, at + 1)) || add_received_at(all, text, length, at))
            return;
        found++;
    }
}

GPtrArray *
message_addresses_to(const struct spam_headers *headers)
{
    static const char *const names[] = {"To:addr", "Apparently-To:addr", "Delivered-To:addr", "Envelope-Recipients:addr",
                                        "Apparently-Resent-To:addr", "X-Envelope-To:addr", "Envelope-To:addr",
                                        "X-Delivered-To:addr", "X-Original-To:addr", "X-Rcpt-To:addr", "X-Real-To:addr", "Cc:addr"};
    const GPtrArray *received;
    struct collection all;

    collection_init(&all);
    add_field(&all, headers, "Resent-To:first:addr", FALSE);
    add_field(&all, headers, "Resent-Cc:first:addr", FALSE);
    if (all.list->len > 0)
        return collection_end(&all);
    received = values_of(headers, "Received");
    for (guint i = 0; received != NULL && i < MIN(received->len, RECEIVED_MAX); i++)
        add_received(&all, received->pdata[i]);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        add_field(&all, headers, names[i], FALSE);
    return collection_end(&all);
}
