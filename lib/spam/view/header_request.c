/* header_request.c: see header_request.h. */
#include "lib/spam/view/header_request.h"
#include <string.h>
#include "lib/spam/view/tree.h"

#define SLOTS 64u /* to begin with */

/* Where a request is found: by its text, or by a text's address. */
struct slot {
    const struct header_request *request; /* NULL: free */
    const char *address;                  /* NULL: by the request's own text */
    guint hash;
};

struct header_requests {
    GPtrArray *all;      /* struct header_request *, by their index */
    struct slot *slots;  /* a power of two, at most half of them taken; what a search meets lies side by side */
    guint n_slots, n_taken;
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

    set->all = g_ptr_array_new_with_free_func(request_free);
    set->n_slots = SLOTS;
    set->slots = g_new0(struct slot, SLOTS);
    return set;
}

void
header_requests_free(struct header_requests **set)
{
    if (*set == NULL)
        return;
    g_ptr_array_unref((*set)->all);
    g_free((*set)->slots);
    g_clear_pointer(set, g_free);
}

guint
header_requests_count(const struct header_requests *set)
{
    return set->all->len;
}

/* ---- finding ---- */

static guint
hash_of_address(const char *text)
{
    return (guint)(((guint64)(guintptr)text * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)) >> 32);
}

static const struct header_request *
find_address(const struct header_requests *set, const char *text)
{
    const struct slot *slot;

    for (guint i = hash_of_address(text); (slot = &set->slots[i & (set->n_slots - 1)])->request != NULL; i++)
        if (slot->address == text)
            return slot->request;
    return NULL;
}

/* Texts are short: by words, of which the last two may overlap. */
static guint
hash_of_text(const char *text)
{
    gsize n = strlen(text), at = 0;
    guint64 hash = n, word = 0;

    for (; at + sizeof word < n; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        hash = (hash ^ word) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    }
    word = 0;
    if (n >= sizeof word)
        memcpy(&word, text + n - sizeof word, sizeof word);
    else
        memcpy(&word, text, n);
    return (guint)(((hash ^ word) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)) >> 32);
}

static const struct header_request *
find_text(const struct header_requests *set, const char *text)
{
    guint hash = hash_of_text(text);
    const struct slot *slot;

    for (guint i = hash; (slot = &set->slots[i & (set->n_slots - 1)])->request != NULL; i++)
        if (slot->address == NULL && slot->hash == hash && strcmp(slot->request->text, text) == 0)
            return slot->request;
    return NULL;
}

const struct header_request *
header_requests_find(const struct header_requests *set, const char *text)
{
    const struct header_request *known = find_address(set, text);

    return known != NULL ? known : find_text(set, text);
}

static void
put(struct header_requests *set, struct slot slot)
{
    guint i = slot.hash;

    while (set->slots[i & (set->n_slots - 1)].request != NULL)
        i++;
    set->slots[i & (set->n_slots - 1)] = slot;
}

static void
add_slot(struct header_requests *set, struct slot slot)
{
    if (++set->n_taken * 2 > set->n_slots) {
        g_autofree struct slot *before = set->slots;
        guint n = set->n_slots;

        set->n_slots *= 2;
        set->slots = g_new0(struct slot, set->n_slots);
        for (guint i = 0; i < n; i++)
            if (before[i].request != NULL)
                put(set, before[i]);
    }
    put(set, slot);
}

void
header_requests_add_lasting(struct header_requests *set, const char *text)
{
    const struct header_request *request = header_requests_add(set, text);

    if (find_address(set, text) == NULL)
        add_slot(set, (struct slot){request, text, hash_of_address(text)});
}

/* ---- reading ---- */

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
    const struct header_request *known = find_text(set, text);
    gsize n = strcspn(text, ":");
    struct header_request *r;

    if (known != NULL)
        return known;
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
    r->index = set->all->len;
    g_ptr_array_add(set->all, r);
    add_slot(set, (struct slot){r, NULL, hash_of_text(text)});
    return r;
}
