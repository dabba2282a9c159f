/* bounce_relays.c: see bounce_relays.h. */
#include "lib/spam/eval/bounce_relays.h"
#include <string.h>
#include "lib/spam/view/bytes.h"

static const char field[] = "received:";

/* Whether the field's name begins the line, perhaps quoted. */
static gboolean
is_received(const char *line, gsize length)
{
    gsize at = 0;

    while (at < length && (line[at] == '>' || line[at] == ' '))
        at++;
    return length - at >= strlen(field) && g_ascii_strncasecmp(line + at, field, strlen(field)) == 0;
}

/* A dot with something on both sides. */
static gboolean
is_host(const char *word, gsize length)
{
    return length >= 3 && memchr(word + 1, '.', length - 2) != NULL;
}

/* Words between blanks; two that share a blank don't both count. only_space: nothing else is a blank. */
static gboolean
names_relay(const struct glob_list *relays, const char *text, gsize length, gboolean only_space)
{
    for (gsize at = 0; at < length;) {
        gsize word = at + 1, end = word;

        if (only_space ? text[at] != ' ' : !byte_is_space(text[at])) {
            at++;
            continue;
        }
        while (end < length && !byte_is_space(text[end]))
            end++;
        if (end >= length || (only_space && text[end] != ' ') || !is_host(text + word, end - word)) {
            at = MAX(end, at + 1);
            continue;
        }
        g_autoptr(GString) relay = bytes_lower(text + word, end - word);
        if (glob_list_has(relays, relay->str, relay->len))
            return TRUE;
        at = end + 1;
    }
    return FALSE;
}

/* Lines from the first Received field on, folded ones with those that they go on. */
static gboolean
body_names_relay(const struct glob_list *relays, const char *body, gsize length)
{
    g_autoptr(GString) header = g_string_new(NULL);
    gboolean begun = FALSE;

    for (gsize at = 0, end; at <= length; at = end + 1) {
        const char *newline = memchr(body + at, '\n', length - at);
        end = newline != NULL ? (gsize)(newline - body) : length;
        begun = begun || is_received(body + at, end - at);
        if (!begun)
            continue;
        if (end == at || !byte_is_space(body[at])) {
            if (is_received(header->str, header->len) && names_relay(relays, header->str, header->len, FALSE))
                return TRUE;
            g_string_truncate(header, 0);
        }
        g_string_append_len(header, body + at, (gssize)(end - at));
    }
    return is_received(header->str, header->len) && names_relay(relays, header->str, header->len, FALSE);
}

static gboolean
has_field(const char *body, gsize length)
{
    const char *at = body, *end = body + length;

    while ((at = memchr(at, ':', (gsize)(end - at))) != NULL) {
        gsize n = strlen(field);
        if ((gsize)(at - body) + 1 >= n && g_ascii_strncasecmp(at + 1 - n, field, n) == 0)
            return TRUE;
        at++;
    }
    return FALSE;
}

gboolean
bounce_relays_found(const struct glob_list *relays, const struct perl_text *texts, gsize count, const char *body, gsize length)
{
    if (relays == NULL || glob_list_size(relays) == 0)
        return FALSE;
    for (gsize i = 0; i < count; i++)
        if (is_received(texts[i].at, texts[i].length) && names_relay(relays, texts[i].at, texts[i].length, TRUE))
            return TRUE;
    return has_field(body, length) && body_names_relay(relays, body, length);
}
