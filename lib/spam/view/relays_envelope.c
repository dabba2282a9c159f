/* relays_envelope.c: the envelope sender as a message tells it. */
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/relays.h"

/* The first value of a header as text, NULL when there is none. */
static char *
first_value(const struct spam_headers *headers, const char *name)
{
    const GPtrArray *values = headers->get(headers->message, name);
    const char *text;
    gsize len;

    if (values == NULL || values->len == 0)
        return NULL;
    text = g_bytes_get_data(g_ptr_array_index(values, 0), &len);
    return text != NULL ? g_strndup(text, len) : g_strdup("");
}

/* "" is the empty sender; what has no local part is no address. */
static gboolean
is_sender(const char *text)
{
    return text != NULL && (text[0] == '\0' || (text[0] != '@' && strchr(text, '@') != NULL));
}

static gboolean
any_contains(const GPtrArray *values, const char *needle)
{
    for (guint i = 0; values != NULL && i < values->len; i++) {
        gsize len;
        const char *text = g_bytes_get_data(g_ptr_array_index(values, i), &len);
        if (text != NULL && memmem(text, len, needle, strlen(needle)) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* fetchmail takes the sender that it tells from X-Sender, where mailing lists keep the author. */
static gboolean
is_fetchmail_guess(const struct spam_headers *headers)
{
    g_autofree char *sender = first_value(headers, "X-Sender:first:addr");

    return sender != NULL && strchr(sender, '@') != NULL &&
           any_contains(headers->get(headers->message, "Received"), "(fetchmail");
}

/* The start of the first line in [text, end) that begins with field, any case: NULL when there is none. */
static const char *
line_with(const char *text, const char *end, const char *field)
{
    gsize len = strlen(field);

    while (text != NULL && (gsize)(end - text) >= len) {
        if (byte_lower(*text) == byte_lower(*field) && g_ascii_strncasecmp(text, field, len) == 0)
            return text;
        text = memchr(text, '\n', (gsize)(end - text));
        text = text != NULL ? text + 1 : NULL;
    }
    return NULL;
}

/* Whether a Received line stands above the field: then a host on the way may have written it for another
 * envelope. */
static gboolean
is_below_received(const struct spam_headers *headers, const char *field)
{
    const GPtrArray *values = headers->get(headers->message, "ALL");
    gboolean received = FALSE;

    for (guint i = 0; values != NULL && i < values->len; i++) { /* each ends its last line */
        gsize len;
        const char *text = g_bytes_get_data(g_ptr_array_index(values, i), &len), *end = text + len;
        if (!received) {
            text = line_with(text, end, "Received:");
            received = text != NULL;
        }
        if (received && line_with(text, end, field) != NULL)
            return TRUE;
    }
    return FALSE;
}

static char *
from_hop(const struct spam_relays *relays)
{
    const struct spam_relay *hop = NULL;

    if (relays->untrusted->len > 0)
        hop = g_ptr_array_index(relays->untrusted, 0);
    else if (relays->trusted->len > 0)
        hop = g_ptr_array_index(relays->trusted, relays->trusted->len - 1);
    return hop != NULL && is_sender(hop->envfrom) ? g_strdup(hop->envfrom) : NULL;
}

char *
relays_envelope_from(const struct spam_relays *relays, const struct spam_headers *headers,
                     const char *sender_header)
{
    static const struct {
        const char *name, *field;
        gboolean last_word; /* below a Received line it says that nothing can be known */
    } sources[] = {{"X-Envelope-From:first:addr", "X-Envelope-From:", TRUE},
                   {"Envelope-Sender:first:addr", "Envelope-Sender:", FALSE},
                   {"Return-Path:first:addr", "Return-Path:", FALSE}};
    g_autofree char *sender = NULL;

    if (sender_header != NULL) {
        g_autofree char *name = g_strconcat(sender_header, ":first:addr", NULL);
        sender = first_value(headers, name);
        return is_sender(sender) ? g_steal_pointer(&sender) : NULL;
    }
    if ((sender = from_hop(relays)) != NULL)
        return g_steal_pointer(&sender);
    if (is_fetchmail_guess(headers))
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(sources); i++) {
        g_autofree char *value = first_value(headers, sources[i].name);
        if (value == NULL)
            continue;
        if (!is_below_received(headers, sources[i].field))
            return g_steal_pointer(&value);
        if (sources[i].last_word)
            return NULL;
    }
    return NULL;
}
