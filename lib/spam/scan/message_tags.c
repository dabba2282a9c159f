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

/* Of the newest external hop and the first trusted one; NULL: the name is none of these. */
static GString *
hop_tag(struct message_view *view, const char *name)
{
    static const struct {
        const char *tag;
        gboolean external;
        enum { IP, REVIP, RDNS, HELO } what;
    } tags[] = {{"LASTEXTERNALIP", TRUE, IP},     {"LASTEXTERNALREVIP", TRUE, REVIP}, {"LASTEXTERNALRDNS", TRUE, RDNS},
                {"LASTEXTERNALHELO", TRUE, HELO}, {"FIRSTTRUSTEDIP", FALSE, IP},      {"FIRSTTRUSTEDREVIP", FALSE, REVIP}};
    const struct spam_relays *relays = message_view_relays(view);

    for (guint i = 0; i < G_N_ELEMENTS(tags); i++) {
        const GPtrArray *hops = tags[i].external ? relays->external : relays->trusted;
        const struct spam_relay *hop = hops->len > 0 ? hops->pdata[tags[i].external ? 0 : hops->len - 1] : NULL;
        if (strcmp(name, tags[i].tag) != 0)
            continue;
        if (hop == NULL)
            return g_string_new(NULL);
        return tags[i].what == REVIP ? reversed(hop->ip) : text_of(tags[i].what == RDNS ? hop->rdns : tags[i].what == HELO ? hop->helo : hop->ip);
    }
    return NULL;
}

static GString *
header_text(struct message_view *view, const char *name)
{
    g_autoptr(GBytes) value = message_view_header_text(view, name);
    gsize length;
    const char *text = value != NULL ? g_bytes_get_data(value, &length) : NULL;

    return text != NULL ? g_string_new_len(text, (gssize)length) : value != NULL ? g_string_new(NULL) : NULL;
}

/* What is set like a rule's capture, which may take its place. */
static GString *
metadata_tag(struct message_view *view, const char *name)
{
    static const struct {
        const char *tag, *header;
    } headers[] = {{"RELAYSTRUSTED", "X-Spam-Relays-Trusted"}, {"RELAYSUNTRUSTED", "X-Spam-Relays-Untrusted"},
                   {"RELAYSINTERNAL", "X-Spam-Relays-Internal"}, {"RELAYSEXTERNAL", "X-Spam-Relays-External"},
                   {"SENDERDOMAIN", "X-SenderDomain"}, {"AUTHORDOMAIN", "X-AuthorDomain"}};

    for (guint i = 0; i < G_N_ELEMENTS(headers); i++)
        if (strcmp(name, headers[i].tag) == 0)
            return header_text(view, headers[i].header);
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

/* AUTHORDOMAIN may be several, between blanks. Takes text over. */
static GPtrArray *
values_of(const char *name, GString *text)
{
    GPtrArray *values = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    if (strcmp(name, "AUTHORDOMAIN") == 0) {
        g_auto(GStrv) domains = g_strsplit(text->str, " ", -1);
        for (guint i = 0; domains[i] != NULL; i++)
            g_ptr_array_add(values, g_bytes_new(domains[i], strlen(domains[i])));
        g_string_free(text, TRUE);
    } else {
        g_ptr_array_add(values, g_string_free_to_bytes(text));
    }
    return values;
}

GPtrArray *
message_tag_values(struct message_view *view, const char *name, GPtrArray *captured)
{
    GString *text = hop_tag(view, name);

    if (text == NULL && g_str_has_prefix(name, "HEADER(") && g_str_has_suffix(name, ")")) {
        g_autofree char *header = g_strndup(name + 7, strlen(name) - 8);
        text = *header != '\0' ? message_tag_header(view, header) : NULL;
        text = text != NULL ? text : g_string_new(NULL);
    }
    if (text == NULL && captured != NULL)
        return g_ptr_array_ref(captured);
    text = text != NULL ? text : metadata_tag(view, name);
    return text != NULL ? values_of(name, text) : NULL;
}
