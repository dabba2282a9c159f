/* message_tags.c: see message_tags.h. */
#include "lib/spam/scan/message_tags.h"
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/host_name.h"

static GString *
text_of(const char *text)
{
    return g_string_new(text != NULL ? text : "");
}

static GString *
reversed(const char *ip)
{
    g_autoptr(GString) address = text_of(ip);
    GString *out = host_name_reversed_ip(address);

    return out != NULL ? out : g_string_new(NULL);
}

/* The hop that the names are about, or NULL. */
static const struct spam_relay *
hop_of(const struct spam_relays *relays, const char *name)
{
    if (g_str_has_prefix(name, "LASTEXTERNAL"))
        return relays->external->len > 0 ? relays->external->pdata[0] : NULL;
    return relays->trusted->len > 0 ? relays->trusted->pdata[relays->trusted->len - 1] : NULL;
}

static GString *
hop_tag(const struct spam_relays *relays, const char *name)
{
    const struct spam_relay *hop = hop_of(relays, name);

    if (hop == NULL)
        return g_string_new(NULL);
    if (g_str_has_suffix(name, "REVIP"))
        return reversed(hop->ip);
    if (g_str_has_suffix(name, "RDNS"))
        return text_of(hop->rdns);
    return text_of(g_str_has_suffix(name, "HELO") ? hop->helo : hop->ip);
}

static GString *
header_text(struct message_view *view, const char *name)
{
    g_autoptr(GBytes) value = message_view_header_text(view, name);
    gsize length;
    const char *text = value != NULL ? g_bytes_get_data(value, &length) : NULL;

    return text != NULL ? g_string_new_len(text, (gssize)length) : value != NULL ? g_string_new(NULL) : NULL;
}

GString *
message_tag(struct message_view *view, const char *name)
{
    static const struct {
        const char *tag, *header;
    } headers[] = {{"RELAYSTRUSTED", "X-Spam-Relays-Trusted"}, {"RELAYSUNTRUSTED", "X-Spam-Relays-Untrusted"},
                   {"RELAYSINTERNAL", "X-Spam-Relays-Internal"}, {"RELAYSEXTERNAL", "X-Spam-Relays-External"},
                   {"SENDERDOMAIN", "X-SenderDomain"}, {"AUTHORDOMAIN", "X-AuthorDomain"}};

    for (guint i = 0; i < G_N_ELEMENTS(headers); i++)
        if (strcmp(name, headers[i].tag) == 0)
            return header_text(view, headers[i].header);
    if (g_str_has_prefix(name, "LASTEXTERNAL") || g_str_has_prefix(name, "FIRSTTRUSTED"))
        return hop_tag(message_view_relays(view), name);
    return NULL;
}

/* Of addresses, names and the like the first value alone, without its line end: as get() answers in scalar context. */
static gboolean
is_single(const char *name)
{
    static const char *const single[] = {":addr", ":name", ":host", ":domain", ":ip", ":revip"};

    for (guint i = 0; i < G_N_ELEMENTS(single); i++) {
        const char *found = strstr(name, single[i]);
        if (found != NULL && !byte_is_word(found[strlen(single[i])]))
            return TRUE;
    }
    return strcmp(name, "EnvelopeFrom") == 0;
}

/* Values joined as they are, where header rules see line ends between them. */
GString *
message_tag_header(struct message_view *view, const char *name)
{
    const GPtrArray *values = message_view_header(view, name);
    guint n = values == NULL ? 0 : is_single(name) ? MIN(values->len, 1) : values->len;
    GString *out = n > 0 ? g_string_new(NULL) : NULL;

    for (guint i = 0; i < n; i++) {
        gsize length;
        const char *value = g_bytes_get_data(values->pdata[i], &length);
        g_string_append_len(out, value, (gssize)length);
    }
    if (n == 1 && is_single(name) && out->len > 0 && out->str[out->len - 1] == '\n')
        g_string_truncate(out, out->len - 1);
    return out;
}

GPtrArray *
message_tag_values(struct message_view *view, const char *name)
{
    g_autofree char *header = g_str_has_prefix(name, "HEADER(") && g_str_has_suffix(name, ")") ? g_strndup(name + 7, strlen(name) - 8) : NULL;
    GString *text = header == NULL ? message_tag(view, name) : *header != '\0' ? message_tag_header(view, header) : g_string_new(NULL);
    GPtrArray *values = header != NULL || text != NULL ? g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref) : NULL;

    if (text != NULL && strcmp(name, "AUTHORDOMAIN") == 0) { /* several, between blanks */
        g_auto(GStrv) domains = g_strsplit(text->str, " ", -1);
        for (guint i = 0; domains[i] != NULL; i++)
            g_ptr_array_add(values, g_bytes_new(domains[i], strlen(domains[i])));
        g_string_free(text, TRUE);
    } else if (text != NULL) {
        g_ptr_array_add(values, g_string_free_to_bytes(text));
    }
    return values;
}
