/* uri_hosts.c: hosts of URIs, and subjects, that lists name. */
#include <string.h>
#include "lib/spam/eval/address_lists.h"
#include "lib/spam/view/bytes.h"

#define DOMAINS_MAX 11 /* of a host: the last ones, down to the top */

/* ---- hosts ---- */

/* Whether the list says yes ("1") of the host: by itself, or by the longest of its domains that it has. */
static gboolean
is_listed(GHashTable *list, const char *host)
{
    const char *verdict = NULL, *domain = host;
    gsize length = strlen(host);
    guint labels = 1;

    if (length > 1 && host[0] == '[' && host[length - 1] == ']') {
        g_autofree char *address = g_strndup(host + 1, length - 2);
        verdict = g_hash_table_lookup(list, address);
        return verdict != NULL && *verdict == '1';
    }
    for (const char *dot = host; (dot = strchr(dot, '.')) != NULL; dot++)
        labels++;
    if (labels == 4 && host[strspn(host, "0123456789.")] == '\0') { /* an address has no domains */
        verdict = g_hash_table_lookup(list, host);
        domain = NULL;
    }
    while (domain != NULL && *host != '\0') {
        if (labels-- <= DOMAINS_MAX && (verdict = g_hash_table_lookup(list, domain)) != NULL)
            break;
        domain = strchr(domain, '.');
        domain = domain != NULL ? domain + 1 : NULL;
    }
    return verdict != NULL && *verdict == '1';
}

gboolean
uri_hosts_listed(GHashTable *lists, const struct uris *uris, const char *name)
{
    static const char mailto[] = "mailto:";
    GHashTable *list = lists != NULL ? g_hash_table_lookup(lists, name) : NULL;
    const char *last = ""; /* most links of a message lead to the host of the one before */

    for (guint i = 0; list != NULL && i < uris->details->len; i++) {
        const struct uri_detail *detail = uris->details->pdata[i];
        if (g_ascii_strncasecmp(detail->raw->bytes, mailto, strlen(mailto)) == 0)
            continue;
        for (guint h = 0; detail->hosts != NULL && h < detail->hosts->len; h++) {
            const char *host = ((const struct uri_host *)detail->hosts->pdata[h])->host;
            if (strcmp(host, last) != 0 && is_listed(list, host))
                return TRUE;
            last = host;
        }
    }
    return FALSE;
}

/* ---- subjects ---- */

static gboolean
line_has(const char *glob, const char *line, gsize length)
{
    g_autofree char *anywhere = g_strconcat("*", glob, "*", NULL);

    return glob_match(anywhere, line, length, 0);
}

gboolean
subject_is_listed(GHashTable *subjects, const char *subject, gsize length)
{
    g_autoptr(GString) low = bytes_lower(subject, length);
    GHashTableIter iter;
    gpointer glob;

    if (subjects == NULL || length == 0)
        return FALSE;
    g_hash_table_iter_init(&iter, subjects);
    while (g_hash_table_iter_next(&iter, &glob, NULL))
        for (gsize at = 0, end; at <= length; at = end + 1) {
            const char *line_end = memchr(low->str + at, '\n', length - at);
            end = line_end != NULL ? (gsize)(line_end - low->str) : length;
            if (line_has(glob, low->str + at, end - at))
                return TRUE;
        }
    return FALSE;
}
