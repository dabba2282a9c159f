/* header_request.c: see header_request.h. */
#include "lib/spam/view/header_request.h"
#include <string.h>
#include "lib/spam/view/tree.h"

struct header_requests {
    GHashTable *by_text; /* char * -> struct header_request *, which owns it */
    GHashTable *by_address; /* the same by texts that stay where they are */
};

static void
request_free(gpointer data)
{
    struct header_request *request = data;

    g_free(request->text);
    g_free(request->name);
    g_free(request->field);
    g_free(request);
}

struct header_requests *
header_requests_new(void)
{
    struct header_requests *set = g_new0(struct header_requests, 1);

    set->by_text = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, request_free);
    set->by_address = g_hash_table_new(NULL, NULL);
    return set;
}

void
header_requests_free(struct header_requests **set)
{
    if (*set == NULL)
        return;
    g_hash_table_unref((*set)->by_address);
    g_hash_table_unref((*set)->by_text);
    g_clear_pointer(set, g_free);
}

guint
header_requests_count(const struct header_requests *set)
{
    return g_hash_table_size(set->by_text);
}

const struct header_request *
header_requests_find(const struct header_requests *set, const char *text)
{
    const struct header_request *known = g_hash_table_lookup(set->by_address, text);

    return known != NULL ? known : g_hash_table_lookup(set->by_text, text);
}

void
header_requests_add_lasting(struct header_requests *set, const char *text)
{
    g_hash_table_insert(set->by_address, (gpointer)(guintptr)text, (gpointer)(guintptr)header_requests_add(set, text));
}

static gboolean
is_modifier(const char *text, gsize length, const char *name)
{
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

static void
read_modifiers(struct header_request *r, const char *text)
{
    while (*text == ':') {
        gsize n = strcspn(++text, ":");
        r->raw |= is_modifier(text, n, "raw");
        r->addr |= is_modifier(text, n, "addr");
        r->display |= is_modifier(text, n, "name");
        r->domain |= is_modifier(text, n, "domain");
        r->host |= r->domain || is_modifier(text, n, "host");
        r->revip |= is_modifier(text, n, "revip");
        r->ip |= r->revip || is_modifier(text, n, "ip");
        r->first |= is_modifier(text, n, "first");
        r->last |= is_modifier(text, n, "last");
        text += n;
    }
}

static enum header_source
source_of(const char *name)
{
    static const struct {
        const char *name;
        gboolean any_case;
        enum header_source source;
    } sources[] = {{"ALL", FALSE, HEADER_ALL},
                   {"ALL-TRUSTED", FALSE, HEADER_ALL_RANGE},
                   {"ALL-INTERNAL", FALSE, HEADER_ALL_RANGE},
                   {"ALL-UNTRUSTED", FALSE, HEADER_ALL_RANGE},
                   {"ALL-EXTERNAL", FALSE, HEADER_ALL_RANGE},
                   {"X-Spam-Relays-Untrusted", TRUE, HEADER_RELAYS},
                   {"X-Spam-Relays-Trusted", TRUE, HEADER_RELAYS},
                   {"X-Spam-Relays-External", TRUE, HEADER_RELAYS},
                   {"X-Spam-Relays-Internal", TRUE, HEADER_RELAYS},
                   {"X-SenderDomain", TRUE, HEADER_METADATA},
                   {"X-AuthorDomain", TRUE, HEADER_METADATA},
                   {"X-Languages", TRUE, HEADER_METADATA},
                   {"EnvelopeFrom", TRUE, HEADER_ENVELOPE_FROM},
                   {"ToCc", TRUE, HEADER_TO_CC},
                   {"MESSAGEID", FALSE, HEADER_MESSAGE_ID}};

    for (gsize i = 0; i < G_N_ELEMENTS(sources); i++)
        if (strcmp(name, sources[i].name) == 0 || (sources[i].any_case && g_ascii_strcasecmp(name, sources[i].name) == 0))
            return sources[i].source;
    return HEADER_FIELD;
}

const struct header_request *
header_requests_add(struct header_requests *set, const char *text)
{
    struct header_request *r = g_hash_table_lookup(set->by_text, text);
    gsize n = strcspn(text, ":");

    if (r != NULL)
        return r;
    r = g_new0(struct header_request, 1);
    r->text = g_strdup(text);
    r->name = g_strndup(text, n);
    read_modifiers(r, text + n);
    r->source = source_of(r->name);
    r->field = g_strdup(r->name);
    if (r->raw || r->addr || r->display)
        g_strstrip(r->field);
    r->field_length = strlen(r->field);
    r->field_hash = part_field_hash(r->field, r->field_length);
    r->index = g_hash_table_size(set->by_text);
    g_hash_table_insert(set->by_text, r->text, r);
    return r;
}
